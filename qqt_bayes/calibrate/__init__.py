"""Calibration: do the bands hold on runs held back? Back-tests on any tables, beside baselines."""

from qqt_bayes.calibrate.run import METHODS, Calibration, calibrate

__all__ = ["METHODS", "Calibration", "calibrate"]
