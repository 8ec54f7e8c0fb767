"""Covariates: settings of a run, such as weight decay, that move the pools, much alike.

Each moves the level; what repetition brings, log-linear, so much for each e-fold of epochs past the
first, which is the half-life and the harm of the pools moved; and it lets the local exponents
wander apart. Coefficients are shrunk to none and integrated out; pools share part of their
variance. A covariate is coded in standard deviations of the fitted runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points

ALIKE = 0.5  # prior correlation of what a setting does to two pools


def moved(points: Points, by_pool: np.ndarray, clock: np.ndarray | None = None) -> Rows:
    """A path a covariate that all pools share, and one a covariate and pool.

    ``points``: give the covariates; ``by_pool`` (point, pool): what one covariate moves in each
    pool, by its share; ``clock`` (1 + pool, point): of the shared path, and of each pool's; without
    it constants.
    """
    settings = points.covariates.T[:, None]
    parts = np.sqrt(ALIKE) * by_pool.sum(axis=1)[None], np.sqrt(1.0 - ALIKE) * by_pool.T
    rows = (settings * np.concatenate(parts)).reshape(-1, len(points))
    return Rows(rows, None if clock is None else np.tile(clock, (len(settings), 1)))


def constant(points: Points) -> Rows:
    """By the shares."""
    return moved(points, points.shares)


def repeated(points: Points) -> Rows:
    """By the e-folds of epochs past the first."""
    return moved(points, points.shares * np.log(np.maximum(points.epochs, 1.0)))


def drifting(points: Points) -> Rows:
    """By the log of the budget, and of each pool's own samples, from the smallest budget."""
    own = np.maximum(points.since_smallest[:, None] + points.log_shares, 0.0)
    return moved(points, points.shares, np.vstack([points.since_smallest, own.T]))


COVARIATE_LEVEL = Effect(
    "covariate_level", "covariates, level", "s_v", "parameters", rows=constant
)  # fmt: skip
COVARIATE_REPETITION = Effect(
    "covariate_repetition", "covariates, repetition", "s_{ve}", "parameters", rows=repeated
)  # fmt: skip
COVARIATE_DRIFT = Effect(
    "covariate_drift", "covariates, drift", "s_{vt}", "pool drift", rows=drifting
)  # fmt: skip
