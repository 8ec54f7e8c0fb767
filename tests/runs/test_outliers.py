"""One wild value: named, set aside where other runs contradict it, and no choice turns."""

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
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


@pytest.mark.parametrize(("row", "aside"), [(2, True), (5, False), (6, False)])
def test_without_replicates_only_between_budgets(row: int, aside: bool) -> None:
    """A jump at the largest budget may be what happens there: named, and kept."""
    rows = table(1)
    rows.loc[row, "value"] *= 3.0
    strange, told = find_outliers(qqt.read_runs(rows, POOLS).table)
    assert strange.tolist() == [aside and i == row for i in range(len(rows))]
    assert any(f"run 'r{row}'" in text for text in told)


def test_replicates_that_agree_are_kept() -> None:
    rows = table(2)
    rows.loc[[10, 11], "value"] *= 3.0
    strange, _ = find_outliers(qqt.read_runs(rows, POOLS).table)
    assert not strange.any()


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
