"""The misfit's surfaces given the law: integrated out, and drawn.

Given the law the log loss is nearly linear in the surfaces' components, and these are standard
normal beforehand. A normal laid at their mode is therefore close to what they are; a few draws of
it, weighed, make the integral over them exact on average.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import gammaln, logsumexp

from qqt_bayes.allocation.model import SURFACES
from qqt_bayes.model.marginal import cholesky

if TYPE_CHECKING:
    from qqt_bayes.allocation.model import Model

STEPS = 3  # towards the mode
LEAST_SHARE = 1e-3  # of the reducible loss in the loss
LEAST_CURVATURE = 0.2  # of a run's log density, relative to that of one on the curve
FARTHEST = 30.0  # a log factor of the reducible loss

__all__ = ["Given", "given_law"]


class Given(NamedTuple):
    """The runs, given some draws of the law."""

    log_loss: np.ndarray  # dim (row,)
    # dims (draw, row): irreducible and reducible loss by the law, and scale of the noise
    floor: np.ndarray
    above: np.ndarray
    scale: np.ndarray
    freedom: np.ndarray  # dims (draw, 1): of the noise
    # dims (draw, row, component): log factor of the reducible loss by each component
    loadings: np.ndarray
    # dims (draw, component) and (draw, component, component): of the components, and the Cholesky
    # factor of the precision there
    mode: np.ndarray
    root: np.ndarray

    def log_likelihood(self, components: np.ndarray) -> np.ndarray:
        """Log density of the runs, dims (draw, component, choice) to (draw, choice)."""
        surface = np.clip(self.loadings @ components, -FARTHEST, FARTHEST)
        fitted = np.log(self.floor[..., None] + self.above[..., None] * np.exp(surface))
        nu, scale = self.freedom, self.scale[..., None]
        away = (self.log_loss[:, None] - fitted) / scale
        each = np.log(scale) + 0.5 * (nu[..., None] + 1.0) * np.log1p(away**2 / nu[..., None])
        constant = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * np.log(nu * np.pi)
        return np.asarray(len(self.log_loss) * constant - each.sum(axis=1))

    @property
    def log_volume(self) -> np.ndarray:
        """Log of the volume of the normal at the mode, over that of the prior, dim (draw,)."""
        return np.asarray(-np.log(np.diagonal(self.root, axis1=1, axis2=2)).sum(axis=1))

    def log_at_mode(self) -> np.ndarray:
        """Log density of the runs with the surfaces integrated out, by the normal alone (draw,)."""
        found = self.log_likelihood(self.mode[..., None])[:, 0]
        return np.asarray(found - 0.5 * np.sum(self.mode**2, axis=1) + self.log_volume)

    def weighed(self, rng: np.random.Generator, choices: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws of the components (draw, component, choice), and their log weights (draw, choice).

        In pairs about the mode: their mean weight is the density of the runs.
        """
        white = rng.standard_normal((*self.mode.shape, choices // 2))
        white = np.concatenate([white, -white], axis=2)
        drawn = self.mode[..., None] + np.linalg.solve(np.swapaxes(self.root, 1, 2), white)
        log = self.log_likelihood(drawn) + 0.5 * np.sum(white**2 - drawn**2, axis=1)
        return drawn, log + self.log_volume[:, None]

    def log_density(self, rng: np.random.Generator, choices: int) -> np.ndarray:
        """Log of an unbiased estimate of the density of the runs, dim (draw,)."""
        log = self.weighed(rng, choices)[1]
        return np.asarray(logsumexp(log, axis=1) - np.log(log.shape[1]))

    def draw(self, rng: np.random.Generator, choices: int) -> np.ndarray:
        """A draw of the components for each of the law, dims (draw, component)."""
        drawn, log = self.weighed(rng, choices)
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        below = np.cumsum(weight, axis=1) < weight.sum(axis=1, keepdims=True) * rng.random(
            (len(log), 1)
        )
        at = np.minimum(below.sum(axis=1), log.shape[1] - 1)
        return np.asarray(np.take_along_axis(drawn, at[:, None, None], axis=2)[..., 0])


def given_law(model: Model, z: np.ndarray) -> Given:
    """The runs given draws of the law, dims (draw, z), and where the surfaces then are.

    The mode is found by weighted least squares, the noise's tails in the weights.
    """
    floor, above = model.terms(z, model.points)
    scale, freedom = model.noise(z)
    sizes = [model.layout[n].stop - model.layout[n].start for n in SURFACES if n in model.layout]
    spreads = np.column_stack([model.scalar(SURFACES[n], z) for n in SURFACES if n in model.layout])
    loadings = model.basis * np.repeat(spreads, sizes, axis=1)[:, None]
    eye = np.eye(loadings.shape[2])
    mode = np.zeros((len(z), len(eye)))
    for step in range(STEPS + 1):
        surface = np.clip((loadings @ mode[..., None])[..., 0], -FARTHEST, FARTHEST)
        whole = above * np.exp(surface)
        away, share = model.log_loss - np.log(floor + whole), whole / (floor + whole)
        share, level = np.maximum(share, LEAST_SHARE), freedom + (away / scale) ** 2
        weight = (share / scale) ** 2 * (freedom + 1.0) / level
        if step == STEPS:  # the curvature itself
            weight *= np.maximum(2.0 * freedom / level - 1.0, LEAST_CURVATURE * freedom / level)
        precision = np.swapaxes(loadings, 1, 2) @ (loadings * weight[..., None]) + eye
        if step < STEPS:
            pull = weight * (surface + away / share)
            mode = np.linalg.solve(precision, (pull[:, None] @ loadings)[:, 0, :, None])[..., 0]
    root = np.full_like(precision, np.nan)
    sound = np.isfinite(precision).all(axis=(1, 2))
    root[sound] = cholesky(precision[sound])  # rounding far out may leave one that has none
    return Given(model.log_loss, floor, above, scale, freedom, loadings, mode, root)
