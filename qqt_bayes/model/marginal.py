r"""The marginal log density: everything linear integrated out, in array code.

Given the parameters, :math:`z = \log(y - d)` is Gaussian: levels, utilities, drift and mixture
error are linear in it. With X the exponents, B the loadings of the slopes and K the kernels of the
paths,

.. math:: z \sim \mathrm{Normal}\Bigl(\log r(d) + m_l - m_\beta X 1,\;
    \sum_j s_j^2 K_j + m_\beta^2 \sum_k s_k^2 X B_k B_k' X' + \mathrm{noise}\Bigr).

Every function takes many draws at once; ``xp`` is :mod:`numpy`, or :mod:`pytensor.tensor` with one
draw, so that the form in PyMC is this very code.

The model is linearised about the expected values m of the runs (:mod:`qqt_bayes.model.expected`):
with V the variance of the noise of y at m,

.. math:: z = \log(m - d) + \frac{y - m}{h}, \quad h^2 = (m - d)^2 + V / 4,

so that normal noise of y is normal noise of z, of variance :math:`V / h^2`. This is good while the
noise is small beside the reducible part m - d; where it is not, h keeps the variance below 4, or
noise would explain anything as the irreducible part approaches a value. Checkpoints of one run
share a *run effect*, standard normal, that moves them by their deviation between runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import AT_PATHS, AT_SLOPES, loadings
from qqt_bayes.model.low_rank import JITTER, LowRank
from qqt_bayes.model.noise import seed_factor

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.priors import Prior

MOST = 4.0  # variance that noise may have in z

__all__ = [
    "Cells", "Noise", "by_slopes", "cell_noise", "covariance", "exponents", "factor", "log_density",
    "log_gaussian", "log_low_rank", "log_reducible", "log_scale", "low_rank", "residual",
]  # fmt: skip


class Cells(NamedTuple):
    """What the density reads of a study."""

    design: Design
    level_mean: float  # prior mean of the log reducible part at the anchor over its reference
    # one of 'irreducible', 'rest', 'unit'; what levels are relative to: d, 1 - d, or 1
    reference: str
    relative_noise: bool  # whether seed noise is relative to the value; else to the unit

    @classmethod
    def of(cls, design: Design, priors: dict[str, Prior], kind: Any) -> Cells:
        """What the density reads of a study of this kind of metric."""
        return cls(design, priors["level"].pair[0], kind.reference, kind.relative_noise)

    def size(self, value: Any) -> Any:
        """What seed noise is relative to."""
        return value if self.relative_noise else 1.0 + 0.0 * value

    def log_reference(self, irreducible: Any, xp: Any = np) -> Any:
        """Log of what the level's mean is relative to."""
        if self.reference == "unit":
            return 0.0 * irreducible
        return xp.log(irreducible if self.reference == "irreducible" else 1.0 - irreducible)


class Noise(NamedTuple):
    """Noise of the cells."""

    # dims (draw, cell): variance of one replicate's value, and h: units of y to one of z
    single: Any
    unit: Any
    log: Any  # dims (draw, cell): variance of z, mean of the replicates
    # dims (draw, cell): standard deviation of the run effect in z, zero off trajectories
    along: Any


def exponents(parameters: Parameters, points: Points, xp: Any = np) -> Any:
    """Exponents of the law at some points, dims (draw, point, pool)."""
    p = parameters
    by_pool = (p.log_half_life[:, None], p.dilution[:, None, None], p.harm[:, None],
               p.log_rate[:, None])  # fmt: skip
    law = find_law(points.setting.law)
    return law.exponents(points.first, points.epochs, points.shares, *by_pool, xp=xp)


def by_slopes(parameters: Parameters, sums: Any, points: Points, xp: Any = np) -> Any:
    """Root of the prior covariance by the slopes, dims (draw, point, direction)."""
    scaled = sums * parameters.utility[:, None, None]
    parts = [
        xp.matmul(scaled, loading) * parameters.scales[:, None, None, i]
        for i, loading in zip(AT_SLOPES, loadings(points.setting), strict=True)
    ]
    return xp.concatenate(parts, axis=2)


def factor(parameters: Parameters, cells: Cells, sums: Any, noise: Noise, xp: Any = np) -> Any:
    """Factor of the covariance by slopes and run effects, dims (draw, cell, direction)."""
    design = cells.design
    parts = [by_slopes(parameters, sums, design.points, xp)]
    if design.run.max(initial=-1) >= 0:
        parts.append(noise.along[:, :, None] * design.member)
    return xp.concatenate(parts, axis=2)


def cell_noise(parameters: Parameters, cells: Cells, xp: Any = np) -> Noise:
    """Noise of the cells given the parameters; see the module."""
    p, design = parameters, cells.design
    gap = design.expected - p.irreducible[:, None]
    factor = seed_factor(p.noise_ratio, design.points.shares, xp)
    spread = p.seed_noise[:, None] * factor * cells.size(design.expected)
    single = spread**2 + design.eval_var
    unit = xp.sqrt(gap * gap + single / MOST)
    along = xp.sqrt(p.run_share)[:, None] * spread / unit * (design.run >= 0)
    return Noise(single, unit, single / (unit * unit * design.count), along)


def log_reducible(parameters: Parameters, cells: Cells, noise: Noise, xp: Any = np) -> Any:
    """The values as z, dims (draw, cell); NaN where the irreducible part is not below them."""
    design = cells.design
    gap = design.expected - parameters.irreducible[:, None]
    return xp.log(gap) + (design.value - design.expected) / noise.unit


def residual(parameters: Parameters, cells: Cells, sums: Any, noise: Noise, xp: Any = np) -> Any:
    """Log reducible values less their mean, dims (draw, cell)."""
    p = parameters
    mean = cells.log_reference(p.irreducible, xp) + cells.level_mean
    fall = p.utility[:, None] * xp.sum(sums, axis=2)
    return log_reducible(p, cells, noise, xp) - mean[:, None] + fall


def covariance(parameters: Parameters, cells: Cells, sums: Any, noise: Noise, xp: Any = np) -> Any:
    """Marginal covariance of z, dims (draw, cell, cell)."""
    points, n = cells.design.points, len(cells.design.value)
    squares = parameters.scales[:, AT_PATHS] ** 2
    total = xp.matmul(squares, points.kernels.reshape(len(AT_PATHS), n * n)).reshape((-1, n, n))
    low = factor(parameters, cells, sums, noise, xp)
    total += xp.matmul(low, xp.swapaxes(low, 1, 2))
    largest = xp.max(xp.diagonal(total, axis1=1, axis2=2), axis=1)
    diagonal = noise.log - noise.along**2 + JITTER * largest[:, None]
    if xp is np:
        at = np.arange(n)
        total[:, at, at] += diagonal
        return total
    return total + diagonal[:, :, None] * np.eye(n)


def whitened(residuals: Any, covariances: Any, xp: Any = np) -> tuple[Any, Any]:
    """Residuals in units of their spread, dims (draw, cell), and log determinants, dim (draw,).

    A covariance bordered by the residuals has a Cholesky factor whose last row is just that: one
    factor gives both. NaN where a covariance is not positive definite.
    """
    n = residuals.shape[1]
    if xp is np:
        bordered = np.empty((len(residuals), n + 1, n + 1))
        bordered[:, :n, :n] = covariances
        bordered[:, n, :n] = bordered[:, :n, n] = residuals
        bordered[:, n, n] = 1e300  # so that the last pivot is real; it is not used
        root = cholesky(bordered)
        white = root[:, n, :n]
    else:
        from pytensor.tensor.linalg import solve_triangular

        root = xp.linalg.cholesky(covariances)
        white = solve_triangular(root, residuals[:, :, None], lower=True, b_ndim=2)[:, :, 0]
    pivots = xp.diagonal(root, axis1=1, axis2=2)[:, :n]
    return white, 2.0 * xp.sum(xp.log(pivots), axis=1)


def log_gaussian(residuals: Any, covariances: Any, xp: Any = np) -> Any:
    """Log densities of centred Gaussians, dim (draw,)."""
    white, log_determinant = whitened(residuals, covariances, xp)
    distance = xp.sum(white**2, axis=1)
    return -0.5 * (distance + log_determinant + residuals.shape[1] * np.log(2.0 * np.pi))


def cholesky(matrices: np.ndarray) -> np.ndarray:
    """Lower Cholesky factors of many matrices; NaN for one that is not positive definite."""
    try:
        return np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(matrices, np.nan)
    half = len(matrices) // 2
    return np.concatenate([cholesky(matrices[:half]), cholesky(matrices[half:])])


def low_rank(parameters: Parameters, cells: Cells, sums: np.ndarray, noise: Noise) -> LowRank:
    """Marginal covariance of z of many cells."""
    few = factor(parameters, cells, sums, noise)
    return LowRank.of(cells.design, few, noise.log - noise.along**2, parameters.scales)


def log_low_rank(residuals: np.ndarray, covariance: LowRank) -> np.ndarray:
    """Log densities of centred Gaussians of many cells, dim (draw,)."""
    scaled = residuals / covariance.root
    along = covariance.along(scaled[:, :, None])[:, :, 0]
    explained, log_determinant = whitened(along, covariance.precision)
    distance = (scaled**2).sum(axis=1) - (explained**2).sum(axis=1)
    log_determinant = log_determinant + 2.0 * np.log(covariance.root).sum(axis=1)
    return -0.5 * (distance + log_determinant + residuals.shape[1] * np.log(2.0 * np.pi))


def log_density(parameters: Parameters, cells: Cells, xp: Any = np) -> Any:
    """Log density of the values given the parameters, dim (draw,).

    NaN where the irreducible part is not below every expected value.
    """
    design = cells.design
    sums = exponents(parameters, design.points, xp)
    noise = cell_noise(parameters, cells, xp)
    away = residual(parameters, cells, sums, noise, xp)
    if xp is np and design.many:
        total = log_low_rank(away, low_rank(parameters, cells, sums, noise))
    else:
        total = log_gaussian(away, covariance(parameters, cells, sums, noise, xp), xp)
    return total + xp.sum(log_scale(cells, noise, xp), axis=1)


def log_scale(cells: Cells, noise: Noise, xp: Any = np) -> Any:
    """Log density of the values over that of z: units, scatter; dims (draw, cell)."""
    design = cells.design
    replicates = (design.count - 1.0) * xp.log(noise.single) + design.scatter / noise.single
    return -(xp.log(noise.unit) + 0.5 * replicates)
