"""What a simulated outcome of a new run would do to the posterior, compiled.

Each simulated world t has a source draw of the few; every draw l of the few then explains the
outcome more or less well (a weight) and moves its own predictions by a Gaussian update (a shift
along its gains).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LEAST = math.log(1e-6)  # log relative weight below which a draw of the few is left out

__all__ = ["best_sums", "capped_lognormal", "crossing_sums", "expected_sums", "update_weights"]


@njit(cache=True, nogil=True, error_model="numpy")
def update_weights(source, normal, scatter, extra, log_weight, mean, sd, irreducible, noise,
                   out_weight, out_shift, out_value):  # fmt: skip
    """Weights of the draws and standardised outcomes, given one simulated outcome a world.

    Parameters
    ----------
    source : numpy.ndarray
        Dim (world,): the draw of the few that generates the outcome.
    normal, scatter : numpy.ndarray
        Dim (world,): standard normal of the outcome, and the chi-square of the replicates' scatter.
    extra : float
        Replicates beyond the first.
    log_weight, mean : numpy.ndarray
        Dims (world, draw): so far, and predicted log reducible outcome.
    sd, irreducible, noise : numpy.ndarray
        Dim (draw,): of the log outcome, the irreducible part, the relative sd between seeds.
    out_weight, out_shift : numpy.ndarray
        Dims (world, draw): normalised log weights, and standardised outcome under each draw.
    out_value : numpy.ndarray
        Dim (world,): the simulated outcome, mean of the replicates.
    """
    worlds, draws = log_weight.shape
    for t in range(worlds):
        k = source[t]
        y = irreducible[k] + math.exp(mean[t, k] + sd[k] * normal[t])
        out_value[t] = y
        sum_squares = (noise[k] * y) ** 2 * scatter[t]
        top = -np.inf
        for s in range(draws):
            gap = y - irreducible[s]
            if not gap > 0.0 or log_weight[t, s] == -np.inf:
                out_weight[t, s] = -np.inf
                out_shift[t, s] = 0.0
                continue
            z = math.log(gap)
            shift = (z - mean[t, s]) / sd[s]
            w = log_weight[t, s] - 0.5 * shift * shift - math.log(sd[s]) - z
            if extra > 0.0:
                v = (noise[s] * y) ** 2
                w -= 0.5 * (extra * math.log(v) + sum_squares / v)
            out_weight[t, s] = w
            out_shift[t, s] = shift
            top = max(top, w)
        total = 0.0
        for s in range(draws):
            total += math.exp(out_weight[t, s] - top)
        total = top + math.log(total)
        for s in range(draws):
            out_weight[t, s] -= total


@njit(cache=True, nogil=True, error_model="numpy")
def capped_lognormal(mean, sd, log_cap):
    """Expectation of the smaller of a cap and a lognormal with this mean and sd of the log."""
    high = (log_cap - mean) / sd
    below = math.exp(mean + 0.5 * sd * sd) * 0.5 * math.erfc(-(high - sd) / math.sqrt(2.0))
    return below + math.exp(log_cap) * 0.5 * math.erfc(high / math.sqrt(2.0))


@njit(cache=True, nogil=True, error_model="numpy")
def expected_sums(weight, shift, mean, var, gain, irreducible, ceiling, group, sums, total):
    """Weighted sums of the draws' expectations of the targets in each world.

    They are kept apart by groups of draws, so that leaving a group out costs nothing.

    Parameters
    ----------
    weight, shift : numpy.ndarray
        From :func:`update_weights`.
    mean : numpy.ndarray
        Dims (world, draw, target): log reducible, before the outcome.
    var : numpy.ndarray
        Dims (draw, target), after the outcome.
    gain : numpy.ndarray
        Dims (draw, target): move of the target for an outcome one sd above.
    irreducible : numpy.ndarray
        Dim (draw,).
    ceiling : numpy.ndarray
        Dim (target,): how bad a target can get.
    group : numpy.ndarray
        Dim (draw,).
    sums, total : numpy.ndarray
        Dims (world, group, target) and (world, group): filled.
    """
    worlds, draws = weight.shape
    targets = mean.shape[2]
    sd = np.sqrt(np.maximum(var, 1e-24))
    half = 0.5 * var
    log_cap = np.empty((draws, targets))
    safe = np.empty((draws, targets))  # below this mean the cap does not matter
    for s in range(draws):
        for q in range(targets):
            room = ceiling[q] - irreducible[s]
            log_cap[s, q] = math.log(room) if room > 1e-12 else math.log(1e-12)
            safe[s, q] = log_cap[s, q] - var[s, q] - 5.0 * sd[s, q]
    sums[:] = 0.0
    total[:] = 0.0
    for t in range(worlds):
        top = -np.inf
        for s in range(draws):
            top = max(top, weight[t, s])
        for s in range(draws):
            if weight[t, s] - top < LEAST:
                continue
            w = math.exp(weight[t, s] - top)
            g = group[s]
            total[t, g] += w
            d = w * irreducible[s]
            e = shift[t, s]
            for q in range(targets):
                centre = mean[t, s, q] + gain[s, q] * e
                if centre < safe[s, q]:
                    sums[t, g, q] += d + w * math.exp(centre + half[s, q])
                else:
                    sums[t, g, q] += d + w * capped_lognormal(centre, sd[s, q], log_cap[s, q])


@njit(cache=True, nogil=True, error_model="numpy")
def best_sums(weight, shift, mean, gain, base, budgets, group, sums, total):
    """Weighted counts of each target being the best of its budget in each world.

    Parameters
    ----------
    weight, shift : numpy.ndarray
        As for :func:`expected_sums`.
    mean : numpy.ndarray
        Dims (world, draw, target), before the outcome; targets are budgets of candidates.
    gain : numpy.ndarray
        As for :func:`expected_sums`.
    base : numpy.ndarray
        Dims (draw, replicate, target): deviations from that mean, after the outcome.
    budgets : int
        Number of budgets.
    group, sums, total : numpy.ndarray
        As for :func:`expected_sums`.
    """
    worlds, draws = weight.shape
    candidates = mean.shape[2] // budgets
    sums[:] = 0.0
    total[:] = 0.0
    for t in range(worlds):
        top = -np.inf
        for s in range(draws):
            top = max(top, weight[t, s])
        for s in range(draws):
            w = math.exp(weight[t, s] - top)
            if w < 1e-4:  # the replicates are few: no need to be as exact here
                continue
            g = group[s]
            for r in range(base.shape[1]):
                total[t, g] += w
                for b in range(budgets):
                    best, at = np.inf, 0
                    for c in range(candidates):
                        q = b * candidates + c
                        value = mean[t, s, q] + gain[s, q] * shift[t, s] + base[s, r, q]
                        if value < best:
                            best, at = value, q
                    sums[t, g, at] += w


@njit(cache=True, nogil=True, error_model="numpy")
def crossing_sums(weight, shift, mean, gain, base, logs, group, sums, total):
    """Weighted sums of the log budget from which the second candidate stays ahead of the first.

    Parameters
    ----------
    weight, shift, mean, gain, base
        As for :func:`best_sums`; targets are budgets of two candidates.
    logs : numpy.ndarray
        Dim (budget,), increasing: a crossing later than the last counts as there.
    group : numpy.ndarray
        As for :func:`expected_sums`.
    sums, total : numpy.ndarray
        Dims (world, group, 1) and (world, group): filled.
    """
    worlds, draws = weight.shape
    last = logs.shape[0] - 1
    sums[:] = 0.0
    total[:] = 0.0
    for t in range(worlds):
        top = -np.inf
        for s in range(draws):
            top = max(top, weight[t, s])
        for s in range(draws):
            w = math.exp(weight[t, s] - top)
            if w < 1e-4:
                continue
            g = group[s]
            for r in range(base.shape[1]):
                total[t, g] += w
                after = 0.0
                at = logs[0]
                for b in range(last, -1, -1):
                    q = 2 * b
                    lead = (
                        mean[t, s, q] + gain[s, q] * shift[t, s] + base[s, r, q]
                        - mean[t, s, q + 1] - gain[s, q + 1] * shift[t, s] - base[s, r, q + 1]
                    )  # fmt: skip
                    if lead <= 0.0:
                        at = logs[last]
                        if b < last:
                            at = logs[b] - lead / (after - lead) * (logs[b + 1] - logs[b])
                        break
                    after = lead
                sums[t, g, 0] += w * at
