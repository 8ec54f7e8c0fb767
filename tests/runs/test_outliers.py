"""One wild value: named, set aside where other runs contradict it, and no choice turns."""

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes import fitting
from qqt_bayes.errors import UsageError
from qqt_bayes.runs.outliers import find_outliers

POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [1e6, 3e6], "quality_rank": [1, 2]})
BUDGETS = (10e3, 20e3, 40e3, 80e3, 160e3, 320e3)


def table(seeds: int) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    cells = [(d, n) for d in "AB" for n in BUDGETS for _ in range(seeds)]
    rows = pd.DataFrame(cells, columns=["data", "samples"])
    level = rows["data"].map({"A": 2.0, "B": 2.2}) * (rows["samples"] / 1e4) ** -0.1
    return rows.assign(run=[f"r{i}" for i in rows.index], metric="loss",
                       value=level * np.exp(0.003 * rng.standard_normal(len(rows))))  # fmt: skip


@pytest.mark.parametrize("factor", [0.01, 0.5, 2.0, 10.0, 100.0])
@pytest.mark.parametrize("row", [0, 5, 11, 16, 23])
def test_a_wild_seed_is_set_aside(row: int, factor: float) -> None:
    rows = table(2)
    rows.loc[row, "value"] *= factor
    runs = qqt.read_runs(rows, POOLS)
    study = runs.study("loss")
    assert f"r{row}" not in set(study.run)
    assert len(study) == len(runs.table) - 1
    told = [text for text in study.warnings if f"run 'r{row}'" in text]
    assert len(told) == 1
    assert "set aside" in told[0]


@pytest.mark.parametrize("row", [2, 5, 6, 11])
@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0, 10.0])
def test_without_replicates_budgets_and_other_mixtures_tell(row: int, factor: float) -> None:
    rows = table(1)
    rows.loc[row, "value"] *= factor
    strange, told = find_outliers(qqt.read_runs(rows, POOLS))
    assert strange.tolist() == [i == row for i in range(len(rows))]
    assert any(f"run 'r{row}'" in text for text in told)


def aside(rows: pd.DataFrame, sizes: dict[str, float]) -> list[int]:
    """Rows set aside; all that are strange are named."""
    strange, told = find_outliers(qqt.read_runs(rows, sizes))
    assert len(told) == 1
    return [int(i) for i in np.flatnonzero(strange)]


def test_what_may_happen_at_the_end_of_a_curve_is_kept() -> None:
    """A pool that wears out, an error that jumps, and where no other mixture tells."""
    last = table(1)
    last.loc[11, "value"] *= 2.0
    assert aside(last, {"A": 1e6, "B": 3e6}) == [11]
    assert aside(last, {"A": 1e6, "B": 3e3}) == []  # 100 epochs
    assert aside(last[(last["data"] == "B") | (last["samples"] < 3e5)], {"A": 1e6, "B": 3e6}) == []
    error = table(1).assign(metric="error")
    error["value"] *= 0.3
    error.loc[11, "value"] *= 0.2
    assert aside(error, {"A": 1e6, "B": 3e6}) == []


def test_replicates_that_agree_are_kept() -> None:
    rows = table(2)
    rows.loc[[10, 11], "value"] *= 3.0
    strange, _ = find_outliers(qqt.read_runs(rows, POOLS))
    assert not strange.any()


def wild(row: int = 11, **columns: object) -> pd.DataFrame:
    rows = table(2)
    rows.loc[row, "value"] *= 10.0
    return rows.assign(**columns)


def test_a_column_keeps_what_is_meant() -> None:
    rows = wild(keep="")
    rows.loc[11, "keep"] = "true"
    study = qqt.read_runs(rows, POOLS).study("loss")
    assert len(study) == len(rows)
    assert study.aside == ()
    assert len(study.strange) == 1
    assert "kept, as column keep says" in study.strange[0]
    rows.loc[11, "keep"] = "false"
    study = qqt.read_runs(rows, POOLS).study("loss")
    assert study.aside == (("r11", rows["samples"][11]),)
    assert "write true in its column keep" in study.strange[0]


def test_every_answer_says_the_same_of_it(tmp_path) -> None:
    made = qqt.fit(qqt.read_runs(wild(), POOLS), "loss", on_fail="warn")
    made = qqt.load_fit(made.save(tmp_path / "fit.nc"))
    assert made.study.aside == (("r11", 320e3),)
    line = f"note: {made.study.strange[0]}"
    decision, risk = made.decide("640k", "A;B"), made.risk("640k", candidates="A;B", quick=True)
    for text in (made.text, made.runs.text, decision.text):
        assert text.splitlines().count(line) == 1
    assert made.study.strange[0] in " ".join(risk.text.split())
    assert made.study.strange[0] in decision.to_json()["notes"]


def test_a_risk_of_more_than_notes_says_it_too() -> None:
    """Where the check of the table asks for something, it leaves its notes out."""
    rows = wild()
    rows["lr"] = np.where(rows["data"] == "A", "1e-3", "2e-3")
    made = qqt.fit(qqt.read_runs(rows, POOLS), "loss", on_fail="warn")
    text = made.risk("640k", candidates="A;B", quick=True).text
    assert "'lr' differs between data" in " ".join(text.split())
    assert text.splitlines().count(f"note: {made.study.strange[0]}") == 1


def test_further_runs_that_set_a_row_aside_refit(monkeypatch) -> None:
    """Draws that took a value in are not weighted into draws that leave it out."""
    tried: list[int] = []
    reweighted = fitting.reweighted
    monkeypatch.setattr(
        fitting, "reweighted", lambda *given: tried.append(len(given)) or reweighted(*given)
    )
    rows = wild()
    last = rows["samples"] == BUDGETS[-1]
    late = last & (rows.index != 11)  # its replicate, and the other mixture at its budget
    made = qqt.fit(qqt.read_runs(rows[~late], POOLS), "loss", on_fail="warn")
    assert made.study.aside == ()
    more = made.update(rows[late], on_fail="warn")
    assert more.study.aside == (("r11", 320e3),)
    assert not tried
    plain = qqt.fit(qqt.read_runs(table(2)[~late], POOLS), "loss", on_fail="warn")
    plain.update(rows[late].assign(value=table(2)["value"][late]))
    assert len(tried) == 1  # whether it does is told by the weights


def test_an_update_looks_at_what_is_set_aside(monkeypatch) -> None:
    made = qqt.fit(qqt.read_runs(wild(), POOLS), "loss", on_fail="warn")
    monkeypatch.setattr("qqt_bayes.fitting.reweighted", lambda *_: pytest.fail("was reweighted"))
    again = wild().loc[[23]].assign(run="again", value=30.0)  # set aside too
    more = made.update(again)
    assert more.study.aside == (("again", 320e3), ("r11", 320e3))
    assert more.posterior.values > 0


def test_an_update_without_a_row_of_the_metric_is_refused() -> None:
    made = qqt.fit(qqt.read_runs(table(2), POOLS), "loss", on_fail="warn")
    other = table(2).head(2).assign(run=["x", "y"], metric="error", value=0.5)
    for rows in (other, other.head(0)):
        with pytest.raises(UsageError, match=f"none of the {len(rows)} new rows is of 'loss'"):
            made.update(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["proving_ground", "digits", "headers", "web"])
def test_no_certain_choice_turns(name: str) -> None:
    """Of one value at a time, a sample of rows and factors."""
    runs = qqt.datasets.load(name)
    metric = runs.table["metric"].iloc[0]
    rows = runs.select(metric).table.drop(columns="line").reset_index(drop=True)
    budget = float(rows["samples"].max())

    def chances(rows: pd.DataFrame) -> pd.Series:
        found = qqt.fit(qqt.read_runs(rows, runs.pools), metric, seed=1, on_fail="warn")
        return found.decide(budget).table.set_index("data")["p_best"]

    usual, rng = chances(rows), np.random.default_rng(7)
    for row in rng.choice(len(rows), 8, replace=False):
        wild = rows.copy()
        wild.loc[row, "value"] *= rng.choice([0.1, 0.5, 2.0, 10.0])
        if usual.max() > 0.95:
            assert chances(wild).idxmax() == usual.idxmax()


def one_curve(*others: tuple[str, str, float, float]) -> qqt.Runs:
    """One run of five checkpoints, the first of which is wild, and rows of other runs."""
    rows = [("long", "A", n, 1.6 + 4.0 * n**-0.1) for n in (1e6, 2e6, 4e6, 8e6)]
    rows = [("long", "A", 5e5, 9.0), *rows, *others]
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "value"])
    return qqt.read_runs(table.assign(metric="loss"), {"A": 1e9, "B": 1e9})


def test_one_wild_checkpoint_does_not_cost_its_run() -> None:
    runs = one_curve()
    (said,) = [line for line in runs.text.splitlines() if "diverged" in line]
    assert "--where 'samples!=500000' takes the run's other rows" in said
    assert len(runs.select(where={"samples": "!=500000"}).table) == 4


def test_a_budget_that_others_have_is_not_given_up_for_one_row() -> None:
    said = one_curve(("other", "B", 5e5, 3.0)).text
    assert "without line 0 the run's other rows are taken" in said


def test_a_wild_checkpoint_leaves_a_study() -> None:
    """Its caveats speak of the rows that count."""
    rows = pd.DataFrame(
        [(f"r{r}", "A", n, 3.0 * (n / 1e4) ** -0.1 + 0.01 * r)
         for r in range(3) for n in BUDGETS],
        columns=["run", "data", "samples", "value"],
    ).assign(metric="loss")  # fmt: skip
    rows.loc[2, "value"] = 30.0
    study = qqt.read_runs(rows, {"A": 1e5}).study("loss")
    assert study.aside == (("r0", 40e3),)
    assert any("3 of 3 runs with several rows" in text for text in study.warnings)
