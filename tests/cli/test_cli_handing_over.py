"""How an answer is handed over: printed, as CSV, as JSON, to a file; and what is refused first."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from qqt_bayes.cli.opening import parse_margin
from qqt_bayes.cli.telling import Telling
from qqt_bayes.errors import GateError, UsageError, in_python


class Answer:
    """An answer of two rows."""

    text = "A is best"
    table = pd.DataFrame({"data": ["A", "B"], "median": [2.123456789, 2.5]})

    def to_json(self) -> dict[str, object]:
        return {"best": "A"}


def test_one_answer_in_every_form(tmp_path: Path, capsys) -> None:
    Telling().tell(Answer())
    assert capsys.readouterr().out == "A is best\n"
    Telling(json=True).tell(Answer())
    assert json.loads(capsys.readouterr().out) == {"best": "A"}
    Telling(csv=True).tell(Answer())
    printed = capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(printed)), Answer.table)
    for name in ("a.csv", "a.json"):
        Telling(out=tmp_path / name).tell(Answer())
        said = capsys.readouterr()
        assert said.out == "A is best\n"
        assert said.err == f"wrote {tmp_path / name}\n"
    assert (tmp_path / "a.csv").read_text() == printed
    assert json.loads((tmp_path / "a.json").read_text()) == {"best": "A"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]


def test_what_cannot_be_handed_over_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.csv or \.json"):
        Telling(out=tmp_path / "a.txt").check()
    with pytest.raises(UsageError, match="leave one of them out"):
        Telling(json=True, csv=True).check()


@pytest.mark.parametrize("margin", ["1%", "-1", "0", "nan", "little"])
def test_a_margin_is_in_the_metrics_unit(margin: str) -> None:
    with pytest.raises(UsageError, match=f"--margin '{margin}' -> give a regret above 0"):
        parse_margin(margin)
    assert parse_margin("0.02") == 0.02
    assert parse_margin(None) is None


def test_a_gate_error_names_the_options_of_where_it_is_read() -> None:
    said = (
        'Try more draws (--draws 4000) or another --seed. on_fail="warn" (--on-fail warn) goes on.'
    )
    error = GateError(said)
    assert error.on_command_line == said
    assert str(error) == (
        "Try more draws (settings=qqt.Settings(draws=4000)) or another seed. "
        'on_fail="warn" goes on.'
    )
    assert "--" not in in_python("see --max-epochs, --kind")


def test_weights_are_asked_for_before_any_work(qqt, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("went on to sample")

    monkeypatch.setattr("qqt_bayes.tasks.several.refit_many", refuse)
    monkeypatch.chdir(tmp_path)
    rows = [
        (f"{d}/{n}", d, n, m, v)
        for d in "AB" for n in (1000, 2000, 4000)
        for m, v in (("val_loss", 2.0 + 1 / n), ("qa_accuracy", 0.5))
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    table.to_csv("runs.csv", index=False)
    pd.DataFrame({"pool": ["A", "B"], "size": 5000}).to_csv("pools.csv", index=False)
    said = qqt("tasks", "runs.csv", "--budgets", "8k")
    assert said.code == 2
    assert "have no common unit -> give weights" in said.err
    assert "--weights val_loss=1,qa_accuracy=1" in said.err or "qa_accuracy=1" in said.err
    said = qqt("tasks", "runs.csv", "--budgets", "8k", "--weights", "val_los=1")
    assert "unknown task 'val_los'" in said.err


@pytest.mark.parametrize("call", ["priors --spec paper_law", "priors paper_law"])
def test_priors_of_a_named_specification(qqt, call: str) -> None:
    said = qqt(*call.split())
    assert said.code == 0
    assert said.out == qqt("priors", "paper_law").out


def test_a_stake_needs_something_to_spend(qqt, small_tables: Path) -> None:
    said = qqt("report", small_tables / "runs.csv", "--metric", "loss", "--budgets", "1M",
               "--stake", "compute")  # fmt: skip
    assert said.code == 2
    assert "--stake is about runs to buy -> add --spend" in said.err
