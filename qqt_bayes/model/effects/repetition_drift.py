"""Repetition drift: decay has another shape than a half-life.

Its prior correlation between two pools is high: how decay departs from a half-life is more a matter
of the law than of a pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points


def rows(points: Points) -> Rows:
    """A path a finite pool by the log of its epochs past the first, and one that all share."""
    epochs = np.log(np.maximum(points.epochs, 1.0))
    finite = np.isfinite(np.atleast_2d(points.sizes)).any(axis=0)
    alike = points.setting.repetition_likeness
    shared = np.full((int(finite.any()), len(points)), np.sqrt(alike))
    clock = (points.shares * epochs).sum(axis=1)
    return Rows(
        np.concatenate([np.sqrt(1.0 - alike) * points.shares.T[finite], shared]),
        np.concatenate([epochs.T[finite], clock[None][: len(shared)]]),
    )


REPETITION_DRIFT = Effect(
    "repetition_drift", "repetition drift", "s_e", "pool drift", rows=rows
)  # fmt: skip
