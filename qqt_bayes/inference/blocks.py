r"""The Gaussian of cells in blocks that have little in common.

Pools that no mixture ties fall into *blocks*. Within one the covariance is kept whole; what all
have in common (common drift, mean level, effect of quality, what families share) is a *border* of
few features, so that

.. math:: C = \operatorname{diag}(C_1, \ldots, C_B) + G G', \qquad
   C^{-1} = C_b^{-1} - W P W', \quad W = C_b^{-1} G, \quad P = (I + G' W)^{-1},

in time that grows with the number of blocks. Features that leave something out leave it out between
blocks alone: within a block the rest is part of its covariance. With a = C^{-1} r and m = G'a the
derivatives are

.. math:: \frac{\partial L}{\partial C_b} = \tfrac12 (a a' - C^{-1})_{bb}, \qquad
   \frac{\partial L}{\partial G} = a m' - W P.

Best where blocks are small; where a pool has more cells than its effects have features,
:mod:`qqt_bayes.inference.arrow` is faster.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.inference.border import border_gradient, scale_border
from qqt_bayes.inference.dense import invert, multiply_add, product_sum

LANES = 16

__all__ = ["Blocks", "Parted", "blocks_gradient", "blocks_solve", "part"]


class Blocks(NamedTuple):
    """Unit-scale covariances. Rows are cells, block after block."""

    rows: np.ndarray  # (row,) which cell
    first: np.ndarray  # (block + 1,) where each block's rows begin
    kernels: np.ndarray  # (component, entry) within blocks, rows by rows, beyond the border's
    border: np.ndarray  # (row, border feature)
    border_component: np.ndarray  # (border feature,) whose scale it has
    apart: float  # share of utilities' variance that is the pool's own
    shared: np.ndarray  # (pool, factor) and what families share


class Parted(NamedTuple):
    """A covariance in blocks, factorised."""

    own: np.ndarray  # (entry,) of the blocks
    inner: np.ndarray  # (entry,) their inverses
    border: np.ndarray  # (row, feature)
    reach: np.ndarray  # (row, feature) inverses times the border
    core: np.ndarray  # (feature, feature) posterior covariance of the border's features
    logdet: float


@njit(cache=True, nogil=True, error_model="numpy")
def part(scales, spread, quality_scale, level_sd, shares, x, quality, blocks, noise_var, along,
         run):  # fmt: skip
    """Factorise the covariance of the cells.

    Parameters
    ----------
    scales, spread, quality_scale, level_sd, shares, x, quality
        As for :func:`qqt_bayes.inference.border.scale_border`.
    blocks : Blocks
        The layout.
    noise_var, along : numpy.ndarray
        Dim (cell,): as from :func:`qqt_bayes.inference.noise.observation_noise`.
    run : numpy.ndarray
        Dim (cell,): the trajectory it belongs to, else -1.

    Returns
    -------
    parted : Parted
    ok : bool
        False where the covariance is not positive definite.
    """
    border = scale_border(scales, spread, quality_scale, level_sd, shares, x, quality, blocks.rows,
                          blocks.border, blocks.border_component, blocks.shared)  # fmt: skip
    n, width = border.shape
    pools = x.shape[1]
    own = np.zeros(blocks.kernels.shape[1])
    for j in range(scales.shape[0]):
        if scales[j] > 0.0:
            own += scales[j] ** 2 * blocks.kernels[j]
    pool_scale = blocks.apart * spread**2
    reach = np.zeros((n, width))
    core = np.eye(width)
    inner = np.empty_like(own)
    logdet, ok, at = 0.0, True, 0
    for b in range(blocks.first.shape[0] - 1):
        lo, size = blocks.first[b], blocks.first[b + 1] - blocks.first[b]
        c = own[at : at + size * size].reshape((size, size))
        for r in range(size):
            cell = blocks.rows[lo + r]
            c[r, r] += noise_var[cell]
            for i in range(pools):
                f = pool_scale * x[cell, i]
                if f != 0.0:
                    for s in range(size):
                        c[r, s] += f * x[blocks.rows[lo + s], i]
            if along[cell] > 0.0:
                for s in range(size):
                    other = blocks.rows[lo + s]
                    if s != r and run[other] == run[cell]:
                        c[r, s] += along[cell] * along[other]
        g = inner[at : at + size * size].reshape((size, size))
        g[:] = c
        more, good = invert(g)
        logdet += more
        ok = ok and good
        multiply_add(reach[lo : lo + size], g, border[lo : lo + size])
        at += size * size
    for r in range(n):
        for k in range(width):
            f = border[r, k]
            for j in range(k + 1):
                core[k, j] += f * reach[r, j]
    for k in range(width):
        for j in range(k):
            core[j, k] = core[k, j]
    more, good = invert(core)
    return Parted(own, inner, border, reach, core, logdet + more), ok and good


@njit(cache=True, nogil=True, error_model="numpy")
def times(blocks, entries, v):
    """Matrices of the blocks times a vector over the rows."""
    out = np.zeros_like(v)
    at = 0
    for b in range(blocks.first.shape[0] - 1):
        lo, hi = blocks.first[b], blocks.first[b + 1]
        for r in range(lo, hi):
            for s in range(lo, hi):
                out[r] += entries[at] * v[s]
                at += 1
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def solve_once(blocks, parted, r):
    """Inverse covariance times a vector over the rows, to the accuracy of the inverses."""
    return times(blocks, parted.inner, r) - parted.reach @ (parted.core @ (r @ parted.reach))


@njit(cache=True, nogil=True, error_model="numpy")
def blocks_solve(blocks, parted, resid):
    """Solve for residuals, dim (cell,), and refine: the noise may be a millionth of the rest.

    Returns
    -------
    a : numpy.ndarray
        Dim (cell,): the inverse covariance times the residuals.
    centre : numpy.ndarray
        Dim (border feature,): the features' posterior mean.
    """
    r = resid[blocks.rows]
    a = solve_once(blocks, parted, r)
    left = r - times(blocks, parted.own, a) - parted.border @ (a @ parted.border)
    a += solve_once(blocks, parted, left)
    out = np.empty_like(a)
    out[blocks.rows] = a
    return out, a @ parted.border


@njit(cache=True, nogil=True, error_model="numpy")
def blocks_gradient(scales, spread, quality_scale, quality, x, blocks, parted, a, centre, along,
                    run, diagonal, by_x, by_run, by_log_scale):  # fmt: skip
    """Derivatives of the log density through the covariance.

    Parameters
    ----------
    scales, spread, quality_scale, quality, x, blocks
        As for :func:`part`.
    parted, a, centre
        What it and :func:`blocks_solve` gave.
    along, run
        As for :func:`part`.
    diagonal : numpy.ndarray
        Dim (cell,): filled with the derivatives in the noise variances.
    by_x : numpy.ndarray
        Dims (cell, pool): filled with those in the exponents.
    by_run : numpy.ndarray
        Dim (cell,): filled with those in the run effects' standard deviations.
    by_log_scale : numpy.ndarray
        Dim (component + 2,): filled with those in the logs of the scales, of the utilities' spread
        and of the effect of quality.
    """
    pools, comps = x.shape[1], scales.shape[0]
    kb, shared = blocks.border_component.shape[0], blocks.shared.shape[1]
    pool_scale = blocks.apart * spread**2
    bent = np.zeros_like(parted.reach)  # C^-1 G
    multiply_add(bent, parted.reach, parted.core)
    across = np.ascontiguousarray(-parted.reach.T)
    g = parted.inner.copy()  # the blocks' precision, on its way to (a a' - precision) / 2
    by_x[:] = 0.0
    by_run[:] = 0.0
    by_log_scale[:] = 0.0
    border_gradient(centre, parted.core, blocks.border_component, shared, by_log_scale)
    spread_inner, at = 0.0, 0
    for b in range(blocks.first.shape[0] - 1):
        lo, hi = blocks.first[b], blocks.first[b + 1]
        here = a[blocks.rows[lo:hi]]
        whole = g[at : at + (hi - lo) ** 2].reshape((hi - lo, hi - lo))
        multiply_add(whole, bent[lo:hi], across[:, lo:hi])
        for r in range(lo, hi):
            cell = blocks.rows[r]
            row = g[at : at + hi - lo]
            for s in range(hi - lo):
                row[s] = 0.5 * (a[cell] * here[s] - row[s])
            diagonal[cell] = row[r - lo]
            if along[cell] > 0.0:
                for s in range(lo, hi):
                    other = blocks.rows[s]
                    if s != r and run[other] == run[cell]:
                        by_run[cell] += row[s - lo] * along[other]
            at += hi - lo
            for i in range(pools):
                if x[cell, i] == 0.0:
                    continue
                own = 0.0
                for s in range(lo, hi):
                    own += row[s - lo] * x[blocks.rows[s], i]
                spread_inner += x[cell, i] * own
                slope = a[cell] * centre[kb + 1] - bent[r, kb + 1]
                by_x[cell, i] = 2.0 * pool_scale * own + quality_scale * quality[i] * slope
                for f in range(shared):
                    k = kb + 2 + shared + f
                    slope = a[cell] * centre[k] - bent[r, k]
                    by_x[cell, i] += spread * blocks.shared[i, f] * slope
    by_log_scale[comps] += 2.0 * pool_scale * spread_inner
    lanes = np.empty(LANES)
    for j in range(comps):
        if scales[j] > 0.0:
            by_log_scale[j] += 2.0 * scales[j] ** 2 * product_sum(blocks.kernels[j], g, lanes)
