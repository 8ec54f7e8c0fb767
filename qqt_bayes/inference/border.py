"""Features that touch the cells of all pools: what is common to a study with structure.

The forms for many cells (:mod:`qqt_bayes.inference.blocks`, :mod:`qqt_bayes.inference.arrow`) write
the covariance as what the pools have each for themselves, and a *border* of independent standard
normal features in this order: drifts, mean level, effect of quality, what families share of levels
and what they share of utilities.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["border_gradient", "scale_border"]


@njit(cache=True, nogil=True, error_model="numpy")
def scale_border(scales, spread, quality_scale, level_sd, shares, x, quality, rows, unit,
                 component, likeness):  # fmt: skip
    """Features with their scales.

    Parameters
    ----------
    scales : numpy.ndarray
        Dim (component,).
    spread, quality_scale, level_sd : float
        Standard deviations of a pool's utility, of the effect of quality and of the mean level.
    shares, x : numpy.ndarray
        Dims (cell, pool): x the exponents.
    quality : numpy.ndarray
        Dim (pool,).
    rows : numpy.ndarray
        Dim (row,): which cell.
    unit : numpy.ndarray
        Dims (row, drift feature), at unit scale.
    component : numpy.ndarray
        Dim (drift feature,): whose scale it has.
    likeness : numpy.ndarray
        Dims (pool, factor): what families share.

    Returns
    -------
    border : numpy.ndarray
        Dims (row, feature).
    """
    n, kb, shared = rows.shape[0], component.shape[0], likeness.shape[1]
    pools = x.shape[1]
    border = np.empty((n, kb + 2 + 2 * shared))
    for r in range(n):
        cell = rows[r]
        for f in range(kb):
            border[r, f] = unit[r, f] * scales[component[f]]
        border[r, kb] = level_sd
        total = 0.0
        for i in range(pools):
            total += x[cell, i] * quality[i]
        border[r, kb + 1] = quality_scale * total
        for f in range(shared):
            level, utility = 0.0, 0.0
            for i in range(pools):
                level += shares[cell, i] * likeness[i, f]
                utility += x[cell, i] * likeness[i, f]
            border[r, kb + 2 + f] = scales[0] * level
            border[r, kb + 2 + shared + f] = spread * utility
    return border


@njit(cache=True, nogil=True, error_model="numpy")
def border_gradient(centre, core, component, shared, by_log_scale):
    """Add the derivatives in the logs of the scales, of the spread and of the effect of quality.

    Parameters
    ----------
    centre, core : numpy.ndarray
        Dims (feature,) and (feature, feature): the features' posterior mean and covariance.
    component : numpy.ndarray
        Dim (drift feature,).
    shared : int
        Factors that families share.
    by_log_scale : numpy.ndarray
        Dim (component + 2,).
    """
    kb, comps = component.shape[0], by_log_scale.shape[0] - 2
    for f in range(centre.shape[0]):
        part = centre[f] ** 2 + core[f, f] - 1.0
        if f < kb:
            by_log_scale[component[f]] += part
        elif f == kb + 1:
            by_log_scale[comps + 1] += part
        elif kb + 2 <= f < kb + 2 + shared:
            by_log_scale[0] += part
        elif f >= kb + 2 + shared:
            by_log_scale[comps] += part
