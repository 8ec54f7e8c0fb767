"""Forecasters beside which our bands are judged.

Each is a function ``forecast(train, samples, shares, seed, draws=1000)``: predictive draws of new
runs, dims (draw, target), in the modelled direction (lower is better), joint over targets so that
differences can be read off draw by draw; None where the method cannot be applied to the training
runs, and a column of NaN for a target it cannot predict. Targets equal in samples and shares are
runs of one candidate: they share what is predicted of it and differ in their noise.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from qqt_bayes.calibrate.baselines import bootstrap, conformal, grid, power_law
from qqt_bayes.runs import Study


class Baseline(Protocol):
    """Predictive draws of new runs, or None where the method does not apply."""

    def __call__(
        self, train: Study, samples: np.ndarray, shares: np.ndarray, seed: int, draws: int = 1000
    ) -> np.ndarray | None:
        """Draw new runs.

        Parameters
        ----------
        train : Study
            The runs fitted.
        samples : numpy.ndarray
            Dim (target,).
        shares : numpy.ndarray
            Dims (target, pool).
        seed : int
            Of the draws.
        draws : int
            How many.

        Returns
        -------
        numpy.ndarray or None
            Dims (draw, target).
        """


BASELINES: dict[str, Baseline] = {
    "bootstrap": bootstrap.forecast,
    "grid": grid.forecast,
    "power_law": power_law.forecast,
    "conformal": conformal.forecast,
}

__all__ = ["BASELINES", "Baseline"]
