"""Forecasters beside which our bands are judged.

Each is a function ``forecast(train, samples, shares, seed, draws=1000)``: predictive draws of new
runs, dims (draw, target), in the modelled direction (lower is better), joint over targets so that
differences can be read off draw by draw; None where the method cannot be applied to the training
runs, and a column of NaN for a target it cannot predict. Targets equal in samples and shares are
runs of one candidate: they share what is predicted of it and differ in their noise.
"""

from __future__ import annotations

from qqt_bayes.backtest import Forecast
from qqt_bayes.calibrate.baselines import bootstrap, conformal, grid, power_law

BASELINES: dict[str, Forecast] = {
    "bootstrap": bootstrap.forecast,
    "grid": grid.forecast,
    "power_law": power_law.forecast,
    "conformal": conformal.forecast,
}

__all__ = ["BASELINES"]
