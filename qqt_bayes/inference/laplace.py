"""Where to begin: the mode of a density and its curvature there, from values alone.

Derivatives are differences. Many values cost little more than one, since they are worked out
together, so a gradient is one call.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

type Density = Callable[[np.ndarray], np.ndarray]

STEP = 1e-4  # of differences: the scores are of order one
LEAST_CURVATURE = 0.3  # of the log density in a score: a proposal at most so wide
STEPS = 80
FARTHEST = 1.0  # a step in any score at most
ENOUGH = 0.05  # rise of the log density in a step that is not worth another

__all__ = ["gradient_at", "mode_and_root"]


def gradient_at(density: Density, place: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient at a place."""
    size = len(place)
    moved = np.vstack([place, place + STEP * np.eye(size), place - STEP * np.eye(size)])
    values = density(moved)
    gradient = (values[1 : size + 1] - values[size + 1 :]) / (2.0 * STEP)
    return float(values[0]), np.where(np.isfinite(gradient), gradient, 0.0)


def mode_and_root(density: Density, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mode, roughly, and the Cholesky factor of the covariance of a normal laid there.

    Quasi-Newton steps (BFGS), each tried in several lengths at once, then the Hessian by
    differences. The mode need not be exact: proposals are laid anew around the draws.

    ``density``: log density, dims (draw, score) to (draw,); ``place`` (score,): where to begin; the
    density must be finite there.
    """
    size = len(place)
    inverse = np.eye(size)
    value, gradient = gradient_at(density, place)
    lengths = 2.0 ** -np.arange(0, 10)
    poor = 0
    for _ in range(STEPS):
        step = inverse @ gradient
        step *= min(1.0, FARTHEST / max(np.abs(step).max(), 1e-12))
        tried = density(place + lengths[:, None] * step)
        tried = np.where(np.isfinite(tried), tried, -np.inf)
        best = int(np.argmax(tried))
        if not tried[best] > value:
            if np.array_equal(inverse, np.eye(size)):
                break
            inverse = np.eye(size)  # once more along the gradient
            continue
        poor = poor + 1 if tried[best] - value < ENOUGH else 0
        moved = place + lengths[best] * step
        new_value, new_gradient = gradient_at(density, moved)
        change, bend = moved - place, gradient - new_gradient
        along = float(change @ bend)
        if along > 1e-10:
            left = np.eye(size) - np.outer(change, bend) / along
            inverse = left @ inverse @ left.T + np.outer(change, change) / along
        place, value, gradient = moved, new_value, new_gradient
        if poor >= 2:
            break
    return place, root_of(hessian_at(density, place))


def hessian_at(density: Density, place: np.ndarray) -> np.ndarray:
    """Minus the second derivatives at a place, by differences; dims (score, score)."""
    size, step = len(place), 10.0 * STEP
    ahead = step * np.eye(size)
    i, j = np.triu_indices(size, 1)
    places = np.vstack([place, place + ahead, place - ahead, place + ahead[i] + ahead[j]])
    values = density(places)
    up, down = values[1 : size + 1], values[size + 1 : 2 * size + 1]
    out = np.diag(2.0 * values[0] - up - down)
    out[i, j] = out[j, i] = up[i] + up[j] - values[0] - values[2 * size + 1 :]
    # forward differences in pairs are off by third derivatives; so is all else that starts a walk
    return np.where(np.isfinite(out), out, 0.0) / step**2


def root_of(hessian: np.ndarray) -> np.ndarray:
    """Cholesky factor of the inverse of a matrix with its eigenvalues kept above a floor."""
    values, vectors = np.linalg.eigh(hessian)
    cov = (vectors / np.maximum(values, LEAST_CURVATURE)) @ vectors.T
    return np.linalg.cholesky(0.5 * (cov + cov.T))
