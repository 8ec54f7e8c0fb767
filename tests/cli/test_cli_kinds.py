"""--kind and --chance on the command line: which metric is meant, and what is refused."""

import pytest

from qqt_bayes.cli.opening import by_metric, levels
from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import KINDS


@pytest.mark.parametrize(
    ("given", "metric", "meant"),
    [
        (None, "a", None),
        (["score"], None, "score"),
        (["score"], "a", {"a": "score"}),
        (["a=score", "wer=rate"], None, {"a": "score", "wer": "rate"}),
        (["score", "b=rate"], "a", {"a": "score", "b": "rate"}),
        (["x=y=rate"], None, {"x=y": "rate"}),
    ],
)
def test_which_metric_is_meant(given, metric, meant) -> None:
    assert by_metric("--kind", given, metric) == meant


@pytest.mark.parametrize("given", [["score", "rate"], ["score", "b=rate"]])
def test_it_must_be_clear_which(given) -> None:
    with pytest.raises(UsageError, match="-> write --kind METRIC=score"):
        by_metric("--kind", given, None)


def test_levels_are_numbers() -> None:
    assert levels("0.25") == 0.25
    assert levels({"a": ".5"}) == {"a": 0.5}
    with pytest.raises(UsageError, match=r"give a fraction such as 0\.25"):
        levels("a quarter")


def test_kinds_are_listed(qqt) -> None:
    said = qqt("kinds")
    assert said.code == 0
    assert all(name in said.out for name in KINDS)


def test_check_takes_kinds_and_chances(qqt, small_tables) -> None:
    rows = (small_tables / "runs.csv").read_text().replace(",error,", ",CORE,")
    path = small_tables / "runs.csv"
    path.write_text(rows)
    said = qqt("check", path, "--kind", "CORE=accuracy", "--chance", "CORE=0.25")
    assert "CORE (accuracy, higher is better, chance 0.25)" in said.out
    said = qqt("check", path, "--kind", "CARE=accuracy")
    assert said.code == 2
    assert "no such metric -> choose from CORE, loss" in said.err


@pytest.mark.parametrize("given", ["25%", "CORE=25%", "quarter"])
def test_a_chance_that_is_no_number_is_shown_as_it_was_given(qqt, small_tables, given) -> None:
    said = qqt("decide", small_tables / "runs.csv", "--metric=error", "--budgets=1M", "--chance",
               given)  # fmt: skip
    assert said.code == 2
    assert f"--chance {given.removeprefix('CORE=')} is not a number -> give a" in said.err


def test_tasks_ask_for_weights_before_any_fit(qqt, small_tables) -> None:
    said = qqt("tasks", small_tables / "runs.csv", "--budgets", "960k")
    assert said.code == 2
    assert "have no common unit -> give weights" in said.err
