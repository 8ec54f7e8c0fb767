"""Many small bounded least-squares problems of one shape at once (the bootstraps' refits)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# (theta (problem, parameter), which (problem,)) -> residuals (problem, row) and their derivatives
# (problem, row, parameter); `which` numbers the problems that are asked for.
Residuals = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

__all__ = ["solve_many"]


def solve_many(
    residuals: Residuals, start: np.ndarray, lower: np.ndarray, upper: np.ndarray,
    iterations: int = 50, tolerance: float = 1e-7,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Parameters of each problem, and half the sum of squares there.

    Levenberg-Marquardt with steps projected on a box; parameters held at a bound are frozen. A
    problem is done when an accepted step lowers its cost by less than ``tolerance`` of it.
    """
    theta = np.clip(start, lower, upper).astype(float)
    active = np.arange(len(theta))
    error, slopes = residuals(theta, active)
    cost = 0.5 * np.sum(error**2, axis=1)
    gradient, curvature = np.einsum("rmp,rm->rp", slopes, error), _gram(slopes)
    damping = np.full(len(theta), 1e-3)
    eye = np.eye(theta.shape[1])
    for _ in range(iterations):
        g, h = gradient[active], curvature[active]
        here = theta[active]
        held = ((here <= lower) & (g > 0)) | ((here >= upper) & (g < 0))
        free = ~held
        h = h * (free[:, :, None] & free[:, None, :])
        scale = np.maximum(np.einsum("rpp->rp", h), 1e-12)
        damped = h + eye * (damping[active, None] * scale + held)[:, None, :]
        step = np.linalg.solve(damped, np.where(held, 0.0, -g)[..., None])[..., 0]
        trial = np.clip(here + step, lower, upper)
        error, slopes = residuals(trial, active)
        tried = 0.5 * np.sum(error**2, axis=1)
        better = tried < cost[active]
        done = better & (cost[active] - tried <= tolerance * cost[active])
        won = active[better]
        theta[won], cost[won] = trial[better], tried[better]
        gradient[won] = np.einsum("rmp,rm->rp", slopes[better], error[better])
        curvature[won] = _gram(slopes[better])
        damping[active] = np.where(better, 0.2, 5.0) * damping[active]
        damping = np.maximum(damping, 1e-12)
        active = active[~done & (damping[active] < 1e8)]
        if len(active) == 0:
            break
    return theta, cost


def _gram(slopes: np.ndarray) -> np.ndarray:
    return np.matmul(np.swapaxes(slopes, 1, 2), slopes)
