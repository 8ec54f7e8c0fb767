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
def scale_border(layout, asked):
    """Features with their scales.

    Parameters
    ----------
    layout : Blocks or Arrow
        With features at unit scale.
    asked : Question
        With their scales.

    Returns
    -------
    border : numpy.ndarray
        Dims (feature, row); zero where there is no cell.
    """
    unit, likeness, rows = layout.border, layout.shared, layout.rows
    n, kb, shared = rows.shape[0], unit.shape[0], likeness.shape[1]
    border = np.zeros((kb + 2 + 2 * shared, n))
    for f in range(kb):
        scale = asked.scales[layout.border_component[f]]
        for r in range(n):
            border[f, r] = scale * unit[f, r]
    good = asked.x @ layout.quality
    level, utility = layout.shares @ likeness, asked.x @ likeness
    for r in range(n):
        cell = rows[r]
        if cell < 0:
            continue
        border[kb, r] = asked.level_sd
        border[kb + 1, r] = asked.quality_scale * good[cell]
        for f in range(shared):
            border[kb + 2 + f, r] = asked.scales[0] * level[cell, f]
            border[kb + 2 + shared + f, r] = asked.spread * utility[cell, f]
    return border


@njit(cache=True, nogil=True, error_model="numpy")
def border_gradient(centre, variance, component, shared, by_log_scale):
    """Add the derivatives in the logs of the scales, of the spread and of the effect of quality.

    Parameters
    ----------
    centre, variance : numpy.ndarray
        Dim (feature,): the features' posterior means and variances.
    component : numpy.ndarray
        Dim (drift feature,).
    shared : int
        Factors that families share.
    by_log_scale : numpy.ndarray
        Dim (component + 2,).
    """
    kb, comps = component.shape[0], by_log_scale.shape[0] - 2
    for f in range(centre.shape[0]):
        part = centre[f] ** 2 + variance[f] - 1.0
        if f < kb:
            by_log_scale[component[f]] += part
        elif f == kb + 1:
            by_log_scale[comps + 1] += part
        elif kb + 2 <= f < kb + 2 + shared:
            by_log_scale[0] += part
        elif f >= kb + 2 + shared:
            by_log_scale[comps] += part
