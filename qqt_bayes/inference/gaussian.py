"""The Gaussian of the cells given the few, whatever form its covariance has, and its derivatives.

Few cells are kept whole; of many, blocks (:mod:`qqt_bayes.inference.blocks`) or features
(:mod:`qqt_bayes.inference.arrow`) stand for the covariance, behind
:mod:`qqt_bayes.inference.structure`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from qqt_bayes.inference.dense import add_products, inner_product, invert
from qqt_bayes.inference.natural import (
    OWN_LEVEL,
    OWN_UTILITY,
    SCALES,
    SPREAD,
    UTILITY,
    own_scales,
    own_shares,
)  # fmt: skip
from qqt_bayes.inference.question import DERIVE, SOLVE, answer_size, question, read_answer
from qqt_bayes.inference.structure import call_form


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
def is_structured(cells):
    """Whether another form stands for the whole covariance."""
    return cells.form != 0


@njit(cache=True, nogil=True, error_model="numpy")
def ask(task, natural, cells, x, noise_var, along, right):
    """Ask a study's form about right-hand sides, dims (column, cell); see `structure`."""
    scales, spread, quality_scale = own_scales(natural, cells)
    asked = question(scales, spread, quality_scale, cells.level_sd, x, noise_var, along, right)
    n, pools = x.shape
    answer = np.empty(answer_size(task, n, pools, scales.shape[0], right.shape[0]))
    answer[0] = answer.size
    return answer, call_form(cells.form, task, cells.layout, asked, answer)


@njit(cache=True, nogil=True, error_model="numpy")
def solve_many(natural, cells, x, noise_var, along, right):
    """Inverse covariance of z times the rows of ``right``, as rows; of a structured study."""
    answer, _ = ask(SOLVE, natural, cells, x, noise_var, along, right)
    return answer[answer.shape[0] - right.size :].reshape(right.shape)


@njit(cache=True, nogil=True, error_model="numpy")
def solve(natural, cells, x, noise_var, along, resid):
    """Inverse covariance of z times residuals, dim (cell,); noise as from `cell_noise`."""
    if is_structured(cells):
        return solve_many(natural, cells, x, noise_var, along, resid.copy().reshape((1, -1)))[0]
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
    """As `dense_part`, of a study in another form."""
    n, pools = x.shape
    comps = cells.kernels.shape[0]
    right = resid.copy().reshape((1, n))
    answer, ok = ask(DERIVE, natural, cells, x, noise_var, along, right)
    if ok == 0:
        return -np.inf
    found = read_answer(answer, n, pools)
    a[:], diagonal[:], by_run[:], by_x[:] = found.a, found.diagonal, found.by_run, found.by_x
    by_log = found.by_log
    for j in range(comps):
        if natural[SCALES + j] > 0.0:
            grad[SCALES + j] = by_log[j] / natural[SCALES + j]
    if natural[SPREAD] > 0.0:
        grad[SPREAD] += by_log[comps] / natural[SPREAD]
    both = by_log[comps] + by_log[comps + 1]
    grad[UTILITY] += both / natural[UTILITY]
    if cells.shared.shape[0] > 0:
        cells.slopes[OWN_UTILITY] = 0.5 * both / cells.shared[OWN_UTILITY]
        cells.slopes[OWN_LEVEL] = 0.5 * by_log[0] / cells.shared[OWN_LEVEL]
    return -0.5 * (resid @ a + answer[1])


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
