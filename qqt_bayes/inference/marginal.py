r"""The marginal log density: the few sampled, everything linear integrated out.

Given the non-linear few, :math:`z = \log(\bar y - d)` is Gaussian: levels, utilities and their
means, drift and mixture error are linear in it. This module evaluates that Gaussian density and
its gradient in the *natural* few (see :class:`qqt_bayes.model.few.Few` for their order). The
gradient is written by hand, through :math:`G = \partial L/\partial C = (aa' - C^{-1})/2` with
:math:`a = C^{-1}(z - \mu)`, and tested against finite differences and against PyTensor. With many
cells the covariance is not formed: :mod:`qqt_bayes.inference.blocks` or
:mod:`qqt_bayes.inference.arrow` takes over.

The observation noise is linearised in the log (its standard deviation is that of y over y - d):
an approximation of the reference likelihood, good while the noise is small beside the reducible
part, and bounded where it is not (see :func:`log_variance`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.inference.arrow import Arrow, arrow_gradient, arrow_solve, factorise
from qqt_bayes.inference.blocks import Blocks, blocks_gradient, blocks_solve, part
from qqt_bayes.inference.dense import add_products, inner_product, invert
from qqt_bayes.inference.exponents import (
    BY_DILUTION,
    BY_HALF_LIFE,
    BY_HARM,
    BY_RATE,
    exponents,
)  # fmt: skip
from qqt_bayes.inference.noise import WORST, observation_noise, run_tilt, tilt_gradient
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.regime import relative_wander

ALONE = np.empty(0)  # for a study that shares nothing with others

# Order of the scalars at the head of the natural vector; component scales, log half-lives, harms,
# log ratios of seed noise and, for a law that has them, log exchange rates follow.
IRREDUCIBLE, UTILITY, SPREAD, NOISE, DILUTION, RUN_SHARE, NOISE_SPREAD, SCALES = range(8)

# No fast-math flags anywhere: they gain nothing here, and what they reorder depends on what was
# inlined, so that two installations would answer differently for one seed.


class Cells(NamedTuple):
    """What the density reads: one row a cell (replicates of one data and samples collapsed)."""

    value: np.ndarray  # (cell,) mean of the modelled metric
    replicates: np.ndarray  # (cell,)
    scatter: np.ndarray  # (cell,) sum of squares about the mean
    eval_var: np.ndarray  # (cell,) evaluation variance of one replicate
    first: np.ndarray  # (cell, pool) e-folds in the first pass
    epochs: np.ndarray  # (cell, pool)
    shares: np.ndarray  # (cell, pool)
    kernels: np.ndarray  # (component, cell, cell) unit-scale covariances, (component, 0, 0) if many
    likeness: np.ndarray  # (pool, pool) prior correlation of pools
    quality: np.ndarray  # (pool,) centred quality covariate
    start: np.ndarray  # (bin,)
    lengths: np.ndarray  # (bin,)
    repeats: np.ndarray  # (bin,)
    level_mean: float  # prior mean of the log reducible share at the anchor
    level_sd: float
    quality_sd: float  # prior sd of the effect of quality on utility (relative)
    bounded: bool  # an error in [0, 1]: levels are relative to 1 - d, else to d
    run: np.ndarray  # (cell,) number of the trajectory it is a checkpoint of, else -1
    law: int  # code of the law, or the address of the user's own
    arrow: Arrow  # features instead of kernels, or
    blocks: Blocks  # blocks instead; both without rows where the covariance is kept whole
    shared: np.ndarray = ALONE  # (0,), or what several studies have in common: see `given_shared`
    slopes: np.ndarray = ALONE  # same length: filled with the derivatives in it


# Order of what several studies share (see `given_shared`): the share of the variance of utilities
# and of levels that is a study's own, the effect of quality, and the pools' leanings in both.
OWN_UTILITY, OWN_LEVEL, BY_QUALITY, LEANINGS = 0, 1, 2, 3


@njit(cache=True, nogil=True, error_model="numpy")
def given_shared(cells, shared, slopes):
    """The cells of a study, given what it shares with others.

    Its pools' utilities are then ``utility (1 + spread (a + own) + quality (b + own))`` and its
    levels ``level + level_spread (l + own)``, with a, b and l the leanings in ``shared`` (those of
    pools with their correlation), and ``own`` what is left to integrate out, whose variance is the
    given share of what it is in a study alone.
    """
    return Cells(cells.value, cells.replicates, cells.scatter, cells.eval_var, cells.first,
                 cells.epochs, cells.shares, cells.kernels, cells.likeness, cells.quality,
                 cells.start, cells.lengths, cells.repeats, cells.level_mean, cells.level_sd,
                 cells.quality_sd, cells.bounded, cells.run, cells.law, cells.arrow,
                 cells.blocks, shared, slopes)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def leaning(natural, cells):
    """What to expect of the pools' utilities, relative to their mean, dim (pool,)."""
    out = np.ones(cells.quality.shape[0])
    if cells.shared.shape[0] > 0:
        for i in range(out.shape[0]):
            out[i] += natural[SPREAD] * cells.shared[LEANINGS + i]
            out[i] += cells.shared[BY_QUALITY] * cells.quality[i]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def level_leaning(natural, cells):
    """What to expect of the pools' levels, relative to their mean, dim (pool,)."""
    pools = cells.quality.shape[0]
    if cells.shared.shape[0] > 0:
        return natural[SCALES] * cells.shared[LEANINGS + pools :]
    return np.zeros(pools)


@njit(cache=True, nogil=True, error_model="numpy")
def own_shares(cells):
    """Share of the variance of utilities, and of levels, that is the study's own."""
    if cells.shared.shape[0] > 0:
        return cells.shared[OWN_UTILITY], cells.shared[OWN_LEVEL]
    return 1.0, 1.0


def wander_of(natural: np.ndarray) -> np.ndarray:
    """Relative wandering of the exponents, dim (draw,), from natural vectors, dims (draw, few)."""
    common, pool = (natural[:, SCALES + COMPONENTS.index(f"{n}_drift")] for n in ("common", "pool"))
    return relative_wander(natural[:, UTILITY], common, pool)


@njit(cache=True, nogil=True, error_model="numpy")
def cell_exponents(natural, cells, first, epochs, shares, out, slopes):
    """Exponents at some points, dims (point, pool), given a natural vector; see `exponents`."""
    pools = first.shape[1]
    tau0 = SCALES + cells.kernels.shape[0]
    exponents(cells.law, first, epochs, shares, natural[tau0 : tau0 + pools], natural[DILUTION],
              natural[tau0 + pools : tau0 + 2 * pools], natural[tau0 + 3 * pools :], cells.start,
              cells.lengths, cells.repeats, out, slopes)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def cell_noise(natural, cells, factor, single, noise, along):
    """Noise of the cells given a natural vector; see `observation_noise`."""
    pools = cells.first.shape[1]
    at = SCALES + cells.kernels.shape[0] + 2 * pools
    observation_noise(natural[NOISE], natural[RUN_SHARE], natural[at : at + pools],
                      natural[IRREDUCIBLE], cells, factor, single, noise, along)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def covariance(natural, cells, x, noise_var, along):
    """Marginal covariance of z, dims (cell, cell); noise as from `cell_noise`."""
    n = cells.value.shape[0]
    m_b, spread = natural[UTILITY], natural[SPREAD]
    xl = x @ cells.likeness
    xq = x @ cells.quality
    own_utility, own_level = own_shares(cells)
    pool_scale = own_utility * (m_b * spread) ** 2
    quality_scale = own_utility * (m_b * cells.quality_sd) ** 2
    c = np.full((n, n), cells.level_sd**2)
    add_products(c, pool_scale * xl, np.ascontiguousarray(x.T))
    for j in range(cells.kernels.shape[0]):
        variance = natural[SCALES + j] ** 2
        if j == 0:
            variance *= own_level
        if variance > 0.0:
            for r in range(n):
                for s in range(r + 1):
                    c[r, s] += variance * cells.kernels[j, r, s]
    for r in range(n):
        for s in range(r + 1):
            c[r, s] += quality_scale * xq[r] * xq[s]
            if s < r and cells.run[s] == cells.run[r]:  # `along` is zero off trajectories
                c[r, s] += along[r] * along[s]
            c[s, r] = c[r, s]
        c[r, r] += noise_var[r]
    return c


@njit(cache=True, nogil=True, error_model="numpy")
def mean(natural, cells, x):
    """Marginal mean of z, dim (cell,)."""
    reference = 1.0 - natural[IRREDUCIBLE] if cells.bounded else natural[IRREDUCIBLE]
    start = math.log(reference) + cells.level_mean
    return (
        start
        + cells.shares @ level_leaning(natural, cells)
        - natural[UTILITY] * (x @ leaning(natural, cells))
    )


@njit(cache=True, nogil=True, error_model="numpy")
def own_scales(natural, cells):
    """Scales of the components, of utilities and of the effect of quality, as the study's own."""
    own_utility, own_level = own_shares(cells)
    scales = natural[SCALES : SCALES + cells.kernels.shape[0]].copy()
    scales[0] *= math.sqrt(own_level)
    m_b = natural[UTILITY] * math.sqrt(own_utility)
    return scales, m_b * natural[SPREAD], m_b * cells.quality_sd


@njit(cache=True, nogil=True, error_model="numpy")
def factor_of(natural, cells, x, noise_var):
    """The covariance of many cells, factorised; see :func:`factorise`."""
    scales, spread, quality_scale = own_scales(natural, cells)
    return factorise(scales, spread, quality_scale, cells.level_sd, cells.shares, x, cells.quality,
                     cells.arrow, noise_var)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def parts_of(natural, cells, x, noise_var, along):
    """The covariance in blocks, factorised; see :func:`part`."""
    scales, spread, quality_scale = own_scales(natural, cells)
    return part(scales, spread, quality_scale, cells.level_sd, cells.shares, x, cells.quality,
                cells.blocks, noise_var, along, cells.run)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def is_structured(cells):
    """Whether features or blocks stand for the whole covariance."""
    return cells.arrow.rows.shape[0] > 0 or cells.blocks.rows.shape[0] > 0


@njit(cache=True, nogil=True, error_model="numpy")
def solve_many(natural, cells, x, noise_var, along, right):
    """Inverse covariance of z times the columns of ``right``, as rows; of a structured study."""
    solved = np.empty((right.shape[1], right.shape[0]))
    if cells.arrow.rows.shape[0] > 0:
        factor = factor_of(natural, cells, x, noise_var)[0]
        for p in range(solved.shape[0]):
            solved[p] = arrow_solve(cells.arrow, factor, right[:, p].copy())[0]
    else:
        parted = parts_of(natural, cells, x, noise_var, along)[0]
        for p in range(solved.shape[0]):
            solved[p] = blocks_solve(cells.blocks, parted, right[:, p].copy())[0]
    return solved


@njit(cache=True, nogil=True, error_model="numpy")
def solve(natural, cells, x, noise_var, along, resid):
    """Inverse covariance of z times residuals, dim (cell,); noise as from `cell_noise`."""
    if is_structured(cells):
        return solve_many(natural, cells, x, noise_var, along, resid.reshape((-1, 1)))[0]
    c = covariance(natural, cells, x, noise_var, along)
    invert(c)
    return c @ resid


@njit(cache=True, nogil=True, error_model="numpy")
def dense_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run, grad):
    """As `gaussian_part`, with the covariance kept whole."""
    n, pools = x.shape
    m_b, spread = natural[UTILITY], natural[SPREAD]
    g = covariance(natural, cells, x, noise_var, along)
    logdet, ok = invert(g)
    if not ok:
        return -np.inf
    a[:] = g @ resid
    total = -0.5 * (resid @ a + logdet)
    for r in range(n):
        for s in range(n):
            g[r, s] = 0.5 * (a[r] * a[s] - g[r, s])
        diagonal[r] = g[r, r]
    by_run[:] = 0.0
    for r in range(n):
        if along[r] > 0.0:
            for k in range(n):
                if k != r and cells.run[k] == cells.run[r]:
                    by_run[r] += g[r, k] * along[k]
    xl = x @ cells.likeness
    xq = x @ cells.quality
    gxl = g @ xl
    gxq = g @ xq
    for r in range(n):  # from here on g is its lower triangle, standing for both
        for s in range(r):
            g[r, s] *= 2.0
    spare = np.empty(n)
    own_utility, own_level = own_shares(cells)
    level_inner = 0.0
    for j in range(cells.kernels.shape[0]):
        if natural[SCALES + j] > 0.0:
            inner = inner_product(g, cells.kernels[j], spare)
            if j == 0:
                level_inner = inner
                inner *= own_level
            grad[SCALES + j] = 2.0 * natural[SCALES + j] * inner
    pool_inner = (gxl * x).sum()
    s_q2 = cells.quality_sd**2
    both = spread**2 * pool_inner + s_q2 * (xq @ gxq)
    grad[UTILITY] += 2.0 * m_b * own_utility * both
    grad[SPREAD] += 2.0 * m_b**2 * own_utility * spread * pool_inner
    if cells.shared.shape[0] > 0:
        cells.slopes[OWN_UTILITY] = m_b**2 * both
        cells.slopes[OWN_LEVEL] = natural[SCALES] ** 2 * level_inner
    for r in range(n):
        for i in range(pools):
            by_x[r, i] = (
                2.0 * m_b**2 * own_utility
                * (spread**2 * gxl[r, i] + s_q2 * gxq[r] * cells.quality[i])
            )  # fmt: skip
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def structured_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run, grad):
    """As `dense_part`, of a study with an arrow or blocks."""
    comps = cells.kernels.shape[0]
    scales, spread, quality_scale = own_scales(natural, cells)
    by_log = np.empty(comps + 2)
    if cells.arrow.rows.shape[0] > 0:
        factor, ok = factor_of(natural, cells, x, noise_var)
        if not ok:
            return -np.inf
        logdet = factor.logdet
        found, own, centre = arrow_solve(cells.arrow, factor, resid)
        by_run[:] = 0.0
        arrow_gradient(scales, spread, quality_scale, cells.quality, x, cells.arrow, factor, found,
                       own, centre, diagonal, by_x, by_log)  # fmt: skip
    else:
        parted, ok = parts_of(natural, cells, x, noise_var, along)
        if not ok:
            return -np.inf
        logdet = parted.logdet
        found, centre = blocks_solve(cells.blocks, parted, resid)
        blocks_gradient(scales, spread, quality_scale, cells.quality, x, cells.blocks, parted,
                        found, centre, along, cells.run, diagonal, by_x, by_run,
                        by_log)  # fmt: skip
    a[:] = found
    for j in range(comps):
        if scales[j] > 0.0:
            grad[SCALES + j] = by_log[j] / natural[SCALES + j]
    if spread > 0.0:
        grad[SPREAD] += by_log[comps] / natural[SPREAD]
    both = by_log[comps] + by_log[comps + 1]
    grad[UTILITY] += both / natural[UTILITY]
    if cells.shared.shape[0] > 0:
        cells.slopes[OWN_UTILITY] = 0.5 * both / cells.shared[OWN_UTILITY]
        cells.slopes[OWN_LEVEL] = 0.5 * by_log[0] / cells.shared[OWN_LEVEL]
    return -0.5 * (resid @ found + logdet)


@njit(cache=True, nogil=True, error_model="numpy")
def gaussian_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run, grad):
    """The Gaussian log density, up to a constant, and its derivatives through the covariance.

    Fills ``a`` (inverse covariance times residuals), ``diagonal`` and ``by_x`` (derivatives in the
    noise variances and the exponents) and ``by_run`` (for a checkpoint, that in its run effect's
    deviation); adds to ``grad`` those in scales, utility and spread.
    """
    if is_structured(cells):
        return structured_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x,
                               by_run, grad)  # fmt: skip
    return dense_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run, grad)


@njit(cache=True, nogil=True, error_model="numpy")
def solve_with_precision(natural, cells, x, noise_var, along, resid):
    """As `solve`, and the inverse covariance's diagonal: precisions given all other cells."""
    n, comps = resid.shape[0], cells.kernels.shape[0]
    a, diagonal, by_x = np.empty(n), np.empty(n), np.empty(x.shape)
    by_run, spare = np.empty(n), np.zeros(SCALES + comps)
    gaussian_part(natural, cells, x, noise_var, along, resid, a, diagonal, by_x, by_run, spare)
    return a, a**2 - 2.0 * diagonal


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
            d_x = by_x[r, i] - m_b * a[r] * lean[i]
            grad[DILUTION] += d_x * slopes[BY_DILUTION, r, i]
            grad[tau0 + i] += d_x * slopes[BY_HALF_LIFE, r, i]
            grad[tau0 + pools + i] += d_x * slopes[BY_HARM, r, i]
            if rated:
                grad[noise0 + pools + i] += d_x * slopes[BY_RATE, r, i]
    return total
