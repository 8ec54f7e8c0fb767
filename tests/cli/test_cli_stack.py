"""Several laws at once, on the command line."""

import json
from pathlib import Path

import pytest

import qqt_bayes

ARGS = ("--metric", "loss", "--budgets", "480k,960k", "--specs", "effective_utility,exchange_rate")


@pytest.fixture
def stacked(monkeypatch, small_stack) -> list:
    """The stack made once; what it was asked with."""
    asked: list = []

    def made(runs, metric, **options):
        asked.append((metric, options))
        return small_stack

    monkeypatch.setattr(qqt_bayes.stacking, "stack", made)
    return asked


def test_decide_under_several_laws(qqt, small_tables: Path, stacked, small_stack) -> None:
    words = (*ARGS, "--on-fail", "warn", "--draws", "2000")
    said = qqt("decide", small_tables / "runs.csv", *words)
    answer = small_stack.decide("480k,960k", on_fail="warn")
    assert (said.code, said.out) == (0, answer.text + "\n")
    assert "2 laws stacked" in said.err
    assert stacked[0][0] == "loss"
    assert stacked[0][1]["specs"] == ["effective_utility", "exchange_rate"]
    assert stacked[0][1]["settings"].draws == 2000
    said = qqt("decide", small_tables / "runs.csv", *words, "--json")
    assert json.loads(said.out) == answer.to_json()


@pytest.mark.slow
def test_for_real(qqt, small_tables: Path) -> None:
    said = qqt("decide", small_tables / "runs.csv", *ARGS, "--json", "--draws", "2000")
    assert said.code == 0, said.err
    assert {law["name"] for law in json.loads(said.out)["laws"]} == set(ARGS[-1].split(","))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--specs", "exchange_rate"), "two or more"),
        (("--specs", "effective_utility,nope"), "unknown spec 'nope'"),
        (("--specs", "effective_utility,exchange_rate", "--shares", "A,B"), "--shares takes one"),
    ],
)
def test_bad_laws(qqt, small_tables: Path, words, problem) -> None:
    said = qqt("decide", small_tables / "runs.csv", "--metric", "loss", "--budgets", "1M", *words)
    assert (said.code, said.out) == (2, "")
    assert problem in said.err


def test_a_saved_fit_is_of_one_law(qqt, saved) -> None:
    said = qqt("decide", saved, "--budgets", "1M", "--specs", "effective_utility,exchange_rate")
    assert said.code == 2
    assert "of one law -> give the run table" in said.err
