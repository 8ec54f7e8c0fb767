"""The scale on which a single parameter is walked: there its prior is nearly standard normal.

All but :func:`log_pdf` give the natural value at a place u of the walk, its derivative, the log
prior density in u (up to a constant) and the derivative of that. Families go by their codes
(:attr:`qqt_bayes.model.priors.Prior.code`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

ROOT2, ROOT2PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)

__all__ = ["ROOT2", "ROOT2PI", "bounded", "half_normal", "half_student", "log_pdf", "scalar"]


@njit(cache=True, nogil=True, error_model="numpy")
def log_pdf(code, a, b, x):
    """Log prior density (up to a constant) of a natural value, and its derivative."""
    if code == 1:
        return -0.5 * ((x - a) / b) ** 2, -(x - a) / (b * b)
    if code == 2:
        t = (math.log(x) - a) / b
        return -0.5 * t * t - math.log(x), -(t / b + 1.0) / x
    if code == 3:
        return -0.5 * (x / b) ** 2, -x / (b * b)
    if code == 4:
        s = x * x / (a * b * b)
        return -0.5 * (a + 1.0) * math.log1p(s), -(a + 1.0) * x / (a * b * b) / (1.0 + s)
    return (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x), (a - 1.0) / x - (b - 1.0) / (
        1.0 - x
    )


@njit(cache=True, nogil=True, error_model="numpy")
def bounded(code, a, b, u, upper):
    """Value in (0, upper), its derivative, log density in u and the derivative of that."""
    share = 0.5 * math.erfc(-u / ROOT2)
    x = upper * share
    if not 0.0 < x < upper:  # underflow, far outside
        return x, 0.0, -np.inf, 0.0
    slope = upper * math.exp(-0.5 * u * u) / ROOT2PI
    lp, d_lp = log_pdf(code, a, b, x)
    return x, slope, lp - 0.5 * u * u, d_lp * slope - u


@njit(cache=True, nogil=True, error_model="numpy")
def half_normal(b, u):
    """As `scalar`: a scale walked as b (phi(u) + u Phi(u)), whose prior has Gaussian tails in u.

    The log of the scale would do, but its prior has a long exponential tail towards zero, where the
    density no longer changes: smaller steps for nothing.
    """
    big = 0.5 * math.erfc(-u / ROOT2)
    small = math.exp(-0.5 * u * u) / ROOT2PI
    if u < -30.0:  # both underflow; nobody comes here
        return 0.0, 0.0, -np.inf, 0.0
    x = small + u * big
    return b * x, b * big, -0.5 * x * x + math.log(big), -x * big + small / big


@njit(cache=True, nogil=True, error_model="numpy")
def half_student(df, b, u):
    """As `scalar`: a scale walked as b sqrt(2) p / sqrt(1 - p^2), p = Phi(u).

    With 2 degrees of freedom that is the quantile, so that the prior is the standard normal one;
    with others both its tails are Gaussian still.
    """
    p, rest = 0.5 * math.erfc(-u / ROOT2), 0.5 * math.erfc(u / ROOT2)
    left = rest * (1.0 + p)  # 1 - p^2
    if not (p > 0.0 and left > 0.0):  # underflow, far outside
        return 0.0, 0.0, -np.inf, 0.0
    x = ROOT2 * p / math.sqrt(left)
    bell = math.exp(-0.5 * u * u) / ROOT2PI
    slope = ROOT2 * bell / (left * math.sqrt(left))
    lp, d_lp = log_pdf(4, df, 1.0, x)
    bend = 3.0 * p * bell / left - u
    return b * x, b * slope, lp - 0.5 * u * u - 1.5 * math.log(left), d_lp * slope + bend


@njit(cache=True, nogil=True, error_model="numpy")
def scalar(code, a, b, u):
    """Value, its derivative, log density in u and the derivative of that."""
    if code == 1:
        return a + b * u, b, -0.5 * u * u, -u
    if code == 2:
        x = math.exp(a + b * u)
        return x, b * x, -0.5 * u * u, -u
    if code == 5:
        return bounded(code, a, b, u, 1.0)
    if code == 3:
        return half_normal(b, u)
    return half_student(a, b, u)
