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
from qqt_bayes.inference.gate import K
from qqt_bayes.inference.given import Given
from qqt_bayes.inference.importance import smoothed
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.model.effects import AT_SLOPES, NAMES, SLOPES
from qqt_bayes.model.marginal import residual
from qqt_bayes.tasks.shared import Common, common_to, told_by

if TYPE_CHECKING:
    from qqt_bayes.model.design import Points, Setting
    from qqt_bayes.model.parameters import Parameters

KINDS = ("utility", "level", "half_life", "average", "spread")
AVERAGES = ("irreducible", "utility", "half_life")  # change with size; other scalars do not
AT_LEVELS = NAMES.index("level_spread")
FARTHEST = 8.0  # a deviation further out is rounding

__all__ = ["KINDS", "Joined", "Joint", "Leaning", "kept_apart", "leanings", "share"]


class Leaning(NamedTuple):
    """What tasks share, as one of them is to have it.

    Attributes
    ----------
    relative, level : numpy.ndarray
        Dims (draw, pool): mean of the utilities over their average, less one, and of the levels.
    own_utility, own_level : numpy.ndarray
        Dim (draw,): share of their variance that is the task's own.
    """

    relative: np.ndarray
    level: np.ndarray
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
        return np.asarray(
            plain - self.leaning.moved(self.parameters.utility, self.sums, shares)
        )

    def take(self, chosen: slice | np.ndarray) -> GivenShared:
        """The runs given some of the draws."""
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
    """Joint draws over tasks: draw k of one task belongs to draw k of every other.

    Attributes
    ----------
    posteriors : tuple of Posterior
        One a task, dims and methods as for a fit alone.
    common : Common or None
        What the tasks share; None for tasks that are kept apart.
    names : tuple of str
        Of the deviations.
    covariate : numpy.ndarray or None
        Dim (task,): what the common part may change with, from its mean.
    k : numpy.ndarray
        Dim (task,): Pareto shape of the weights of its draws; a task above .7 is kept apart.
    """

    posteriors: tuple[Posterior, ...] = field(repr=False)
    common: Common | None = field(repr=False)
    names: tuple[str, ...]
    covariate: np.ndarray | None
    k: np.ndarray

    @property
    def joined(self) -> bool:
        """Whether the tasks share anything."""
        return self.common is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is shared, of :data:`KINDS`."""
        return tuple(dict.fromkeys(kind_of(name) for name in self.names))

    @property
    def correlation(self) -> np.ndarray:
        """Dims (draw, kind): of a deviation between two tasks."""
        none = np.zeros((len(self.posteriors[0]), 0))
        return none if self.common is None else self.common.correlation


def kind_of(name: str) -> str:
    """Kind of a deviation, by its name."""
    kind, place, _ = name.partition("[")
    return kind if place else "average" if name in AVERAGES else "spread"


def slope_root(scales: np.ndarray, setting: Setting) -> np.ndarray:
    """Root of the prior covariance of the relative utilities, dims (draw, pool, pool)."""
    total = np.zeros((len(scales), len(setting.sizes), len(setting.sizes)))
    for i, effect in zip(AT_SLOPES, SLOPES, strict=True):
        loading = effect.loadings(setting)  # type: ignore[misc]
        total += scales[:, i, None, None] ** 2 * (loading @ loading.T)
    return np.linalg.cholesky(total)


def deviations_of(posterior: Posterior, averages: bool) -> tuple[np.ndarray, list[str]]:
    """Draws of the deviations of a separate fit, dims (draw, deviation), and their names.

    Whitened: standard normal beforehand. With averages, the scores of all parameters that are not
    by pool are among them.
    """
    p, fitted, setting = posterior.parameters, posterior.fitted, posterior.design.setting
    pools, columns, names = range(len(setting.sizes)), [], []
    if varies(posterior, "utility_spread"):
        gap = fitted.utility / p.utility[:, None] - 1.0
        root = slope_root(p.scales, setting)
        columns.append(np.linalg.solve(root, gap[..., None])[..., 0])
        names += [f"utility[{i}]" for i in pools]
    if varies(posterior, "level_spread"):
        root = np.linalg.cholesky(setting.likeness)
        white = np.linalg.solve(root, fitted.level.T).T / p.scale("level_spread")[:, None]
        # all levels together are the mean level's: of the deviations only what they differ in
        along = np.linalg.solve(root, np.ones(len(pools)))
        along /= np.linalg.norm(along)
        rest = np.random.default_rng((posterior.seed, 59)).standard_normal(len(p.utility))
        columns.append(white + np.outer(rest - white @ along, along))
        names += [f"level[{i}]" for i in pools]
    scored = posterior.coordinates.names
    wanted = [n for n in scored if n.startswith("half_life[") or (averages and "[" not in n)]
    scores = posterior.coordinates.scores(p)
    columns.append(scores[:, [scored.index(n) for n in wanted]])
    return np.clip(np.concatenate(columns, axis=1), -FARTHEST, FARTHEST), names + wanted


def varies(posterior: Posterior, effect: str) -> bool:
    """Whether the specification lets the pools differ in this at all."""
    return not posterior.priors[effect].none


def leanings(common: Common, names: Sequence[str], z: float, parameters: Parameters,
             setting: Setting) -> Leaning:  # fmt: skip
    """What is common, as a task at a covariate is to have it."""
    mean, own = common.at(z)
    draws, pools = len(mean), len(setting.sizes)
    none, all_own = np.zeros((draws, pools)), np.ones(draws)

    def part(kind: str) -> tuple[np.ndarray, np.ndarray] | None:
        at = [i for i, name in enumerate(names) if name.startswith(f"{kind}[")]
        return (mean[:, at], own[:, at[0]]) if at else None

    utility, level = part("utility"), part("level")
    relative = none
    if utility is not None:
        root = slope_root(parameters.scales, setting)
        relative = (root @ utility[0][..., None])[..., 0]
    spread = parameters.scale("level_spread")[:, None]
    moved = none if level is None else spread * (level[0] @ np.linalg.cholesky(setting.likeness).T)
    return Leaning(
        relative, moved, all_own if utility is None else utility[1],
        all_own if level is None else level[1],
    )  # fmt: skip


def picked(
    deviations: np.ndarray, common: Common, z: float, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """A draw of a task for each draw of what is common, and the Pareto k of their weights.

    Parameters
    ----------
    deviations : numpy.ndarray
        Dims (draw, deviation): of the task alone, halves apart.
    common : Common
        As many draws.
    z : float
        Covariate of the task.
    rng : numpy.random.Generator
        Of the choice.
    """
    mean, own = common.at(z)
    picks, weights = [], []
    for rows in np.array_split(np.arange(len(mean)), 2):
        x, m, v = deviations[rows], mean[rows], own[rows]
        log = x**2 @ (0.5 - 0.5 / v).T + x @ (m / v).T  # (draw of the task, draw of the common)
        density = np.exp(log - log.max(axis=0))
        density /= density.sum(axis=0)
        weights.append(density.mean(axis=1))
        below = np.cumsum(density, axis=0) < rng.random(len(rows)) * (1.0 - 1e-12)
        picks.append(rows[below.sum(axis=0)])
    with np.errstate(divide="ignore"):
        k = smoothed(np.log(np.concatenate(weights)))[1]
    return np.concatenate(picks), k


def share(posteriors: Sequence[Posterior], covariate: np.ndarray | None, seed: int) -> Joint:
    """Weigh separate fits by what their tasks share.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the tasks alone.
    covariate : numpy.ndarray, optional
        Dim (task,): what the common part may change with, such as decades of parameters: in one
        unit of it, as much as tasks of one value have in common. With it the tasks' own scalar
        parameters are tied too.
    seed : int
        Same seed, same answer.

    Raises
    ------
    UsageError
        If the tasks have different pools.
    """
    first = posteriors[0].design.setting
    for other in posteriors[1:]:
        if not np.array_equal(first.sizes, other.design.setting.sizes):
            raise UsageError("the tasks have different pools -> give tasks of one pool table")
    z = None if covariate is None else covariate - covariate.mean()
    count = min(len(p) for p in posteriors)
    alone = [halved(p, count) for p in posteriors]
    found = [deviations_of(p, z is not None) for p in alone]
    names = tuple(n for n in found[0][1] if all(n in own for _, own in found))
    draws = [x[:, [own.index(n) for n in names]] for x, own in found]
    kinds = list(dict.fromkeys(kind_of(n) for n in names))
    kind = np.array([kinds.index(kind_of(n)) for n in names])
    steady = np.array([kind_of(n) == "spread" for n in names])
    if not names:
        return kept_apart(posteriors, seed)
    try:
        told = told_by(draws, kind, z, steady)
        common = common_to(told, steady, len(alone[0]), seed)
    except GateError:
        return kept_apart(posteriors, seed)
    joined: list[Posterior] = []
    shapes = []
    for t, posterior in enumerate(alone):
        here = 0.0 if z is None else float(z[t])
        rng = np.random.default_rng((seed, 61, t))
        pick, k = picked(draws[t], common, here, rng)
        shapes.append(k)
        joined.append(
            posterior if not k <= K
            else weighed(posterior, pick, k, leaning_of(posterior, pick, common, names, here))
        )  # fmt: skip
    return Joint(tuple(joined), common, names, z, np.array(shapes))


def leaning_of(
    posterior: Posterior, pick: np.ndarray, common: Common, names: Sequence[str], z: float
) -> Leaning:
    """See :func:`leanings`, for picked draws of a task."""
    return leanings(common, names, z, posterior.parameters.take(pick), posterior.design.setting)


def weighed(posterior: Posterior, pick: np.ndarray, k: float, leaning: Leaning) -> Joined:
    """The posterior of a task with the draws picked."""
    kept = {f.name: getattr(posterior, f.name) for f in fields(Posterior)}
    kept |= {
        "parameters": posterior.parameters.take(pick), "parent": posterior.parent[pick],
        "figures": posterior.figures | {"k": max(k, posterior.figures.get("k", k))},
    }  # fmt: skip
    return Joined(**kept, leaning=leaning)


def halved(posterior: Posterior, draws: int) -> Posterior:
    """So many of the draws, as two halves."""
    count = 2 * (draws // 2)
    every = np.arange(count) * len(posterior) // count
    return replace(
        posterior, parameters=posterior.parameters.take(every), parent=posterior.parent[every],
        chains=(2, count // 2),
    )  # fmt: skip


def kept_apart(posteriors: Sequence[Posterior], seed: int) -> Joint:
    """Tasks that share nothing: shuffled, so that their draws are not aligned.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the tasks alone.
    seed : int
        Same seed, same order.
    """
    rng = np.random.default_rng(seed)
    draws = min(len(p) for p in posteriors)
    shuffled = []
    for p in posteriors:
        even = halved(p, draws)
        order = np.concatenate([rng.permutation(h) for h in np.split(np.arange(len(even)), 2)])
        shuffled.append(
            replace(even, parameters=even.parameters.take(order), parent=even.parent[order])
        )
    return Joint(tuple(shuffled), None, (), None, np.full(len(posteriors), np.nan))
