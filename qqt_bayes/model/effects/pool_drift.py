"""Pool drift: the local exponent of each pool wanders by its own samples.

By its own: the wear of one pool must not leak into a union that has barely used it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points


def rows(points: Points) -> Rows:
    """A path a pool, by the log of its own samples from the smallest budget."""
    own = points.log_samples[:, None] + points.log_shares - points.setting.smallest
    return Rows(points.shares.T, np.maximum(own, 0.0).T)


POOL_DRIFT = Effect("pool_drift", "pool drift", "s_p", "pool drift", rows=rows)
