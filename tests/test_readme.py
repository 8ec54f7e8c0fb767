"""What the README tells people to type works as printed."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

import qqt_bayes
from qqt_bayes import fitting
from qqt_bayes.cli import main
from qqt_bayes.inference.sample import Settings

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """What follows a prompt, without comments."""
    lines = [line for block in blocks(text, "console") for line in block.splitlines()]
    return [line[2:].split("  #")[0].strip() for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def sampled():
    """Posteriors by what was asked: each is sampled once, with fewer draws."""
    return {}


@pytest.fixture
def study(small_tables: Path, monkeypatch: pytest.MonkeyPatch, sampled: dict) -> Path:
    """A folder with runs.csv and pools.csv, in which the same fit is sampled once only."""
    sample = fitting.sample_posterior

    def short(design, priors, kind, seed, settings, *rest):
        key = (design.value.tobytes(), kind, seed, settings)
        if key not in sampled:
            sampled[key] = sample(design, priors, kind, seed, Settings(draws=400), *rest)
        return sampled[key]

    monkeypatch.setattr(fitting, "sample_posterior", short)
    monkeypatch.chdir(small_tables)
    return small_tables


@pytest.mark.parametrize("text", [TEXT, TUTORIAL], ids=["README", "tutorial"])
def test_commands(study: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    done = 0
    for line in commands(text):
        program, *words = shlex.split(line)
        if program == "make":
            assert words[0] in targets
            continue
        assert program == "qqt", line
        with pytest.raises(SystemExit) as stop:
            main(words)
        said = capsys.readouterr()
        assert stop.value.code == 0, f"{line}\n{said.err}"
        done += 1
    assert done >= 3


@pytest.mark.parametrize("text", [TEXT, TUTORIAL], ids=["README", "tutorial"])
def test_python(study: Path, text: str) -> None:
    namespace: dict = {}
    for block in blocks(text, "python"):  # one after the other, as one would type them
        exec(compile(block, "README", "exec"), namespace)


@pytest.mark.slow
def test_printed_answer_is_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer shown in the README, to the Monte Carlo error of another machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("runs.csv", "pools.csv"):
        shutil.copy(ROOT / "qqt_bayes" / "datasets" / "proving_ground" / name, name)
    said = ""
    for line in commands(TEXT):
        if line.startswith(("qqt fit", "qqt decide fit.nc")) and "--json" not in line:
            with pytest.raises(SystemExit) as stop:
                main(shlex.split(line)[1:])
            assert stop.value.code == 0
            said = capsys.readouterr().out
    (shown,) = (block for block in blocks(TEXT, "text") if "credible set" in block)
    shown, said = (  # less the crossovers and the factors of compute, which are known least
        re.sub(r"\S+x$", "", text.rsplit("\n\n", 1)[0], flags=re.MULTILINE)
        for text in (shown, said)
    )
    number = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)")
    assert number.sub("#", shown).split() == number.sub("#", said).split()
    ours, theirs = ([float(x) for x in number.findall(block)] for block in (shown, said))
    assert ours == pytest.approx(theirs, rel=0.15, abs=0.05)


def test_links() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_citation_is_this_version() -> None:
    assert f"version: {qqt_bayes.__version__}" in (ROOT / "CITATION.cff").read_text()
