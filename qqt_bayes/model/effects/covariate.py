"""Covariates: settings of a run, such as weight decay, that move all pools alike.

Each moves the level, and what repetition brings: log-linear, so much for each e-fold of epochs past
the first, which is the half-life and the harm of all pools moved together. Coefficients are shrunk
to none and integrated out. A covariate is coded in standard deviations of the fitted runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect, Rows

if TYPE_CHECKING:
    from qqt_bayes.model.design import Points


def constant(points: Points) -> Rows:
    """A constant a covariate."""
    return Rows(points.covariates.T)


def repeated(points: Points) -> Rows:
    """A constant a covariate and e-fold of epochs past the first, weighted by the shares."""
    epochs = np.log(np.maximum(points.epochs, 1.0))
    return Rows(points.covariates.T * (points.shares * epochs).sum(axis=1))


COVARIATE_LEVEL = Effect(
    "covariate_level", "covariates, level", "s_x", "parameters", rows=constant
)  # fmt: skip
COVARIATE_REPETITION = Effect(
    "covariate_repetition", "covariates, repetition", "s_{xe}", "parameters", rows=repeated
)  # fmt: skip
