r"""Where the joint walk of several studies goes: in the scale of what separate fits say.

A deviation of study t is :math:`x_t = \sqrt\rho f_t + \sqrt{1 - \rho}\, e_t` (see
:mod:`qqt_bayes.inference.together`), f_t a combination of common c and s, all standard normal.
Walked as c, s and e they would be tied to each other by the data, at scales that depend on the
correlation: where the runs say what x_t is, e_t must follow :math:`\rho`. So the walk uses the
*pilot*, what the separate fit said of x_t, as a Gaussian of mean :math:`\mu_t` and variance
:math:`1/(1 + h_t)`; h is the runs' information, next to one unit of the prior's. With
:math:`D_t = 1 + h_t (1 - \rho)`, c given :math:`\rho` then has

.. math:: \text{precision } P = 1 + \rho \sum_t w_t^2 h_t / D_t, \qquad
   \text{mean } \sqrt\rho \sum_t w_t \mu_t (1 + h_t) / D_t / P,

w its weight in f_t (what ties c to s is left out), and x_t given f_t and :math:`\rho` the mean
:math:`(\sqrt\rho f_t + \mu_t (1 + h_t)(1 - \rho)) / D_t` and the variance :math:`(1 - \rho)/D_t`.
Both are walked as their standardised values, x_t from the place of the separate fit; the mean of c
in the direction of what pools are goes with :math:`\sqrt{1 - \rho}` besides (:func:`own_variance`).
Utilities and levels have no places, being integrated out; but a study's scalars (mean utility,
spreads, median half-life) follow the means of all x_t as they follow the x_t in the separate fit
(:func:`qqt_bayes.inference.together.follow`). The maps are
invertible whatever the pilot says, so nothing but the effort depends on it: without information
they are the ones above, with much of it x_t itself is walked.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from qqt_bayes.inference.coordinates import ROOT2, ROOT2PI

# Kinds of deviations, each with a correlation; the last one only with a covariate.
UTILITY, HALF_LIFE, LEVEL, AVERAGE = 0, 1, 2, 3
INFORMATION, MEAN = 0, 1  # of a pilot
LEAST = 1e-9  # a correlation stays this far from 0 and 1
NEGLIGIBLE = 1e-12
# Information from which on runs tell a deviation; and at the median, from which on they tell how a
# study's deviations are apart from what is common. Below it the walk is slower for being told.
TOLD, WELL_TOLD = 3.0, 10.0
LEAST_OWN = 0.05

__all__ = [
    "AVERAGE",
    "HALF_LIFE",
    "INFORMATION",
    "LEVEL",
    "MEAN",
    "UTILITY",
    "common_values",
    "correlation",
    "directions",
    "expected",
    "kind_of",
    "narrowed",
    "own_variance",
]


def directions(likeness: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Turn the deviations of pools so that what is long is apart from what is short.

    In the first direction all pools move as one: of that the runs say little, since a study's mean
    does the same. In the second they move as they are: a smaller spread with larger deviations says
    nearly the same. The others the runs determine well; a walk in their scale would cross the first
    two slowly if coordinates mixed them.

    Parameters
    ----------
    likeness : numpy.ndarray
        Dims (pool, pool): prior correlation.
    means : numpy.ndarray
        Dim (pool,): whitened deviations, as the separate fits have them on average.

    Returns
    -------
    turn : numpy.ndarray
        Dims (pool, direction), orthogonal: whitened deviations are ``turn @ walked``.
    """
    first = np.linalg.solve(np.linalg.cholesky(likeness), np.ones(len(likeness)))
    return np.linalg.qr(np.column_stack([first, means]), mode="complete")[0]


def own_variance(pilots: np.ndarray) -> float:
    r"""Variance of the studies' deviations about what is common, as the separate fits have them.

    Deviations are told in units of each study's spread, of which the runs of one study say little.
    That they depart from each other by :math:`1 - \rho` says more: all spreads go with
    :math:`1/\sqrt{1 - \rho}`, and so what is common, in their units, with
    :math:`\sqrt{1 - \rho}` beyond what the pilots have it follow.

    Parameters
    ----------
    pilots : numpy.ndarray
        Dims (study, direction, 2): information and mean, but for the first two directions.

    Returns
    -------
    variance : float
        0 where they do not tell, or leave next to none.
    """
    h = np.maximum(pilots[..., INFORMATION], NEGLIGIBLE)
    known = h > TOLD
    if h.size == 0 or np.median(h) < WELL_TOLD or known.sum(axis=0).max() < 2:
        return 0.0
    mean = np.where(known, pilots[..., MEAN] * (1.0 + h) / h, np.nan)
    kept = mean[:, known.sum(axis=0) > 1]
    left = kept - np.nanmean(kept, axis=0)
    count = np.isfinite(kept).sum() - kept.shape[1]
    variance = float(np.nansum(left**2) / count - np.mean(1.0 / h[known]))
    return min(variance, 1.0) if variance > LEAST_OWN else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def correlation(u):
    """Uniform on 0 to 1 where u is standard normal; and its derivative."""
    share = 0.5 * math.erfc(-u / ROOT2)
    return min(max(share, LEAST), 1.0 - LEAST), math.exp(-0.5 * u * u) / ROOT2PI


@njit(cache=True, nogil=True, error_model="numpy")
def kind_of(j, pools, finite):
    """The kind of a common deviation: utilities and quality, levels, half-lives, averages."""
    if j <= pools:
        return UTILITY
    if j <= 2 * pools:
        return LEVEL
    return HALF_LIFE if j <= 2 * pools + finite else AVERAGE


@njit(cache=True, nogil=True, error_model="numpy")
def common_values(e, rho, z, pilots, own, pools, finite, values, scale, by_rho, log_slope):
    """What is common, from where it is walked.

    Parameters
    ----------
    e : numpy.ndarray
        Dims (copy, deviation): c and, with a covariate, s as walked.
    rho : numpy.ndarray
        Dim (kind,).
    z : numpy.ndarray
        Dim (study,): covariate, 0 without.
    pilots : numpy.ndarray
        Dims (study, deviation, 2): information and mean.
    own : numpy.ndarray
        Dim (2,): of utilities and of levels, from :func:`own_variance`.
    pools, finite : int
        Pools, and those that can be repeated.
    values, scale, by_rho : numpy.ndarray
        As e, filled: c and s, and their derivatives in e and in the correlation.
    log_slope : numpy.ndarray
        Dim (kind,), filled: derivative of the log of the volume in the correlation.

    Returns
    -------
    log_volume : float
        Log of the product of ``scale``.
    """
    copies, width = e.shape
    log_volume = 0.0
    log_slope[:] = 0.0
    for j in range(width):
        kind = kind_of(j, pools, finite)
        r = rho[kind]
        root = math.sqrt(r)
        # the second direction is that of what pools are: see `own_variance`
        turned = 0 if j == 1 else (1 if j == pools + 2 else -1)
        shrunk, shrunk_slope = 1.0, 0.0
        if pools > 1 and turned >= 0 and own[turned] > 0.0:
            shrunk = math.sqrt((1.0 - r) / own[turned])
            shrunk_slope = -0.5 / (1.0 - r)
        for m in range(copies):
            p, p_slope, b, b_slope = 1.0, 0.0, 0.0, 0.0
            for t in range(pilots.shape[0]):
                w = 1.0 / math.sqrt(1.0 + z[t] * z[t])
                if m == 1:
                    w *= z[t]
                h, q = pilots[t, j, INFORMATION], pilots[t, j, MEAN]
                q *= 1.0 + h
                d = 1.0 + h * (1.0 - r)
                p += r * w * w * h / d
                p_slope += w * w * (h / d + r * (h / d) ** 2)
                b += root * w * q / d
                b_slope += w * q * (0.5 / (root * d) + root * h / d**2)
            s = 1.0 / math.sqrt(p)
            scale[m, j] = s
            middle = shrunk * b / p
            values[m, j] = middle + s * e[m, j]
            by_rho[m, j] = shrunk * (b_slope - b * p_slope / p) / p + middle * shrunk_slope
            by_rho[m, j] -= 0.5 * e[m, j] * s * p_slope / p
            log_volume -= 0.5 * math.log(p)
            log_slope[kind] -= 0.5 * p_slope / p
    return log_volume


@njit(cache=True, nogil=True, error_model="numpy")
def expected(r, h, mu):
    """What to expect of a study's deviation, given what is common.

    Parameters
    ----------
    r, h, mu : float
        Correlation, and the pilot's information and mean.

    Returns
    -------
    by_common, constant : float
        It is ``by_common * f + constant``.
    common_slope, constant_slope : float
        Derivatives of these in the correlation.
    """
    d, root = 1.0 + h * (1.0 - r), math.sqrt(r)
    pull = (1.0 + h) * mu / d
    return (root / d, pull * (1.0 - r), 0.5 / (root * d) + root * h / d**2,
            pull * ((1.0 - r) * h / d - 1.0))  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def narrowed(r, h):
    """A deviation's standard deviation, given what is common, over that of the separate fit.

    And the derivative of its log in the correlation.
    """
    d, left = 1.0 + h * (1.0 - r), 1.0 - r
    return math.sqrt((1.0 + h) * left / d), 0.5 * (h / d - 1.0 / left)
