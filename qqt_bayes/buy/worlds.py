"""Simulated worlds: what is known of the targets now, and after some runs have been bought.

Within each of K draws of the parameters everything is Gaussian, and the parameters themselves are
these K draws, equally likely. Under that discrete prior all updates are exact, so the value of a
run can neither be negative nor exceed that of perfect information, but for Monte Carlo error.

A world has a source draw, which generates the outcome of a run. Every draw then explains the
outcome more or less well (a weight) and moves its own predictions by a Gaussian update (a shift
along its gains). The same worlds (source draws and random numbers) are used for every design, so
that rankings are stable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import log_ndtr, ndtr
from scipy.stats import chi2, norm

from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.tally import Tally

LEAST = 1e-6  # weight over the largest of its world below which a draw is left out

__all__ = ["Known", "Outcome"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A design's simulated outcomes and what they teach."""

    design: int
    log_weight: np.ndarray  # (world, draw)
    shift: np.ndarray  # (world, draw): standardised outcomes
    gain: np.ndarray  # (draw, target): move of a target per unit shift
    var: np.ndarray  # (draw, target): its variance afterwards
    # (world,): simulated mean of the replicates; empty where no outcome is looked at
    value: np.ndarray
    scatter: np.ndarray  # (world,): their sum of squares about it; empty likewise

    def kept(self, least: float = LEAST) -> tuple[np.ndarray, np.ndarray]:
        """Weights over the largest of their world, and shifts (world, draw).

        Both are zero where the weight is below the least.
        """
        weight = np.exp(self.log_weight - self.log_weight.max(axis=1, keepdims=True))
        left = weight >= least
        return np.where(left, weight, 0.0), np.where(left, self.shift, 0.0)


@dataclass(frozen=True, eq=False)
class Known:
    """What is known in each world after some purchases."""

    problem: Problem
    log_weight: np.ndarray  # (world, draw), normalised
    var: np.ndarray  # (draw, target): of the log reducible error
    # of each purchase: gains at all points (draw, point) and shifts (world, draw)
    steps: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @classmethod
    def now(cls, problem: Problem) -> Known:
        """Nothing bought yet, in a world of each draw."""
        draws = len(problem.moments.mean)
        log_weight = np.full((draws, draws), -np.log(draws))
        return cls(problem, log_weight, problem.variance[:, problem.targets])

    @classmethod
    def single(cls, problem: Problem) -> Known:
        """Nothing bought yet, in a single world."""
        now = cls.now(problem)
        return cls(problem, now.log_weight[:1], now.var)

    def random(self, extra: float) -> tuple[np.ndarray, np.ndarray]:
        """Stratified standard normals, and chi-squares of the replicates' scatter (world,)."""
        worlds = len(self.log_weight)
        rng = np.random.default_rng((self.problem.seed, 1, len(self.steps)))
        middle = (np.arange(worlds) + 0.5) / worlds
        normal = norm.ppf(rng.permutation(middle))
        uniform = rng.permutation(middle)
        return normal, chi2.ppf(uniform, extra) if extra > 0 else np.zeros(worlds)

    def mean_at(self, point: int) -> np.ndarray:
        """Predicted log reducible error at a point (world, draw)."""
        mean = np.tile(self.problem.moments.mean[:, point], (len(self.log_weight), 1))
        for gain, shift in self.steps:
            mean += gain[:, point] * shift
        return mean

    @cached_property
    def means(self) -> tuple[np.ndarray, ...]:
        """Predictions of the targets: :meth:`mean_at` of each."""
        return tuple(self.mean_at(int(q)) for q in self.problem.targets)

    def information(self, design: int) -> float:
        """Expected information of an outcome on everything within a draw, in nats."""
        sd, _, _ = self.update(design)
        return float(np.mean(np.log(sd) - 0.5 * np.log(self.problem.noise(design))))

    def update(self, design: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Standard deviation of an outcome (draw,), gains and variances after (draw, target)."""
        p = self.problem
        at = int(p.place[design])
        var = p.variance[:, at].copy()
        gain = p.target_covariance[:, :, at].copy()
        for step, _ in self.steps:
            var -= step[:, at] ** 2
            gain -= step[:, : gain.shape[1]] * step[:, [at]]
        sd = np.sqrt(np.maximum(var, 0.0) + p.noise(design))
        gain /= sd[:, None]
        return sd, gain, np.maximum(self.var - gain**2, 0.0)

    def outcome(self, design: int) -> Outcome:
        """Simulate a design in every world and update."""
        p = self.problem
        noise, extra = p.seed_noise(design), float(p.seeds[design] - 1)
        normal, scatter = self.random(extra)
        mean = self.mean_at(int(p.place[design]))
        sd, gain, var = self.update(design)
        drawn = np.diagonal(mean) + sd * normal  # each world by the draw that it comes from
        value = p.irreducible + np.exp(drawn)
        squares = (noise * p.cells.size(value)) ** 2 * scatter
        gap = value[:, None] - p.irreducible
        log = np.log(np.where(gap > 0.0, gap, np.nan))  # a draw that cannot explain the outcome
        shift = (log - mean) / sd
        log_weight = self.log_weight - 0.5 * shift**2 - np.log(sd) - log
        if extra > 0.0:
            spread = (noise * p.cells.size(value)[:, None]) ** 2
            log_weight -= 0.5 * (extra * np.log(spread) + squares[:, None] / spread)
        possible = np.isfinite(log_weight)
        log_weight = np.where(possible, log_weight, -np.inf)
        log_weight -= log_weight.max(axis=1, keepdims=True)
        log_weight -= np.log(np.exp(log_weight).sum(axis=1, keepdims=True))
        shift = np.where(possible, shift, 0.0)
        return Outcome(design, log_weight, shift, gain, var, value, squares)

    def without_outcome(self, design: int) -> Outcome:
        """A design whose outcome is not looked at: it only narrows what is within a draw."""
        _, gain, var = self.update(design)
        return self.blind(design, gain, var)

    def idle(self) -> Outcome:
        """Nothing further is bought."""
        return self.blind(-1, np.zeros_like(self.var), self.var)

    def blind(self, design: int, gain: np.ndarray, var: np.ndarray) -> Outcome:
        """Weights stay as they are."""
        none, still = np.empty(0), np.zeros_like(self.log_weight)
        return Outcome(design, self.log_weight, still, gain, var, none, none)

    def tally(self, sums: np.ndarray, weight: np.ndarray) -> Tally:
        """Averages in each world, of weighted sums (world, group, ...) by weights (world, draw)."""
        p = self.problem
        single = len(sums) == 1  # not one of the simulated worlds
        group = np.array([-1]) if single else p.group
        return Tally(sums, p.by_group(weight), group)

    def expected(self, outcome: Outcome) -> Tally:
        """Posterior mean of the targets in each world."""
        p, (weight, shift) = self.problem, outcome.kept()
        sums = np.stack(
            [p.by_group(weight * self.expectation(q, outcome, shift)) for q in p.targets], axis=2
        )
        by_budget = p.per_unit * sums.reshape(*sums.shape[:2], p.budgets, p.candidates)
        return self.tally(by_budget, weight)

    def expectation(self, target: int, outcome: Outcome, shift: np.ndarray) -> np.ndarray:
        """What each draw expects of a target in each world, its ceiling kept (world, draw)."""
        p = self.problem
        var = outcome.var[:, target]
        sd = np.sqrt(np.maximum(var, 1e-24))
        log_cap = np.log(np.maximum(p.ceiling[target] - p.irreducible, 1e-12))
        safe = log_cap - var - 5.0 * sd  # below this mean the cap does not matter
        centre = self.means[target] + outcome.gain[:, target] * shift
        value = np.exp(np.minimum(centre, safe) + 0.5 * var)
        world, draw = np.nonzero(centre > safe)
        value[world, draw] = capped_lognormal(centre[world, draw], sd[draw], log_cap[draw])
        return p.irreducible + value

    def after(self, outcome: Outcome) -> Known:
        """What is known once the outcome has been seen."""
        p = self.problem
        at = int(p.place[outcome.design])
        every = np.arange(p.moments.mean.shape[1])
        gain = p.moments.covariance(every, np.array([at]))[:, :, 0]
        for step, _ in self.steps:
            gain -= step * step[:, [at]]
        gain /= self.update(outcome.design)[0][:, None]
        return replace(
            self, log_weight=outcome.log_weight, var=outcome.var,
            steps=(*self.steps, (gain, outcome.shift)),
        )  # fmt: skip


def capped_lognormal(mean: np.ndarray, sd: np.ndarray, log_cap: np.ndarray) -> np.ndarray:
    """Expectation of the smaller of a cap and a lognormal with this mean and sd of the log."""
    high = (log_cap - mean) / sd
    below = np.exp(mean + 0.5 * sd**2 + log_ndtr(high - sd))  # in logs: either factor may be huge
    return np.asarray(below + np.exp(log_cap) * ndtr(-high))
