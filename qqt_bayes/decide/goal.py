"""What a search of shares looks at: draws of performance, and of meeting thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.decide.predict import bounded, ceiling
from qqt_bayes.decide.sizes import counts
from qqt_bayes.inference.surface import Surface

if TYPE_CHECKING:
    from qqt_bayes.decide.constraints import Threshold
    from qqt_bayes.fitting import Fit
    from qqt_bayes.inference.posterior import Posterior

SEED = 23
SEARCHED, TOLD = 128, 256  # draws that are searched on, and others by which the answer is told

__all__ = ["Goal", "Metric", "goals", "split"]


@dataclass(frozen=True, eq=False)
class Metric:
    """One metric at one budget: draws of its performance as functions of the shares."""

    fit: Fit
    parts: tuple[tuple[Fit, Surface], ...]  # several where the size of a pool is not known
    index: np.ndarray  # (pool,): places of the mixed pools in the table

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Latent performance in the metric's unit, lower is better; dims (draw, point)."""
        whole = np.zeros((len(shares), len(self.fit.study.pools)))
        whole[:, self.index] = shares
        found = []
        for fit, surface in self.parts:
            samples = np.full(len(shares), surface.samples)
            value = surface.irreducible[:, None] + np.exp(surface.at(whole))
            found.append(fit.study.kind.to_unit(bounded(value, ceiling(fit, samples))))
        return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Goal:
    """The metric to be improved, and thresholds that others have to meet with a probability."""

    metric: Metric
    limits: tuple[tuple[Threshold, Metric], ...] = ()
    sure: float = 0.9  # probability asked for

    def excess(self, shares: np.ndarray) -> np.ndarray:
        """By how much the worst threshold is missed, in spreads of its runs; (draw, point)."""
        worst = np.full((1, len(shares)), -np.inf)
        for threshold, metric in self.limits:
            study = metric.fit.study
            value = study.reported(metric.at(shares)) - threshold.value
            spread = max(float(np.std(study.observed)), 1e-12)
            worst = np.maximum(worst, (value if threshold.below else -value) / spread)
        return worst

    def p_feasible(self, shares: np.ndarray) -> np.ndarray:
        """Probability of meeting all thresholds, dim (point,)."""
        return np.asarray((self.excess(shares) <= 0.0).mean(axis=0))

    def measure(self, shares: np.ndarray) -> Measured:
        """Performance of mixtures, and what they lack of being feasible."""
        latent = self.metric.at(shares)
        if not self.limits:
            return Measured(latent, np.full(len(shares), -np.inf))
        excess = self.excess(shares)
        high = min(self.sure + self.slack(self.sure, len(excess)), 1.0)
        return Measured(latent, np.quantile(excess, high, axis=0))

    @staticmethod
    def slack(p: float, draws: int = SEARCHED) -> float:
        """By how much more is asked of few draws than a probability, so that others agree."""
        return float(np.sqrt(p * (1.0 - p) / draws))


class Measured(NamedTuple):
    """What some mixtures do."""

    latent: np.ndarray  # (draw, point)
    lacking: np.ndarray  # (point,): above zero where a threshold is not met as surely as asked

    @property
    def merit(self) -> np.ndarray:
        """Expected performance, dim (point,), made worse where thresholds are not met."""
        return np.asarray(self.latent.mean(axis=0) + self.penalty)

    @property
    def penalty(self) -> np.ndarray:
        """Dim (point,): so large that feasibility comes first."""
        return np.asarray(1e3 * np.maximum(self.lacking, 0.0))

    def joined(self, other: Measured) -> Measured:
        """These mixtures, then the other ones."""
        return Measured(
            np.concatenate([self.latent, other.latent], axis=1),
            np.concatenate([self.lacking, other.lacking]),
        )


def split(posterior: Posterior, effort: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Draws to search on, and others to tell the answer by: what looked best is so by luck too.

    Both are spread evenly over the posterior; those told by share no parameters with the others.
    """
    everyone = np.arange(len(posterior))
    searched = spread(everyone, min(round(effort * SEARCHED), len(everyone) // 2))
    parent = np.asarray(posterior.parent)
    fresh = ~np.isin(everyone, searched)
    apart = fresh & ~np.isin(parent, parent[searched]) if len(parent) else fresh
    others = everyone[apart if apart.sum() >= TOLD else fresh]
    return searched, spread(others, min(TOLD, len(others)))


def spread(items: np.ndarray, count: int) -> np.ndarray:
    """So many of them, evenly."""
    return items[np.linspace(0, len(items) - 1, max(count, 1)).round().astype(int)]


def goals(
    fit: Fit, limits: tuple[tuple[Threshold, Fit], ...], index: np.ndarray, samples: float,
    sure: float, effort: float,
) -> tuple[Goal, Goal]:  # fmt: skip
    """What is searched on and what the answer is told by, at one budget."""

    def metric(of: Fit, part: int, seed: int) -> Metric:
        parts, (fits, weights) = [], of.by_size
        for k, one in enumerate(fits):
            draws = split(one.posterior, effort)[part]
            number = counts(weights, len(draws))[k]
            if number:
                surface = Surface.of(one.posterior, samples, spread(draws, number), seed + 1000 * k)
                parts.append((one, surface))
        return Metric(of, tuple(parts), index)

    made = []
    for part in (0, 1):
        seeds = SEED + 100 * part
        beside = tuple((t, metric(of, part, seeds + 1 + k)) for k, (t, of) in enumerate(limits))
        made.append(Goal(metric(fit, part, seeds), beside, sure))
    return made[0], made[1]
