"""Simulated worlds: what is known of the targets now, and after some runs have been bought.

Within each of K draws of the few everything is Gaussian, and the few themselves are these K draws,
equally likely. Under that discrete prior all updates are exact, so the value of a run can neither
be negative nor exceed that of perfect information, but for Monte Carlo error. The same worlds
(source draws and random numbers) are used for every design, so that rankings are stable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.tally import Tally
from qqt_bayes.inference.preposterior import expected_sums, update_weights

__all__ = ["Known", "Outcome"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A design's simulated outcomes and what they teach.

    Attributes
    ----------
    log_weight, shift : numpy.ndarray
        Dims (world, draw): weights of the few, and standardised outcomes.
    gain, var : numpy.ndarray
        Dims (draw, target): move of a target per unit shift, and its variance afterwards.
    value, scatter : numpy.ndarray
        Dim (world,): the simulated mean of the replicates and their sum of squares about it; empty
        where no outcome is looked at.
    """

    design: int
    log_weight: np.ndarray
    shift: np.ndarray
    gain: np.ndarray
    var: np.ndarray
    value: np.ndarray
    scatter: np.ndarray


@dataclass(frozen=True, eq=False)
class Known:
    """What is known in each world after some purchases.

    Attributes
    ----------
    log_weight : numpy.ndarray
        Dims (world, draw), normalised.
    mean : numpy.ndarray
        Dims (world, draw, target): log reducible.
    var : numpy.ndarray
        Dims (draw, target).
    steps : tuple
        For each purchase: gains at all points (draw, point) and shifts (world, draw).
    """

    problem: Problem
    log_weight: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    steps: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @classmethod
    def now(cls, problem: Problem) -> Known:
        """Nothing bought yet."""
        draws = len(problem.moments.mean)
        worlds, targets = draws * problem.worlds, problem.targets
        return cls(
            problem,
            np.full((worlds, draws), -np.log(draws)),
            np.repeat(problem.moments.mean[None, :, targets], worlds, axis=0),
            problem.variance[:, targets],
        )

    @classmethod
    def single(cls, problem: Problem) -> Known:
        """Nothing bought yet, in a single world."""
        now = cls.now(problem)
        return cls(problem, now.log_weight[:1], now.mean[:1], now.var)

    @property
    def source(self) -> np.ndarray:
        """The draw of the few that each world comes from."""
        worlds, draws = self.log_weight.shape
        return np.arange(worlds) % draws

    def random(self, extra: float) -> tuple[np.ndarray, np.ndarray]:
        """Stratified standard normals, and chi-squares of the replicates' scatter (world,)."""
        from scipy.stats import chi2, norm

        worlds = len(self.log_weight)
        rng = np.random.default_rng((self.problem.seed, 1, len(self.steps)))
        middle = (np.arange(worlds) + 0.5) / worlds
        normal = norm.ppf(rng.permutation(middle))
        uniform = rng.permutation(middle)
        return normal, chi2.ppf(uniform, extra) if extra > 0 else np.zeros(worlds)

    def latent_mean(self, design: int) -> np.ndarray:
        """Predicted log reducible error of a design (world, draw)."""
        at = int(self.problem.place[design])
        mean = np.repeat(self.problem.moments.mean[None, :, at], len(self.log_weight), axis=0)
        for gain, shift in self.steps:
            mean += gain[:, at] * shift
        return mean

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
        extra = float(p.seeds[design] - 1)
        normal, scatter = self.random(extra)
        mean = self.latent_mean(design)
        sd, gain, var = self.update(design)
        log_weight, shift = np.empty_like(mean), np.empty_like(mean)
        value = np.empty(len(mean))
        update_weights(
            self.source, normal, scatter, extra, self.log_weight, mean, sd, p.irreducible,
            p.seed_noise(design), log_weight, shift, value,
        )  # fmt: skip
        squares = (p.seed_noise(design)[self.source] * value) ** 2 * scatter
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
        none = np.empty(0)
        return Outcome(
            design, self.log_weight, np.zeros_like(self.log_weight), gain, var, none, none
        )

    def blank(self, columns: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Room for sums (world, group, target or column) and for their weights (world, group)."""
        p = self.problem
        shape = (len(self.log_weight), int(p.group.max()) + 1)
        return np.empty((*shape, columns or len(p.targets))), np.empty(shape)

    def tally(self, sums: np.ndarray, total: np.ndarray) -> Tally:
        """Sums by world and group of draws, with where the worlds come from."""
        p = self.problem
        single = len(sums) == 1  # not one of the simulated worlds
        group = np.array([-1]) if single else p.group[self.source]
        shape = (p.budgets, p.candidates) if sums.shape[2] == len(p.targets) else (1, -1)
        return Tally(sums.reshape(*total.shape, *shape), total, group)

    def expected(self, outcome: Outcome) -> Tally:
        """Posterior mean of the targets in each world."""
        p = self.problem
        sums, total = self.blank()
        expected_sums(outcome.log_weight, outcome.shift, self.mean, outcome.var, outcome.gain,
                      p.irreducible, p.ceiling, p.group, sums, total)  # fmt: skip
        sums *= p.per_unit
        return self.tally(sums, total)

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
            self,
            log_weight=outcome.log_weight,
            mean=self.mean + outcome.gain * outcome.shift[:, :, None],
            var=outcome.var,
            steps=(*self.steps, (gain, outcome.shift)),
        )
