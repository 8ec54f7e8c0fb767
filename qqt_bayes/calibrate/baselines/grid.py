"""The authors' exhaustive grid fit (:mod:`qqt_bayes.laws.grid_search`): a point, no interval.

Only runs on single pools are fitted, mixtures are predicted by Theorem 1. Where the best anchor or
irreducible error lies on the edge of the default grid, the search is repeated once with the anchor
over a factor of a million (in steps of the default's size) and the irreducible error up to .98 of
the smallest value, since the default then answers for the grid and not for the data; the better
fit of the two is kept. All draws are equal: that is the uncertainty the procedure gives.

Not applicable (None) when no target draws only on pools that have runs of their own at two budgets.
Other targets are NaN.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.calibrate.baselines.cells import budgets, collapse, unique_rows
from qqt_bayes.laws.grid_search import GridFit, fit_grid
from qqt_bayes.runs import Study

NORMALIZER = 1e5

__all__ = ["forecast"]


def forecast(
    train: Study, samples: np.ndarray, shares: np.ndarray, seed: int, draws: int = 1000
) -> np.ndarray | None:
    """Predictive draws of new runs, all equal."""
    fit = fit_single_pools(train)
    if fit is None:
        return None
    fitted = [name in fit.pools for name in train.pools.names]
    index, inverse = unique_rows(samples, shares)
    point = np.full(len(index), np.nan)
    for target, row in enumerate(index):
        drawn = np.flatnonzero(shares[row] > 0)
        if all(fitted[i] for i in drawn):
            names = [train.pools.names[i] for i in drawn]
            weights = shares[row, drawn] / shares[row, drawn].sum()
            point[target] = fit.predict(samples[row], names, list(weights))
    if np.isnan(point).all():
        return None
    return np.tile(point[inverse], (draws, 1))


def fit_single_pools(train: Study) -> GridFit | None:
    """Grid fit of the pools that have runs of their own at two budgets or more."""
    cells = collapse(train)
    pool = np.where(cells.shares.max(axis=1) > 1 - 1e-9, cells.shares.argmax(axis=1), -1)
    for i in range(len(train.pools.names)):
        if len(budgets(cells.samples[pool == i])) < 2:
            pool[pool == i] = -1
    if not np.any(pool >= 0):
        return None
    cell, values = cells.row_cell, cells.row_value
    if len(set(cells.count[pool >= 0])) == 1:  # equal weights: the means have the same minimum
        cell, values = np.arange(len(cells)), cells.value
    keep = pool[cell] >= 0
    cell, values = cell[keep], values[keep]
    data, samples = [train.pools.names[i] for i in pool[cell]], cells.samples[cell]
    sizes = dict(zip(train.pools.names, train.pools.sizes, strict=True))
    fit = fit_grid(data, samples, values, sizes, normalizer=NORMALIZER)
    if {"a", "d"} & set(fit.edges):
        wider = fit_grid(
            data, samples, values, sizes, normalizer=NORMALIZER,
            a_grid=NORMALIZER / (samples.min() * np.geomspace(1e-4, 1e2, 19)),
            d_grid=np.linspace(0.0, 0.98, 12) * values.min(),
        )  # fmt: skip
        fit = min(fit, wider, key=lambda found: found.loss)
    return fit
