r"""The Gaussian of many cells, in time that grows with their number.

Everything linear is a combination of independent standard normal *features* with a noise of its own
for each cell (:mod:`qqt_bayes.inference.layout`). The features of one pool's drifts, level and
utility touch only cells with that pool; a *border* of features (common drift, mean level, effect of
quality, what families share) touches all. Cells of single pools then have a posterior precision in
the shape of an arrow,

.. math:: A = \begin{pmatrix} A_1 & & B_1' \\ & \ddots & \vdots \\ B_1 & \cdots & S \end{pmatrix},

solved block by block. Cells of mixtures, which tie the blocks, come after: given the others they
are one dense Gaussian of their own number, with the mixture error added.

With m and P the features' posterior mean and covariance, :math:`\varepsilon = r - \Phi m` the
residuals and D the noise, the derivatives are

.. math:: a = C^{-1} r = \varepsilon / D, \qquad
   \operatorname{diag} C^{-1} = 1/D - \operatorname{diag}(\Phi P \Phi') / D^2, \qquad
   \partial L/\partial \log s_j = \sum_{k \in j} (m_k^2 + P_{kk} - 1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.inference.border import border_gradient, scale_border
from qqt_bayes.inference.dense import inverse_factor, invert

__all__ = ["Arrow", "Factor", "arrow_gradient", "arrow_solve", "factorise"]


class Arrow(NamedTuple):
    """Features at unit scale. Rows are cells of single pools, pool after pool, then mixtures."""

    rows: np.ndarray  # (row,) which cell
    first: np.ndarray  # (pool + 1,) where each pool's rows begin
    block: np.ndarray  # (single row, feature) of the row's pool
    block_component: np.ndarray  # (pool, feature) whose scale it has
    border: np.ndarray  # (border feature, row)
    border_component: np.ndarray  # (border feature,)
    residual: np.ndarray  # (component, row) variance that the features leave out
    touch_first: np.ndarray  # (pool + 1,) where the mixtures with a pool begin in the next two
    touch_row: np.ndarray  # (touch,) which mixture, counted from the first
    touch: np.ndarray  # (touch, feature) features of that pool
    mixed: np.ndarray  # (component, mixture, mixture) covariances of nothing but mixtures
    shared: np.ndarray  # (pool, factor) what families share of utilities and levels
    shares: np.ndarray  # (cell, pool)
    quality: np.ndarray  # (pool,)
    run: np.ndarray  # (cell,) no trajectories: all -1
    apart: float  # share of levels' and utilities' variance that is the pool's own


class Factor(NamedTuple):
    """A factorised covariance; block features end with a pool's level and utility."""

    noise: np.ndarray  # (row,) with what the features leave out
    block: np.ndarray  # (single row, feature)
    border: np.ndarray  # (row, border feature)
    touch: np.ndarray  # (touch, feature)
    inner: np.ndarray  # (pool, feature, feature) inverse of A_i
    link: np.ndarray  # (pool, border feature, feature) B_i times it
    core: np.ndarray  # (border feature, border feature) border's covariance given the single pools
    reach: np.ndarray  # (touch, feature) mixtures' features times the inverse
    lean: np.ndarray  # (mixture, border feature) what mixtures load on it beyond the blocks
    error: np.ndarray  # (mixture, mixture) covariance that only mixtures have
    mixed: np.ndarray  # (mixture, mixture) inverse covariance of the mixtures given the others
    logdet: float


@njit(cache=True, nogil=True, error_model="numpy")
def scale_features(arrow, asked):
    """Features with their scales: block, border and those of mixtures; see `Factor`."""
    pools, k = arrow.block_component.shape
    root = math.sqrt(arrow.apart)
    block = np.empty((arrow.block.shape[0], k + 2))
    touch = np.empty((arrow.touch.shape[0], k + 2))
    border = np.ascontiguousarray(scale_border(arrow, asked).T)
    scales, spread, x = asked.scales, asked.spread, asked.x
    singles = arrow.first[pools]
    for p in range(pools):
        for r in range(arrow.first[p], arrow.first[p + 1]):
            for f in range(k):
                block[r, f] = arrow.block[r, f] * scales[arrow.block_component[p, f]]
            block[r, k] = root * scales[0]
            block[r, k + 1] = root * spread * x[arrow.rows[r], p]
        for t in range(arrow.touch_first[p], arrow.touch_first[p + 1]):
            cell = arrow.rows[singles + arrow.touch_row[t]]
            for f in range(k):
                touch[t, f] = arrow.touch[t, f] * scales[arrow.block_component[p, f]]
            touch[t, k] = root * scales[0] * arrow.shares[cell, p]
            touch[t, k + 1] = root * spread * x[cell, p]
    return block, border, touch


@njit(cache=True, nogil=True, error_model="numpy")
def factorise(arrow, asked):
    """Factorise the covariance of the cells; ``ok`` is False where it is not positive definite."""
    block, border, touch = scale_features(arrow, asked)
    scales = asked.scales
    pools, rows, width = arrow.first.shape[0] - 1, arrow.rows.shape[0], block.shape[1]
    wb, singles = border.shape[1], arrow.first[pools]
    mixtures = rows - singles
    noise = np.empty(rows)
    logdet, ok = 0.0, True
    for r in range(rows):
        noise[r] = asked.noise[arrow.rows[r]]
        for j in range(scales.shape[0]):
            noise[r] += scales[j] ** 2 * arrow.residual[j, r]
        if r < singles:
            logdet += math.log(noise[r])
    inner = np.zeros((pools, width, width))
    link = np.zeros((pools, wb, width))
    core = np.eye(wb)
    for p in range(pools):
        a = inner[p]
        for k in range(width):
            a[k, k] = 1.0
        lo, hi = arrow.first[p], arrow.first[p + 1]
        if lo == hi:
            continue
        f, g = block[lo:hi], border[lo:hi]
        weight = (1.0 / noise[lo:hi]).reshape((-1, 1))
        weighted = f * weight
        a += f.T @ weighted
        cross = g.T @ weighted
        core += g.T @ (g * weight)
        root, part, good = inverse_factor(a)
        logdet += part
        ok = ok and good
        # by the root: through the inverse the difference would lose twice the digits
        half = cross @ root.T
        core -= half @ half.T
        inner[p] = root.T @ root
        link[p] = half @ root
    part, good = invert(core)
    logdet += part
    ok = ok and good
    # mixtures, given the single pools
    reach = np.empty_like(touch)
    lean = border[singles:].copy()
    error = np.zeros((mixtures, mixtures))
    for j in range(arrow.mixed.shape[0]):
        if scales[j] > 0.0:
            error += scales[j] ** 2 * arrow.mixed[j]
    c = error.copy()
    for p in range(pools):
        lo, hi = arrow.touch_first[p], arrow.touch_first[p + 1]
        if lo == hi:
            continue
        reach[lo:hi] = touch[lo:hi] @ inner[p]
        off = touch[lo:hi] @ link[p].T
        own = reach[lo:hi] @ touch[lo:hi].T
        for t in range(hi - lo):
            u = arrow.touch_row[lo + t]
            lean[u] -= off[t]
            for s in range(hi - lo):
                c[u, arrow.touch_row[lo + s]] += own[t, s]
    if mixtures > 0:
        c += (lean @ core) @ lean.T
        for u in range(mixtures):
            c[u, u] += noise[singles + u]
        part, good = invert(c)
        logdet += part
        ok = ok and good
    return Factor(noise, block, border, touch, inner, link, core, reach, lean, error, c,
                  logdet), ok  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def load(arrow, factor, a):
    """Features' loadings times a vector over the rows: by block and in the border."""
    pools, singles = arrow.first.shape[0] - 1, factor.block.shape[0]
    own = np.zeros((pools, factor.block.shape[1]))
    for p in range(pools):
        lo, hi = arrow.first[p], arrow.first[p + 1]
        if hi > lo:
            own[p] = factor.block[lo:hi].T @ a[lo:hi]
        for t in range(arrow.touch_first[p], arrow.touch_first[p + 1]):
            own[p] += factor.touch[t] * a[singles + arrow.touch_row[t]]
    return own, factor.border.T @ a


@njit(cache=True, nogil=True, error_model="numpy")
def combine(arrow, factor, own, centre):
    """Features at these values, over the rows."""
    singles = factor.block.shape[0]
    out = factor.border @ centre
    for p in range(own.shape[0]):
        lo, hi = arrow.first[p], arrow.first[p + 1]
        if hi > lo:
            out[lo:hi] += factor.block[lo:hi] @ own[p]
        for t in range(arrow.touch_first[p], arrow.touch_first[p + 1]):
            out[singles + arrow.touch_row[t]] += factor.touch[t] @ own[p]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def features_mean(factor, own, edge):
    """Features' mean given the single pools, for their precision times it, block and border."""
    out = np.empty_like(own)
    edge = edge.copy()
    for p in range(own.shape[0]):
        edge -= factor.link[p] @ own[p]
    centre = factor.core @ edge
    for p in range(own.shape[0]):
        out[p] = factor.inner[p] @ own[p] - factor.link[p].T @ centre
    return out, centre


@njit(cache=True, nogil=True, error_model="numpy")
def solve_once(arrow, factor, r):
    """Inverse covariance times a vector over the rows, to the accuracy of the inverses."""
    singles = factor.block.shape[0]
    a = r / factor.noise
    a[singles:] = 0.0
    own, centre = load(arrow, factor, a)
    mean, middle = features_mean(factor, own, centre)
    found = combine(arrow, factor, mean, middle)
    if r.shape[0] > singles:
        pull = factor.mixed @ (r[singles:] - found[singles:])
        a[singles:] = pull
        own, centre = load(arrow, factor, a)
        mean, middle = features_mean(factor, own, centre)
        found = combine(arrow, factor, mean, middle)
        a[singles:] = pull
    a[:singles] = (r[:singles] - found[:singles]) / factor.noise[:singles]
    return a


@njit(cache=True, nogil=True, error_model="numpy")
def arrow_solve(arrow, factor, resid):
    """Solve for residuals, dim (cell,), and refine: the noise may be a millionth of the rest.

    Returns
    -------
    a : numpy.ndarray
        Dim (cell,): the inverse covariance times the residuals.
    own, centre : numpy.ndarray
        Dims (pool, feature) and (border feature,): the features' posterior mean.
    """
    singles = factor.block.shape[0]
    r = resid[arrow.rows]
    a = solve_once(arrow, factor, r)
    own, centre = load(arrow, factor, a)
    left = r - factor.noise * a - combine(arrow, factor, own, centre)
    if r.shape[0] > singles:
        left[singles:] -= factor.error @ a[singles:]
    a += solve_once(arrow, factor, left)
    own, centre = load(arrow, factor, a)
    out = np.empty_like(a)
    out[arrow.rows] = a
    return out, own, centre


@njit(cache=True, nogil=True, error_model="numpy")
def arrow_gradient(arrow, asked, factor, mean, centre, answer):
    """Derivatives of the log density through the covariance.

    Parameters
    ----------
    arrow, asked
        As for :func:`factorise`.
    factor, mean, centre
        What it and :func:`arrow_solve` gave.
    answer : Answer
        With ``a`` as from :func:`arrow_solve`; the rest is filled.
    """
    pools, width = mean.shape
    comps, wb = asked.scales.shape[0], centre.shape[0]
    k, shared = width - 2, arrow.shared.shape[1]
    kb = wb - 2 - 2 * shared
    singles = arrow.first[pools]
    mixtures = arrow.rows.shape[0] - singles
    root = math.sqrt(arrow.apart)
    scales, spread, quality_scale = asked.scales, asked.spread, asked.quality_scale
    a, by_log_scale = answer.a, answer.by_log
    by_log_scale[:] = 0.0
    answer.by_x[:] = 0.0
    answer.by_run[:] = 0.0
    core = factor.core
    follow = np.zeros((mixtures, wb))
    if mixtures > 0:
        follow = factor.mixed @ (factor.lean @ factor.core)
        core = core - (factor.lean @ factor.core).T @ follow
    border_gradient(centre, np.diag(core), arrow.border_component, shared, by_log_scale)
    toward = np.zeros(wb)  # a pool's utility as a combination of border features
    for p in range(pools):
        lo, hi = arrow.first[p], arrow.first[p + 1]
        tlo, thi = arrow.touch_first[p], arrow.touch_first[p + 1]
        cross = -(core @ factor.link[p])  # covariance of border and block
        own = factor.inner[p] - factor.link[p].T @ cross
        for f in range(shared):
            toward[kb + 2 + shared + f] = spread * arrow.shared[p, f]
        toward[kb + 1] = quality_scale * arrow.quality[p]
        utility = root * spread * mean[p, k + 1] + toward @ centre
        if thi > tlo:
            touched = arrow.touch_row[tlo:thi]
            reach = factor.reach[tlo:thi]
            back = np.empty((thi - tlo, thi - tlo))
            for t in range(thi - tlo):
                for s in range(thi - tlo):
                    back[t, s] = factor.mixed[touched[t], touched[s]]
            shift = reach.T @ follow[touched]  # (feature, border feature)
            bent = shift @ factor.link[p]
            own += bent + bent.T - reach.T @ (back @ reach)
            cross -= shift.T
            # covariance of each mixture with the utility, given the single pools
            with_utility = factor.lean @ (
                factor.core @ (toward - root * spread * factor.link[p][:, k + 1])
            )
            for t in range(thi - tlo):
                with_utility[touched[t]] += root * spread * reach[t, k + 1]
            solved = factor.mixed @ with_utility
            for t in range(thi - tlo):
                cell = arrow.rows[singles + touched[t]]
                answer.by_x[cell, p] = a[cell] * utility - solved[touched[t]]
        for f in range(k):
            by_log_scale[arrow.block_component[p, f]] += mean[p, f] ** 2 + own[f, f] - 1.0
        by_log_scale[0] += mean[p, k] ** 2 + own[k, k] - 1.0
        by_log_scale[comps] += mean[p, k + 1] ** 2 + own[k + 1, k + 1] - 1.0
        if lo == hi:
            continue
        f, g = factor.block[lo:hi], factor.border[lo:hi]
        of_block = f @ own + g @ cross
        of_border = f @ cross.T + g @ core
        for t in range(hi - lo):
            cell, v = arrow.rows[lo + t], factor.noise[lo + t]
            known, with_own = 0.0, root * spread * of_block[t, k + 1]
            for i in range(width):
                known += f[t, i] * of_block[t, i]
            for i in range(wb):
                known += g[t, i] * of_border[t, i]
                with_own += toward[i] * of_border[t, i]
            answer.diagonal[cell] = 0.5 * (a[cell] ** 2 - 1.0 / v + known / (v * v))
            answer.by_x[cell, p] = a[cell] * utility - with_own / v
    for u in range(mixtures):
        cell = arrow.rows[singles + u]
        answer.diagonal[cell] = 0.5 * (a[cell] ** 2 - factor.mixed[u, u])
    for j in range(comps):
        if not scales[j] > 0.0:
            continue
        total = 0.0
        for r in range(arrow.rows.shape[0]):
            total += answer.diagonal[arrow.rows[r]] * arrow.residual[j, r]
        for u in range(mixtures):
            left = a[arrow.rows[singles + u]]
            for w in range(mixtures):
                pair = left * a[arrow.rows[singles + w]] - factor.mixed[u, w]
                total += 0.5 * pair * arrow.mixed[j, u, w]
        by_log_scale[j] += 2.0 * scales[j] ** 2 * total
