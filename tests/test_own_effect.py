"""An effect of one's own: what docs/how_to/own_effect.md says, done in a copy of the package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how_to" / "own_effect.md").read_text(encoding="utf-8")
FILES = re.findall(
    r"`(qqt_bayes/model/effects/\w+\.py)`:\n\n```python\n(.*?)^```", PAGE, re.S | re.M
)
LINE = re.search(r"^```text\n( +MIXTURE_GAIN.*?)^```", PAGE, re.S | re.M)
PRIORS = re.search(r"^```toml\n(.*?)^```", PAGE, re.S | re.M)

ASK = """
import json
import qqt_bayes as qqt
from qqt_bayes.model.effects import EFFECTS
assert len(EFFECTS) == 16
runs = qqt.datasets.load("proving_ground").select("loss", upto="500k")
rows = runs.table[runs.table["data"].isin(["A", "B", "A+B"])].drop(columns="line")
fit = qqt.fit(qqt.read_runs(rows, runs.pools), "loss", seed=1)
ledger = fit.risk("960k", candidates="A;A+B", quick=True).assessments[0].ledger
known = set(fit.buy("960k", candidates="A;A+B").evppi["parameter"])
print(json.dumps({
    "priors": dict(zip(fit.priors["parameter"], fit.priors["why"])),
    "scalars": list(fit.draws), "ledger": sum(ledger.values()), "known": sorted(known),
    "marginal": [v.name for v in fit.model.free_RVs],
    "generative": [v.name for v in qqt.build_model(fit.runs, "loss", form="generative").free_RVs],
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a copy of the package with both effects says of a small study."""
    home = tmp_path_factory.mktemp("copy")
    for part in ("qqt_bayes", "models"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__"))
    assert [name for name, _ in FILES] == [
        f"qqt_bayes/model/effects/{name}.py" for name in ("late_drift", "size_slope")
    ]
    listed = home / "qqt_bayes" / "model" / "effects" / "__init__.py"
    text = listed.read_text(encoding="utf-8")
    for name, code in FILES:
        (home / name).write_text(code, encoding="utf-8")
        module = Path(name).stem
        text = text.replace(
            "EFFECTS: tuple", f"from qqt_bayes.model.effects.{module} import {module.upper()}\n"
            "EFFECTS: tuple",
        )  # fmt: skip
    assert LINE is not None
    assert PRIORS is not None
    old = "    MIXTURE_GAIN, MIXTURE_ERROR, MIXTURE_DRIFT,\n"
    assert old in text
    listed.write_text(text.replace(old, LINE.group(1)), encoding="utf-8")
    with (home / "models" / "effective_utility.toml").open("a", encoding="utf-8") as spec:
        spec.write(PRIORS.group(1))
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=home, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(home), "PATH": "", "HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_priors_are_printed_with_their_reasons(found: dict) -> None:
    assert found["priors"]["late_drift"].startswith("a second wandering")
    assert found["priors"]["size_slope"].startswith("relative change")


def test_a_scale_is_learned_and_a_coefficient_integrated_out(found: dict) -> None:
    assert "late_drift" in found["scalars"]
    assert "size_slope" not in found["scalars"]


def test_ledger_and_value_of_information_know_it(found: dict) -> None:
    assert found["ledger"] == pytest.approx(1.0)
    assert "late drift" in found["known"]


def test_both_forms_in_pymc_have_it(found: dict) -> None:
    assert "late_drift" in found["marginal"]
    assert {"late_drift", "late_drift_effects", "size_slope_effects"} <= set(found["generative"])
