"""The explorer of the page: small, offline, and by the same definitions as the answer."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from qqt_bayes.report.explorer import CANDIDATES, explorer, packed

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--enable-logging=stderr", "--virtual-time-budget=5000")  # fmt: skip


def unpacked(box: dict) -> np.ndarray:
    """Numbers as the page reads them."""
    whole = np.frombuffer(base64.b64decode(box["data"]), "<u2").reshape(box["shape"])
    return box["low"] + box["step"] * whole


@pytest.fixture(scope="module")
def answer(small_fit):
    return small_fit.decide("240k,480k,1.92M", "A;B;A+B;A+B+C", on_fail="warn")


@pytest.fixture(scope="module")
def data(answer, small_fit) -> dict:
    return json.loads(explorer(answer, small_fit))


def test_numbers_survive_in_two_bytes() -> None:
    values = np.random.default_rng(0).normal(2.0, 0.3, (4, 3, 50))
    again = unpacked(packed(values))
    assert np.abs(again - values).max() <= np.ptp(values) / 65_535
    assert unpacked(packed(np.ones((1, 1, 2)))).tolist() == [[[1.0, 1.0]]]


def test_draws_are_those_of_the_answer(data, answer) -> None:
    box = data["budgets"]
    assert box["names"] == ["A", "B", "A+B", "A+B+C"]
    assert set(answer.budgets) < set(box["samples"])
    assert box["samples"] == sorted(box["samples"])
    assert box["samples"][box["start"]] == answer.budgets.max()
    boxes = [unpacked(b) for b in box["boxes"]]
    for n, (which, k) in zip(box["samples"], box["places"], strict=True):
        draws = boxes[which][k]
        if n in answer.budgets:  # what the tables tell, to the last figure
            b = list(answer.budgets).index(n)
            best = np.bincount(draws.argmin(axis=0), minlength=4) / draws.shape[1]
            np.testing.assert_allclose(best, answer.p_best[b], atol=0.002)
            regret = (draws - draws.min(axis=0)).mean(axis=1)
            np.testing.assert_allclose(regret, answer.expected_regret[b], atol=1e-4)
        else:
            latent = answer.grid_latent[:, list(answer.grid).index(n)]
            near = 0.3 * latent.std(axis=0) + 1e-3
            assert np.all(np.abs(np.median(draws, axis=1) - np.median(latent, axis=0)) < near)


def test_mixtures_are_laid_out_between_the_pools(data) -> None:
    box = data["mixtures"]
    assert box["pools"] == ["A", "B", "C"]
    points = np.array(box["points"])
    assert np.all(points.sum(axis=1) == box["steps"])
    assert unpacked(box["draws"]).shape[:2] == (3, len(points))
    corner = points.tolist().index([box["steps"], 0, 0])
    assert np.isfinite(unpacked(box["draws"])[:, corner]).all()


def test_it_is_small_and_safe_in_a_page(answer, small_fit, evil) -> None:
    assert len(explorer(answer, small_fit)) < 400_000
    text = (evil / "report.html").read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="explorer-data">(.*?)</script>', text)
    assert "<" not in data
    assert "script" in json.loads(data)["metric"]  # the evil name, as text


def test_many_candidates_are_put_together(small_fit) -> None:
    shares = [f"A:{k / 20:g}+B:{1 - k / 20:g}" for k in range(1, 20)]
    answer = small_fit.decide("480k", shares, on_fail="warn")
    names = json.loads(explorer(answer, small_fit))["budgets"]["names"]
    assert len(names) == CANDIDATES + 1
    assert names[-1] == f"best of {len(shares) - CANDIDATES} others"


def test_the_policy_names_the_one_script(evil) -> None:
    text = (evil / "report.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "fetch(" not in scripts[0]
    assert "http" not in scripts[0]
    assert '<section id="explore" hidden>' in text  # without scripts the page is as it was


PROBE = """<script>
onload = () => {
  const $ = (id) => document.getElementById(id), said = {};
  const move = (node, to) => { node.value = to; node.dispatchEvent(new Event("input")); };
  const all = (what) => [...document.querySelectorAll(what)];
  const texts = () => all("#explore-rows .prob .num").map((n) => n.textContent);
  said.shown = !$("explore").hidden;
  move($("explore-budget"), 0);
  said.first = [$("explore-at").textContent, texts()];
  move($("explore-budget"), $("explore-budget").max);
  said.last = [$("explore-at").textContent, texts()];
  said.choice = $("explore-choice").textContent;
  const ranges = all("#mix-shares input");
  const shares = () => ranges.map((r) => Number(r.value));
  move(ranges[0], 60);
  said.moved = [shares(), $("mix-told").textContent, $("mix-distance").textContent];
  said.epochs = all("#mix-shares .epochs").map((n) => n.textContent);
  move(ranges[0], 100);
  said.pure = [shares(), $("mix-told").textContent, $("mix-distance").textContent];
  move(ranges[0], 40);
  said.back = shares();
  $("mix-best").click();
  said.best = shares();
  said.wide = document.documentElement.scrollWidth - innerWidth;
  document.title = JSON.stringify(said);
};
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_it_follows_the_sliders(made: Path, tmp_path: Path, width: int, answer) -> None:
    text = (made / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    page.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--window-size={width},1200", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr
    title = re.search(r"<title>(\{.*?\})</title>", done.stdout)
    assert title is not None
    said = json.loads(title[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert said["shown"]
    assert said["wide"] <= 0  # nothing sticks out
    assert said["first"][0].endswith("inside your runs")
    assert said["last"][0] == "1.92M samples, extrapolated 4.0x beyond the largest run"
    assert said["first"][1] != said["last"][1]
    assert "expected regret" in said["choice"]
    for shares in (said["moved"][0], said["pure"][0], said["back"], said["best"]):
        assert abs(sum(shares) - 100) <= 1  # each is rounded
    assert said["moved"][0] == [60, 20, 20]
    assert said["pure"][0] == [100, 0, 0]
    assert said["pure"][2] == "this mixture was run"
    assert said["moved"][1] != said["pure"][1]
    assert said["epochs"][0] == "19 epochs"  # .6 x 1.92M over 60k
    assert said["back"] == [40, 30, 30]  # from a pure pool the rest is shared evenly
