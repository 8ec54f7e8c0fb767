"""Scales of structural error learned from tables: weights, the climb, the command."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from qqt_bayes import datasets
from qqt_bayes.backtest import origins
from qqt_bayes.backtest.origins import spread_out
from qqt_bayes.calibrate.learn import (
    AS_SHIPPED,
    LEARNED,
    Ahead,
    ahead,
    climb,
    score,
    weighed,
    with_setting,
)
from qqt_bayes.cli.main import app
from qqt_bayes.model.spec import Spec, load_spec


@pytest.fixture(scope="module")
def fit() -> Ahead:
    runs = datasets.load("web")
    origin = list(origins(runs, runs.metrics[0]))[-1]
    found = ahead("web", origin, load_spec("effective_utility"), seed=1)
    assert found is not None
    return found


def setting(**multiples: float) -> tuple[float, ...]:
    return tuple(multiples.get(n, 1.0) for n in LEARNED)


def width(fit: Ahead, **multiples: float) -> float:
    draws = weighed(fit, setting(**multiples))
    assert draws is not None
    return float(np.subtract(*np.quantile(draws, [0.95, 0.05], axis=0)).mean())


def test_wider_scales_give_wider_bands_from_the_same_draws(fit: Ahead) -> None:
    assert width(fit, common_drift=0.25) < width(fit, common_drift=2.0)
    assert width(fit, regime=0.25) < width(fit, regime=2.0)


def test_a_setting_is_scored_by_table(fit: Ahead) -> None:
    found = score([fit], AS_SHIPPED)
    assert list(found.index) == ["web"]
    assert np.isfinite(found["web"])


def test_the_climb_does_not_see_the_table_left_out() -> None:
    def scored(at: tuple[float, ...]) -> pd.Series:
        pool, common = at[LEARNED.index("pool_drift")], at[LEARNED.index("common_drift")]
        wide, narrow = -abs(pool - 2.0), -9.0 * abs(pool - 0.25)
        return pd.Series({"x": wide, "y": wide, "z": narrow}) - abs(common - 0.5)

    assert climb(scored) == setting(common_drift=0.5)  # the tables differ about the pools
    assert climb(scored, "z") == setting(pool_drift=2.0, common_drift=0.5)


def test_a_gain_that_may_be_chance_changes_nothing() -> None:
    noise = np.random.default_rng(1)

    def scored(at: tuple[float, ...]) -> pd.Series:
        chance = 0.0 if at == AS_SHIPPED else 0.1 * noise.standard_normal(12)
        return pd.Series(np.arange(12.0)) + chance

    assert climb(scored) == AS_SHIPPED


def test_a_setting_multiplies_scales_and_leaves_the_rest() -> None:
    base = load_spec("effective_utility")
    changed = with_setting(base, setting(pool_drift=0.5, common_drift=2.0))
    for name, prior in base.priors("loss").items():
        now = changed.priors("loss")[name]
        times = {"pool_drift": 0.5, "common_drift": 2.0}.get(name, 1.0)
        assert now.numbers == (*prior.numbers[:-1], times * prior.numbers[-1])


def test_few_origins_are_spread_and_the_last_is_one() -> None:
    assert spread_out(range(9), 3) == [0, 4, 8]
    assert spread_out(range(9), 1) == [8]
    assert spread_out([], 3) == []


@pytest.mark.slow
def test_the_command_learns_and_prints_a_specification(tmp_path) -> None:
    rng = np.random.default_rng(3)
    for name in ("one", "two"):
        rows = [
            (f"{d}{n:g}", d, n, "loss", 1.5 + np.exp(0.3 - 0.25 * np.log(n / 1e5)) * g)
            for d, g in (("A", 1.0), ("B", 1.1))
            for n in (1e5, 2e5, 4e5, 8e5)
        ]
        table = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
        table["value"] *= 1.0 + 0.003 * rng.standard_normal(len(table))
        table.to_csv(tmp_path / f"{name}.runs.csv", index=False)
        (tmp_path / f"{name}.pools.csv").write_text("pool,size\nA,inf\nB,inf\n")
    args = [a for n in ("one", "two") for a in ("--learn", str(tmp_path / f"{n}.runs.csv"))]
    done = CliRunner().invoke(app, ["priors", *args])
    assert done.exit_code == 0, done.output
    assert "one: " in done.output
    assert "two: " in done.output
    source = tomllib.loads(done.output[done.output.index("schema = 1") :])
    assert Spec.from_dict(source).name == "learned"
