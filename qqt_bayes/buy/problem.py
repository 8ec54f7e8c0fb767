"""The decision to be made and the runs that could be bought, as conditional Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.buy.moments import Moments, moments
from qqt_bayes.buy.tally import group_draws
from qqt_bayes.decide.predict import ceiling
from qqt_bayes.model.marginal import MOST
from qqt_bayes.model.noise import Evaluation, median_evaluation, seed_factor

if TYPE_CHECKING:
    from qqt_bayes.buy.question import Question
    from qqt_bayes.model.marginal import Cells

DRAWS = 512  # too few make everything look worth knowing: each world tells which draw it is from
WORLDS = 1  # simulated for each draw
TRUTHS = 16  # joint draws of the targets per draw of the parameters, for perfect information

__all__ = ["DRAWS", "Problem", "build_problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """The decision to be made, and the runs that could be bought.

    Attributes
    ----------
    moments : Moments
        At the targets first (budgets of candidates), then at the designs' places.
    samples : numpy.ndarray
        Dim (budget,): target budgets.
    budgets, candidates : int
        Their number, and that of the candidates.
    place : numpy.ndarray
        Dim (design,): which point a design is run at.
    data : numpy.ndarray
        Dim (design,): number of the design's data expression.
    seeds, cost : numpy.ndarray
        Dim (design,).
    ceiling : numpy.ndarray
        Dim (target,): how bad a target can get, as modelled.
    per_unit : float
        Of the metric's unit, to one of the modelled value (of a perplexity near the runs).
    evaluation : Evaluation
        Evaluation noise of one run.
    cells : Cells
        Say what seed noise is relative to.
    noise_factor : numpy.ndarray
        Dims (draw, point): seed noise of the point's mixture over the common one.
    seed : int
    worlds : int
        Simulated worlds for each draw of the parameters.
    """

    moments: Moments
    samples: np.ndarray
    budgets: int
    candidates: int
    place: np.ndarray
    data: np.ndarray
    seeds: np.ndarray
    cost: np.ndarray
    ceiling: np.ndarray
    per_unit: float
    evaluation: Evaluation
    cells: Cells
    noise_factor: np.ndarray
    seed: int
    worlds: int

    @property
    def targets(self) -> np.ndarray:
        """Points that are targets."""
        return np.arange(self.budgets * self.candidates)

    @property
    def irreducible(self) -> np.ndarray:
        """Dim (draw,)."""
        return self.moments.parameters.irreducible

    def seed_noise(self, design: int) -> np.ndarray:
        """Of a design, relative to the metric, dim (draw,)."""
        return self.moments.parameters.seed_noise * self.noise_factor[:, self.place[design]]

    @cached_property
    def group(self) -> np.ndarray:
        """Group of each draw, for the error of a value (draw,)."""
        return group_draws(len(self.moments.mean))

    def by_group(self, weighted: np.ndarray) -> np.ndarray:
        """Sums over the draws of each group, dims (..., draw) to (..., group)."""
        return np.add.reduceat(weighted, np.flatnonzero(np.diff(self.group, prepend=-1)), axis=-1)

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
        of_seeds = (self.seed_noise(design) * self.cells.size(value)) ** 2
        whole = of_seeds + self.evaluation.variance(value)
        return np.asarray(whole / (gap**2 + whole / MOST)) / self.seeds[design]

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

    @property
    def true_logs(self) -> np.ndarray:
        """Draws of the targets' log reducible error (sample, budget, candidate)."""
        log = self.moments.mean[:, None, self.targets] + self.truths
        return np.asarray(log.reshape(-1, self.budgets, self.candidates))

    @cached_property
    def true_values(self) -> np.ndarray:
        """Draws of the targets in the unit of the metric (sample, budget, candidate)."""
        log = self.moments.mean[:, None, self.targets] + self.truths
        value = np.minimum(self.irreducible[:, None, None] + np.exp(log), self.ceiling)
        return self.per_unit * value.reshape(-1, self.budgets, self.candidates)


def build_problem(question: Question, *, draws: int = DRAWS, worlds: int = WORLDS) -> Problem:
    """Conditional moments of the targets and of the designs.

    Parameters
    ----------
    question : Question
        Its budgets are the target budgets.
    draws : int
        Draws of the parameters to use.
    worlds : int
        Simulated worlds for each of them.
    """
    fit, designs = question.fit, question.designs
    budgets, shares = question.budgets, question.shares
    posterior, study = fit.posterior, fit.study
    pick = np.linspace(0, len(posterior) - 1, min(draws, len(posterior)))
    given = posterior.given.take(np.round(pick).astype(int))
    key = np.column_stack([designs.samples, designs.shares])
    unique, index = np.unique(key, axis=0, return_inverse=True)
    samples = np.concatenate([np.repeat(budgets, len(shares)), unique[:, 0]])
    points = posterior.design.points_at(
        samples, np.concatenate([np.tile(shares, (len(budgets), 1)), unique[:, 1:]])
    )
    found = moments(given, points, posterior.priors["regime"], question.seed)
    factor = seed_factor(given.parameters.noise_ratio, points.shares)
    targets = len(budgets) * len(shares)
    per_unit = 1.0 / float(np.median(study.kind.slope(study.value)))
    _, data = np.unique(designs.shares, axis=0, return_inverse=True)
    return Problem(
        found, budgets, len(budgets), len(shares), targets + index.reshape(-1), data.reshape(-1),
        designs.seeds, designs.cost, ceiling(fit, samples[:targets]).top, per_unit,
        median_evaluation(study), posterior.cells, factor, question.seed, worlds,
    )  # fmt: skip
