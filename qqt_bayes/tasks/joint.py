"""Fits of several tasks sampled once more together, so that they share what pools are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm, rankdata

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.chart import SCALARS, dimension
from qqt_bayes.inference.common import directions, own_variance
from qqt_bayes.inference.gate import GateReport, check_draws, check_energy, merge
from qqt_bayes.inference.native import compiled_model, pack
from qqt_bayes.inference.natural import LEANINGS, SCALES, SPREAD, UTILITY
from qqt_bayes.inference.sample import Settings, Start, Walk, walk_model, walk_until_passed
from qqt_bayes.inference.together import (
    common_part,
    common_size,
    fill_shared,
    joint_density_c,
    joint_few_c,
    pack_together,
    tied,
)  # fmt: skip

if TYPE_CHECKING:
    from qqt_bayes.inference.chart import Chart
    from qqt_bayes.inference.posterior import Posterior

KINDS = ("utility", "half_life", "level", "average")
ATTEMPTS = 4
JITTER = 0.3
type Judged = tuple[tuple[Posterior, ...], np.ndarray, GateReport]
# The walk starts in the scale of the separate fits, so that little is left to learn.
TUNE, DRAWS = 200, 1000

__all__ = ["KINDS", "Joint", "joint_settings", "kept_apart", "sample_together"]


@dataclass(frozen=True, eq=False)
class Joint:
    """Joint draws over tasks: draw k of one task belongs to draw k of every other.

    Attributes
    ----------
    posteriors : tuple of Posterior
        One a task, dims and methods as for a fit alone.
    kinds : tuple of str
        What may be shared, of :data:`KINDS`; a law that lets utilities be the same has none there.
    correlation : numpy.ndarray
        Dims (sample, kind): of a pool's deviation between two tasks.
    common : numpy.ndarray
        Dims (sample, correlations and common deviations): see
        :mod:`qqt_bayes.inference.together`.
    covariate : numpy.ndarray or None
        Dim (task,): what the common part may change with, from its mean.
    gate : GateReport or None
        Convergence of the joint walk; None for tasks that were not joined.
    """

    posteriors: tuple[Posterior, ...] = field(repr=False)
    kinds: tuple[str, ...]
    correlation: np.ndarray = field(repr=False)
    common: np.ndarray = field(repr=False)
    covariate: np.ndarray | None
    gate: GateReport | None

    @property
    def joined(self) -> bool:
        """Whether the tasks share anything: not, if the joint walk did not converge."""
        return self.gate is not None and self.gate.passed

    @property
    def effective(self) -> float:
        """Smallest effective sample size of anything walked; 0 for tasks that were not joined."""
        return self.gate.figures["ess"] if self.gate is not None else 0.0


def scalar_place(chart: Chart, name: str) -> int:
    """Where a scalar stands in the few; -1 if it is fixed or not standard normal beforehand."""
    at = SCALARS.index(name)
    return int((chart.code[:at] > 0).sum()) if chart.code[at] in (1, 2) else -1


def joint_settings(settings: Settings) -> Settings:
    """Settings of the joint walk, given those of the separate fits, and these."""
    return replace(settings, tune=min(settings.tune, TUNE), draws=max(settings.draws, DRAWS),
                   adaptation="diag")  # fmt: skip


def places_of(posterior: Posterior) -> tuple[int, int, int]:
    """Where the few have the mean utility, the median half-life and the first deviation from it."""
    chart = posterior.chart
    deviations = int((chart.code > 0).sum())
    return scalar_place(chart, "utility"), scalar_place(chart, "half_life"), deviations


def sample_together(
    posteriors: Sequence[Posterior],
    covariate: np.ndarray | None,
    seed: int,
    settings: Settings | None = None,
    progress: Callable[[Any], None] | None = None,
    *,
    attempts: int = ATTEMPTS,
) -> Joint:
    """Sample tasks jointly, each walked in the scale of its own posterior.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the tasks alone.
    covariate : numpy.ndarray, optional
        Dim (task,): what the common part may change with, such as decades of parameters: in one
        unit of it, as much as tasks of one value have in common.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Of the sampler; by default those of :func:`joint_settings`.
    progress : callable, optional
        Called with the sampler's progress now and then.
    attempts : int
        Walks at most, until the gate is passed: more chains beside those before or, if these
        diverged, more careful ones in their place.

    Raises
    ------
    UsageError
        If the tasks have different pools.
    """
    settings = settings or joint_settings(Settings())
    if covariate is not None:
        covariate = covariate - covariate.mean()
    buffer, sizes = packed(posteriors, covariate)
    likeness, finite = posteriors[0].design.likeness, int(posteriors[0].chart.finite.sum())
    kinds, width = common_size(len(likeness), finite, covariate is not None)
    head = kinds + width * (1 if covariate is None else 2)
    model = compiled_model(buffer, joint_density_c, joint_few_c, head + sum(sizes), JITTER)
    ends = head + np.cumsum([0, *sizes])

    def walk(attempt: int, chosen: Settings) -> Walk:
        return walk_model(model, seed + 7919 * attempt, chosen, progress)

    def judge(made: Walk) -> tuple[Judged, GateReport]:
        flat = made.theta[..., :head].reshape(-1, head)
        joined = tuple(
            replace(
                alone, theta=made.theta[..., a:b], stats=made.stats, gradients=made.gradients,
                shared=shared_part(alone, flat, 0.0 if covariate is None else covariate[t],
                                   covariate is not None),
            )
            for t, (alone, a, b) in enumerate(zip(posteriors, ends[:-1], ends[1:], strict=True))
        )  # fmt: skip
        gate = check_together(made.theta, made.stats, joined)
        return (joined, flat, gate), gate

    joined, flat, gate = walk_until_passed(walk, judge, settings, attempts)
    used = [k for k, name in enumerate(KINDS[:kinds]) if varies(posteriors, name)]
    return Joint(joined, tuple(KINDS[k] for k in used), flat[:, used], flat, covariate, gate)


def varies(posteriors: Sequence[Posterior], kind: str) -> bool:
    """Whether the specification lets the pools differ in this at all."""
    parameters = {"utility": ("utility_spread", "quality_effect"), "level": ("level_spread",),
                  "half_life": ("half_life_spread",)}.get(kind, ())  # fmt: skip
    priors = [posteriors[0].priors[name] for name in parameters]
    return not priors or any(not p.fixed or p.numbers[0] > 0.0 for p in priors)


def kept_apart(posteriors: Sequence[Posterior], seed: int, gate: GateReport | None) -> Joint:
    """Tasks that share nothing: shuffled, so that their chains do not align.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the tasks alone.
    seed : int
        Same seed, same order.
    gate : GateReport or None
        Of a joint walk that did not converge.
    """
    rng = np.random.default_rng(seed)
    draws = min(len(p.natural) for p in posteriors)
    shuffled = []
    for p in posteriors:
        flat = p.theta.reshape(-1, p.theta.shape[-1])
        shuffled.append(replace(p, theta=flat[rng.permutation(len(flat))[:draws]][None]))
    none = np.zeros((draws, 0))
    return Joint(tuple(shuffled), (), none, none, None, gate)


def packed(
    posteriors: Sequence[Posterior], covariate: np.ndarray | None
) -> tuple[np.ndarray, list[int]]:
    """The buffer of the joint density, and the number of few of each task."""
    first = posteriors[0].design
    for other in posteriors[1:]:
        if not np.array_equal(first.sizes, other.design.sizes):
            raise UsageError("the tasks have different pools -> give tasks of one pool table")
    pools, trend = len(first.sizes), covariate is not None
    finite = int(posteriors[0].chart.finite.sum())
    told = [deviations_of(p, trend) for p in posteriors]
    middle = np.mean([np.median(t, axis=0) for t in told], axis=0)
    turns = np.array(
        [directions(first.likeness, middle[a : a + pools]) for a in (0, pools + 1)]
    )  # fmt: skip
    averages = 2 * pools + 1 + finite
    scalars = max(int((p.chart.code > 0).sum()) for p in posteriors)
    studies, places, pilots, pulls = [], [], [], []
    for p, told_of in zip(posteriors, told, strict=True):
        start = Start.of(p.theta)
        studies.append(pack(p.chart, p.cells, start.centre, start.factor))
        places.append(places_of(p))
        for kind, a in enumerate((0, pools + 1)):
            told_of[:, a : a + pools] = told_of[:, a : a + pools] @ turns[kind]
        told_of[:, pools + 1] = 0.0  # all levels together: that is the mean level's
        theta = p.theta.reshape(len(told_of), -1)
        pilot, pull = pilot_of(told_of, theta[:, : places[-1][2]], averages)
        pilots.append(pilot)
        pulls.append(np.pad(pull, ((0, scalars - len(pull)), (0, 0))))
    sizes = [dimension(p.chart) for p in posteriors]
    every = np.array(pilots)
    own = [own_variance(every[:, a + 2 : a + pools]) for a in (0, pools + 1)]
    buffer = pack_together(
        studies, sizes, places, covariate, first.likeness, turns, finite, every, np.array(pulls),
        own,
    )  # fmt: skip
    return buffer, sizes


def deviations_of(posterior: Posterior, trend: bool) -> np.ndarray:
    """Draws of what may be common, in a separate fit, dims (sample, deviation).

    Whitened, and zero for the effect of quality, which is not asked, and for what does not vary.
    """
    pools, finite = len(posterior.design.sizes), int(posterior.chart.finite.sum())
    natural = posterior.natural
    whiten = np.linalg.inv(np.linalg.cholesky(posterior.design.likeness))
    utility, level = posterior.fitted.utility, posterior.fitted.level
    theta = posterior.theta.reshape(-1, posterior.theta.shape[-1])
    out = np.zeros((len(theta), common_size(pools, finite, trend)[1]))
    if (natural[:, SPREAD] > 0.0).all():
        gap = utility / natural[:, UTILITY, None] - 1.0
        out[:, :pools] = gap / natural[:, SPREAD, None] @ whiten.T
    if (natural[:, SCALES] > 0.0).all():
        gap = level - level.mean(axis=1, keepdims=True)
        out[:, pools + 1 : 2 * pools + 1] = gap / natural[:, SCALES, None] @ whiten.T
    record = np.array([0.0, theta.shape[1], 0.0, *places_of(posterior)])
    for i, j, _ in tied(record, finite, pools, trend):
        out[:, j] = theta[:, i]
    return out


def pilot_of(
    deviations: np.ndarray, scalars: np.ndarray, averages: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a separate fit says of the deviations, and how its scalars follow them.

    Parameters
    ----------
    deviations, scalars : numpy.ndarray
        Dims (sample, deviation) and (sample, scalar): draws of the fit.
    averages : int
        Place of the first deviation that is a scalar itself.

    Returns
    -------
    pilot : numpy.ndarray
        Dims (deviation, 2): information and mean. Quantiles stand for mean and variance: where all
        utilities may be the same, their deviations in units of the spread have no moments.
    pulls : numpy.ndarray
        Dims (scalar, deviation): by how much a scalar changes with a deviation, all others held.
        What the tasks have in common may say more of the deviations than a fit alone did, and the
        mean utility, say, has to move with them.
    """
    low, middle, high = np.quantile(deviations, [0.16, 0.5, 0.84], axis=0)
    width = np.where(high > low, high - low, 2.0)  # what does not vary says nothing
    pilot = np.column_stack([np.maximum(4.0 / width**2 - 1.0, 0.0), middle])
    known = np.flatnonzero((high > low) & (np.arange(len(width)) < averages))
    # ranks in place of moments, for the same reason
    score = norm.ppf((rankdata(deviations[:, known], axis=0) - 0.5) / len(deviations))
    slope = np.linalg.lstsq(score, scalars - scalars.mean(axis=0), rcond=None)[0]
    pulls = np.zeros((scalars.shape[1], len(width)))
    pulls[:, known] = slope.T / (0.5 * width[known])
    return pilot, pulls


def shared_part(posterior: Posterior, common: np.ndarray, z: float, trend: bool) -> np.ndarray:
    """What the density of a task reads of the common part, dims (sample, shared)."""
    pools, finite = len(posterior.design.sizes), int(posterior.chart.finite.sum())
    kinds, width = common_size(pools, finite, trend)
    factor = np.linalg.cholesky(posterior.design.likeness)
    roots = np.array([factor, factor])
    out = np.empty((len(common), LEANINGS + 2 * pools))
    for row, shared in zip(common, out, strict=True):
        f = common_part(row[kinds:].reshape(-1, width), z)
        fill_shared(row[:kinds], f, roots, posterior.cells.quality_sd, shared)
    return out


def check_together(
    theta: np.ndarray, stats: dict[str, np.ndarray], joined: Sequence[Posterior]
) -> GateReport:
    """Convergence of everything walked, and of every utility of every task."""
    names = [f"joint[{i}]" for i in range(theta.shape[-1])]
    draws = [np.moveaxis(theta, -1, 0)]
    for t, posterior in enumerate(joined):
        utility = posterior.fitted.utility
        names += [f"utility[{t},{i}]" for i in range(utility.shape[1])]
        draws.append(np.moveaxis(utility.reshape(*posterior.chains, -1), -1, 0))
    return merge(
        check_draws(names, np.concatenate(draws)), check_energy(stats["diverging"], stats["energy"])
    )
