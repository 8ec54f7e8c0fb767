"""Scores of predictive draws against what was observed."""

from __future__ import annotations

import numpy as np

__all__ = ["coverage_interval", "crps", "interval_score", "log_score"]


def interval_score(lo: np.ndarray, hi: np.ndarray, seen: np.ndarray, prob: float) -> np.ndarray:
    """Interval score (Gneiting and Raftery 2007, section 6.2); lower is better."""
    penalty = 2.0 / (1.0 - prob)
    return (hi - lo) + penalty * (np.maximum(lo - seen, 0.0) + np.maximum(seen - hi, 0.0))


def crps(draws: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score from draws (draw, target); lower is better."""
    ordered = np.sort(draws, axis=0)
    n = len(ordered)
    rank = (2.0 * np.arange(1, n + 1) - n - 1.0)[:, None]
    spread = (rank * ordered).sum(axis=0) / (n * n)
    return np.abs(draws - seen).mean(axis=0) - spread


def log_score(draws: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Log predictive density by a kernel estimate with Silverman's width; higher is better.

    Zero-width draws (a point forecast) have no density: minus infinity.
    """
    n = len(draws)
    spread = np.minimum(draws.std(axis=0), np.subtract(*np.quantile(draws, [0.75, 0.25], 0)) / 1.34)
    with np.errstate(divide="ignore", invalid="ignore"):
        width = 0.9 * spread * n**-0.2
        z = (seen - draws) / width
        peak = np.max(-0.5 * z**2, axis=0)
        value = peak + np.log(np.mean(np.exp(-0.5 * z**2 - peak), axis=0))
        value = value - np.log(width * np.sqrt(2.0 * np.pi))
    return np.where(spread > 0, value, -np.inf)


def coverage_interval(
    inside: np.ndarray, group: np.ndarray, rng: np.random.Generator, prob: float = 0.9
) -> tuple[float, float, float]:
    """Coverage and its interval by a bootstrap over groups.

    Targets of one group (one origin and budget) share the common error, so they are resampled
    together. With fewer than two groups the Wilson interval of the targets is used instead, which
    is then the least it can be.
    """
    rate = float(np.mean(inside))
    names, index = np.unique(group, return_inverse=True)
    if len(names) < 2 or rate in (0.0, 1.0):
        return (rate, *wilson(rate, len(names) if rate in (0.0, 1.0) else len(inside), prob))
    hits, count = np.bincount(index, inside), np.bincount(index)
    pick = rng.integers(len(names), size=(2000, len(names)))
    rates = hits[pick].sum(axis=1) / count[pick].sum(axis=1)
    lo, hi = np.quantile(rates, [0.5 * (1 - prob), 0.5 * (1 + prob)])
    return rate, float(lo), float(hi)


def wilson(rate: float, n: int, prob: float) -> tuple[float, float]:
    """Wilson interval of a rate."""
    from scipy.stats import norm

    z = norm.ppf(0.5 * (1 + prob))
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
