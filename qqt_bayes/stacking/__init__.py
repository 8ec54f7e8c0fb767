"""Several laws side by side: scored by roll-forward, stacked, and asked together."""

from qqt_bayes.stacking.side_by_side import Stack, stack
from qqt_bayes.stacking.weights import stacking_weights

__all__ = ["Stack", "stack", "stacking_weights"]
