"""Simulated worlds: what is known of the targets now, and after some runs have been bought.

Within each of K draws of the few everything is Gaussian, and the few themselves are these K draws,
equally likely. Under that discrete prior all updates are exact, so the value of a run can neither
be negative nor exceed that of perfect information, but for Monte Carlo error. The same worlds
(source draws and random numbers) are used for every design, so that rankings are stable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.predict import ceiling
from qqt_bayes.inference.marginal import log_variance
from qqt_bayes.inference.moments import Moments, moments, regime_scales
from qqt_bayes.inference.preposterior import expected_values, update_weights

if TYPE_CHECKING:
    from qqt_bayes.buy.designs import Designs
    from qqt_bayes.fitting import Fit

DRAWS = 256
WORLDS = 2  # simulated for each draw
TRUTHS = 16  # joint draws of the targets per draw of the few, for perfect information

__all__ = ["DRAWS", "Known", "Outcome", "Problem", "build_problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """The decision to be made, and the runs that could be bought.

    Attributes
    ----------
    moments : Moments
        At the targets first (budgets of candidates), then at the designs' places.
    budgets, candidates : int
        Numbers of target budgets and of candidates.
    place : numpy.ndarray
        Dim (design,): which point a design is run at.
    seeds, cost : numpy.ndarray
        Dim (design,).
    ceiling : numpy.ndarray
        Dim (target,): how bad a target can get.
    eval_var : tuple of float
        Evaluation variance of one run, and the test items of one (0: none).
    seed : int
    worlds : int
        Simulated worlds for each draw of the few.
    """

    moments: Moments
    budgets: int
    candidates: int
    place: np.ndarray
    seeds: np.ndarray
    cost: np.ndarray
    ceiling: np.ndarray
    eval_var: tuple[float, float]
    seed: int
    worlds: int

    @property
    def targets(self) -> np.ndarray:
        """Points that are targets."""
        return np.arange(self.budgets * self.candidates)

    @property
    def irreducible(self) -> np.ndarray:
        """Dim (draw,)."""
        return np.ascontiguousarray(self.moments.natural[:, 0])

    @property
    def seed_noise(self) -> np.ndarray:
        """Relative to the metric, dim (draw,)."""
        return np.ascontiguousarray(self.moments.natural[:, 3])

    @cached_property
    def variance(self) -> np.ndarray:
        """Of every point, before anything is bought (draw, point)."""
        return self.moments.variance()

    @cached_property
    def target_covariance(self) -> np.ndarray:
        """Covariance of the targets with every point (draw, target, point)."""
        every = np.arange(self.moments.mean.shape[1])
        return self.moments.covariance(self.targets, every)

    def noise(self, design: int) -> np.ndarray:
        """Variance of a design's mean outcome on the log reducible scale (draw,)."""
        gap = np.exp(self.moments.mean[:, self.place[design]])
        value = self.irreducible + gap
        given, items = self.eval_var
        v = (self.seed_noise * value) ** 2 + given
        if items > 0:
            share = np.clip(value, 0.0, 1.0)
            v = v + share * (1.0 - share) / items
        return np.asarray(log_variance(v, gap)) / self.seeds[design]

    @cached_property
    def truths(self) -> np.ndarray:
        """Deviations of the targets from their means, joint (draw, replicate, target)."""
        rng = np.random.default_rng((self.seed, 2))
        cov = self.target_covariance[:, :, self.targets]
        cov = cov + 1e-9 * np.eye(cov.shape[1]) * np.einsum("kii->ki", cov)[:, :, None]
        cov = cov + 1e-14 * np.eye(cov.shape[1])
        root = np.linalg.cholesky(cov)
        white = rng.standard_normal((len(cov), TRUTHS // 2, cov.shape[1]))
        white = np.concatenate([white, -white], axis=1)
        return white @ root.transpose(0, 2, 1)

    @cached_property
    def true_values(self) -> np.ndarray:
        """Draws of the targets in the unit of the metric (sample, budget, candidate)."""
        log = self.moments.mean[:, None, self.targets] + self.truths
        value = np.minimum(self.irreducible[:, None, None] + np.exp(log), self.ceiling)
        return value.reshape(-1, self.budgets, self.candidates)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A design's simulated outcomes and what they teach.

    Attributes
    ----------
    log_weight, shift : numpy.ndarray
        Dims (world, draw): weights of the few, and standardised outcomes.
    gain, var : numpy.ndarray
        Dims (draw, target): move of a target per unit shift, and its variance afterwards.
    """

    design: int
    log_weight: np.ndarray
    shift: np.ndarray
    gain: np.ndarray
    var: np.ndarray


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
        update_weights(
            self.source, normal, scatter, extra, self.log_weight, mean, sd, p.irreducible,
            p.seed_noise, log_weight, shift,
        )  # fmt: skip
        return Outcome(design, log_weight, shift, gain, var)

    def without_outcome(self, design: int) -> Outcome:
        """A design whose outcome is not looked at: it only narrows what is within a draw."""
        _, gain, var = self.update(design)
        return Outcome(design, self.log_weight, np.zeros_like(self.log_weight), gain, var)

    def expected(self, outcome: Outcome) -> np.ndarray:
        """Posterior mean of the targets in each world (world, budget, candidate)."""
        p = self.problem
        out = np.empty((len(self.log_weight), len(p.targets)))
        expected_values(outcome.log_weight, outcome.shift, self.mean, outcome.var, outcome.gain,
                        p.irreducible, p.ceiling, out)  # fmt: skip
        return out.reshape(-1, p.budgets, p.candidates)

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


def build_problem(
    fit: Fit, budgets: np.ndarray, shares: np.ndarray, designs: Designs, *, seed: int = 0,
    draws: int = DRAWS, worlds: int = WORLDS,
) -> Problem:  # fmt: skip
    """Conditional moments of the targets and of the designs.

    Parameters
    ----------
    fit : Fit
        What is known now.
    budgets : numpy.ndarray
        Dim (budget,): target budgets.
    shares : numpy.ndarray
        Dims (candidate, pool).
    designs : Designs
        What could be bought.
    seed : int
        Of the simulated worlds.
    draws : int
        Draws of the few to use.
    worlds : int
        Simulated worlds for each of them.
    """
    posterior, study = fit.posterior, fit.study
    pick = np.linspace(0, len(posterior.natural) - 1, min(draws, len(posterior.natural)))
    natural = np.ascontiguousarray(posterior.natural[np.round(pick).astype(int)])
    key = np.column_stack([designs.samples, designs.shares])
    unique, index = np.unique(key, axis=0, return_inverse=True)
    samples = np.concatenate([np.repeat(budgets, len(shares)), unique[:, 0]])
    points = posterior.design.points_at(
        samples, np.concatenate([np.tile(shares, (len(budgets), 1)), unique[:, 1:]])
    )
    found = moments(
        natural, posterior.cells, posterior.design, points,
        regime_scales(posterior.regime, len(natural), seed),
    )  # fmt: skip
    given = study.se[np.isfinite(study.se)]
    items = study.n_eval[np.isfinite(study.n_eval)]
    variance = float(np.median(given)) ** 2 if len(given) else 0.0
    count = float(np.median(items)) if len(items) and study.kind != "loss" else 0.0
    targets = len(budgets) * len(shares)
    return Problem(
        found, len(budgets), len(shares), targets + index.reshape(-1), designs.seeds, designs.cost,
        ceiling(fit, samples[:targets]), (variance, 0.0 if len(given) else count), seed, worlds,
    )  # fmt: skip
