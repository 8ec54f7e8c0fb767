r"""What the runs were expected to show: their values, smoothed before anything is sampled.

The noise of a run goes with the performance that was expected of it, not with the value that came
by chance: taken at the values seen, low ones look less noisy, and pull. So the model smooths the
values once, each parameter at its prior median but the seed noise and the scales of all effects: a
grid of both is weighed by how well it explains the runs. (Even an exact law gets some drift here:
at its prior medians it would take its misfit for noise.)

.. math:: m = \sum_g p_g\,\bigl(d + e^{z - N_g C_g^{-1} (z - \bar z_g)}\bigr),

with N the covariance of the noise within that of the cells, C. Where noise is small m is the value;
where it is large m need only be near what was expected, for the model is linearised about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects import AT_PATHS
from qqt_bayes.model.marginal import (
    Cells,
    cell_noise,
    covariance,
    exponents,
    log_gaussian,
    log_low_rank,
    log_reducible,
    log_scale,
    low_rank,
    residual,
)
from qqt_bayes.model.parameters import Coordinates, Parameters

if TYPE_CHECKING:
    from qqt_bayes.kinds import Kind
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.priors import Prior

FLEXIBLE = 0.05  # scale of a path at the least: a smoother need not keep to an exact law
SEED_NOISE = np.geomspace(3e-4, 1.0, 16)
SCALES = 2.0 ** np.arange(4)  # multiples of the prior medians
NEGLIGIBLE = 1e-3  # of the weight of the best
ROUNDS = 2  # each about the values that the one before expects

__all__ = ["expecting"]


def expecting(
    design: Design,
    priors: dict[str, Prior],
    kind: Kind,
    evaluation: Callable[[np.ndarray], np.ndarray],
) -> Design:
    """The design with expected values, and the evaluation noise that goes with them.

    ``evaluation``: evaluation variance of the cells at some values, dim (cell,) to (cell,).
    """
    coordinates = Coordinates.of(priors, design)
    noises, multiples = (part.ravel() for part in np.meshgrid(SEED_NOISE, SCALES))
    middle = coordinates.parameters(np.zeros((len(noises), len(coordinates.names))))
    scales = middle.scales
    scales[:, AT_PATHS] = np.maximum(scales[:, AT_PATHS], FLEXIBLE)
    middle = middle._replace(scales=scales * multiples[:, None])
    if not priors["seed_noise"].fixed:
        middle = middle._replace(seed_noise=noises)
    for _ in range(ROUNDS):
        density, smooth = smoothed(middle, Cells.of(design, priors, kind))
        sound = np.isfinite(density) & np.isfinite(smooth).all(axis=1)
        if not sound.any():
            break
        weight = np.exp(density[sound] - density[sound].max())
        expected = weight @ smooth[sound] / weight.sum()
        design = replace(design, expected=expected, eval_var=evaluation(expected))
        middle = middle.take(np.flatnonzero(sound)[weight > NEGLIGIBLE])
    return design


def smoothed(parameters: Parameters, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Log density of the runs, dim (draw,), and their values without noise, dims (draw, cell)."""
    p, design = parameters, cells.design
    sums, noise = exponents(p, design.points), cell_noise(p, cells)
    with np.errstate(all="ignore"):  # a noise that explains nothing has no weight
        away = residual(p, cells, sums, noise)
        if design.many:
            few = low_rank(p, cells, sums, noise)
            density, pull = log_low_rank(away, few), few.solve(away[:, :, None])[:, :, 0]
        else:
            full = covariance(p, cells, sums, noise)
            density = log_gaussian(away, full)
            pull = np.linalg.solve(full, away[:, :, None])[:, :, 0]
        density += log_scale(cells, noise).sum(axis=1)
        of_run = (noise.along * pull) @ design.member @ design.member.T
        by_noise = (noise.log - noise.along**2) * pull + noise.along * of_run
        return density, p.irreducible[:, None] + np.exp(log_reducible(p, cells, noise) - by_noise)
