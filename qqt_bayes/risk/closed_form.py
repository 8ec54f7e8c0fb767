r"""Leaving out one cell, in closed form given the few.

With the covariance C of the cells and their residuals r, :math:`a = C^{-1} r`, the value of cell i
given all others is Gaussian with mean :math:`z_i - a_i / C^{-1}_{ii}` and variance
:math:`1 / C^{-1}_{ii}`; a prediction with covariances k to the cells moves by
:math:`(k C^{-1})_i a_i / C^{-1}_{ii}` when cell i is left out. The few themselves are reweighted by
one over the density of the cell given the others (PSIS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.gaussian import solve, solve_with_precision
from qqt_bayes.inference.natural import (
    IRREDUCIBLE,
    SCALES,
    SPREAD,
    UTILITY,
    cell_exponents,
    cell_noise,
    mean,
)
from qqt_bayes.inference.noise import subtract_tilt
from qqt_bayes.laws.effective_utility import pass_bins
from qqt_bayes.model.effects import unit_kernels

if TYPE_CHECKING:
    from qqt_bayes.inference.natural import Cells
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.design import Points

MAX_DRAWS = 400

__all__ = ["LeaveOneOut", "influence", "leave_one_out", "pareto_weights"]


@dataclass(frozen=True)
class LeaveOneOut:
    """Each cell predicted from all the others.

    Attributes
    ----------
    pit : numpy.ndarray
        Dim (cell,): probability, given the others, of a value below the one seen.
    k_hat : numpy.ndarray
        Dim (cell,): Pareto shape of the weights; high where the cell is influential.
    log_density : numpy.ndarray
        Dim (cell,): log predictive density.
    good_k : float
        Largest shape at which the weights can be trusted.
    """

    pit: np.ndarray
    k_hat: np.ndarray
    log_density: np.ndarray
    good_k: float


def exponents_at(row: np.ndarray, cells: Cells, points: Points) -> np.ndarray:
    """Exponents at the points for one draw, dims (point, pool)."""
    start, stop, repeats = pass_bins(float(points.epochs.max(initial=1.0)))
    cells = cells._replace(start=start, lengths=np.log(stop / start), repeats=repeats)
    out = np.empty(points.shares.shape)
    cell_exponents(row, cells, points.first, points.epochs, points.shares, out, np.empty((0, 0, 0)))
    return out


def parts_of(posterior: Posterior, row: np.ndarray) -> tuple[np.ndarray, ...]:
    """Exponents, residuals, variance of a replicate and noise variance of the cells for a draw."""
    cells, points = posterior.cells, posterior.design.points
    x = exponents_at(row, cells, points)
    factor, single, noise, along = np.empty((4, len(cells.value)))
    cell_noise(row, cells, factor, single, noise, along)
    residual = np.log(cells.value - row[IRREDUCIBLE]) - mean(row, cells, x)
    subtract_tilt(row[IRREDUCIBLE], cells, single, along, residual)
    return x, residual, single, noise, along


def leave_one_out(posterior: Posterior) -> LeaveOneOut:
    """Predict each cell from the others, with the few reweighted."""
    from scipy.special import logsumexp, ndtr

    cells = posterior.cells
    natural = posterior.natural[:: max(1, len(posterior.natural) // MAX_DRAWS)]
    shape = (len(natural), len(cells.value))
    z, log_density = np.empty(shape), np.empty(shape)
    extra = cells.replicates - 1.0
    for s, row in enumerate(natural):
        x, residual, single, noise, along = parts_of(posterior, row)
        pull, precision = solve_with_precision(row, cells, x, noise, along, residual)
        z[s] = pull / np.sqrt(precision)  # error over its sd
        log_density[s] = (
            0.5 * np.log(precision / (2.0 * np.pi))
            - 0.5 * z[s] ** 2
            - np.log(cells.value - row[IRREDUCIBLE])
            - 0.5 * (extra * np.log(single) + cells.scatter / single)
        )
    weights, k_hat = pareto_weights(-log_density.T)
    pit = np.sum(weights.T * ndtr(z), axis=0)
    density = logsumexp(log_density, b=np.maximum(weights.T, 1e-300), axis=0)
    good = min(1.0 - 1.0 / np.log10(max(len(natural), 10)), 0.7)
    return LeaveOneOut(pit, k_hat, density, good)


def pareto_weights(log_ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed importance weights that sum to one, and their shapes.

    Parameters
    ----------
    log_ratio : numpy.ndarray
        Dims (..., draw): log of wanted over given density.
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    log_ratio = np.asarray(log_ratio, float)
    rows = log_ratio.reshape(-1, log_ratio.shape[-1])
    weight, k_hat = np.ones(rows.shape), np.full(len(rows), -np.inf)
    uneven = np.ptp(rows, axis=1) > 1e-9  # equal weights have no tail to smooth
    if uneven.any():
        # the library takes the log-likelihood that is taken away, that is, minus the log ratio
        log_weight, k_hat[uneven] = array_stats.psislw(-rows[uneven], axis=-1)
        weight[uneven] = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    return weight.reshape(log_ratio.shape), k_hat.reshape(log_ratio.shape[:-1])


def influence(
    posterior: Posterior, points: Points, draws: int = 20, *, contrast: bool = False
) -> np.ndarray:
    """How far each cell moves the log reducible error at the points.

    Parameters
    ----------
    posterior : Posterior
        Gives the few, which are held fixed.
    points : Points
        What is predicted.
    draws : int
        Root mean square over so many draws of the few.
    contrast : bool
        Of the first point less the second (less nothing if there is only one) instead.

    Returns
    -------
    numpy.ndarray
        Dims (point, cell), or (cell,) for a contrast.
    """
    design = posterior.design
    kernels = unit_kernels(points.effects, design.points.effects)
    natural = posterior.natural
    total = np.zeros((1 if contrast else len(points), len(design.value)))
    chosen = natural[np.linspace(0, len(natural) - 1, draws).astype(int)]
    for row in chosen:
        x, residual, _, noise, along = parts_of(posterior, row)
        there = exponents_at(row, posterior.cells, points)
        quality = row[UTILITY] * posterior.cells.quality_sd * design.quality
        k = (
            (row[UTILITY] * row[SPREAD]) ** 2 * there @ design.likeness @ x.T
            + np.outer(there @ quality, x @ quality)
            + posterior.cells.level_sd**2
            + np.einsum("j,jab->ab", row[SCALES : SCALES + len(kernels)] ** 2, kernels)
        )
        pull, precision = solve_with_precision(row, posterior.cells, x, noise, along, residual)
        solved = np.array([solve(row, posterior.cells, x, noise, along, r) for r in k])
        moved = solved * pull / precision
        if contrast:
            moved = moved[:1] - moved[1:2] if len(moved) > 1 else moved
        total += moved**2
    found = np.sqrt(total / len(chosen))
    return found[0] if contrast else found
