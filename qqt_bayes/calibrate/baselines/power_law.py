r"""A power law with offset for each candidate by itself: :math:`y = d + A n^{-b}`.

Least squares of log residuals from several starts, for candidates with three budgets or more;
:math:`A n^{-b}` for those with two. Pools, repetition and other candidates are not looked at, so
errors of different candidates are independent. Draws: a residual bootstrap, residuals of single
runs pooled over candidates and inflated for the parameters spent. Where the parameters use up all
runs there is nothing to learn a spread from, and draws have no width.

Not applicable (None) when no target's mixture has training runs at two budgets; a target whose
mixture has none is NaN.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.calibrate.baselines.cells import budgets, collapse, new_runs, noise_pool, unique_rows
from qqt_bayes.calibrate.baselines.levenberg import solve_many
from qqt_bayes.runs import Study

REPLICATES = 200
# log A at the middle budget (relative to the smallest value), exponent b, offset over that value.
LOWER, UPPER = np.array([-12.0, 0.0, 0.0]), np.array([12.0, 4.0, 0.995])
STARTS = [(share, b) for share in (0.02, 0.3, 0.6, 0.9) for b in (0.05, 0.2, 0.6)]

__all__ = ["forecast"]


class Curve:
    """Runs of one candidate, as cells: budgets, mean values, numbers of replicates."""

    def __init__(self, samples: np.ndarray, value: np.ndarray, count: np.ndarray) -> None:
        self.centre = float(np.log(samples).mean())
        self.t = np.log(samples) - self.centre
        self.floor = float(value.min())
        self.target, self.weight = np.log(value), np.sqrt(count)
        self.parameters = 3 if len(budgets(samples)) > 2 else 2

    def law(self, theta: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log of the law at centred log samples t, dims (problem, t), and its derivatives."""
        reducible = self.floor * np.exp(np.clip(theta[:, :1] - theta[:, 1:2] * t, -60.0, 60.0))
        value = reducible.copy()
        if self.parameters == 3:
            value += theta[:, 2:] * self.floor
        part = reducible / value
        slopes = [part, -part * t, self.floor / value][: self.parameters]
        return np.log(value), np.stack(slopes, axis=2)

    def refit(self, start: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fits and costs of many problems, target (problem, cell) being logs of the values."""

        def residuals(theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            fitted, slopes = self.law(theta, self.t)
            return self.weight * (fitted - target[which]), self.weight[:, None] * slopes

        count = self.parameters
        return solve_many(residuals, start, LOWER[:count], UPPER[:count], iterations=100)

    def fit(self) -> np.ndarray:
        """Best of several starts (parameter,)."""
        middle = np.exp(self.target.mean()) / self.floor
        start = np.array([(np.log(middle - share), b, share) for share, b in STARTS])
        theta, cost = self.refit(start[:, : self.parameters], np.tile(self.target, (len(start), 1)))
        return np.asarray(theta[np.argmin(cost)])


def forecast(
    train: Study, samples: np.ndarray, shares: np.ndarray, seed: int, draws: int = 1000
) -> np.ndarray | None:
    """Predictive draws of new runs."""
    rng = np.random.default_rng(seed)
    cells = collapse(train)
    index, inverse = unique_rows(samples, shares)
    fits, log_fitted = [], np.full(len(cells), np.nan)
    for m in np.unique(cells.mixture):
        here = np.flatnonzero(cells.mixture == m)
        if len(budgets(cells.samples[here])) < 2:
            continue
        curve = Curve(cells.samples[here], cells.value[here], cells.count[here])
        theta = curve.fit()
        log_fitted[here] = curve.law(theta[None], curve.t)[0][0]
        apart = np.abs(shares[index] - cells.shares[here[0]]).max(axis=1)
        fits.append((curve, theta, log_fitted[here], np.flatnonzero(apart < 1e-8)))
    if not any(len(aimed) for *_, aimed in fits):
        return None
    spent = sum(curve.parameters for curve, *_ in fits)
    pool = noise_pool(
        cells, log_fitted, float(np.isfinite(log_fitted[cells.row_cell]).sum()) - spent
    )
    latent = np.full((REPLICATES, len(index)), np.nan)
    for curve, theta, fitted, aimed in fits:
        if len(aimed) == 0:
            continue
        start = np.tile(theta, (REPLICATES, 1))
        if np.any(pool):
            noise = rng.choice(pool, size=(REPLICATES, len(fitted)))
            start, _ = curve.refit(start, fitted + noise / curve.weight)
        latent[:, aimed] = np.exp(curve.law(start, np.log(samples[index[aimed]]) - curve.centre)[0])
    return new_runs(latent, inverse, pool, draws, rng)
