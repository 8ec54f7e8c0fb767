"""The answer and the version that the README shows are those of today."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from documents import ROOT, blocks, commands

import qqt_bayes
from qqt_bayes.cli import main

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


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
    # less the crossovers and the factors of compute, which are known least, and what turns at a
    # threshold: the probability in words and the credible set
    least = re.compile(r"\S+x$|(?<=: )[a-z ]+(?=\(P)|^ +\d+% credible set.*$", re.MULTILINE)
    shown, said = (least.sub("", text.rsplit("\n\n", 1)[0]) for text in (shown, said))
    number = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)")
    assert number.sub("#", shown).split() == number.sub("#", said).split()
    ours, theirs = ([float(x) for x in number.findall(block)] for block in (shown, said))
    assert ours == pytest.approx(theirs, rel=0.15, abs=0.05)


def test_the_citation_is_this_version() -> None:
    assert f"version: {qqt_bayes.__version__}" in (ROOT / "CITATION.cff").read_text()
