"""Conditional means and covariances of log reducible error, given each draw of the parameters.

The closed form of what :mod:`qqt_bayes.inference.conditional` draws. Planning needs it: what a new
run would teach is a Gaussian update of these moments, so no refit is needed to value it. The
change of regime beyond the largest run, of which the runs know nothing, joins the parameters here:
one path a draw, so that a run out there can tell us about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from qqt_bayes.inference.conditional import exponents_ahead
from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.model.effects import AT_PATHS, kernels
from qqt_bayes.model.marginal import by_slopes

if TYPE_CHECKING:
    from qqt_bayes.inference.given import Given
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.priors import Prior

__all__ = ["Moments", "moments"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Joint Gaussian of some points given each draw of the parameters.

    The covariance is the prior one less ``root' root``, which is what the observed cells explain;
    its rank is the number of cells or, of many, of points.
    """

    parameters: Parameters
    points: Points
    factor: np.ndarray  # (draw, point, direction): root of the prior covariance by the slopes
    mean: np.ndarray  # (draw, point)
    root: np.ndarray  # (draw, rank, point)

    def covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Covariance of some points with others, dims (draw, row, column)."""
        between = self.points.kernels[:, rows][:, :, columns]
        squares, factor, root = self.parameters.scales[:, AT_PATHS] ** 2, self.factor, self.root

        def work(b: slice) -> np.ndarray:
            prior = np.tensordot(squares[b], between, 1)
            prior += factor[b][:, rows] @ factor[b][:, columns].swapaxes(1, 2)
            prior -= root[b][:, :, rows].swapaxes(1, 2) @ root[b][:, :, columns]
            return np.asarray(prior)

        each = self.root[0].size + between[0].size
        return np.concatenate(in_chunks(work, len(self.mean), each))

    def variance(self) -> np.ndarray:
        """Variance of every point, dims (draw, point)."""
        prior = self.parameters.scales[:, AT_PATHS] ** 2 @ np.einsum("kpp->kp", self.points.kernels)
        prior += (self.factor**2).sum(axis=2)
        return np.maximum(prior - np.einsum("snp,snp->sp", self.root, self.root), 0.0)


def moments(given: Given, points: Points, regime: Prior, seed: int) -> Moments:
    """Conditional moments at the points for each draw of the parameters, given the runs.

    ``regime`` is the prior of the multiple of the wander that is the scale of the change of regime,
    ``seed`` that of its paths.
    """
    p, cells = given.parameters, given.cells
    seen, squares = cells.design.points, p.scales[:, AT_PATHS] ** 2
    smooth, extra = exponents_ahead(p, points, regime, seed)
    observed, factor = (by_slopes(p, sums, seen) for sums in (given.sums, smooth + extra))
    pull = given.pull
    cross, middle = kernels(seen, points), cells.log_reference(p.irreducible) + cells.level_mean
    before = middle[:, None] - p.utility[:, None] * (smooth + extra).sum(axis=2)

    def work(b: slice) -> tuple[np.ndarray, np.ndarray]:
        shared = np.tensordot(squares[b], cross, 1) + observed[b] @ factor[b].swapaxes(1, 2)
        return before[b] + (pull[b][:, None] @ shared)[:, 0], explained(given, b, shared)

    each = given.square + len(seen) * len(points)
    mean, root = zip(*in_chunks(work, p.draws, each), strict=True)
    return Moments(p, points, factor, np.concatenate(mean), np.concatenate(root))


def explained(given: Given, chunk: slice, shared: np.ndarray) -> np.ndarray:
    """Root of what the cells explain, from their covariance with the points (draw, cell, point)."""
    if not given.cells.design.many:
        root = solve_triangular(given.root(chunk), shared, lower=True)
        return np.linalg.qr(root, mode="r") if root.shape[1] > root.shape[2] else root
    square = shared.swapaxes(1, 2) @ given.low_rank(chunk).solve(shared)
    values, vectors = np.linalg.eigh(square)
    return (vectors * np.sqrt(np.maximum(values, 0.0))[:, None]).swapaxes(1, 2)
