"""Common drift: the local exponent of all candidates wanders together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points


def rows(points: Points) -> Rows:
    """One path, by the log of the budget from the smallest one."""
    return Rows(np.ones((1, len(points))), points.since_smallest[None])


COMMON_DRIFT = Effect("common_drift", "common drift", "s_c", "common drift", rows=rows)
