r"""The Gaussian of cells in blocks that have little in common.

Pools that no mixture ties fall into *blocks*. Within one the covariance is kept whole; what all
have in common (common drift, mean level, effect of quality, what families share) is a *border* of
few features, so that

.. math:: C = \operatorname{diag}(C_1, \ldots, C_B) + G G', \qquad
   C^{-1} = C_b^{-1} - V V', \quad V = C_b^{-1} G R', \quad R' R = (I + G' C_b^{-1} G)^{-1},

in time that grows with the number of blocks. Features that leave something out leave it out between
blocks alone: within a block the rest is part of its covariance. With a = C^{-1} r and m = G'a the
derivatives are

.. math:: \frac{\partial L}{\partial C_b} = \tfrac12 (a a' - C_b^{-1} + V V')_{bb}, \qquad
   \frac{\partial L}{\partial G} = a m' - V R.

Small blocks are worked on four at a time (:mod:`qqt_bayes.inference.fours`), the smaller ones of
four with empty rows at their end. Where a pool has many more cells than its effects have features,
:mod:`qqt_bayes.inference.arrow` is faster.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit, uint64

from qqt_bayes.inference.border import border_gradient, scale_border
from qqt_bayes.inference.dense import (
    inverse_factor,
    invert,
    multiply_lower,
    product_sum,
    symmetric_products,
)  # fmt: skip
from qqt_bayes.inference.fours import (
    add_squares_four,
    invert_four,
    multiply_four,
    times_four,
)  # fmt: skip
from qqt_bayes.inference.vectors import FOUR

LANES = 16

__all__ = ["Blocks", "Parted", "blocks_gradient", "blocks_solve", "part"]


class Blocks(NamedTuple):
    """Unit-scale covariances of blocks, by groups of one or four of them.

    Rows and entries of a group go by the rows of its blocks, the blocks themselves come last:
    row r of block l is ``first + r * count + l``.
    """

    rows: np.ndarray  # (row,) which cell, -1 for none
    first: np.ndarray  # (group + 1,) where each group's rows begin
    lanes: np.ndarray  # (group,) how many blocks it has
    pool: np.ndarray  # (pool of a block, row) the first, second, ... of its block, -1 for none
    kernels: np.ndarray  # (component, entry) within blocks, beyond the border's
    border: np.ndarray  # (border feature, row)
    border_component: np.ndarray  # (border feature,) whose scale it has
    shared: np.ndarray  # (pool, factor) and what families share of utilities and levels
    shares: np.ndarray  # (cell, pool)
    quality: np.ndarray  # (pool,)
    run: np.ndarray  # (cell,) the trajectory it belongs to, else -1
    apart: float  # share of utilities' variance that is the pool's own


class Parted(NamedTuple):
    """A covariance in blocks, factorised."""

    own: np.ndarray  # (entry,) of the blocks
    inner: np.ndarray  # (entry,) their inverses
    border: np.ndarray  # (feature, row)
    bent: np.ndarray  # (feature, row) V' of the module's docstring
    root: np.ndarray  # (feature, feature) R
    x: np.ndarray  # (pool of a block, row) exponents
    logdet: float


@njit(cache=True, nogil=True, error_model="numpy")
def square(entries, at, size):
    """The matrix of a group of one."""
    return entries[at : at + size * size].reshape((size, size))


@njit(cache=True, nogil=True, error_model="numpy")
def by_row(blocks, values):
    """Values of the cells, over the rows; zero where there is no cell."""
    out = np.zeros(blocks.rows.shape[0])
    for k in range(out.shape[0]):
        if blocks.rows[k] >= 0:
            out[k] = values[blocks.rows[k]]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def exponents_by_row(blocks, x):
    """Exponents in the pools of a row's block, dims (pool of a block, row)."""
    out = np.zeros(blocks.pool.shape)
    for q in range(out.shape[0]):
        for k in range(out.shape[1]):
            if blocks.pool[q, k] >= 0:
                out[q, k] = x[blocks.rows[k], blocks.pool[q, k]]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def own_covariance(blocks, asked, x):
    """Covariances of the blocks, beyond what the border adds; dim (entry,)."""
    own = np.zeros(blocks.kernels.shape[1])
    for j in range(asked.scales.shape[0]):
        if asked.scales[j] > 0.0:
            own += asked.scales[j] ** 2 * blocks.kernels[j]
    add_squares(blocks, math.sqrt(blocks.apart) * asked.spread * x, own)
    at = 0
    for g in range(blocks.lanes.shape[0]):
        lo, hi, count = blocks.first[g], blocks.first[g + 1], blocks.lanes[g]
        for k in range(lo, hi):
            cell, lane = blocks.rows[k], (k - lo) % count
            row = at + (k - lo) // count * (hi - lo)  # row by row, the block comes last
            own[row + k - lo] += asked.noise[cell] if cell >= 0 else 1.0
            if cell >= 0 and asked.along[cell] > 0.0:
                for s in range(lane, hi - lo, count):
                    other = blocks.rows[lo + s]
                    if lo + s != k and other >= 0 and blocks.run[other] == blocks.run[cell]:
                        own[row + s] += asked.along[cell] * asked.along[other]
        at += (hi - lo) * (hi - lo) // count
    return own


@njit(cache=True, nogil=True, error_model="numpy")
def part(blocks, asked):
    """Factorise the covariance of the cells; ``ok`` is False where it is not positive definite."""
    border, x = scale_border(blocks, asked), exponents_by_row(blocks, asked.x)
    own = own_covariance(blocks, asked, x)
    width, n = border.shape
    reach = np.zeros((width, n))  # border times the blocks' inverses
    inner, spare = np.empty_like(own), own.copy()
    logdet, ok, at = 0.0, True, 0
    for g in range(blocks.lanes.shape[0]):
        lo, hi, count = blocks.first[g], blocks.first[g + 1], blocks.lanes[g]
        size = (hi - lo) // count
        if count == FOUR:
            c = inner[at : at + size * size * FOUR]
            more, good = invert_four(spare[at : at + size * size * FOUR], size, c)
            multiply_four(border, lo, c, size, reach)
        else:
            one = square(inner, at, size)
            one[:] = square(spare, at, size)
            more, good = invert(one)
            multiply_one(border, lo, one, reach)
        logdet += more
        ok = ok and good
        at += size * size * count
    core = np.eye(width)
    symmetric_products(border, reach, core)
    root, more, good = inverse_factor(core)
    bent = multiply_lower(root, reach)
    return Parted(own, inner, border, bent, root, x, logdet + more), ok and good


@njit(cache=True, nogil=True, error_model="numpy")
def multiply_one(left, begin, c, out):
    """Add rows times a symmetric matrix: those of ``left`` from a column on."""
    n, lo = uint64(c.shape[0]), uint64(begin)
    for k in range(uint64(left.shape[0])):
        for i in range(n):
            f = left[k, lo + i]
            for s in range(n):
                out[k, lo + s] += f * c[i, s]


@njit(cache=True, nogil=True, error_model="numpy")
def add_squares_one(left, begin, c):
    """Add ``left' left`` of columns from one on."""
    n, lo = uint64(c.shape[0]), uint64(begin)
    for r in range(n):
        for k in range(uint64(left.shape[0])):
            f = left[k, lo + r]
            for s in range(n):
                c[r, s] += f * left[k, lo + s]


@njit(cache=True, nogil=True, error_model="numpy")
def add_squares(blocks, left, entries):
    """Add ``left' left`` of their rows to the matrices of the blocks; dims (any, row)."""
    at = 0
    for g in range(blocks.lanes.shape[0]):
        lo, hi, count = blocks.first[g], blocks.first[g + 1], blocks.lanes[g]
        size = (hi - lo) // count
        if count == FOUR:
            add_squares_four(left, lo, entries[at : at + size * size * FOUR], size)
        else:
            add_squares_one(left, lo, square(entries, at, size))
        at += size * size * count


@njit(cache=True, nogil=True, error_model="numpy")
def times(blocks, entries, v):
    """Matrices of the blocks times a vector over the rows."""
    out = np.empty_like(v)
    at = 0
    for g in range(blocks.lanes.shape[0]):
        lo, hi, count = blocks.first[g], blocks.first[g + 1], blocks.lanes[g]
        size = (hi - lo) // count
        if count == FOUR:
            times_four(entries[at : at + size * size * FOUR], size, lo, v, out)
        else:
            out[lo:hi] = square(entries, at, size) @ v[lo:hi]
        at += size * size * count
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def solve_once(blocks, parted, r):
    """Inverse covariance times a vector over the rows, to the accuracy of the inverses."""
    return times(blocks, parted.inner, r) - parted.bent.T @ (parted.bent @ r)


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
    r = by_row(blocks, resid)
    a = solve_once(blocks, parted, r)
    left = r - times(blocks, parted.own, a) - parted.border.T @ (parted.border @ a)
    a += solve_once(blocks, parted, left)
    out = np.empty(resid.shape[0])
    for k in range(r.shape[0]):
        if blocks.rows[k] >= 0:
            out[blocks.rows[k]] = a[k]
    return out, parted.border @ a


@njit(cache=True, nogil=True, error_model="numpy")
def blocks_gradient(blocks, asked, parted, centre, answer):
    """Derivatives of the log density through the covariance.

    Parameters
    ----------
    blocks, asked
        As for :func:`part`.
    parted, centre
        What it and :func:`blocks_solve` gave.
    answer : Answer
        With ``a`` as from :func:`blocks_solve`; the rest is filled.
    """
    comps, kb, shared = asked.scales.shape[0], blocks.border.shape[0], blocks.shared.shape[1]
    a, x, rows = by_row(blocks, answer.a), parted.x, blocks.rows
    answer.by_x[:] = 0.0
    answer.by_run[:] = 0.0
    answer.by_log[:] = 0.0
    turned = np.ascontiguousarray(parted.root.T)
    variance = (turned**2).sum(axis=1)
    border_gradient(centre, variance, blocks.border_component, shared, answer.by_log)
    # twice the derivatives in the covariances of the blocks: a a' - precision
    squares = np.concatenate((parted.bent, a.reshape((1, -1))))
    g = -parted.inner
    add_squares(blocks, squares, g)
    at = 0
    for group in range(blocks.lanes.shape[0]):
        lo, hi, count = blocks.first[group], blocks.first[group + 1], blocks.lanes[group]
        for k in range(lo, hi):
            cell, lane = rows[k], (k - lo) % count
            if cell < 0:
                continue
            row = at + (k - lo) // count * (hi - lo)
            answer.diagonal[cell] = 0.5 * g[row + k - lo]
            if asked.along[cell] > 0.0:
                for s in range(lane, hi - lo, count):
                    other = rows[lo + s]
                    if lo + s != k and other >= 0 and blocks.run[other] == blocks.run[cell]:
                        answer.by_run[cell] += 0.5 * g[row + s] * asked.along[other]
        at += (hi - lo) * (hi - lo) // count
    by_quality = turned[kb + 1] @ parted.bent
    by_shared = turned[kb + 2 + shared :] @ parted.bent
    pool_scale, spread_inner = blocks.apart * asked.spread**2, 0.0
    for q in range(x.shape[0]):
        own = times(blocks, g, x[q])
        for k in range(rows.shape[0]):
            if x[q, k] == 0.0:
                continue
            i = blocks.pool[q, k]
            spread_inner += x[q, k] * own[k]
            slope = asked.quality_scale * blocks.quality[i]
            slope *= a[k] * centre[kb + 1] - by_quality[k]
            for f in range(shared):
                pull = a[k] * centre[kb + 2 + shared + f] - by_shared[f, k]
                slope += asked.spread * blocks.shared[i, f] * pull
            answer.by_x[rows[k], i] = pool_scale * own[k] + slope
    answer.by_log[comps] += pool_scale * spread_inner
    lanes = np.empty(LANES)
    for j in range(comps):
        if asked.scales[j] > 0.0:
            inner = product_sum(blocks.kernels[j], g, lanes)
            answer.by_log[j] += asked.scales[j] ** 2 * inner
