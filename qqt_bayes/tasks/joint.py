"""Fits of several tasks sampled once more together, so that they share what pools are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.chart import SCALARS, dimension
from qqt_bayes.inference.common import INFORMATION, MEAN
from qqt_bayes.inference.gate import GateReport, check_draws, check_energy, merge
from qqt_bayes.inference.native import compiled_model, pack
from qqt_bayes.inference.natural import LEANINGS, SCALES, SPREAD, UTILITY
from qqt_bayes.inference.sample import Settings, Start, more_careful, walk_model
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
ATTEMPTS = 3
JITTER = 0.3
# The walk starts in the scale of the separate fits, so that little is left to learn. The gate looks
# at every quantity, and in few draws one of a thousand will look slow by chance: a second, longer
# walk costs more than draws that spare it.
TUNE, DRAWS, DRAWS_OF_MANY = 200, 1000, 1400
MANY = 500  # few walked by all tasks together, from which on there are many

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


def joint_settings(settings: Settings, posteriors: Sequence[Posterior]) -> Settings:
    """Settings of the joint walk, given those of the separate fits, and these."""
    many = sum(dimension(p.chart) for p in posteriors) > MANY
    draws = max(settings.draws, DRAWS_OF_MANY if many else DRAWS)
    return replace(settings, tune=min(settings.tune, TUNE), draws=draws, adaptation="diag")


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
        Walks at most, each longer or more careful than the one before, until the gate is passed.

    Raises
    ------
    UsageError
        If the tasks have different pools.
    """
    settings = settings or joint_settings(Settings(), posteriors)
    if covariate is not None:
        covariate = covariate - covariate.mean()
    buffer, sizes = packed(posteriors, covariate)
    likeness, finite = posteriors[0].design.likeness, int(posteriors[0].chart.finite.sum())
    kinds, width = common_size(len(likeness), finite, covariate is not None)
    head = kinds + width * (1 if covariate is None else 2)
    model = compiled_model(buffer, joint_density_c, joint_few_c, head + sum(sizes), JITTER)
    spent = 0
    for attempt in range(attempts):
        walk = walk_model(model, seed + 7919 * attempt, settings, progress)
        spent += walk.gradients
        flat = walk.theta[..., :head].reshape(-1, head)
        ends = head + np.cumsum([0, *sizes])
        joined = tuple(
            replace(
                alone, theta=walk.theta[..., a:b], stats=walk.stats, gradients=spent,
                shared=shared_part(alone, flat, 0.0 if covariate is None else covariate[t],
                                   covariate is not None),
            )
            for t, (alone, a, b) in enumerate(zip(posteriors, ends[:-1], ends[1:], strict=True))
        )  # fmt: skip
        gate = check_together(walk.theta, walk.stats, joined)
        if gate.passed:
            break
        settings = more_careful(settings, gate)
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
    studies, places, pilots = [], [], []
    for p in posteriors:
        start = Start.of(p.theta)
        studies.append(pack(p.chart, p.cells, start.centre, start.factor))
        places.append(places_of(p))
        pilots.append(pilot_of(p, covariate is not None))
    sizes = [dimension(p.chart) for p in posteriors]
    finite = int(posteriors[0].chart.finite.sum())
    buffer = pack_together(
        studies, sizes, places, covariate, first.likeness, finite, np.array(pilots)
    )  # fmt: skip
    return buffer, sizes


def pilot_of(posterior: Posterior, trend: bool) -> np.ndarray:
    """What a separate fit says of the deviations, dims (deviation, 2): information and mean.

    Of the effect of quality it is not asked. Quantiles stand for mean and variance: where all
    utilities may be the same, their deviations in units of the spread have no moments.
    """
    pools, finite = len(posterior.design.sizes), int(posterior.chart.finite.sum())
    natural, whiten = (
        posterior.natural,
        np.linalg.inv(np.linalg.cholesky(posterior.design.likeness)),
    )
    utility, level = posterior.fitted.utility, posterior.fitted.level
    out = np.zeros((common_size(pools, finite, trend)[1], 2))

    def tell(j: int | slice, draws: np.ndarray) -> None:
        low, middle, high = np.quantile(draws, [0.16, 0.5, 0.84], axis=0)
        out[j, INFORMATION] = np.maximum(4.0 / (high - low) ** 2 - 1.0, 0.0)
        out[j, MEAN] = middle

    if (natural[:, SPREAD] > 0.0).all():
        gap = utility / natural[:, UTILITY, None] - 1.0
        tell(slice(0, pools), gap / natural[:, SPREAD, None] @ whiten.T)
    if (natural[:, SCALES] > 0.0).all():
        gap = level - level.mean(axis=1, keepdims=True)
        tell(slice(pools + 1, 2 * pools + 1), gap / natural[:, SCALES, None] @ whiten.T)
    theta = posterior.theta.reshape(-1, posterior.theta.shape[-1])
    record = np.array([0.0, theta.shape[1], 0.0, *places_of(posterior)])
    for i, j, _ in tied(record, finite, pools, trend):
        tell(j, theta[:, i])
    return out


def shared_part(posterior: Posterior, common: np.ndarray, z: float, trend: bool) -> np.ndarray:
    """What the density of a task reads of the common part, dims (sample, shared)."""
    pools, finite = len(posterior.design.sizes), int(posterior.chart.finite.sum())
    kinds, width = common_size(pools, finite, trend)
    factor = np.linalg.cholesky(posterior.design.likeness)
    out = np.empty((len(common), LEANINGS + 2 * pools))
    for row, shared in zip(common, out, strict=True):
        f = common_part(row[kinds:].reshape(-1, width), z)
        fill_shared(row[:kinds], f, factor, posterior.cells.quality_sd, shared)
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
