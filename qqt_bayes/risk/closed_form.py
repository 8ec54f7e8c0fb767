r"""Leaving out one cell, in closed form given the parameters.

With the covariance C of the cells and their residuals r, :math:`a = C^{-1} r`, the value of cell i
given all others is Gaussian with mean :math:`z_i - a_i / C^{-1}_{ii}` and variance
:math:`1 / C^{-1}_{ii}`; a prediction with covariances k to the cells moves by
:math:`(k C^{-1})_i a_i / C^{-1}_{ii}` when cell i is left out. The parameters are reweighted by
one over the density of the cell given the others (PSIS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.importance import smoothed
from qqt_bayes.model.effects import AT_PATHS, AT_SLOPES, SLOPES, kernels
from qqt_bayes.model.marginal import exponents, log_scale

if TYPE_CHECKING:
    from qqt_bayes.inference.given import Given
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.points import Points

MAX_DRAWS = 400

__all__ = ["LeaveOneOut", "given_others", "influence", "leave_one_out", "pareto_weights"]


@dataclass(frozen=True)
class LeaveOneOut:
    """Each cell predicted from all the others."""

    pit: np.ndarray  # (cell,): probability, given the others, of a value below the one seen
    k_hat: np.ndarray  # (cell,): Pareto shape of the weights; high where the cell is influential
    log_density: np.ndarray  # (cell,): log predictive density
    good_k: float  # largest shape at which the weights can be trusted


def precisions(given: Given) -> np.ndarray:
    """Diagonals of the inverse covariances of the cells, dims (draw, cell)."""

    def work(chunk: slice) -> np.ndarray:
        return np.asarray((np.linalg.inv(given.root(chunk)) ** 2).sum(axis=1))

    given.roots  # noqa: B018 (made once, for all threads)
    return np.concatenate(in_chunks(work, given.parameters.draws, given.square))


def given_others(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Each cell given all others: its error over its sd, and its log density, dims (draw, cell)."""
    precision = precisions(given)
    z = given.pull / np.sqrt(precision)
    log_density = 0.5 * np.log(precision / (2.0 * np.pi)) - 0.5 * z**2
    return z, log_density + log_scale(given.cells, given.noise)


def leave_one_out(posterior: Posterior) -> LeaveOneOut:
    """Predict each cell from the others, with the parameters reweighted."""
    from scipy.special import logsumexp, ndtr

    given = posterior.given.take(slice(None, None, max(1, len(posterior) // MAX_DRAWS)))
    z, log_density = given_others(given)
    weights, k_hat = pareto_weights(-log_density.T)
    pit = np.sum(weights.T * ndtr(z), axis=0)
    density = logsumexp(log_density, b=np.maximum(weights.T, 1e-300), axis=0)
    good = min(1.0 - 1.0 / np.log10(max(len(z), 10)), 0.7)
    return LeaveOneOut(pit, k_hat, density, good)


def pareto_weights(log_ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pareto-smoothed weights that sum to one, and their shapes, of log ratios (..., draw)."""
    log_ratio = np.asarray(log_ratio, float)
    found = [smoothed(row) for row in log_ratio.reshape(-1, log_ratio.shape[-1])]
    weight, k_hat = zip(*found, strict=True)
    return np.reshape(weight, log_ratio.shape), np.reshape(k_hat, log_ratio.shape[:-1])


def influence(
    posterior: Posterior, points: Points, draws: int = 20, *, contrast: bool = False
) -> np.ndarray:
    """How far each cell moves the log reducible error at the points, dims (point, cell).

    Root mean square over so many draws of the parameters, which are held fixed. A ``contrast`` is
    that of the first point less the second (less nothing if there is only one), dim (cell,).
    """
    cells = posterior.design.points
    given = posterior.given.take(np.linspace(0, len(posterior) - 1, draws).astype(int))
    p = given.parameters
    loadings = [effect.loadings(cells.setting) for effect in SLOPES if effect.loadings]
    alike = np.array([loading @ loading.T for loading in loadings])
    variances = (p.utility[:, None] * p.scales[:, AT_SLOPES]) ** 2
    between = np.tensordot(variances, alike, 1)  # utilities, dims (draw, pool, pool)
    cross = exponents(p, points) @ between @ np.swapaxes(given.sums, 1, 2)
    cross += np.tensordot(p.scales[:, AT_PATHS] ** 2, kernels(points, cells), 1)
    solved = np.stack([given.solve(row) for row in np.swapaxes(cross, 0, 1)], axis=1)
    moved = solved * (given.pull / precisions(given))[:, None]
    if contrast:
        moved = moved[:, :1] - moved[:, 1:2] if len(points) > 1 else moved
    found = np.sqrt(np.mean(moved**2, axis=0))
    return np.asarray(found[0] if contrast else found)
