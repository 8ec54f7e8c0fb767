"""The effective-utility law's exponent sums and their derivatives, compiled.

The law itself is written once, in :mod:`qqt_bayes.laws.effective_utility`; this is its fast twin
for the sampler (a recurrence over passes in place of an exponential each), tested equal to it,
derivatives included.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LN2 = math.log(2.0)
NEGLIGIBLE = 1e-14


@njit(cache=True, nogil=True, error_model="numpy")
def fresh_sum(epochs, rate, start, lengths, repeats):
    """Sum over repeated passes of log-length times weight, and its derivative in ``-rate``.

    Returns
    -------
    total, first_moment : float
        sum_k length_k exp(-rate repeats_k), and the same weighted by repeats_k.
    """
    total = 0.0
    moment = 0.0
    step = math.exp(-rate)
    weight = step
    for k in range(start.shape[0]):
        if epochs <= start[k]:
            break
        if k > 0:
            gap = repeats[k] - repeats[k - 1]
            weight *= step if gap == 1.0 else math.exp(-rate * gap)
        if weight < NEGLIGIBLE:
            break
        whole = k + 1 < start.shape[0] and epochs >= start[k + 1]
        length = lengths[k] if whole else math.log(epochs / start[k])
        total += length * weight
        moment += length * weight * repeats[k]
    return total, moment


@njit(cache=True, nogil=True, error_model="numpy")
def exponents(first, epochs, shares, log_half_life, dilution, harm, start, lengths, repeats,
              out, d_log_half_life, d_dilution, d_harm):  # fmt: skip
    """Fill the exponent sums and their derivatives, all of dims (row, pool).

    Each exponent sum depends on its own pool's half-life and harm and on the common dilution, so
    the derivatives are matrices of the same shape as the sums.
    """
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            w = shares[r, i]
            d_log_half_life[r, i] = 0.0
            d_dilution[r, i] = 0.0
            d_harm[r, i] = 0.0
            if w <= 0.0:
                out[r, i] = 0.0
                continue
            if epochs[r, i] <= 1.0:
                out[r, i] = w * first[r, i]
                continue
            log_w = math.log(w)
            rate = LN2 * math.exp(dilution * log_w - log_half_life[i])
            fresh, moment = fresh_sum(epochs[r, i], rate, start, lengths, repeats)
            log_e = math.log(epochs[r, i])
            out[r, i] = w * (first[r, i] + (1.0 + harm[i]) * fresh - harm[i] * log_e)
            slope = w * (1.0 + harm[i]) * moment * rate
            d_log_half_life[r, i] = slope
            d_dilution[r, i] = -slope * log_w
            d_harm[r, i] = w * (fresh - log_e)


def exponents_and_slopes(first, epochs, shares, log_half_life, dilution, harm, bins):
    """Allocate and fill: the exponent sums, then d/dlog tau, d/dq, d/dh, each (row, pool)."""
    start, stop, repeats = bins
    outputs = tuple(np.empty(np.shape(first)) for _ in range(4))
    exponents(first, epochs, shares, log_half_life, float(dilution), harm, start,
              np.log(stop / start), repeats, *outputs)  # fmt: skip
    return outputs
