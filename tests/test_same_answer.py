"""What does not change the study does not change the answer."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.act import act
from qqt_bayes.buy.ask import buy
from qqt_bayes.buy.replay import replay
from qqt_bayes.calibrate.learn import learn
from qqt_bayes.calibrate.replicate import replicate
from qqt_bayes.calibrate.run import calibrate
from qqt_bayes.risk.ledger import ledger
from qqt_bayes.risk.report import risk
from qqt_bayes.stacking.side_by_side import stack

WANTED = "A;B;A+B"
STATED = 0.03  # Monte Carlo error of P(best) with the usual draws, about three standard errors


def answer(rows: pd.DataFrame, pools: pd.DataFrame, unit: float = 1.0, wanted: str = WANTED):
    """P(best) and the bands by budget and data."""
    made = qqt.fit(qqt.read_runs(rows, pools), "loss", seed=1)
    found = made.decide([480e3 / unit, 960e3 / unit], wanted).table
    found["samples"] = (found["samples"] * unit).round()
    return found.set_index(["samples", "data"])[["p_best", "lo", "median", "hi"]].sort_index()


@pytest.fixture(scope="module")
def tables(small_runs):
    rows = small_runs.select("loss").table.drop(columns="line").reset_index(drop=True)
    return rows, small_runs.pools.table


@pytest.fixture(scope="module")
def usual(tables):
    return answer(*tables)


def close(found: pd.DataFrame, usual: pd.DataFrame) -> None:
    assert np.abs(found["p_best"] - usual["p_best"]).max() < STATED
    for name in ("lo", "median", "hi"):
        np.testing.assert_allclose(found[name], usual[name], rtol=0.01)


def test_rows_in_another_order(tables, usual) -> None:
    rows, pools = tables
    close(answer(rows.sample(frac=1, random_state=3), pools), usual)


def test_candidates_in_another_order(tables, usual) -> None:
    pd.testing.assert_frame_equal(answer(*tables, wanted="A+B;B;A"), usual)


def test_runs_of_other_names(tables, usual) -> None:
    rows, pools = tables
    pd.testing.assert_frame_equal(answer(rows.assign(run="x" + rows["run"]), pools), usual)


def test_samples_in_another_unit(tables, usual) -> None:
    rows, pools = tables
    rows = rows.assign(samples=rows["samples"] * 1e3)
    close(answer(rows, pools.assign(size=pools["size"] * 1e3), unit=1e-3), usual)


def test_a_pool_that_no_run_uses(tables, usual) -> None:
    rows, pools = tables
    more = pools.iloc[[-1]].assign(pool="unused")
    close(answer(rows, pd.concat([pools, more])), usual)


def test_one_default_seed_everywhere() -> None:
    """The command line's: the same question has the same answer wherever it is asked."""
    asked = [
        qqt.fit, qqt.allocate, act, buy, replay, risk, stack, calibrate, replicate, learn, ledger,
    ]  # fmt: skip
    seeds = {one.__name__: signature(one).parameters["seed"].default for one in asked}
    assert set(seeds.values()) == {1}, seeds
