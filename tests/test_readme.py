"""The outputs and the version that README and tutorial show are those of today."""

import re
import sys

import pytest
from documents import DOCS, ROOT

import qqt_bayes

sys.path.insert(0, str(DOCS))
import outputs

NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)")
# What is known least, or turns at a threshold: factors of compute, the probability in words, the
# credible set, crossovers, the blanks of a column.
LEAST = re.compile(
    r"\S+x$|(?<=: )[a-z ]+(?=\(P)|\(P[^)]*\)|^ +\d+% credible set.*$|^.* stays ahead .*$|-{2,}| +",
    re.MULTILINE,
)


def compared(text: str) -> tuple[list[str], list[float]]:
    """Words and numbers of an output, without what is known least."""
    plain = LEAST.sub(" ", text)
    return NUMBER.sub("#", plain).split(), [float(x) for x in NUMBER.findall(plain)]


@pytest.mark.slow
@pytest.mark.parametrize("page", outputs.DATA)
def test_printed_answers_are_the_answers(page: str) -> None:
    """Outputs on the page, to the Monte Carlo error of another machine."""
    text = (ROOT / page).read_text(encoding="utf-8")
    shown, said = (
        [found["shown"] for found in outputs.OUTPUT.finditer(t)]
        for t in (text, outputs.fill(page, text))
    )
    assert len(shown) >= 1
    for ours, theirs in zip(shown, said, strict=True):
        assert ours.strip(), "run: python docs/outputs.py"
        assert compared(ours)[0] == compared(theirs)[0]
        assert compared(ours)[1] == pytest.approx(compared(theirs)[1], rel=0.15, abs=0.05)


def test_outputs_are_filled_from_commands() -> None:
    """Only the block below the mark is written, with the lines that are asked for."""
    page = (
        "```console\n$ make demo  # no command of ours\n$ qqt check runs.csv\n```\n\n"
        "<!-- output: edu -->\n```text\nold\n```\nend\n"
    )
    made = outputs.fill("README.md", page)
    assert outputs.commands(page) == ["qqt check runs.csv"]
    assert made.startswith(page.split("old")[0])
    assert made.endswith("```\nend\n")
    assert "old" not in made
    (shown,) = outputs.OUTPUT.findall(made)
    assert shown[1].strip()
    assert all("edu" in line for line in shown[1].strip().splitlines())


def test_the_citation_is_this_version() -> None:
    assert f"version: {qqt_bayes.__version__}" in (ROOT / "CITATION.cff").read_text()
