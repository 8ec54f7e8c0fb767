"""Levels: the log reducible error at the anchor, of all pools and of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points


def common(points: Points) -> Rows:
    """One constant for all points."""
    return Rows(np.ones((1, len(points))))


def by_pool(points: Points) -> Rows:
    """A constant a pool, weighted by the shares; pools that are alike have alike constants."""
    return Rows((points.shares @ np.linalg.cholesky(points.setting.likeness)).T)


LEVEL = Effect("level", "level", "m_l", "parameters", rows=common)
LEVEL_SPREAD = Effect("level_spread", "levels of pools", "s_l", "parameters", rows=by_pool)
