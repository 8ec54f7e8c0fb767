r"""What is sampled of the law: scores of its scalars, and each pool's law by what runs know of it.

The means over pools are integrated out: given the spreads, a parameter of the pools is normal with
covariance :math:`\sigma^2 11' + s^2 I`. A law stands by its loss and its slopes at the reference,
which runs know well, for given those, its irreducible part, its terms and its exponents are hard to
tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.allocation.model import BY_POOL, POSITIVE, SURFACES

if TYPE_CHECKING:
    from qqt_bayes.allocation.model import Model

CORE = tuple(BY_POOL)[:5]  # what a law is apart from repetition
WIDTHS = (0.02, 0.5, 0.5, 0.2, 0.2, 1.0)  # of what runs know, roughly; then of the repeats
NOISE = 3.0  # score of the noise at the start: no run is written off before there is a fit

__all__ = ["Coordinates", "known_of", "law_of"]


def known_of(law: np.ndarray) -> np.ndarray:
    """What runs know of a law: loss at the reference, its make-up, and its two slopes there.

    ``law`` (5, ...): logs of E, of the terms of parameters and of samples, of alpha and of beta.
    Gives dims (5, ...): log loss; log odds of the irreducible part; log odds of parameters against
    samples; logs of the slopes. The map has determinant 1.
    """
    floor, params, samples, alpha, beta = law
    above = np.logaddexp(params, samples)
    return np.array(
        [np.logaddexp(floor, above), floor - above, params - samples, alpha + params,
         beta + samples]
    )  # fmt: skip


def law_of(known: np.ndarray) -> np.ndarray:
    """The inverse of :func:`known_of`."""
    loss, floor, params, slope, other = known
    share = [-np.logaddexp(0.0, -x) for x in (floor, -floor, params, -params)]
    terms = [loss + share[1] + share[2], loss + share[1] + share[3]]
    return np.array([loss + share[0], *terms, slope - terms[0], other - terms[1]])


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Coordinates of all of a model's ``z`` but its surfaces."""

    model: Model

    @cached_property
    def scalars(self) -> tuple[str, ...]:
        """Parameters that stand as scores: spreads, noise, misfit."""
        skipped = {*BY_POOL, *SURFACES, *(f"{name} by pool" for name in BY_POOL)}
        return tuple(n for n in self.model.layout if n not in skipped)

    def spread_of(self, name: str, z: np.ndarray) -> np.ndarray:
        """Pool-to-pool sd of a parameter, dim (draw,)."""
        return np.asarray(self.model.scalar(BY_POOL[name], z))

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many values each parameter of the law has: one a law, one for all, or none."""
        apart = {
            name: self.model.laws > 1 and not self.model.priors[spread].none
            for name, spread in BY_POOL.items()
        }
        return {
            name: self.model.laws if apart[name] else int(not self.model.priors[name].fixed)
            for name in BY_POOL
        }

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.scalars) + sum(self.counts.values())

    @property
    def by_known(self) -> bool:
        """Whether laws can stand by what is known of them: no parameter is fixed or common."""
        return len({self.counts[name] for name in CORE}) == 1 and self.counts[CORE[0]] > 0

    def mean_and_sd(self, name: str) -> tuple[float, float]:
        """Prior of a parameter's mean over the pools, on the scale on which it is normal."""
        prior = self.model.priors[name]
        mean, sd = prior.pair
        return (float(np.log(mean)), 0.0) if prior.fixed and name in POSITIVE else (mean, sd)

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Where to begin, and a unit for each coordinate; both of dim (coordinate,)."""
        values = {n: np.full(c, self.mean_and_sd(n)[0]) for n, c in self.counts.items()}
        if self.by_known:
            known = known_of(np.array([values[n] for n in CORE]))
            for law in range(known.shape[1]):
                own = self.model.points.law == law
                known[0, law] = self.model.log_loss[own].mean()
            values |= dict(zip(CORE, known, strict=True))
        scores = np.array([NOISE if n == "noise" else 0.0 for n in self.scalars])
        widths = WIDTHS if self.by_known else (*[0.3] * 5, WIDTHS[-1])
        unit = np.repeat(widths, [*self.counts.values()])
        place = np.concatenate([scores, *values.values()])
        return place, np.concatenate([np.ones(len(scores)), unit])

    def values(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters of the laws where they are free, dims (draw, value)."""
        ends = len(self.scalars) + np.cumsum([0, *self.counts.values()])
        out = {n: x[:, a:b] for n, a, b in zip(self.counts, ends[:-1], ends[1:], strict=True)}
        if self.by_known:
            out |= dict(zip(CORE, law_of(np.array([out[n] for n in CORE])), strict=True))
        return out

    def z(
        self, x: np.ndarray, rng: np.random.Generator | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The model's ``z`` without surfaces, dims (draw, z), and the log prior density of x.

        ``x`` (draw, coordinate); ``rng``: draws the means over the pools, given the pools; without
        it they are at their prior mean, and the pools' deviations are from there: the laws are the
        same.
        """
        z = np.zeros((len(x), self.model.size))
        z[:, [self.model.layout[n].start for n in self.scalars]] = x[:, : len(self.scalars)]
        log_prior = -0.5 * np.sum(x[:, : len(self.scalars)] ** 2, axis=1)
        for name, value in self.values(x).items():
            mean, sd = self.mean_and_sd(name)
            away, count = value - mean, value.shape[1]
            if count == 0:
                continue
            if f"{name} by pool" not in self.model.layout or count < self.model.laws:
                z[:, self.model.layout[name].start] = away[:, 0] / sd
                log_prior = log_prior - 0.5 * (away[:, 0] / sd) ** 2
                continue
            spread, middle = self.spread_of(name, z), away.mean(axis=1)
            within = np.sum((away - middle[:, None]) ** 2, axis=1)
            variance = sd**2 + spread**2 / count
            log_prior = log_prior - 0.5 * (within / spread**2 + middle**2 / variance)
            log_prior = log_prior - (count - 1) * np.log(spread) - 0.5 * np.log(variance)
            if rng is not None and sd > 0.0:
                left = sd * spread / np.sqrt(count * variance)
                drawn = middle * sd**2 / variance + left * rng.standard_normal(len(x))
                z[:, self.model.layout[name].start] = drawn / sd
                away = away - drawn[:, None]
            z[:, self.model.layout[f"{name} by pool"]] = away / spread[:, None]
        return z, log_prior
