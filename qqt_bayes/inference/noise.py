r"""The noise of the cells in the compiled density: between seeds, of evaluation, and along a run.

Seed noise is relative to the metric. That of pool i is :math:`s_i = s_r e^{a_i}`; a mixture has the
share-weighted mean of the precisions, :math:`s^{-2} = \sum_i w_i s_i^{-2}`, which cutting a pool
into equal parts leaves as it is. Of this variance the rows of one run have a share in common, the
run effect: a seed that did well early is likely to do well later.

The effect u of a run, standard normal beforehand, moves its rows by :math:`a_r(z_r)\, u`. Since the
noise is that which belongs to the values seen, this density has to carry the Jacobian
:math:`\prod_r (1 - a_r' u)` of z over :math:`z - a u`. The noise of one row leaves it out: its
mean is one. Along a run u is one and the same, so that the rows' logarithms add up, and without it
the density of k rows grows with :math:`k^2`: it favoured noise, and noise common to a run. To first
order in the log it is :math:`e^{uJ}` with :math:`J = -\sum_r a_r'`, which leaves u normal, its mean
moved to J.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

WORST = 4.0

__all__ = [
    "WORST", "log_variance", "observation_noise", "run_effects", "run_tilt", "seed_factors",
    "subtract_tilt", "tilt_gradient",
]  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def log_variance(variance, gap):
    """Variance of log(y - d) for a variance of y, at most 1/WORST.

    The plain ratio variance / gap^2 grows without bound as the irreducible part approaches a
    value: its noise would then explain anything, and a spurious mode sits there.
    """
    return variance / (gap * gap + WORST * variance)


@njit(cache=True, nogil=True, error_model="numpy")
def seed_factors(log_ratio, shares, out):
    """Seed noise of mixtures over the common one, dim (point,), from the pools' log ratios."""
    pools = shares.shape[1]
    more = np.empty(pools)  # precision beyond that of the common noise
    for i in range(pools):
        more[i] = math.expm1(-2.0 * log_ratio[i])
    for r in range(shares.shape[0]):
        total = 1.0  # exactly one where all pools have the common noise
        for i in range(pools):
            total += shares[r, i] * more[i]
        out[r] = 1.0 / math.sqrt(total)


@njit(cache=True, nogil=True, error_model="numpy")
def observation_noise(common, run_share, log_ratio, irreducible, cells, factor, single, noise,
                      along):  # fmt: skip
    """Fill the noise of the cells.

    Parameters
    ----------
    common, run_share : float
        Common relative seed noise, the share of its variance that is a run's.
    log_ratio : numpy.ndarray
        Dim (pool,): log of a pool's seed noise over the common one.
    irreducible : float
        Irreducible part.
    cells : Cells
        What was observed; every value is above the irreducible part.
    factor, single, noise, along : numpy.ndarray
        Dim (cell,), filled: relative noise over the common one, variance of one replicate's value,
        variance of z = log(y - d), and the standard deviation of the run effect in z, zero for a
        cell that is no checkpoint.
    """
    seed_factors(log_ratio, cells.shares, factor)
    root = math.sqrt(run_share)
    for r in range(cells.value.shape[0]):
        gap = cells.value[r] - irreducible
        spread = common * factor[r] * cells.value[r]
        single[r] = spread**2 + cells.eval_var[r]
        noise[r] = log_variance(single[r], gap) / cells.replicates[r]
        along[r] = 0.0
        if cells.run[r] >= 0:
            along[r] = root * spread / math.sqrt(gap * gap + WORST * single[r])


@njit(cache=True, nogil=True, error_model="numpy")
def run_effects(along, cells, rng, noise, out):
    """Subtract simulated run effects from ``out`` and take their variance from ``noise``."""
    effect = np.empty(cells.run.max() + 1)
    for k in range(effect.shape[0]):
        effect[k] = rng.standard_normal()
    for r in range(along.shape[0]):
        if cells.run[r] >= 0:
            out[r] -= along[r] * effect[cells.run[r]]
            noise[r] -= along[r] ** 2


@njit(cache=True, nogil=True, error_model="numpy")
def run_tilt(irreducible, cells, single, along, slope, tilt):
    """Mean of the run effects under the density's Jacobian, and half the sum of their squares.

    Parameters
    ----------
    irreducible : float
        Irreducible part.
    cells : Cells
        What was observed.
    single, along : numpy.ndarray
        As from `observation_noise`.
    slope, tilt : numpy.ndarray
        Dim (cell,), filled: minus the derivative of ``along`` in z, over ``along``, and the mean J
        of the effect of the cell's run; zero for a cell that is no checkpoint.
    """
    slope[:] = 0.0
    tilt[:] = 0.0
    n = along.shape[0]
    if n == 0 or cells.run.max() < 0:
        return 0.0
    mean = np.zeros(cells.run.max() + 1)
    for r in range(n):
        if cells.run[r] >= 0:
            gap = cells.value[r] - irreducible
            own = irreducible * gap - WORST * cells.eval_var[r]
            slope[r] = gap * own / (cells.value[r] * (gap * gap + WORST * single[r]))
            mean[cells.run[r]] += along[r] * slope[r]
    for r in range(n):
        if cells.run[r] >= 0:
            tilt[r] = mean[cells.run[r]]
    return 0.5 * (mean @ mean)


@njit(cache=True, nogil=True, error_model="numpy")
def subtract_tilt(irreducible, cells, single, along, out):
    """Subtract from ``out``, dim (cell,), by what the mean run effects move z."""
    slope, tilt = np.empty((2, along.shape[0]))
    run_tilt(irreducible, cells, single, along, slope, tilt)
    for r in range(along.shape[0]):
        out[r] -= along[r] * tilt[r]


@njit(cache=True, nogil=True, error_model="numpy")
def tilt_gradient(irreducible, cells, single, along, slope, tilt, pull, by_run, by_scale):
    """Derivatives that the tilt adds to those of the log density.

    Given ``pull``, the inverse covariance times the residuals. Adds to ``by_run`` half of those in
    ``along``, fills ``by_scale``, dim (cell,), with those in the denominator gap^2 + WORST
    variance, and returns that in the irreducible part with these held.
    """
    by_scale[:] = 0.0
    n = along.shape[0]
    if n == 0 or cells.run.max() < 0:
        return 0.0
    by_mean = np.zeros(cells.run.max() + 1)
    for r in range(n):
        if cells.run[r] >= 0:
            by_mean[cells.run[r]] += pull[r] * along[r]
    total = 0.0
    for r in range(n):
        if cells.run[r] >= 0:
            gap = cells.value[r] - irreducible
            scale = gap * gap + WORST * single[r]
            own = irreducible * gap - WORST * cells.eval_var[r]
            tie = by_mean[cells.run[r]] + tilt[r]
            by_run[r] += 0.5 * (pull[r] * tilt[r] + tie * slope[r])
            by_scale[r] = -tie * along[r] * slope[r] / scale
            total += (
                tie * along[r] * (gap * gap - irreducible * gap - own) / (cells.value[r] * scale)
            )
    return total
