"""One report of the small fit, with a metric and a source file of evil names."""

import dataclasses
import json
from pathlib import Path

import pytest

from qqt_bayes.cli import main

EVIL = "<script>alert(1)</script>_loss & 100%"
BUDGETS, CANDIDATES = "240k,480k,1.92M", "A;A+B;A+B+C"


@pytest.fixture(scope="session")
def evil_fit(small_fit):
    """The small fit, its metric and file renamed."""
    study = dataclasses.replace(small_fit.study, metric=EVIL)
    runs = dataclasses.replace(small_fit.runs, source="<img src=x onerror=alert(2)>.csv")
    return dataclasses.replace(small_fit, study=study, runs=runs)


def blank(_content):
    """Figures that cost nothing to draw."""
    from qqt_bayes.plots.paper import new_figure

    for name in ("bands", "differences", "pools"):
        yield name, name, "What it shows. " * 9, lambda width: new_figure(width, 1.0)


@pytest.fixture
def blank_figures(monkeypatch) -> None:
    """Draw nothing."""
    monkeypatch.setattr("qqt_bayes.report.figures.drawings", blank)


@pytest.fixture(scope="session")
def evil(evil_fit, tmp_path_factory) -> Path:
    """Its report."""
    from qqt_bayes.report import write_report

    out = tmp_path_factory.mktemp("evil") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qqt_bayes.report.figures.drawings", blank)
        write_report(
            evil_fit.decide(BUDGETS, CANDIDATES, on_fail="warn"), out, risk="none",
            command="qqt report <b>.nc", answers={"tuned": "<i>yes</i>"},
        )  # fmt: skip
    return out


@pytest.fixture(scope="session")
def saved(small_fit, tmp_path_factory) -> Path:
    """The small fit in a file."""
    return small_fit.save(tmp_path_factory.mktemp("report") / "fit.nc")


@pytest.fixture(scope="session")
def made(saved, tmp_path_factory) -> Path:
    """A report made by the command line."""
    out = tmp_path_factory.mktemp("made") / "out"
    with pytest.raises(SystemExit) as stop:
        main(["report", str(saved), "--budgets", BUDGETS, "--candidates", CANDIDATES,
              "--prob", "0.8", "--risk", "none", "-o", str(out)])  # fmt: skip
    assert stop.value.code == 0
    return out


@pytest.fixture(scope="session")
def decision(made) -> dict:
    """Its decision."""
    return json.loads((made / "decision.json").read_text())
