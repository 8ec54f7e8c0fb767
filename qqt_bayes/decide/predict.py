"""Latent performance of candidates at budgets: draws, in the metric's unit, lower is better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.kinds import Ceiling
from qqt_bayes.model.noise import median_evaluation

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

__all__ = [
    "Prediction", "bounded", "ceiling", "compute_factor", "interval", "latent_at", "new_runs",
    "predict", "thinning",
]  # fmt: skip

FACTORS = np.array([1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0])
MOST = 100_000_000  # numbers in one prediction: 800 MB
BLOCK = 1_000_000
FACTOR_MOST = 2_000_000


@dataclass(frozen=True)
class Prediction:
    """Draws of latent performance at budgets, dims (sample, budget, candidate), lower is better.

    In the metric's unit (:meth:`Kind.to_unit`): irreducible part, drift and mixture error included;
    seed and evaluation noise not.
    """

    latent: np.ndarray
    budgets: np.ndarray


def predict(
    fit: Fit, budgets: np.ndarray, shares: np.ndarray, *, seed: int = 0, every: int = 1
) -> Prediction:
    """Draw latent performance jointly over all budgets and candidates, one draw in ``every``.

    Shares have dims (candidate, pool); the seed counts together with the fit's own.
    """
    samples = np.repeat(budgets, len(shares))
    latent = latent_at(fit, samples, np.tile(shares, (len(budgets), 1)), seed=seed, every=every)
    return Prediction(latent.reshape(len(latent), len(budgets), len(shares)), budgets)


def latent_at(
    fit: Fit, samples: np.ndarray, shares: np.ndarray, *, seed: int = 0, every: int = 1
) -> np.ndarray:
    """Draws of latent performance jointly over any points, dims (sample, point)."""
    points = fit.posterior.design.points_at(samples, shares)
    drawn = fit.posterior.at(points, seed=seed, every=every)
    latent, top, kind = drawn.log_reducible, ceiling(fit, samples), fit.study.kind
    irreducible = fit.posterior.irreducible[::every, None]
    for b in blocks(latent):  # in place: there may be a hundred million of them
        latent[b] = kind.to_unit(bounded(irreducible[b] + np.exp(latent[b]), top))
    return latent


def blocks(draws: np.ndarray) -> Iterator[slice]:
    """Slices of the first dimension that keep temporary arrays small."""
    size = max(1, BLOCK * len(draws) // max(draws.size, 1))
    for begin in range(0, len(draws), size):
        yield slice(begin, begin + size)


def interval(draws: np.ndarray, prob: float, method: Any = "linear") -> np.ndarray:
    """Median and ends of the equal-tailed interval of draws, dims (3, ...)."""
    tail = 0.5 * (1.0 - prob)
    return np.quantile(draws, [0.5, tail, 1.0 - tail], axis=0, method=method)


def thinning(fit: Fit, points: int) -> int:
    """One draw in how many, so that draws times points stay below :data:`MOST`."""
    each = fit.posterior.chains[1]
    wanted = len(fit.posterior) * points / MOST
    fitting = [k for k in range(1, each + 1) if each % k == 0 and k >= wanted]
    return fitting[0] if fitting else each


def ceiling(fit: Fit, samples: np.ndarray) -> Ceiling:
    """How bad a run of so many samples can get, as modelled; see :meth:`Kind.ceiling`.

    What has no bound of its own is not bounded below the smallest observed budget, where it may
    really be worse.
    """
    kind, found = fit.study.kind, fit.study.kind.ceiling(fit.study.value)
    open_ = (samples < fit.study.samples.min()) & ~np.isfinite(kind.cap)
    return Ceiling(*(np.where(open_, np.inf, at) for at in found))


def bounded(value: np.ndarray, ceiling: Ceiling) -> np.ndarray:
    """Bend values smoothly below a ceiling: unchanged up to its knee, in the same order above."""
    knee, top = ceiling
    with np.errstate(invalid="ignore"):  # where there is no ceiling nothing exceeds it
        room, excess = top - knee, np.maximum(value - knee, 0.0)
        return np.where(excess > 0, knee + room * (excess / (excess + room)), value)


def new_runs(
    fit: Fit, latent: np.ndarray, shares: np.ndarray, seed: int, every: int = 1
) -> np.ndarray:
    """Add seed noise and the evaluation noise of the study's median run to latent performance.

    Latent performance has dims (sample, ..., candidate); one draw of the fit in ``every`` is behind
    it.
    """
    rng = np.random.default_rng(seed)
    used = np.arange(len(fit.posterior))[::every]
    kind, evaluation = fit.study.kind, median_evaluation(fit.study)
    out = np.empty_like(latent)
    for b in blocks(latent):
        value = kind.from_unit(latent[b])
        noise = np.sqrt(fit.posterior.noise_variance(value, shares, evaluation, used[b]))
        noisy = np.clip(value + noise * rng.normal(size=noise.shape), *kind.limits)
        out[b] = kind.to_unit(noisy)
    return out


def compute_factor(latent: np.ndarray) -> np.ndarray:
    """Factor of samples that makes up for each candidate's expected regret, dim (candidate,).

    The candidate is run for longer until its median performance reaches the median of the draw-wise
    best at the budget itself: 1 where there is no regret, NaN where 16 times the samples do not do.
    Latent performance of runs longer by :data:`FACTORS` has dims (sample, factor, candidate).
    """
    curve, target = np.median(latent, axis=0), np.median(latent[:, 0].min(axis=1))
    out = np.full(curve.shape[1], np.nan)
    for c in range(curve.shape[1]):
        # Monte Carlo error cancels only within one set of draws, so both ends are read off it
        reached = np.flatnonzero(curve[:, c] <= target)
        if len(reached) == 0:
            continue
        k = int(reached[0])
        if k == 0:
            out[c] = 1.0
            continue
        high, low = curve[k - 1, c], curve[k, c]
        share = (high - target) / (high - low)
        out[c] = float(np.exp(np.interp(share, [0, 1], np.log(FACTORS[k - 1 : k + 1]))))
    return out
