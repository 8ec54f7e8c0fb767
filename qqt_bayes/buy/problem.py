"""The decision to be made and the runs that could be bought, as conditional Gaussians."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.buy.moments import Moments, moments
from qqt_bayes.buy.tally import group_draws
from qqt_bayes.decide.predict import ceiling
from qqt_bayes.model.marginal import MOST
from qqt_bayes.model.noise import Evaluation, median_evaluation, seed_factor
from qqt_bayes.runs import Mixture

if TYPE_CHECKING:
    from qqt_bayes.buy.designs import Designs
    from qqt_bayes.fitting import Fit
    from qqt_bayes.model.marginal import Cells
    from qqt_bayes.model.points import Points

DRAWS = 512  # too few make everything look worth knowing: each world tells which draw it is from
TRUTHS = 16  # joint draws of the targets per draw of the parameters, for perfect information
SEARCHED = 13  # budgets at which a crossover is looked for

__all__ = ["DRAWS", "Problem", "Question", "build_problem"]


@dataclass(frozen=True, eq=False)
class Question:
    """A choice that is to be made, and the runs that could be bought before it."""

    fit: Fit = field(repr=False)  # what is known now
    budgets: np.ndarray  # (budget,): where data is chosen, or where a crossover is looked for
    weights: np.ndarray  # of the budgets asked, summing to one; a crossover has one of them
    candidates: tuple[Mixture, ...] = field(repr=False)
    designs: Designs = field(repr=False)
    objective: str = "regret"  # one of `value.OBJECTIVES`
    seed: int = 1  # of the simulated outcomes

    @cached_property
    def shares(self) -> np.ndarray:
        """Sampling shares, dims (candidate, pool)."""
        return np.array([c.vector(self.fit.study.pools) for c in self.candidates])

    @property
    def targets(self) -> int:
        """Number of targets: every candidate at every budget."""
        return len(self.budgets) * len(self.candidates)

    def points(self, samples: np.ndarray, shares: np.ndarray) -> Points:
        """The targets, budget by budget, and after them other places."""
        return self.fit.posterior.design.points_at(
            np.concatenate([np.repeat(self.budgets, len(self.shares)), samples]),
            np.concatenate([np.tile(self.shares, (len(self.budgets), 1)), shares]),
        )

    def among(self, which: np.ndarray) -> Question:
        """The same question with some of its candidates only."""
        return replace(self, candidates=tuple(self.candidates[c] for c in which))

    def searched(self) -> Question:
        """The question as it is worked on: a crossover is looked for on the way to its budget."""
        if self.objective != "crossover":
            return self
        top = float(self.budgets.max())
        first = min(float(self.fit.study.samples.min()), 0.5 * top)
        return replace(self, budgets=np.geomspace(first, top, SEARCHED))


@dataclass(frozen=True, eq=False)
class Problem:
    """The decision to be made, and the runs that could be bought.

    Points are the targets first (budgets of candidates), then the places of the designs.
    """

    moments: Moments
    samples: np.ndarray  # (budget,)
    budgets: int
    candidates: int
    place: np.ndarray  # (design,): which point a design is run at
    data: np.ndarray  # (design,): number of its data expression
    seeds: np.ndarray  # (design,)
    cost: np.ndarray  # (design,)
    ceiling: np.ndarray  # (target,): how bad a target can get, as modelled
    per_unit: float  # of the metric's unit, to one of the modelled value (as of a perplexity)
    evaluation: Evaluation  # noise of one run
    cells: Cells  # say what seed noise is relative to
    noise_factor: np.ndarray  # (draw, point): seed noise of the mixture over the common one
    seed: int

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
        above = np.exp(self.true_logs).reshape(len(self.group), -1, len(self.targets))
        value = np.minimum(self.irreducible[:, None, None] + above, self.ceiling)
        return self.per_unit * value.reshape(-1, self.budgets, self.candidates)


def build_problem(question: Question, *, draws: int = DRAWS) -> Problem:
    """Conditional moments of the targets and designs, for so many draws of the parameters."""
    fit, designs = question.fit, question.designs
    posterior, study = fit.posterior, fit.study
    pick = np.linspace(0, len(posterior) - 1, min(draws, len(posterior)))
    given = posterior.given.take(np.round(pick).astype(int))
    key = np.column_stack([designs.samples, designs.shares])
    unique, index = np.unique(key, axis=0, return_inverse=True)
    points = question.points(unique[:, 0], unique[:, 1:])
    found = moments(given, points, posterior.priors["regime"], question.seed)
    factor = seed_factor(given.parameters.noise_ratio, points.shares)
    per_unit = 1.0 / float(np.median(study.kind.slope(study.value)))
    _, data = np.unique(designs.shares, axis=0, return_inverse=True)
    at = np.repeat(question.budgets, len(question.candidates))
    return Problem(
        found, question.budgets, len(question.budgets), len(question.candidates),
        question.targets + index.reshape(-1), data.reshape(-1), designs.seeds, designs.cost,
        ceiling(fit, at).top, per_unit, median_evaluation(study), posterior.cells, factor,
        question.seed,
    )  # fmt: skip
