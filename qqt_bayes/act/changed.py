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

from qqt_bayes.inference.conditional import exponents_ahead
from qqt_bayes.model.effects import AT_SLOPES, SLOPES

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.points import Points

__all__ = ["ChangedData", "draw_changed", "exponent_draws", "grown", "quality_effects"]


@dataclass(frozen=True)
class ChangedData:
    """Runs of several lengths on one data."""

    samples: np.ndarray  # (point,)
    shares: np.ndarray  # (pool,)
    growth: np.ndarray  # (pool,): factor of unique samples
    # from draws of the pools' utilities (draw, pool) to those of the changed pools
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
    growth = [np.broadcast_to(b.growth, (len(b.samples), len(b.growth))) for b in blocks]
    samples = np.concatenate([b.samples for b in blocks])
    points = posterior.design.points_at(samples, np.concatenate(every), np.concatenate(growth))
    drawn = posterior.at(points, seed=seed)
    ends = np.cumsum([len(b.samples) for b in blocks])[:-1]
    out = np.split(drawn.log_reducible, ends, axis=1)
    for k, block in enumerate(blocks):
        if block.changed:
            here = posterior.design.points_at(block.samples, every[k], growth[k])
            before = exponent_draws(posterior, here, posterior.parameters, seed)
            after = exponent_draws(posterior, here, grown(posterior, block.growth), seed)
            utility = drawn.utility if block.better is None else block.better(drawn.utility)
            gained = after @ utility[..., None] - before @ drawn.utility[..., None]
            out[k] = out[k] - gained[..., 0]
    return out


def grown(posterior: Posterior, growth: np.ndarray) -> Parameters:
    """The parameters with the half-lives of pools that have grown."""
    p = posterior.parameters
    return p._replace(log_half_life=p.log_half_life + p.dilution[:, None] * np.log(growth))


def exponent_draws(
    posterior: Posterior, points: Points, parameters: Parameters, seed: int
) -> np.ndarray:
    """Exponents with the change of regime that ``posterior.at`` draws, (draw, point, pool)."""
    smooth, extra = exponents_ahead(
        parameters, points, posterior.priors["regime"], posterior.seed * 1_000_003 + seed
    )
    return smooth + extra


def quality_effects(
    posterior: Posterior, utility: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draws of the relative effect of quality on utility, given utilities (draw, pool); (draw,).

    The runs tell of it through the utilities only, so that its conditional is that of a regression
    of the utilities on quality: exact, and of no cost.
    """
    p, setting = posterior.parameters, posterior.design.setting
    relative = utility / p.utility[:, None] - 1.0
    apart = np.zeros((len(utility), len(setting.quality), len(setting.quality)))
    for i, effect in zip(AT_SLOPES, SLOPES, strict=True):  # all that moves utilities but quality
        if effect.loadings is not None and effect.name != "quality_effect":
            loading = effect.loadings(setting)
            scale = np.maximum(p.scales[:, i], 1e-9)
            apart += scale[:, None, None] ** 2 * (loading @ loading.T)
    pull = np.linalg.solve(apart, setting.quality[:, None])[..., 0]
    square = p.scale("quality_effect") ** 2
    variance = square / (1.0 + square * (pull @ setting.quality))
    middle = variance * (relative * pull).sum(axis=1)
    return np.asarray(middle + np.sqrt(variance) * rng.standard_normal(len(utility)))
