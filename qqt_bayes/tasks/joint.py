"""Fits of several tasks, each weighed by what the tasks share.

Two stages: what is common is fitted to the separate fits (:mod:`qqt_bayes.tasks.shared`); then a
draw of it picks, of every task, a draw of the separate fit, in proportion to the density of its
deviations given what is common over that beforehand. Everything linear is then drawn anew, exactly,
given the parameters and what is common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.inference.conditional import Conditional, exponents_ahead
from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.gate import K
from qqt_bayes.inference.given import Given
from qqt_bayes.inference.importance import smoothed
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.model.effects import AT_SLOPES, NAMES
from qqt_bayes.model.marginal import residual
from qqt_bayes.tasks.deviations import KINDS, Deviations
from qqt_bayes.tasks.shared import Common, common_to, told_by

if TYPE_CHECKING:
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.points import Points

DECADES = 3.0  # of parameters, in which what is common may change as much as it is
AT_LEVELS = NAMES.index("level_spread")

__all__ = ["KINDS", "Joined", "Joint", "Leaning", "kept_apart", "leaning_at", "share", "size_unit"]


class Leaning(NamedTuple):
    """What tasks share, as one of them is to have it."""

    # dims (draw, pool): mean of the utilities over their average, less one, and of the levels
    relative: np.ndarray
    level: np.ndarray
    # dim (draw,): share of their variance that is the task's own
    own_utility: np.ndarray
    own_level: np.ndarray

    def take(self, chosen: slice | np.ndarray) -> Leaning:
        """Some of the draws."""
        return Leaning(*(values[chosen] for values in self))

    def narrowed(self, parameters: Parameters) -> Parameters:
        """Parameters whose spreads are those of the task's own part."""
        scales = parameters.scales.copy()
        scales[:, AT_SLOPES] *= np.sqrt(self.own_utility)[:, None]
        scales[:, AT_LEVELS] *= np.sqrt(self.own_level)
        return parameters._replace(scales=scales)

    def moved(self, utility: np.ndarray, sums: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """By what the log reducible error moves, dims (draw, point)."""
        slopes = (sums @ self.relative[..., None])[..., 0]
        return np.asarray(self.level @ shares.T - utility[:, None] * slopes)


@dataclass(frozen=True, eq=False)
class GivenShared(Given):
    """The runs of a task, given its parameters and what tasks share."""

    leaning: Leaning

    @cached_property
    def residual(self) -> np.ndarray:
        """Log reducible values less their mean, what is shared included, dims (draw, cell)."""
        plain = residual(self.parameters, self.cells, self.sums, self.noise)
        shares = self.cells.design.points.shares
        return np.asarray(plain - self.leaning.moved(self.parameters.utility, self.sums, shares))

    def some(self, chosen: slice | np.ndarray) -> GivenShared:
        """The runs given some of the draws, of which nothing is known yet."""
        return GivenShared(self.parameters.take(chosen), self.cells, self.leaning.take(chosen))


@dataclass(frozen=True, eq=False)
class Joined(Posterior):
    """A posterior weighed by what its task shares with others; for predictions only."""

    leaning: Leaning = field(repr=False)

    @cached_property
    def given(self) -> GivenShared:
        """The runs, given each draw of the parameters and of what is shared."""
        narrowed = self.leaning.narrowed(self.parameters)
        return GivenShared(narrowed, self.cells, self.leaning)

    def at(
        self, points: Points, *, seed: int = 0, with_parts: bool = False, every: int = 1
    ) -> Conditional:
        """Draws at the points, as of any posterior."""
        drawn = super().at(points, seed=seed, with_parts=with_parts, every=every)
        some = slice(None, None, every)
        parameters, leaning = self.parameters.take(some), self.leaning.take(some)
        # the same stream as that of the draws, so the same change of regime
        smooth, extra = exponents_ahead(
            parameters, points, self.priors["regime"], self.seed * 1_000_003 + seed
        )
        moved = leaning.moved(parameters.utility, smooth + extra, points.shares)
        return replace(
            drawn, log_reducible=drawn.log_reducible + moved, level=drawn.level + leaning.level,
            utility=drawn.utility + parameters.utility[:, None] * leaning.relative,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Joint:
    """Joint draws over tasks: draw k of one task belongs to draw k of every other."""

    # one a task, dims and methods as for a fit alone
    posteriors: tuple[Posterior, ...] = field(repr=False)
    # what the tasks share; None for tasks that are kept apart
    common: Common | None = field(repr=False)
    deviations: Deviations | None  # what they may share
    covariate: np.ndarray | None  # dim (task,): what the common part may change with, from its mean
    # dim (task,): Pareto shape of the weights of its draws; a task above .7 is kept apart
    k: np.ndarray

    @property
    def joined(self) -> bool:
        """Whether the tasks share anything."""
        return self.common is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is shared, of :data:`KINDS`."""
        return () if self.deviations is None else self.deviations.kinds

    @property
    def correlation(self) -> np.ndarray:
        """Dims (draw, kind): of a deviation between two tasks."""
        none = np.zeros((len(self.posteriors[0]), 0))
        return none if self.common is None else self.common.correlation


def leaning_at(
    common: Common, deviations: Deviations, z: float, parameters: Parameters
) -> tuple[Parameters, Leaning]:
    """Parameters of a task at a covariate with the common spreads, and how it leans."""
    mean, own = common.at(z)
    p = deviations.common_scales(parameters, common.units)
    parts = {kind: (np.zeros((len(mean), deviations.pools)), np.ones(len(mean)))
             for kind in ("utility", "level")}  # fmt: skip
    for kind, at in deviations.blocks.items():
        root = deviations.likeness @ deviations.block_root(kind, p.scales)
        parts[kind] = (root @ mean[:, at, None])[..., 0], own[:, at.start]
    (relative, own_utility), (level, own_level) = parts.values()
    return p, Leaning(relative, level, own_utility, own_level)


def picked(
    draws: np.ndarray, common: Common, deviations: Deviations, z: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """A draw of a task for each draw of what is common, and the Pareto k of their weights.

    ``draws`` (draw, deviation): of the task alone, halves apart; ``common``: as many draws; ``z``:
    covariate of the task.
    """
    mean, own = common.at(z)
    before = deviations.log_prior(draws)
    picks, weights = [], []
    for rows in np.array_split(np.arange(len(mean)), 2):

        def density(chunk: slice, rows: np.ndarray = rows) -> np.ndarray:
            some = rows[chunk]
            white = np.linalg.solve(deviations.root(common.units[some]), draws[rows].T)
            apart = (white - mean[some, :, None]) ** 2 / own[some, :, None]
            log = -0.5 * apart.sum(axis=1) - before[rows]
            found = np.exp(log - log.max(axis=1, keepdims=True))
            return np.asarray(found / found.sum(axis=1, keepdims=True))

        chosen = np.concatenate(in_chunks(density, len(rows), draws[rows].size))
        weights.append(chosen.mean(axis=0))
        below = np.cumsum(chosen, axis=1) < rng.random((len(rows), 1)) * (1.0 - 1e-12)
        picks.append(rows[below.sum(axis=1)])
    with np.errstate(divide="ignore"):
        k = smoothed(np.log(np.concatenate(weights)))[1]
    return np.concatenate(picks), k


def share(posteriors: Sequence[Posterior], covariate: np.ndarray | None, seed: int) -> Joint:
    """Weigh separate fits by what their tasks share.

    ``covariate`` (task,): what the common part may change with (``size_unit``): in one unit of it,
    as much as tasks of one value have in common. With it the tasks' spreads are common and their
    own scalar parameters tied too.
    """
    first = posteriors[0].design.setting
    for other in posteriors[1:]:
        if not np.array_equal(first.sizes, other.design.setting.sizes):
            raise UsageError("the tasks have different pools -> give tasks of one pool table")
    z = None if covariate is None else covariate - covariate.mean()
    count = min(len(p) for p in posteriors)
    alone = [halved(p, count) for p in posteriors]
    deviations = Deviations.of(alone, z is not None)
    if not deviations.names:
        return kept_apart(posteriors, seed)
    found = [deviations.draws(p) for p in alone]
    try:
        common = common_to(told_by(found, deviations, z), len(alone[0]), seed)
    except GateError:
        return kept_apart(posteriors, seed)
    joined: list[Posterior] = []
    shapes = []
    for t, posterior in enumerate(alone):
        here, rng = 0.0 if z is None else float(z[t]), np.random.default_rng((seed, 61, t))
        pick, k = picked(found[t][0], common, deviations, here, rng)
        again = replace(
            posterior, parameters=posterior.parameters.take(pick), parent=posterior.parent[pick]
        )
        joined.append(weighed(again, *leaning_at(common, deviations, here, again.parameters))
                      if k <= K else posterior)  # fmt: skip
        shapes.append(k)
    return Joint(tuple(joined), common, deviations, z, np.array(shapes))


def weighed(posterior: Posterior, parameters: Parameters, leaning: Leaning) -> Joined:
    """The posterior of a task that leans on others."""
    kept = {f.name: getattr(posterior, f.name) for f in fields(Posterior)}
    return Joined(**kept | {"parameters": parameters}, leaning=leaning)


def halved(posterior: Posterior, draws: int) -> Posterior:
    """So many of the draws, as two halves."""
    count = 2 * (draws // 2)
    every = np.arange(count) * len(posterior) // count
    return replace(
        posterior, parameters=posterior.parameters.take(every), parent=posterior.parent[every],
        chains=(2, count // 2),
    )  # fmt: skip


def size_unit(params: np.ndarray) -> np.ndarray:
    """Log of the parameters, in the unit of the covariate."""
    return np.asarray(np.log10(params) / DECADES)


def kept_apart(posteriors: Sequence[Posterior], seed: int) -> Joint:
    """Tasks that share nothing: shuffled, so that their draws are not aligned."""
    rng = np.random.default_rng(seed)
    draws = min(len(p) for p in posteriors)
    shuffled = []
    for p in posteriors:
        even = halved(p, draws)
        order = np.concatenate([rng.permutation(h) for h in np.split(np.arange(len(even)), 2)])
        shuffled.append(
            replace(even, parameters=even.parameters.take(order), parent=even.parent[order])
        )
    return Joint(tuple(shuffled), None, None, None, np.full(len(posteriors), np.nan))
