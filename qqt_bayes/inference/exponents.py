"""The laws' exponents and their derivatives, compiled.

The laws themselves are written once, in :mod:`qqt_bayes.laws`; these are fast twins for the
sampler, tested equal to them, derivatives included. A law of the user's own is called as a C
function through its address, so that nothing here is compiled anew for it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from qqt_bayes.inference.own_law import call_law

LN2 = math.log(2.0)
NEGLIGIBLE = 1e-14
STEP = 1e-5  # of central differences: error about 1e-10 for laws of order one
EFFECTIVE_UTILITY, EXCHANGE_RATE = 0, 1  # any other law is the address of a C function
BY_HALF_LIFE, BY_DILUTION, BY_HARM, BY_RATE = 0, 1, 2, 3  # places in `slopes`


# Where the sum over a pool's passes stands: see `fresh_sum`.
SHARE, RATE, STEP_WEIGHT, EPOCHS, BIN, WEIGHT, TOTAL, MOMENT = range(8)


@njit(cache=True, nogil=True, error_model="numpy")
def fresh_sum(epochs, state, start, lengths, repeats):
    """Sum over repeated passes of log-length times weight, and its derivative in ``-rate``.

    A pool's runs come one after the other, mostly the shorter first: the sum goes on from where the
    last one stood, in the same order of additions as if it had begun anew.

    Parameters
    ----------
    epochs : float
        Passes over the pool.
    state : numpy.ndarray
        The rate, and where the sum stands; carried from one run of the pool to the next.
    start, lengths, repeats : numpy.ndarray
        Dim (bin,).

    Returns
    -------
    total, first_moment : float
        sum_k length_k exp(-rate repeats_k), and the same weighted by repeats_k.
    """
    if epochs < state[EPOCHS]:
        state[BIN], state[TOTAL], state[MOMENT], state[WEIGHT] = 0.0, 0.0, 0.0, state[STEP_WEIGHT]
    state[EPOCHS] = epochs
    total, moment, weight = state[TOTAL], state[MOMENT], state[WEIGHT]
    for k in range(int(state[BIN]), start.shape[0]):
        if epochs <= start[k] or weight < NEGLIGIBLE:
            break
        if not (k + 1 < start.shape[0] and epochs >= start[k + 1]):
            length = math.log(epochs / start[k])
            return total + length * weight, moment + length * weight * repeats[k]
        total += lengths[k] * weight
        moment += lengths[k] * weight * repeats[k]
        if k + 1 < start.shape[0]:
            gap = repeats[k + 1] - repeats[k]
            weight *= state[STEP_WEIGHT] if gap == 1.0 else math.exp(-state[RATE] * gap)
        state[BIN], state[TOTAL], state[MOMENT], state[WEIGHT] = k + 1.0, total, moment, weight
    return total, moment


@njit(cache=True, nogil=True, error_model="numpy")
def begin_sum(state, share, rate):
    """Begin a pool's sum for another share, and so another rate."""
    step = math.exp(-rate)
    state[SHARE], state[RATE], state[STEP_WEIGHT], state[EPOCHS] = share, rate, step, 1.0
    state[BIN], state[WEIGHT], state[TOTAL], state[MOMENT] = 0.0, step, 0.0, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def utility_exponents(first, epochs, shares, log_half_life, dilution, harm, start, lengths,
                      repeats, out, slopes):  # fmt: skip
    """Effective utility: each pool's exponent depends on its own parameters and the dilution."""
    wanted = slopes.shape[0] > 0
    states = np.zeros((first.shape[1], 8))
    for r in range(first.shape[0]):
        for i in range(first.shape[1]):
            w = shares[r, i]
            if w <= 0.0:
                out[r, i] = 0.0
                continue
            if epochs[r, i] <= 1.0:
                out[r, i] = w * first[r, i]
                continue
            log_w = 0.0 if w == 1.0 else math.log(w)
            state = states[i]
            if w != state[SHARE]:
                begin_sum(state, w, LN2 * math.exp(dilution * log_w - log_half_life[i]))
            fresh, moment = fresh_sum(epochs[r, i], state, start, lengths, repeats)
            log_e = math.log(epochs[r, i])
            out[r, i] = w * (first[r, i] + (1.0 + harm[i]) * fresh - harm[i] * log_e)
            if wanted:
                slope = w * (1.0 + harm[i]) * moment * state[RATE]
                slopes[BY_HALF_LIFE, r, i] = slope
                slopes[BY_DILUTION, r, i] = -slope * log_w
                slopes[BY_HARM, r, i] = w * (fresh - log_e)


@njit(cache=True, nogil=True, error_model="numpy")
def rate_exponents(first, epochs, shares, log_half_life, dilution, harm, log_rate, out, slopes):
    """Exchange rates: the log of the total worth, split by shares (only its sum means anything)."""
    wanted = slopes.shape[0] > 0
    pools = first.shape[1]
    value = np.empty(pools)
    for r in range(first.shape[0]):
        total = 0.0
        hurt = 0.0
        for i in range(pools):
            w = shares[r, i]
            value[i] = 0.0
            if w <= 0.0:
                continue
            log_worth = 0.0
            if epochs[r, i] > 1.0:
                log_w = math.log(w)
                decay = LN2 * math.exp(dilution * log_w - log_half_life[i])
                more = epochs[r, i] - 1.0
                gain = -math.expm1(-more * decay) / decay
                log_worth = math.log1p(gain)
                barren = w * (math.log(epochs[r, i]) - log_worth)
                hurt += harm[i] * barren
                if wanted:
                    slope = (gain - more * math.exp(-more * decay)) / (1.0 + gain)
                    slopes[BY_HALF_LIFE, r, i] = slope  # of log_worth, completed below
                    slopes[BY_DILUTION, r, i] = -slope * log_w
                    slopes[BY_HARM, r, i] = -barren
            value[i] = w * math.exp(first[r, i] + log_rate[i] + log_worth)
            total += value[i]
        whole = math.log(total) - hurt
        for i in range(pools):
            w = shares[r, i]
            out[r, i] = w * whole
            if wanted and w > 0.0:
                part = value[i] / total
                slopes[BY_RATE, r, i] = part
                slopes[BY_HALF_LIFE, r, i] *= part + w * harm[i]
                slopes[BY_DILUTION, r, i] *= part + w * harm[i]


@njit(cache=True, nogil=True, error_model="numpy")
def own_exponents(law, first, epochs, shares, log_half_life, dilution, harm, log_rate, out,
                  slopes):  # fmt: skip
    """A law of the user's own; its derivatives by central differences."""
    pools = first.shape[1]
    life, hurt, rate = log_half_life.copy(), harm.copy(), log_rate.copy()
    for r in range(first.shape[0]):
        f, e, w = first[r], epochs[r], shares[r]
        whole = call_law(law, f, e, w, life, dilution, hurt, rate)
        for i in range(pools):
            out[r, i] = w[i] * whole
        if slopes.shape[0] == 0:
            continue
        ahead = call_law(law, f, e, w, life, dilution + STEP, hurt, rate)
        behind = call_law(law, f, e, w, life, dilution - STEP, hurt, rate)
        for i in range(pools):
            if w[i] <= 0.0:
                continue
            slopes[BY_DILUTION, r, i] = w[i] * (ahead - behind) / (2.0 * STEP)
            for place, vector in ((BY_HALF_LIFE, life), (BY_HARM, hurt), (BY_RATE, rate)):
                here = vector[i]
                vector[i] = here + STEP
                up = call_law(law, f, e, w, life, dilution, hurt, rate)
                vector[i] = here - STEP
                down = call_law(law, f, e, w, life, dilution, hurt, rate)
                vector[i] = here
                slopes[place, r, i] = (up - down) / (2.0 * STEP)


@njit(cache=True, nogil=True, error_model="numpy")
def exponents(law, first, epochs, shares, log_half_life, dilution, harm, log_rate, start, lengths,
              repeats, out, slopes):  # fmt: skip
    """Fill the exponents, dims (row, pool), and their derivatives, dims (4, row, pool).

    The derivatives are in the pool's log half-life, the dilution (the pool's part of it), its harm
    and its log exchange rate; an empty ``slopes`` leaves them out.
    """
    slopes[:] = 0.0
    if law == EFFECTIVE_UTILITY:
        utility_exponents(first, epochs, shares, log_half_life, dilution, harm, start, lengths,
                          repeats, out, slopes)  # fmt: skip
    elif law == EXCHANGE_RATE:
        rate_exponents(first, epochs, shares, log_half_life, dilution, harm, log_rate, out, slopes)
    else:
        own_exponents(law, first, epochs, shares, log_half_life, dilution, harm, log_rate, out,
                      slopes)  # fmt: skip


def exponents_and_slopes(first, epochs, shares, log_half_life, dilution, harm, bins,
                         log_rate=None, law=EFFECTIVE_UTILITY):  # fmt: skip
    """Allocate and fill: the exponents, then d/dlog tau, d/dq, d/dh, d/dlog kappa, (row, pool)."""
    start, stop, repeats = bins
    out, slopes = np.empty(np.shape(first)), np.empty((4, *np.shape(first)))
    rate = np.zeros(np.shape(first)[1]) if log_rate is None else log_rate
    exponents(law, first, epochs, shares, log_half_life, float(dilution), harm, rate, start,
              np.log(stop / start), repeats, out, slopes)  # fmt: skip
    return out, *slopes
