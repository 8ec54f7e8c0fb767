"""Mixture error: neither is a mixture rule exact; it vanishes for a single pool.

It is smooth in the shares: with an error of each mixture's own, a finer grid of shares would give
more chances to look good by luck, and the optimum would be an artefact of the grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points


def pairs(points: Points) -> np.ndarray:
    """Weight of each pair of pools, 1 for two foreign pools in equal shares; (pair, point)."""
    i, j = np.triu_indices(points.shares.shape[1], 1)
    weight = points.setting.mixture_weight[i, j]
    return np.asarray(4.0 * weight[:, None] * points.shares.T[i] * points.shares.T[j])


def gain(points: Points) -> Rows:
    """One constant: what pairs gain on average."""
    return Rows(pairs(points).sum(axis=0)[None])


def constant(points: Points) -> Rows:
    """A constant a pair."""
    return Rows(pairs(points))


def drifting(points: Points) -> Rows:
    """A path a pair, by the log of the budget from the smallest one."""
    return Rows(pairs(points), points.since_smallest[None])


MIXTURE_GAIN = Effect("mixture_gain", "mean gain of mixing", "g", "mixture error", rows=gain)
MIXTURE_ERROR = Effect("mixture_error", "mixture error", "s_m", "mixture error", rows=constant)
MIXTURE_DRIFT = Effect("mixture_drift", "mixture drift", "s_{mt}", "mixture error", rows=drifting)
