"""Roll-forward conformal bands around the bootstrap's point fit.

At every budget inside the training runs (at most two dozen of them, evenly chosen) the point fit is
repeated on the runs up to it, and runs beyond it are predicted; signed log residuals are the
scores, grouped by how far beyond they lie (up to 2x, 4x, 8x). A target takes the scores of its own
group: draws are the point times exp(score), scores with random sign and with quantiles corrected
for their finite number, rank ceil((n+1) p), so that the 90% interval of the draws is the conformal
one. The last rank, beyond all scores, is set to the largest (from nine scores on the 90% interval
does not reach it).

The scores say nothing of how errors of different targets go together, so each target takes its own
independent permutation, and differences get the sum of two errors. A target here is a distinct pair
of samples and shares: its replicates share their error, most of which is extrapolation.

Not applicable (None) when the point fit is not, or when no target's group has nine scores; a target
whose group has fewer, that lies beyond 8x, or that draws on a pool without runs, is NaN.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.backtest.origins import FACTORS, factor_group
from qqt_bayes.calibrate.baselines.cells import budgets, collapse, unique_rows
from qqt_bayes.calibrate.baselines.least_squares import applicable, fit_cells
from qqt_bayes.runs import Study

MIN_SCORES = 9
MOST_ORIGINS = 24

__all__ = ["forecast", "scores"]


def forecast(
    train: Study, samples: np.ndarray, shares: np.ndarray, seed: int, draws: int = 1000
) -> np.ndarray | None:
    """Predictive draws of new runs."""
    cells = collapse(train)
    if not applicable(cells):
        return None
    past = scores(train)
    index, inverse = unique_rows(samples, shares)
    group = factor_group(samples[index] / train.samples.max())
    enough = np.array([g < len(FACTORS) and len(past[g]) >= MIN_SCORES for g in group], bool)
    if not enough.any():
        return None
    fit = fit_cells(cells, train.pools.sizes)
    places, known = fit.places(samples[index], shares[index])
    if not np.any(enough & known):
        return None
    rng = np.random.default_rng(seed)
    point = np.exp(fit.problem.law(fit.theta, places)[0])
    out = np.full((draws, len(index)), np.nan)
    for target in np.flatnonzero(enough & known):
        sizes = np.sort(np.abs(past[group[target]]))
        out[:, target] = point[target] * np.exp(rng.permutation(symmetric(sizes, draws)))
    return out[:, inverse]


def symmetric(sizes: np.ndarray, draws: int) -> np.ndarray:
    """Signed scores, evenly spread over the corrected quantiles of their absolute values."""
    half = (draws + 1) // 2
    level = (np.arange(half) + 0.5) / half
    rank = np.minimum(np.ceil((len(sizes) + 1) * level).astype(int), len(sizes))
    size = sizes[rank - 1]
    return np.concatenate([size, -size])[:draws]


def scores(train: Study) -> list[np.ndarray]:
    """Signed log residuals of runs beyond each origin inside the training runs, by group."""
    past: list[list[float]] = [[] for _ in FACTORS]
    inside = budgets(train.samples)[:-1]
    chosen = np.unique(np.linspace(0, len(inside) - 1, MOST_ORIGINS).round().astype(int))
    for origin in inside[chosen] if len(inside) else inside:
        cells = collapse(train, float(origin))
        if not applicable(cells):
            continue
        fit = fit_cells(cells, train.pools.sizes)
        ahead = np.flatnonzero(train.samples > origin)
        places, known = fit.places(train.samples[ahead], train.shares[ahead])
        error = np.log(train.value[ahead]) - fit.problem.law(fit.theta, places)[0]
        group = factor_group(train.samples[ahead] / cells.samples.max())
        for g in range(len(FACTORS)):
            past[g].extend(error[known & (group == g)])
    return [np.array(found) for found in past]
