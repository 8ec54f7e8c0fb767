"""The linear part written out with dense matrices: what the fast engine must agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import multivariate_normal

from qqt_bayes.inference.natural import (
    DILUTION,
    IRREDUCIBLE,
    NOISE,
    RUN_SHARE,
    SCALES,
    SPREAD,
    UTILITY,
)
from qqt_bayes.inference.noise import WORST
from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import COMPONENTS, unit_kernels
from qqt_bayes.model.prior_predictive import kernel_factor


@dataclass(frozen=True)
class Dense:
    """Everything linear as ``mean + loading @ u`` with u standard normal.

    ``log_reducible`` is at the cells and then at the wanted points; ``noise`` is the variance of
    the cells' z about it and about ``along``, the loading of the runs' effects, which are the last
    of u; ``tilt`` is the mean of these, for the Jacobian of z over z - along u. Each of the other
    three is a pair (mean, loading).
    """

    z: np.ndarray
    gap: np.ndarray
    variance: np.ndarray  # of one replicate's y
    noise: np.ndarray
    along: np.ndarray  # (cell, u): loading of the run effects
    tilt: np.ndarray  # (run,): mean of the run effects
    log_reducible: tuple[np.ndarray, np.ndarray]
    utility: tuple[np.ndarray, np.ndarray]
    level: tuple[np.ndarray, np.ndarray]

    @property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and loading of the cells' z, run effects included."""
        mean, loading = self.log_reducible
        shift = self.along[:, self.along.shape[1] - len(self.tilt) :] @ self.tilt
        return mean[: len(self.z)] + shift, loading[: len(self.z)] + self.along

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


def dense_form(natural, design, priors, kind, samples=(), shares=(), shared=None) -> Dense:
    """Lay out the linear part at the cells and at wanted points, given a natural vector.

    And, where `shared` is given, what the study has in common with others.
    """
    comps, pools = len(COMPONENTS), len(design.sizes)
    d, m_b, spread = natural[IRREDUCIBLE], natural[UTILITY], natural[SPREAD]
    scales = dict(zip(COMPONENTS, natural[SCALES : SCALES + comps], strict=True))
    log_tau, harm, log_noise, *rates = natural[SCALES + comps :].reshape(-1, pools)
    cells = len(design.value)
    seen = design.points
    points = design.points_at(
        np.concatenate([np.exp(seen.log_samples), np.asarray(samples, float)]),
        np.concatenate([seen.shares, np.reshape(shares, (-1, pools))]),
    )
    x = find_law(design.law).sums(
        points.first, points.epochs, points.shares, log_tau, natural[DILUTION], harm, *rates
    )

    # without wanted points the very matrix of the design: directions of equal weight may turn
    kernels = unit_kernels(points.effects, points.effects) if len(samples) else design.kernels
    level_mean, level_sd = (
        (priors["level"].pair[0], 0.0) if priors["level"].fixed else priors["level"].pair
    )
    quality_sd = 0.0 if priors["quality_effect"].fixed else priors["quality_effect"].pair[1]
    factor = np.linalg.cholesky(design.likeness)
    reference = d if kind == "loss" else 1.0 - d

    common = np.full((pools, 1), level_sd)
    apart = scales["level_spread"] * factor
    quality = (m_b * quality_sd * design.quality)[:, None]
    relative = m_b * spread * factor
    structural = np.concatenate(
        [scales[n] * kernel_factor(kernels[j]) for j, n in enumerate(COMPONENTS) if j > 0], axis=1
    )
    runs = design.run.max(initial=-1) + 1
    structural = np.concatenate([structural, np.zeros((len(structural), runs))], axis=1)
    if shared is None:
        shared = np.concatenate([[1.0, 1.0, 0.0], np.zeros(2 * pools)])
    lean, level_lean = shared[3:].reshape(2, pools)
    relative, quality = np.sqrt(shared[0]) * relative, np.sqrt(shared[0]) * quality
    apart = np.sqrt(shared[1]) * apart
    none = np.zeros((pools, structural.shape[1]))
    zero_level, zero_utility = np.zeros((pools, 1 + pools)), np.zeros((pools, 1 + pools))
    level = np.concatenate([common, apart, zero_utility, none], axis=1)
    utility = np.concatenate([zero_level, quality, relative, none], axis=1)
    loading = points.shares @ level - x @ utility
    loading[:, level.shape[1] - structural.shape[1] :] += structural
    level_centre = np.log(reference) + level_mean + scales["level_spread"] * level_lean
    utility_centre = m_b * (1.0 + spread * lean + shared[2] * design.quality)
    mean = points.shares @ level_centre - x @ utility_centre

    gap = design.value - d
    # a mixture has the mean precision of its pools
    precision = seen.shares @ (natural[NOISE] * np.exp(log_noise)) ** -2.0
    seeds = design.value**2 / precision
    variance = seeds + design.eval_var
    scale = gap**2 + WORST * variance
    shared = natural[RUN_SHARE] * seeds / scale * (design.run >= 0)
    along = np.zeros((cells, loading.shape[1]))
    tilt = np.zeros(runs)
    # by differences: the values enter a run effect's loading through y and through the gap
    step = 1e-4 * gap
    moved = [
        np.sqrt(natural[RUN_SHARE] / precision / ((gap + e) ** 2 + WORST * (
            (design.value + e) ** 2 / precision + design.eval_var))) * (design.value + e)
        for e in (-2 * step, -step, step, 2 * step)
    ]  # fmt: skip
    by_log_gap = (moved[0] - 8.0 * moved[1] + 8.0 * moved[2] - moved[3]) / 12e-4
    for run in range(runs):
        here = design.run == run
        along[here, loading.shape[1] - runs + run] = np.sqrt(shared[here])
        tilt[run] = -by_log_gap[here].sum()
    noise = variance / scale / design.count - shared
    return Dense(
        np.log(gap), gap, variance, noise, along, tilt, (mean, loading), (utility_centre, utility),
        (level_centre, level),
    )  # fmt: skip


def dense_log_density(natural, design, priors, kind, shared=None) -> float:
    """The marginal log density by :mod:`scipy`, with the scatter and Jacobian terms."""
    form = dense_form(natural, design, priors, kind, shared=shared)
    mean, a = form.seen
    density = multivariate_normal(mean, a @ a.T + np.diag(form.noise)).logpdf(form.z)
    extra = design.count - 1
    scatter = -0.5 * np.sum(extra * np.log(form.variance) + design.scatter / form.variance)
    return float(density - np.log(form.gap).sum() + scatter + 0.5 * form.tilt @ form.tilt)
