r"""Early training: what the first budget shows of the slope of the whole curve is little.

Training often starts steeper than it goes on, or on a plateau. So the common exponent starts off
its later value by u, a coefficient, and comes to it within an e-fold or so of samples: the log of
the reducible part falls by :math:`u T (1 - e^{-t/T})` more, t the log of the budget from the
smallest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points

FADES = 0.5  # T, e-folds of samples: chosen with the prior, docs/evidence/drift_prior.md


def rows(points: Points) -> Rows:
    """One constant, common to all candidates."""
    return Rows(FADES * -np.expm1(-points.since_smallest / FADES)[None])


EARLY_TRAINING = Effect("early_training", "early training", "s_0", "common drift", rows=rows)
