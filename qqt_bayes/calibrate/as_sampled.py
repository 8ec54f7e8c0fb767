"""Studies from the density that the engine samples, not from the reference likelihood.

In it the noise of z = log(y - d) has a variance that depends on z itself, so it does not integrate
to one over the data: together with the prior it is a joint density all the same. Given the latent
values and the effects of the runs, it is a product over rows, each on a line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.model.marginal import WORST
from qqt_bayes.model.prior_predictive import noise_at

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.parameters import Parameters

STEPS = 80  # to the middle of a row's density, each a Newton step
LEAST_OWN = 1e-12  # share of a row's variance that is its own: none would be no density

__all__ = ["Rows", "from_marginal", "log_mass", "rows_of_truths"]


class Rows(NamedTuple):
    """What the density of the rows' z depends on; dims broadcast to (truth, row, ...)."""

    irreducible: np.ndarray
    noise: np.ndarray  # relative seed noise
    share: np.ndarray  # of its variance that is the run's; zero off trajectories
    eval_var: np.ndarray

    def noise_at(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Variance of a row's own noise, deviation of its run's effect, and its slope in z."""
        gap = np.exp(z)
        value = self.irreducible + gap
        variance = (self.noise * value) ** 2 + self.eval_var
        scale = gap**2 + WORST * variance
        along = np.sqrt(self.share / scale) * self.noise * value
        own = np.maximum(variance / scale - along**2, LEAST_OWN * variance / scale)
        slope = along * gap * (WORST * self.eval_var - self.irreducible * gap) / (value * scale)
        return own, along, slope

    def log_density(self, z: np.ndarray, centre: np.ndarray, effect: np.ndarray) -> np.ndarray:
        """Log density of z given the latent value's and the effect of the row's run."""
        own, along, slope = self.noise_at(z)
        square = (z - centre - along * effect) ** 2 / own
        return np.asarray(-0.5 * (square + np.log(2.0 * np.pi * own)) - effect * slope)

    def middle(self, centre: np.ndarray, effect: np.ndarray) -> np.ndarray:
        """Where z is the latent value's, moved by the effect that belongs to z."""
        z = centre.copy()
        if np.any(effect):
            for _ in range(STEPS):
                _, along, slope = self.noise_at(z)
                z -= (z - centre - along * effect) / np.maximum(1.0 - slope * effect, 0.2)
        return z


def rows_of_truths(parameters: Parameters, design: Design) -> Rows:
    """Of some truths: dims (truth, row, 1)."""
    p = parameters
    return Rows(
        p.irreducible[:, None, None],
        noise_at(p, design.points.shares)[..., None],
        (p.run_share[:, None] * (design.run >= 0))[..., None],
        design.eval_var[:, None],
    )


def log_mass(
    rows: Rows, centre: np.ndarray, effect: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log integral of each row's density, dims (truth, row), with the grid and its steps' masses.

    ``centre`` and ``effect`` have dims (truth, row, 1).
    """
    middle = rows.middle(centre, effect)
    reach = np.minimum(40.0 * np.sqrt(rows.noise_at(middle)[0]), 5.0)
    grid = middle + reach * np.sinh(np.linspace(-5.0, 5.0, 401)) / np.sinh(5.0)
    density = np.exp(rows.log_density(grid, centre, effect))
    steps = 0.5 * (density[..., 1:] + density[..., :-1]) * np.diff(grid, axis=-1)
    return np.log(steps.sum(axis=-1)), grid, steps


def from_marginal(
    latent: np.ndarray, parameters: Parameters, design: Design, seed: int, top: float = np.inf
) -> tuple[np.ndarray, int]:
    """Values from the density that the engine samples, and which of the proposed truths they have.

    Of many truths from the prior, each with standard normal effects of its runs and z drawn on a
    fine grid, one is kept in proportion to the integral of its density over the data.

    Parameters
    ----------
    latent : numpy.ndarray
        Dims (proposal, cell).
    parameters : Parameters
        One draw a proposal.
    design : Design
        Without replicates. Gives evaluation variances and runs; its values are not read.
    seed : int
        Same seed, same values.
    top : float
        Truths with a latent value above are not kept, as if their values were refused.
    """
    rng = np.random.default_rng(seed)
    above = latent - parameters.irreducible[:, None]
    sound = np.all(np.isfinite(latent) & (above > 0.0) & (latent < top), axis=1)
    if not sound.any():
        return np.full(latent.shape[1], np.inf), 0
    chosen = np.flatnonzero(sound)
    rows, centre = rows_of_truths(parameters.take(sound), design), np.log(above[sound])[..., None]
    effect = np.zeros(centre.shape)
    if (runs := int(design.run.max(initial=-1)) + 1) > 0:
        drawn = rng.standard_normal((len(centre), runs))
        effect = np.where(design.run >= 0, drawn[:, design.run], 0.0)[..., None]
    mass, grid, steps = log_mass(rows, centre, effect)
    weight = np.exp(mass.sum(axis=1) - mass.sum(axis=1).max())
    kept = int(rng.choice(len(centre), p=weight / weight.sum()))
    z = []
    for step, points in zip(steps[kept], grid[kept], strict=True):
        mass_below = np.concatenate([[0.0], np.cumsum(step)])
        z.append(np.interp(rng.uniform() * mass_below[-1], mass_below, points))
    return parameters.irreducible[chosen[kept]] + np.exp(z), int(chosen[kept])
