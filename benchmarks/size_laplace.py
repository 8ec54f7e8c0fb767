"""The mode of the posterior and its Gaussian approximation, in milliseconds.

The refit inside `size_selection.py`, which needs thousands of fits and no scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats
from scipy.special import polygamma

from qqt_bayes.allocation.model import Model

STEP = 1e-4  # of the central differences, in prior standard deviations
STEPS = 60
TOLERANCE = 1e-6  # gain in log density at which the search ends
# Held at their prior medians: with as many components as runs, the joint mode has no noise at all.
HELD = (
    "noise", "tails", "misfit", "pool_misfit", "irreducible_spread", "term_spread",
    "exponent_spread", "repeats_spread",
)  # fmt: skip
HEATS = (30.0, 10.0, 3.0, 1.0)  # noise is first taken wide: no run is written off before a fit

__all__ = ["Laplace", "laplace", "log_posterior"]


@dataclass(frozen=True, eq=False)
class Laplace:
    """A Gaussian around the mode.

    Attributes
    ----------
    mode : numpy.ndarray
        Dim (z,).
    factor : numpy.ndarray
        Dims (z, z): the covariance is ``factor @ factor.T``.
    log_density : float
        Of the posterior at the mode, unnormalised.
    """

    mode: np.ndarray
    factor: np.ndarray
    log_density: float

    def draws(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws, dims (draw, z)."""
        return self.mode + rng.standard_normal((count, len(self.mode))) @ self.factor.T


def log_posterior(
    model: Model, z: np.ndarray, weight: np.ndarray | None = None, heat: float = 1.0
) -> np.ndarray:
    """Unnormalised log density, dims (...).

    Parameters
    ----------
    model : Model
        Data and priors.
    z : numpy.ndarray
        Dims (..., z).
    weight : numpy.ndarray, optional
        Dim (row,): zeros leave runs out.
    heat : float
        Factor of the noise.
    """
    scale, tails = model.noise(z)
    each = stats.t.logpdf(model.log_loss, tails, model.fitted(z), heat * scale)
    if weight is not None:
        each = each * weight
    return each.sum(axis=-1) - 0.5 * np.sum(z**2, axis=-1)


def laplace(
    model: Model, weight: np.ndarray | None = None, start: np.ndarray | None = None
) -> Laplace:
    """Find the mode given the scales by Fisher scoring with damping, and the covariance there.

    Parameters
    ----------
    model : Model
        Data and priors.
    weight : numpy.ndarray, optional
        Dim (row,): 1 for runs that are used, 0 for those left out.
    start : numpy.ndarray, optional
        Dim (z,): where to start, with the scales to hold (a short walk finds them); by default
        at the prior medians. Where noise and misfit are far from these a chart around them is
        askew, for what the surfaces are held by differs by the square of the noise.
    """
    weight = np.ones(len(model.log_loss)) if weight is None else np.asarray(weight, float)
    z = np.zeros(model.size) if start is None else np.array(start, float)
    free = np.ones(model.size, bool)
    for name in HELD:
        if name in model.layout:
            free[model.layout[name]] = False
    for heat in HEATS if start is None else (1.0,):
        z, best = climb(model, z, weight, heat, free)
    information, _, _ = information_parts(model, z, weight)
    root = linalg.cholesky(information, lower=True)
    factor = linalg.solve_triangular(root, np.eye(len(z)), lower=True, trans="T")
    return Laplace(z, factor, best)


def climb(
    model: Model, z: np.ndarray, weight: np.ndarray, heat: float, free: np.ndarray
) -> tuple[np.ndarray, float]:
    """The mode near `z` over its free entries, and its log density."""
    best, damping = float(log_posterior(model, z, weight, heat)), 1e-2
    for _ in range(STEPS):
        slopes = slopes_at(model, z)
        gradient = gradient_at(model, z, weight, heat, slopes)[free]
        information = information_parts(model, z, weight, heat, slopes)[0][np.ix_(free, free)]
        gained = 0.0
        while damping < 1e8:
            lifted = information + damping * np.diag(np.diag(information))
            tried = z.copy()
            tried[free] += linalg.cho_solve(linalg.cho_factor(lifted), gradient)
            value = float(log_posterior(model, tried, weight, heat))
            if value > best:
                gained, z, best = value - best, tried, value
                damping = max(damping / 10.0, 1e-6)
                break
            damping *= 4.0
        if gained < TOLERANCE:
            break
    return z, best


type Slopes = tuple[np.ndarray, np.ndarray, np.ndarray]


def slopes_at(model: Model, z: np.ndarray) -> Slopes:
    """Derivatives of log loss (row, z), log scale (row, z) and log degrees of freedom (z,).

    By central differences.
    """
    steps = STEP * np.eye(len(z))
    moved = np.concatenate([z + steps, z - steps])

    def slopes(values: np.ndarray) -> np.ndarray:
        up, down = np.split(values, 2)
        return (up - down).T / (2.0 * STEP)

    scales, tails = model.noise(moved)
    return slopes(model.fitted(moved)), slopes(np.log(scales)), slopes(np.log(tails))[0]


def information_parts(
    model: Model, z: np.ndarray, weight: np.ndarray | None = None, heat: float = 1.0,
    slopes: Slopes | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Expected information (z, z), slopes of the log loss (row, z), weights of runs (row,)."""
    of_mean, of_scale, of_tails = slopes_at(model, z) if slopes is None else slopes
    used = np.ones(len(of_mean)) if weight is None else weight
    scale, df = model.noise(z)
    scale, nu = heat * scale, float(df[0])
    weights = used * (nu + 1) / (nu + 3) / scale**2
    trigamma = 0.25 * (polygamma(1, nu / 2) - polygamma(1, (nu + 1) / 2))
    known = nu**2 * (trigamma - (nu + 5) / (2 * nu * (nu + 1) * (nu + 3)))
    information = (
        np.eye(len(z))
        + (of_mean.T * weights) @ of_mean
        + (of_scale.T * (used * 2 * nu / (nu + 3))) @ of_scale
        + np.sum(used) * known * np.outer(of_tails, of_tails)
    )
    return information, of_mean, weights


def gradient_at(
    model: Model, z: np.ndarray, weight: np.ndarray, heat: float = 1.0,
    slopes: Slopes | None = None,
) -> np.ndarray:  # fmt: skip
    """Gradient (z,) of the log posterior."""
    of_mean, of_scale, of_tails = slopes_at(model, z) if slopes is None else slopes
    scale, df = model.noise(z)
    scale, nu = heat * scale, float(df[0])
    r = (model.log_loss - model.fitted(z)) / scale
    pull = (nu + 1.0) * r / (nu + r**2)
    up, down = (stats.t.logpdf(r, nu * factor) for factor in (1.001, 0.999))
    by_tails = (up - down) / 0.002
    return (
        of_mean.T @ (weight * pull / scale) + of_scale.T @ (weight * (pull * r - 1.0))
        + of_tails * np.sum(weight * by_tails) - z
    )  # fmt: skip
