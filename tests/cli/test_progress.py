"""Progress off a terminal: nothing for a short fit, then a line now and then."""

import time
from types import SimpleNamespace

import pytest

from qqt_bayes.cli import progress
from qqt_bayes.cli.main import show_warning, spelled_out


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.05)
    monkeypatch.setattr(progress, "EVERY", 0.05)


@pytest.mark.usefixtures("fast")
def test_lines_come_on_time_though_nothing_is_reported(capsys) -> None:
    with progress.stages("judging") as update:
        time.sleep(0.12)
        update("back-tests", 0.5)
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "judging (0 s)"
    assert lines[-1] == "back-tests 50% (0 s)"
    assert 3 <= len(lines) <= 6


def test_a_short_fit_says_nothing(capsys) -> None:
    with progress.progress("fitting loss") as update:
        update([SimpleNamespace(finished_draws=1, total_draws=4)])
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("fast")
def test_chains_and_shares_are_both_understood(capsys) -> None:
    for report in (0.25, [SimpleNamespace(finished_draws=1, total_draws=4)] * 2):
        with progress.progress("fitting loss") as update:
            update(report)
            time.sleep(0.1)
        assert "fitting loss 25%" in capsys.readouterr().err


def test_shares_alone_are_of_all_pools() -> None:
    start = ["decide", "runs.csv"]
    assert spelled_out([*start, "--shares"]) == [*start, "--shares", "all"]
    assert spelled_out([*start, "--shares", "--json"]) == [*start, "--shares", "all", "--json"]
    words = [*start, "--shares", "A,B", "--json"]
    assert spelled_out(words) == words
    assert spelled_out([]) == []


def test_a_warning_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    told: set[str] = set()
    for text in ("boxes", "boxes", "other"):
        show_warning(text, UserWarning, told=told)
    assert capsys.readouterr().err == "warning: boxes\nwarning: other\n"
