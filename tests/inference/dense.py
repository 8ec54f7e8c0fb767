"""The linear part written out with dense matrices: what the fast engine must agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import multivariate_normal

from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import PATHS, factor_of, kernels


@dataclass(frozen=True)
class Dense:
    """Everything linear as ``mean + loading @ u`` with u standard normal.

    ``log_reducible`` is at the cells and then at the wanted points; ``noise`` is the variance of
    the cells' z about it and about ``along``, the loading of the runs' effects, which are the last
    of u. Each of the other three is a pair (mean, loading).
    """

    z: np.ndarray
    unit: np.ndarray  # of y, to one of z
    variance: np.ndarray  # of one replicate's y
    noise: np.ndarray
    along: np.ndarray  # (cell, u): loading of the run effects
    log_reducible: tuple[np.ndarray, np.ndarray]
    utility: tuple[np.ndarray, np.ndarray]
    level: tuple[np.ndarray, np.ndarray]

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and loading of the cells' z, run effects included."""
        mean, loading = self.log_reducible
        return mean[: len(self.z)], loading[: len(self.z)] + self.along

    def given_cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of u given the cells."""
        mean, a = self.seen
        gain = np.linalg.solve(a @ a.T + np.diag(self.noise), a).T
        return gain @ (self.z - mean), np.eye(a.shape[1]) - gain @ a

    def conditional(self, *parts: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of these parts together, given the cells."""
        mean = np.concatenate([p[0] for p in parts])
        loading = np.concatenate([p[1] for p in parts])
        centre, spread = self.given_cells()
        return mean + loading @ centre, loading @ spread @ loading.T


def scale_of(parameters, name) -> float:
    """Scale of an effect, of the first draw."""
    return float(parameters.scale(name)[0])


def dense_form(parameters, design, priors, kind, samples=(), shares=()) -> Dense:
    """Lay out the linear part at the cells and at wanted points, given one draw."""
    p, setting, pools = parameters.take(slice(0, 1)), design.setting, design.pools
    d, m_b = p.irreducible[0], p.utility[0]
    seen, cells = design.points, len(design.value)
    points = design.points_at(
        np.concatenate([np.exp(seen.log_samples), np.asarray(samples, float)]),
        np.concatenate([seen.shares, np.reshape(shares, (-1, pools))]),
    )
    x = find_law(setting.law).exponents(
        points.first,
        points.epochs,
        points.shares,
        p.log_half_life[0],
        p.dilution[0],
        p.harm[0],
        p.log_rate[0],
    )
    level_mean, level_sd = (
        (priors["level"].pair[0], 0.0) if priors["level"].fixed else priors["level"].pair
    )
    factor = np.linalg.cholesky(setting.likeness)
    reference = d if kind == "loss" else 1.0 - d
    common = np.full((pools, 1), level_sd)
    apart = scale_of(p, "level_spread") * factor
    quality = m_b * scale_of(p, "quality_effect") * setting.quality[:, None]
    relative = m_b * scale_of(p, "utility_spread") * factor
    # without wanted points the very matrix of the design: directions of equal weight may turn
    found = kernels(points, points) if len(samples) else seen.kernels
    structural = np.concatenate(
        [
            scale_of(p, effect.name) * factor_of(kernel)
            for effect, kernel in zip(PATHS, found, strict=True)
            if effect.name not in ("level", "level_spread")
        ],
        axis=1,
    )
    runs = design.run.max(initial=-1) + 1
    structural = np.concatenate([structural, np.zeros((len(structural), runs))], axis=1)
    none = np.zeros((pools, structural.shape[1]))
    zero_level, zero_utility = np.zeros((pools, 1 + pools)), np.zeros((pools, 1 + pools))
    level = np.concatenate([common, apart, zero_utility, none], axis=1)
    utility = np.concatenate([zero_level, quality, relative, none], axis=1)
    loading = points.shares @ level - x @ utility
    loading[:, level.shape[1] - structural.shape[1] :] += structural
    level_centre = np.full(pools, np.log(reference) + level_mean)
    utility_centre = np.full(pools, m_b)
    mean = points.shares @ level_centre - x @ utility_centre

    gap = design.expected - d
    # a mixture has the mean precision of its pools
    precision = seen.shares @ (p.seed_noise[0] * np.exp(p.noise_ratio[0])) ** -2.0
    seeds = design.expected**2 / precision
    variance = seeds + design.eval_var
    unit = np.sqrt(gap**2 + variance / 4.0)
    z = np.log(gap) + (design.value - design.expected) / unit
    along_square = p.run_share[0] * seeds / unit**2 * (design.run >= 0)
    along = np.zeros((cells, loading.shape[1]))
    for run in range(runs):
        here = design.run == run
        along[here, loading.shape[1] - runs + run] = np.sqrt(along_square[here])
    noise = variance / unit**2 / design.count - along_square
    return Dense(
        z, unit, variance, noise, along, (mean, loading), (utility_centre, utility),
        (level_centre, level),
    )  # fmt: skip


def dense_log_density(parameters, design, priors, kind) -> float:
    """The marginal log density by :mod:`scipy`, with the scatter and Jacobian terms."""
    form = dense_form(parameters, design, priors, kind)
    mean, a = form.seen
    density = multivariate_normal(mean, a @ a.T + np.diag(form.noise)).logpdf(form.z)
    extra = design.count - 1
    scatter = -0.5 * np.sum(extra * np.log(form.variance) + design.scatter / form.variance)
    return float(density - np.log(form.unit).sum() + scatter)
