"""Deviations of tasks that may be shared: of pools from their average, and of further parameters.

Utilities and levels deviate by spreads that the runs of one task tell little of. Between metrics
each has its own spread, and a deviation is told in units of it. Between model sizes the spread is
one for all: it is told by all of them, and a size that was not run has it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp, ndtri

from qqt_bayes.model.effects import AT_SLOPES, EFFECTS, NAMES, SLOPES
from qqt_bayes.model.parameters import fixed_scale, is_scale

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.priors import Prior
    from qqt_bayes.model.setting import Setting

KINDS = ("utility", "level", "half_life", "average", "spread")
AVERAGES = ("irreducible", "utility", "half_life")  # change with size; other scalars do not
SPREADS = {"utility": "utility_spread", "level": "level_spread"}
LEAST = 1e-4  # a spread below which pools are the same, lest a covariance be singular
FARTHEST = 8.0  # a score further out is rounding
QUANTILES = 200  # of a spread, over which a density is averaged

__all__ = ["KINDS", "Deviations", "kind_of"]


def kind_of(name: str) -> str:
    """Kind of a deviation, by its name."""
    kind, place, _ = name.partition("[")
    return kind if place else "average" if name in AVERAGES else "spread"


@dataclass(frozen=True, eq=False)
class Deviations:
    """Which deviations tasks may share, and their prior."""

    setting: Setting  # gives the pools
    priors: dict[str, Prior]
    scored: tuple[str, ...]  # parameters whose scores are among them
    units: tuple[str, ...]  # spreads that are common to the tasks

    @classmethod
    def of(cls, posteriors: list[Posterior], sizes: bool) -> Deviations:
        """Deviations of tasks; of model sizes their scalar parameters too."""
        first, every = posteriors[0], [p.coordinates.names for p in posteriors]
        units = [n for n in SPREADS.values() if sizes and is_scale(first.priors[n])]
        scored = tuple(
            n for n in every[0]
            if all(n in names for names in every) and n not in units
            and (n.startswith("half_life[") or (sizes and "[" not in n))
        )  # fmt: skip
        return cls(first.design.setting, first.coordinates.priors, scored, tuple(units))

    @property
    def pools(self) -> int:
        """Number of pools."""
        return len(self.setting.sizes)

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Where utilities and levels stand, if the specification lets the pools differ in them."""
        used = [kind for kind, spread in SPREADS.items() if not self.priors[spread].none]
        return {kind: slice(i * self.pools, (i + 1) * self.pools) for i, kind in enumerate(used)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each deviation."""
        by_pool = [f"{kind}[{i}]" for kind in self.blocks for i in range(self.pools)]
        return (*by_pool, *self.scored)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the deviations, each with a correlation of its own."""
        return tuple(dict.fromkeys(kind_of(name) for name in self.names))

    @cached_property
    def likeness(self) -> np.ndarray:
        """Root of the prior correlation of the pools, dims (pool, pool)."""
        return np.linalg.cholesky(self.setting.likeness)

    def scales(self, units: np.ndarray) -> np.ndarray:
        """Scales of the effects at some scores of the units, dims (draw, effect)."""
        priors = [self.priors[e.name] for e in EFFECTS]
        middle = [
            float(p.at_score(np.zeros(1))[0]) if is_scale(p) else fixed_scale(p) for p in priors
        ]
        out = np.tile(middle, (len(units), 1))
        for name, score in zip(self.units, units.T, strict=True):
            out[:, NAMES.index(name)] = self.priors[name].at_score(score)
        return out

    def block_root(self, kind: str, scales: np.ndarray) -> np.ndarray:
        """Root of the prior covariance of utilities or levels, dims (draw, pool, pool)."""
        spread = np.maximum(scales[:, NAMES.index(SPREADS[kind])], LEAST)[:, None, None]
        if kind == "level":
            return spread * np.eye(self.pools)
        scales = scales.copy()
        scales[:, NAMES.index("utility_spread")] = spread[:, 0, 0]
        total = np.zeros((len(scales), self.pools, self.pools))
        for i, effect in zip(AT_SLOPES, SLOPES, strict=True):
            loading = np.linalg.solve(self.likeness, effect.loadings(self.setting))  # type: ignore[misc]
            total += scales[:, i, None, None] ** 2 * (loading @ loading.T)
        return np.linalg.cholesky(total)

    def root(self, units: np.ndarray) -> np.ndarray:
        """Root of the prior covariance at scores of the units (draw, deviation, deviation)."""
        out = np.tile(np.eye(len(self.names)), (len(units), 1, 1))
        if self.units:
            scales = self.scales(units)
            for kind, at in self.blocks.items():
                out[:, at, at] = self.block_root(kind, scales)
        return out

    def draws(self, posterior: Posterior) -> tuple[np.ndarray, np.ndarray]:
        """Draws of a separate fit, dims (draw, deviation), and the root of their prior covariance.

        In units of the task's own spreads, or as they are where these are common.
        """
        p, fitted = posterior.parameters, posterior.fitted
        out = np.empty((len(posterior), len(self.names)))
        prior = np.eye(len(self.names))
        raw = {"utility": fitted.utility / p.utility[:, None] - 1.0, "level": fitted.level}
        for kind, at in self.blocks.items():
            white = np.linalg.solve(self.likeness, raw[kind].T).T
            own = self.block_root(kind, p.scales)
            if kind == "level":  # all levels together are the mean level's
                along = np.linalg.solve(self.likeness, np.ones(self.pools))
                along /= np.linalg.norm(along)
                rng = np.random.default_rng((posterior.seed, 59))
                rest = own[:, 0, 0] * rng.standard_normal(len(out)) - white @ along
                white = white + np.outer(rest, along)
            if self.units:
                prior[at, at] = np.linalg.cholesky((own @ np.swapaxes(own, 1, 2)).mean(axis=0))
                out[:, at] = white
            else:
                out[:, at] = np.linalg.solve(own, white[..., None])[..., 0]
        names = posterior.coordinates.names
        scores = posterior.coordinates.scores(p)[:, [names.index(n) for n in self.scored]]
        out[:, len(self.names) - len(self.scored) :] = np.clip(scores, -FARTHEST, FARTHEST)
        return out, prior

    def log_prior(self, draws: np.ndarray) -> np.ndarray:
        """Log prior density of deviations in a separate fit, dim (draw,), up to a constant."""
        rest = np.ones(len(self.names), bool)
        total = np.zeros(len(draws))
        if self.units:
            score = ndtri((np.arange(QUANTILES) + 0.5) / QUANTILES)
            scales = self.scales(np.tile(score[:, None], len(self.units)))
            for kind, at in self.blocks.items():
                root = self.block_root(kind, scales)
                white = np.linalg.solve(root, draws[:, at].T)  # (quantile, pool, draw)
                pivots = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
                total += logsumexp(-0.5 * (white**2).sum(axis=1) - pivots[:, None], axis=0)
                rest[at] = False
        return np.asarray(total - 0.5 * (draws[:, rest] ** 2).sum(axis=1))

    def common_scales(self, parameters: Parameters, units: np.ndarray) -> Parameters:
        """Parameters with the common spreads in place of the task's own."""
        scales, given = parameters.scales.copy(), self.scales(units)
        for at in (NAMES.index(n) for n in self.units):
            scales[:, at] = given[:, at]
        return parameters._replace(scales=scales)
