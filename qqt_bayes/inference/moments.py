"""Conditional means and covariances of log reducible error, given each draw of the few.

The closed form of what :mod:`qqt_bayes.inference.conditional` draws. Planning needs it: what a new
run would teach is a Gaussian update of these moments, so no refit is needed to value it. The
change of regime beyond the largest run, of which the runs know nothing, joins the few here: one
path a draw, so that a run out there can tell us about it.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from qqt_bayes.inference.cores import threads
from qqt_bayes.inference.gaussian import covariance, is_structured, solve_many
from qqt_bayes.inference.natural import (
    IRREDUCIBLE,
    SCALES,
    SPREAD,
    UTILITY,
    Cells,
    cell_exponents,
    cell_noise,
    mean,
    wander_of,
)
from qqt_bayes.inference.noise import subtract_tilt
from qqt_bayes.laws.effective_utility import pass_bins
from qqt_bayes.model.effects import COMPONENTS, unit_kernels
from qqt_bayes.model.regime import ahead_of

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design, Points
    from qqt_bayes.model.priors import Prior

CHUNK = 16

__all__ = ["Moments", "moments"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Joint Gaussian of the points given each draw of the few.

    Attributes
    ----------
    mean : numpy.ndarray
        Dims (draw, point).
    root : numpy.ndarray
        Dims (draw, rank, point): what the observed cells explain, so that the covariance is the
        prior one less ``root' root``. The rank is the number of cells or, of many, of points.
    exponents : numpy.ndarray
        Dims (draw, point, pool), the change of regime included.
    kernels : numpy.ndarray
        Dims (component, point, point), at unit scale.
    scales : numpy.ndarray
        Dims (draw, component).
    natural : numpy.ndarray
        Dims (draw, natural).
    """

    mean: np.ndarray
    root: np.ndarray
    exponents: np.ndarray
    kernels: np.ndarray
    scales: np.ndarray
    natural: np.ndarray
    cells: Cells

    def covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Covariance of some points with others, dims (draw, row, column)."""
        rows, columns = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
        out = np.empty((len(self.mean), len(rows), len(columns)))
        kernels = np.ascontiguousarray(self.kernels[:, rows][:, :, columns])

        def work(b: slice) -> None:
            fill_covariance(
                self.natural[b], self.scales[b], self.exponents[b], self.root[b], kernels,
                self.cells, rows, columns, out[b],
            )  # fmt: skip

        in_threads(work, len(out))
        return out

    def variance(self) -> np.ndarray:
        """Variance of every point, dims (draw, point)."""
        every = np.arange(self.mean.shape[1])
        kernels = np.ascontiguousarray(self.kernels[:, every, every])
        prior = self.scales**2 @ kernels + self.cells.level_sd**2
        spread = (self.natural[:, UTILITY] * self.natural[:, SPREAD]) ** 2
        quality = (self.natural[:, UTILITY] * self.cells.quality_sd) ** 2
        x = self.exponents
        prior += spread[:, None] * np.einsum("spi,ij,spj->sp", x, self.cells.likeness, x)
        prior += quality[:, None] * (x @ self.cells.quality) ** 2
        return np.maximum(prior - np.einsum("snp,snp->sp", self.root, self.root), 0.0)


def in_threads(work, size):
    """Run ``work`` over slices of so many draws, two at a time."""
    with ThreadPoolExecutor(threads(2)) as pool:
        list(pool.map(work, (slice(b, b + CHUNK) for b in range(0, size, CHUNK))))


@njit(cache=True, nogil=True, error_model="numpy")
def fill_moments(natural, cells, first, epochs, shares, edge, edge_first, edge_epochs,
                 edge_shares, speed, horizon, cross, out_mean, out_root, out_x):  # fmt: skip
    """Fill mean, root and exponents for a block of draws; see :class:`Moments`."""
    n, pools = cells.first.shape
    points = first.shape[0]
    comps = cells.kernels.shape[0]
    x = np.empty((n, pools))
    xe = np.empty((edge_first.shape[0], pools))
    no_slopes = np.empty((0, 0, 0))
    other, noise, along = np.empty((2, n)), np.empty(n), np.empty(n)
    for s in range(natural.shape[0]):
        row = natural[s]
        d, m_b, spread = row[IRREDUCIBLE], row[UTILITY], row[SPREAD]
        cell_exponents(row, cells, cells.first, cells.epochs, cells.shares, x, no_slopes)
        xt = out_x[s]
        cell_exponents(row, cells, first, epochs, shares, xt, no_slopes)
        cell_exponents(row, cells, edge_first, edge_epochs, edge_shares, xe, no_slopes)
        for p in range(points):
            if edge[p] >= 0:
                for i in range(pools):
                    begin = xe[edge[p], i]
                    xt[p, i] = begin + speed[s, horizon[p]] * (xt[p, i] - begin)
        resid = -mean(row, cells, x)
        cell_noise(row, cells, other[0], other[1], noise, along)
        for r in range(n):
            resid[r] += math.log(cells.value[r] - d)
        subtract_tilt(d, cells, other[1], along, resid)
        xl = x @ cells.likeness
        xq = x @ cells.quality
        xtq = xt @ cells.quality
        pool_scale = (m_b * spread) ** 2
        quality_scale = (m_b * cells.quality_sd) ** 2
        shared = np.empty((n, points))  # prior covariance of cells and points
        for r in range(n):
            for p in range(points):
                total = 0.0
                for i in range(pools):
                    total += xl[r, i] * xt[p, i]
                total = total * pool_scale + quality_scale * xq[r] * xtq[p] + cells.level_sd**2
                for j in range(comps):
                    total += row[SCALES + j] ** 2 * cross[j, r, p]
                shared[r, p] = total
        moved = explain(row, cells, x, noise, along, resid, shared, out_root[s])
        reference = 1.0 - d if cells.bounded else d
        start = math.log(reference) + cells.level_mean
        for p in range(points):
            total = start
            for i in range(pools):
                total -= xt[p, i] * m_b
            out_mean[s, p] = total + moved[p]


@njit(cache=True, nogil=True, error_model="numpy")
def explain(natural, cells, x, noise, along, resid, shared, root):
    """Move of the points' mean by the residuals; fills the root of what the cells explain.

    ``shared`` is the prior covariance of cells and points.
    """
    n, points = shared.shape
    if is_structured(cells):
        solved = solve_many(natural, cells, x, noise, along, np.ascontiguousarray(shared.T))
        explained = solved @ shared
        values, vectors = np.linalg.eigh(0.5 * (explained + explained.T))
        for k in range(points):
            root[k] = math.sqrt(max(values[k], 0.0)) * vectors[:, k]
        return solved @ resid
    low = np.linalg.cholesky(covariance(natural, cells, x, noise, along))
    root[:] = shared
    left = resid.copy()
    # solve low @ root = prior covariance, row by row, and the same for the residuals
    for r in range(n):
        for k in range(r):
            f = low[r, k]
            left[r] -= f * left[k]
            for p in range(points):
                root[r, p] -= f * root[k, p]
        f = 1.0 / low[r, r]
        left[r] *= f
        for p in range(points):
            root[r, p] *= f
    moved = np.zeros(points)
    for r in range(n):
        for p in range(points):
            moved[p] += root[r, p] * left[r]
    return moved


@njit(cache=True, nogil=True, error_model="numpy")
def fill_covariance(natural, scales, x, root, kernels, cells, rows, columns, out):
    """Fill covariances for a block of draws; see :meth:`Moments.covariance`."""
    pools = x.shape[2]
    for s in range(natural.shape[0]):
        m_b = natural[s, UTILITY]
        pool_scale = (m_b * natural[s, SPREAD]) ** 2
        quality_scale = (m_b * cells.quality_sd) ** 2
        xl = x[s] @ cells.likeness
        xq = x[s] @ cells.quality
        for a in range(rows.shape[0]):
            p = rows[a]
            for b in range(columns.shape[0]):
                q = columns[b]
                total = 0.0
                for i in range(pools):
                    total += xl[p, i] * x[s, q, i]
                total = total * pool_scale + quality_scale * xq[p] * xq[q] + cells.level_sd**2
                for j in range(kernels.shape[0]):
                    total += scales[s, j] ** 2 * kernels[j, a, b]
                out[s, a, b] = total
        for r in range(root.shape[1]):
            for a in range(rows.shape[0]):
                f = root[s, r, rows[a]]
                for b in range(columns.shape[0]):
                    out[s, a, b] -= f * root[s, r, columns[b]]


def moments(
    natural: np.ndarray, cells: Cells, design: Design, points: Points, regime: Prior, seed: int
) -> Moments:
    """Conditional moments at the points for each draw of the few.

    Parameters
    ----------
    natural : numpy.ndarray
        Dims (draw, natural).
    cells, design
        What was observed.
    points : Points
        Where to predict.
    regime : Prior
        Of the multiple of the wander that is the scale of the change of regime.
    seed : int
        Of its paths.
    """
    draws, (n, pools) = len(natural), design.points.shares.shape
    deepest = max(design.points.epochs.max(initial=1.0), points.epochs.max(initial=1.0))
    start, stop, repeats = pass_bins(float(deepest))
    cells = cells._replace(start=start, lengths=np.log(stop / start), repeats=repeats)
    cross = unit_kernels(design.points.effects, points.effects)
    kernels = unit_kernels(points.effects, points.effects)
    scales = np.ascontiguousarray(natural[:, SCALES : SCALES + len(COMPONENTS)])
    rng = np.random.default_rng(seed)
    edge, *edges, speed, horizon = ahead_of(points, regime, wander_of(natural), rng)
    out_mean = np.empty((draws, len(points)))
    rank = len(points) if is_structured(cells) else n
    root, x = np.empty((draws, rank, len(points))), np.empty((draws, len(points), pools))

    def work(b: slice) -> None:
        fill_moments(
            natural[b], cells, points.first, points.epochs, points.shares, edge, *edges, speed[b],
            horizon, cross, out_mean[b], root[b], x[b],
        )  # fmt: skip

    in_threads(work, draws)
    return Moments(out_mean, root, x, kernels, scales, natural, cells)
