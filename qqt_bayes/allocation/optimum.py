"""The optimal model size and samples of each data at each compute, draw by draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from qqt_bayes.allocation.model import Model
from qqt_bayes.allocation.sizes import FLOPS, Points, Sizes, at_points
from qqt_bayes.runs import Mixture

WIDE, WIDE_POINTS = 7.0, 71  # e-folds around the law's optimum at first, and points
FINE_POINTS, NODES = 61, 13  # points of the search, and where the misfit is drawn
MARGIN = 2.0  # e-folds beyond the draws' optima by the law alone
SCOUTS = 200  # draws that find the range

__all__ = ["Grid", "evaluate", "lay_out", "lowest"]


@dataclass(frozen=True, eq=False)
class Grid:
    """Losses along equal compute."""

    log_params: np.ndarray  # dims (budget, candidate, size): log of the parameters
    loss: np.ndarray  # dims (draw, budget, candidate, size)


def lay_out(
    sizes: Sizes, mixture: Mixture, compute: float | np.ndarray, log_params: np.ndarray
) -> Points:
    """Points along equal compute on one data expression, dim (size,)."""
    params = np.exp(log_params)
    samples = compute / (FLOPS * params)
    shares = np.broadcast_to(mixture.vector(sizes.pools), (len(params), len(sizes.pools)))
    law = np.full(len(params), sizes.law_index(mixture))
    pool_sizes = np.asarray(sizes.pools.sizes, float)
    return at_points(params, samples, shares, pool_sizes, law, sizes.reference)


def evaluate(
    model: Model,
    sizes: Sizes,
    z: np.ndarray,
    candidates: list[Mixture],
    compute: np.ndarray,
    rng: np.random.Generator,
) -> Grid:
    """Losses of every candidate at every compute over model sizes, misfit included.

    ``z`` (draw, z); ``candidates``: data to train on; ``compute`` (budget,): in operations;
    ``rng``: of the misfit beyond the data.
    """
    scouts = z[:: max(1, len(z) // SCOUTS)]
    logs = np.empty((len(compute), len(candidates), FINE_POINTS))
    nodes = np.empty((len(compute), len(candidates), NODES))
    for b, budget in enumerate(compute):
        for c, mixture in enumerate(candidates):
            low, high = search_range(model, sizes, scouts, mixture, budget)
            logs[b, c] = np.linspace(low, high, FINE_POINTS)
            nodes[b, c] = np.linspace(low, high, NODES)
    laid = [
        [lay_out(sizes, m, n, nodes[b, c]) for c, m in enumerate(candidates)]
        for b, n in enumerate(compute)
    ]
    surface = model.wandered(z, together([p for row in laid for p in row]), rng)
    surface = surface.reshape(len(z), len(compute), len(candidates), NODES)
    loss = np.empty((len(z), *logs.shape))
    for b, budget in enumerate(compute):
        for c, mixture in enumerate(candidates):
            points = lay_out(sizes, mixture, budget, logs[b, c])
            smooth = CubicSpline(nodes[b, c], surface[:, b, c], axis=1)(logs[b, c])
            loss[:, b, c] = np.exp(model.predict(z, points, smooth))
    return Grid(logs, loss)


def search_range(
    model: Model, sizes: Sizes, z: np.ndarray, mixture: Mixture, compute: float
) -> tuple[float, float]:
    """Log parameters between which the optimum is sought: where the law alone has it, and more."""
    ratio = np.log(sizes.reference[0] / sizes.reference[1])
    middle = 0.5 * (np.log(compute / FLOPS) + ratio)
    wide = np.linspace(middle - WIDE, middle + WIDE, WIDE_POINTS)
    loss = model.predict(z, lay_out(sizes, mixture, compute, wide), 0.0)
    best = wide[np.argmin(loss, axis=1)]
    low, high = np.quantile(best, [0.01, 0.99])
    return float(low - MARGIN), float(high + MARGIN)


def together(parts: list[Points]) -> Points:
    """Places and laws of several sets of points as one; their pools differ, so nothing else is."""
    place = np.concatenate([p.place for p in parts])
    law = np.concatenate([p.law for p in parts])
    empty = np.empty((len(place), 0))
    return Points(place[:, 0], place[:, 1], empty, empty, law, place)


def lowest(log_params: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a curve is lowest, and how low, by a parabola through the three lowest points.

    ``log_params`` (size,): evenly spaced; ``loss`` (draw, size). Gives ``at``, ``value`` (draw,).
    """
    best = np.argmin(loss, axis=1)
    inside = np.clip(best, 1, len(log_params) - 2)
    rows = np.arange(len(loss))
    left, mid, right = (loss[rows, inside + k] for k in (-1, 0, 1))
    bend = left - 2.0 * mid + right
    shift = np.where(bend > 0, 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
    shift = np.clip(shift, -1.0, 1.0)
    at = log_params[inside] + shift * (log_params[1] - log_params[0])
    return at, mid - 0.25 * (left - right) * shift
