"""Weaker data give wider intervals: fewer budgets, and fewer seeds at the same budgets."""

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.inference.settings import Settings


def width(fit: qqt.Fit, budget: str) -> np.ndarray:
    table = fit.decide(budget, "A;A+B;A+B+C", on_fail="warn").table
    return (table["hi"] - table["lo"]).to_numpy()


def test_fewer_budgets_give_wider_bands(small_runs, small_fit) -> None:
    short = qqt.fit(small_runs, "loss", upto="120k", settings=qqt.Settings(draws=2000))
    assert np.all(width(short, "960k") > 1.3 * width(small_fit, "960k"))


def test_fewer_seeds_give_wider_bands_within_the_data(small_runs, small_fit) -> None:
    one = qqt.fit(small_runs, "loss", where={"seed": "0"}, settings=qqt.Settings(draws=2000))
    assert np.all(width(one, "240k") > 1.1 * width(small_fit, "240k"))


@pytest.mark.parametrize(("budgets", "pools", "step"), [(4, 3, 10.0), (6, 2, 4.0), (5, 3, 10.0)])
def test_runs_without_any_noise_are_fitted(budgets: int, pools: int, step: float) -> None:
    """Runs that lie on a law exactly, as somebody's first try of the program may."""
    n = 1e4 * step ** np.arange(budgets)
    rows = pd.DataFrame(
        {"run": f"{pool}{b}", "data": pool, "samples": n[b], "metric": "loss",
         "value": 1.0 + (1.2 + 0.1 * i) * (n[b] / 1e4) ** -(0.3 - 0.03 * i)}
        for i, pool in enumerate("ABC"[:pools]) for b in range(budgets)
    )  # fmt: skip
    table = pd.DataFrame({"pool": list("ABC"[:pools]), "size": np.inf})
    fit = qqt.fit(
        qqt.read_runs(rows, table), "loss", seed=1, settings=Settings(engine="importance")
    )
    assert fit.posterior.gate.passed
    found = fit.decide([n[-1]]).latent[:, 0]
    truth = rows["value"].to_numpy().reshape(pools, budgets)[:, -1]
    np.testing.assert_allclose(np.median(found, axis=0), truth, rtol=0.003)
