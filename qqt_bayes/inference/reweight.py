"""A posterior given further runs, by weighting its draws: no walk where the runs tell little new.

The few have a closed density, so that its ratio with and without the further runs is exact. The
draws are taken again in proportion to it (systematically and in their order, so that a draw taken
twice shows as autocorrelation and the gate counts it once); everything linear is drawn anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.chart import Chart, build_chart
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.natural import Cells

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.design import Design

KHAT = 0.7  # Pareto k-hat up to which importance weights are trusted

__all__ = ["KHAT", "reweighted"]


def densities(natural: np.ndarray, cells: Cells) -> np.ndarray:
    """Log density of the cells under each draw of the few (draw,)."""
    spare = np.empty(natural.shape[1])
    return np.array([log_density(row, cells, spare) for row in natural])


def same_layout(old: Chart, new: Chart) -> bool:
    """Whether a vector of the walk means the same few in both, but for the irreducible part."""
    return (
        not (old.rated or new.rated)
        and old.noisy == new.noisy  # replicates may tell of what none told before
        and np.array_equal(old.code, new.code)
        and np.array_equal(old.finite, new.finite)
        and np.array_equal(old.log_size, new.log_size)
        and np.array_equal(old.life_factor, new.life_factor)
    )


def taken_again(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices in ascending order, each as often as its weight says, but for rounding."""
    places = (np.arange(len(weight)) + rng.random()) / len(weight)
    return np.minimum(np.searchsorted(np.cumsum(weight), places), len(weight) - 1)


def reweighted(posterior: Posterior, design: Design) -> Posterior | None:
    """The posterior of a study with further runs, or None where weights do not give it.

    Parameters
    ----------
    posterior : Posterior
        Of the study without them.
    design : Design
        The study with them.

    Returns
    -------
    Posterior or None
        None where the few are laid out otherwise, or the Pareto k-hat of the weights is above .7.
        Whether enough draws are left is for its gate to say.
    """
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    old, new = posterior.chart, build_chart(posterior.priors, design)
    if not same_layout(old, new):
        return None
    cells = build_cells(design, posterior.priors, posterior.kind)
    ratio = densities(posterior.natural, cells) - densities(posterior.natural, posterior.cells)
    usable = np.isfinite(ratio)
    if usable.sum() < 0.5 * len(ratio):
        return None
    try:
        # it takes log likelihoods left out, and so turns the sign
        smooth, khat = array_stats.psislw(-ratio[usable])
    except ValueError:  # one draw has all the weight
        return None
    if not float(khat) <= KHAT:
        return None
    weight = np.zeros(len(ratio))
    weight[usable] = np.exp(smooth - np.max(smooth))
    pick = taken_again(weight / weight.sum(), np.random.default_rng(posterior.seed))
    theta = posterior.theta.reshape(len(ratio), -1)[pick].copy()
    if new.code[0]:  # the irreducible part is walked between zero and the smallest value
        share = ndtr(theta[:, 0]) * old.upper / new.upper
        theta[:, 0] = ndtri(np.clip(share, 1e-300, 1.0 - 1e-16))
    return replace(
        posterior,
        design=design,
        theta=theta.reshape(posterior.theta.shape),
        gradients=0,
    )
