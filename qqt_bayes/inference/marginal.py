r"""The marginal log density: the few sampled, everything linear integrated out.

Given the non-linear few, :math:`z = \log(\bar y - d)` is Gaussian: levels, utilities and their
means, drift and mixture error are linear in it. This module evaluates that Gaussian density and
its gradient in the *natural* few (in the order of :mod:`qqt_bayes.inference.natural`). The gradient
is written by hand, through :math:`G = \partial L/\partial C = (aa' - C^{-1})/2` with
:math:`a = C^{-1}(z - \mu)` (:mod:`qqt_bayes.inference.gaussian`), and tested against finite
differences and against PyTensor.

The observation noise is linearised in the log (its standard deviation is that of y over y - d):
an approximation of the reference likelihood, good while the noise is small beside the reducible
part, and bounded where it is not (see :func:`qqt_bayes.inference.noise.log_variance`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from qqt_bayes.inference.exponents import BY_DILUTION, BY_HALF_LIFE, BY_HARM, BY_RATE
from qqt_bayes.inference.gaussian import gaussian_part
from qqt_bayes.inference.natural import (
    BY_QUALITY,
    DILUTION,
    IRREDUCIBLE,
    LEANINGS,
    NOISE,
    RUN_SHARE,
    SCALES,
    SPREAD,
    UTILITY,
    cell_exponents,
    cell_noise,
    leaning,
    mean,
)
from qqt_bayes.inference.noise import WORST, run_tilt, tilt_gradient


@njit(cache=True, nogil=True, error_model="numpy")
def log_density(natural, cells, grad):
    """Log marginal density of the cells; fills ``grad`` (same layout as ``natural``).

    Returns minus infinity where the irreducible part exceeds a value or the covariance is not
    positive definite.
    """
    n, pools = cells.first.shape
    d, m_b, s_r = natural[IRREDUCIBLE], natural[UTILITY], natural[NOISE]
    tau0 = SCALES + cells.kernels.shape[0]
    noise0 = tau0 + 2 * pools
    rated = natural.shape[0] > noise0 + pools
    x = np.empty((n, pools))
    slopes = np.empty((4, n, pools))
    cell_exponents(natural, cells, cells.first, cells.epochs, cells.shares, x, slopes)
    grad[:] = 0.0
    single, noise_var, along = np.empty(n), np.empty(n), np.empty(n)
    factor, d_noise = np.empty(n), np.empty(n)  # d_noise: by the cell's own relative noise
    resid = mean(natural, cells, x)
    total = -0.5 * n * math.log(2.0 * math.pi)
    for r in range(n):
        if not cells.value[r] - d > 0.0:
            return -np.inf
    cell_noise(natural, cells, factor, single, noise_var, along)
    slope, tilt, by_scale = np.empty(n), np.empty(n), np.empty(n)
    total += run_tilt(d, cells, single, along, slope, tilt)
    for r in range(n):
        gap, v, s = cells.value[r] - d, single[r], s_r * factor[r]
        resid[r] = math.log(gap) - resid[r] - along[r] * tilt[r]
        extra = cells.replicates[r] - 1.0
        total -= math.log(gap) + 0.5 * (extra * math.log(v) + cells.scatter[r] / v)
        dv = -0.5 * (extra / v - cells.scatter[r] / (v * v))
        d_noise[r] = dv * 2.0 * s * cells.value[r] ** 2
        grad[NOISE] += d_noise[r] * factor[r]
        grad[IRREDUCIBLE] += 1.0 / gap
    a, diagonal, by_x = np.empty(n), np.empty(n), np.empty((n, pools))
    by_run = np.empty(n)
    total += gaussian_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run,
                           grad)  # fmt: skip
    if total == -np.inf:
        return total
    d_reference = -1.0 / (1.0 - d) if cells.bounded else 1.0 / d
    grad[IRREDUCIBLE] += tilt_gradient(d, cells, single, along, slope, tilt, a, by_run, by_scale)
    for r in range(n):
        gap, v, s = cells.value[r] - d, single[r], s_r * factor[r]
        q = gap * gap + WORST * v
        weight = diagonal[r] / (cells.replicates[r] * q**2)
        grad[IRREDUCIBLE] += a[r] * (1.0 / gap + d_reference) + weight * 2.0 * gap * v
        here = weight * gap * gap * 2.0 * s * cells.value[r] ** 2
        if along[r] > 0.0:
            pull = by_run[r]
            grad[RUN_SHARE] += pull * along[r] / natural[RUN_SHARE]
            pull *= 2.0 * math.sqrt(natural[RUN_SHARE]) * cells.value[r] / q**1.5
            grad[IRREDUCIBLE] += pull * s * gap
            here += pull * (q - WORST * (s * cells.value[r]) ** 2)
            grad[IRREDUCIBLE] -= 2.0 * gap * by_scale[r]
            here += 2.0 * WORST * s * cells.value[r] ** 2 * by_scale[r]
        grad[NOISE] += here * factor[r]
        d_noise[r] += here
        for i in range(pools):
            grad[noise0 + i] += d_noise[r] * s * cells.shares[r, i] * factor[r] ** 2
    for i in range(pools):
        grad[noise0 + i] *= math.exp(-2.0 * natural[noise0 + i])
    lean = leaning(natural, cells)
    xa = a @ x
    grad[UTILITY] -= xa @ lean
    if cells.shared.shape[0] > 0:
        wa = a @ cells.shares
        cells.slopes[BY_QUALITY] = -m_b * (xa @ cells.quality)
        for i in range(pools):
            grad[SPREAD] -= m_b * xa[i] * cells.shared[LEANINGS + i]
            grad[SCALES] += wa[i] * cells.shared[LEANINGS + pools + i]
            cells.slopes[LEANINGS + i] = -m_b * natural[SPREAD] * xa[i]
            cells.slopes[LEANINGS + pools + i] = natural[SCALES] * wa[i]
    for r in range(n):
        for i in range(pools):
            if cells.shares[r, i] <= 0.0:
                continue
            d_x = by_x[r, i] - m_b * a[r] * lean[i]
            grad[DILUTION] += d_x * slopes[BY_DILUTION, r, i]
            grad[tau0 + i] += d_x * slopes[BY_HALF_LIFE, r, i]
            grad[tau0 + pools + i] += d_x * slopes[BY_HARM, r, i]
            if rated:
                grad[noise0 + pools + i] += d_x * slopes[BY_RATE, r, i]
    return total
