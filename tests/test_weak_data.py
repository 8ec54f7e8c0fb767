"""Weaker data give wider intervals: fewer budgets, and fewer seeds at the same budgets."""

import numpy as np

import qqt_bayes as qqt


def width(fit: qqt.Fit, budget: str) -> np.ndarray:
    table = fit.decide(budget, "A;A+B;A+B+C", on_fail="warn").table
    return (table["hi"] - table["lo"]).to_numpy()


def test_fewer_budgets_give_wider_bands(small_runs, small_fit) -> None:
    short = qqt.fit(small_runs, "loss", upto="120k", settings=qqt.Settings(draws=2000))
    assert np.all(width(short, "960k") > 1.3 * width(small_fit, "960k"))


def test_fewer_seeds_give_wider_bands_within_the_data(small_runs, small_fit) -> None:
    one = qqt.fit(small_runs, "loss", where={"seed": "0"}, settings=qqt.Settings(draws=2000))
    assert np.all(width(one, "240k") > 1.1 * width(small_fit, "240k"))
