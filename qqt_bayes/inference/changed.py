"""Draws for data whose pools have been changed: made larger, or better, than those that were run.

A larger pool has later ends of its passes, and a half-life that has grown by the dilution's
exponent, as for pools of one kind in several sizes. A better one has another utility. Neither
touches its level, its drift or its mixture errors, which it shares with the pool it comes from, so
that differences between the two are known well. The exact draws of the unchanged pools are taken,
and what the change does to the exponents is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from qqt_bayes.inference.natural import (
    DILUTION,
    SCALES,
    SPREAD,
    UTILITY,
    Cells,
    cell_exponents,
    wander_of,
)
from qqt_bayes.laws.effective_utility import pass_bins
from qqt_bayes.model.effects import COMPONENTS, REGIME
from qqt_bayes.model.regime import ahead_of

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.design import Points

__all__ = ["ChangedData", "draw_changed", "quality_effects"]


@dataclass(frozen=True)
class ChangedData:
    """Runs of several lengths on one data.

    Attributes
    ----------
    samples : numpy.ndarray
        Dim (point,).
    shares, growth : numpy.ndarray
        Dim (pool,): sampling shares, and factor of unique samples.
    better : callable or None
        From draws of the pools' utilities, dims (draw, pool), to those of the changed pools.
    """

    samples: np.ndarray
    shares: np.ndarray
    growth: np.ndarray
    better: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def changed(self) -> bool:
        """Whether any pool differs from that of the study."""
        return self.better is not None or bool(np.any(self.growth != 1.0))


def draw_changed(
    posterior: Posterior, blocks: Sequence[ChangedData], *, seed: int = 0
) -> list[np.ndarray]:
    """Log reducible error of each block, dims (draw, point): joint over all blocks."""
    every = [np.broadcast_to(b.shares, (len(b.samples), len(b.shares))) for b in blocks]
    grown = [np.broadcast_to(b.growth, (len(b.samples), len(b.growth))) for b in blocks]
    samples = np.concatenate([b.samples for b in blocks])
    points = posterior.design.points_at(samples, np.concatenate(every), np.concatenate(grown))
    drawn = posterior.at(points, seed=seed)
    ends = np.cumsum([len(b.samples) for b in blocks])[:-1]
    out = np.split(drawn.log_reducible, ends, axis=1)
    for k, block in enumerate(blocks):
        if block.changed:
            here = posterior.design.points_at(block.samples, every[k], grown[k])
            before = exponent_draws(posterior, here, posterior.natural, seed)
            after = exponent_draws(posterior, here, lives_of(posterior, block.growth), seed)
            utility = drawn.utility if block.better is None else block.better(drawn.utility)
            out[k] = out[k] + np.einsum("spi,si->sp", before, drawn.utility)
            out[k] -= np.einsum("spi,si->sp", after, utility)
    return out


def lives_of(posterior: Posterior, growth: np.ndarray) -> np.ndarray:
    """The few with the half-lives of pools that have grown, dims (draw, natural)."""
    natural = posterior.natural.copy()
    lives = SCALES + len(COMPONENTS)
    grown = natural[:, DILUTION, None] * np.log(growth)
    natural[:, lives : lives + len(growth)] += grown
    return natural


def exponent_draws(
    posterior: Posterior, points: Points, natural: np.ndarray, seed: int
) -> np.ndarray:
    """Exponent sums with the change of regime that ``posterior.at`` draws, (draw, point, pool)."""
    deepest = float(points.epochs.max(initial=1.0))
    start, stop, repeats = pass_bins(deepest)
    cells = posterior.cells._replace(start=start, lengths=np.log(stop / start), repeats=repeats)
    out = np.empty((len(natural), *points.shares.shape))
    fill_exponents(natural, cells, points.first, points.epochs, points.shares, out)
    rng = np.random.default_rng((posterior.seed * 1_000_003 + seed, REGIME))
    edge, first, epochs, shares, speed, horizon = ahead_of(
        points, posterior.priors["regime"], wander_of(natural), rng
    )
    ahead = np.flatnonzero(edge >= 0)
    if len(ahead):
        edges = np.empty((len(natural), *shares.shape))
        fill_exponents(natural, cells, first, epochs, shares, edges)
        origin = edges[:, edge[ahead]]
        out[:, ahead] = origin + speed[:, horizon[ahead], None] * (out[:, ahead] - origin)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def fill_exponents(natural, cells, first, epochs, shares, out):
    """Exponents of each draw of the few, dims (draw, point, pool)."""
    no_slopes = np.empty((0, 0, 0))
    for s in range(natural.shape[0]):
        cell_exponents(natural[s], cells, first, epochs, shares, out[s], no_slopes)


def quality_effects(
    posterior: Posterior, utility: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draws of the relative effect of quality on utility, given the utilities, dim (draw,).

    The runs tell of it through the utilities only, so that its conditional is that of a regression
    of the utilities on quality: exact, and of no cost.

    Parameters
    ----------
    posterior : Posterior
        The few, draw by draw.
    utility : numpy.ndarray
        Dims (draw, pool): joint draws.
    rng : numpy.random.Generator
        Of the draws given the utilities.
    """
    cells: Cells = posterior.cells
    if cells.quality_sd == 0.0 or not np.any(cells.quality):
        return cells.quality_sd * rng.standard_normal(len(utility))
    relative = utility / posterior.natural[:, UTILITY, None] - 1.0
    pull = np.linalg.solve(cells.likeness, cells.quality)
    spread = np.maximum(posterior.natural[:, SPREAD], 1e-9) ** 2
    precision = (cells.quality @ pull) / spread + 1.0 / cells.quality_sd**2
    middle = (relative @ pull) / spread / precision
    return np.asarray(middle + rng.standard_normal(len(utility)) / np.sqrt(precision))
