"""What is asked, and joint draws of the answer, whoever produces them: one fit or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np

from qqt_bayes.decide.candidates import candidates_of, parse_budgets
from qqt_bayes.decide.predict import FACTOR_MOST, FACTORS, new_runs, predict, thinning
from qqt_bayes.decide.sizes import mixed
from qqt_bayes.runs import Mixture

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Study

GRID = 32
FEW = 500  # draws behind medians of longer runs

__all__ = [
    "Drawn", "Question", "Source", "Vote", "ask", "draw", "keyed", "levels", "mix", "regret_of",
    "share_best",
]  # fmt: skip


class Source(Protocol):
    """What a decision rests on: a fit, or several laws stacked."""

    @property
    def study(self) -> Study:
        """The runs, laid out for a model."""

    @property
    def selection(self) -> dict[str, Any]:
        """``where`` and ``upto`` as given."""

    @property
    def seed(self) -> int:
        """Same seed, same answer."""

    @property
    def converged(self) -> bool:
        """Whether everything passed its gate."""

    @property
    def stamp(self) -> str:
        """What every output must carry if not; else empty."""


@dataclass(frozen=True)
class Question:
    """Budgets and candidates of a decision."""

    budgets: np.ndarray  # (budget,): samples, as asked
    candidates: tuple[Mixture, ...]
    shares: np.ndarray  # (candidate, pool)
    grid: np.ndarray  # (grid,): budgets searched for crossovers


@dataclass(frozen=True)
class Drawn:
    """Joint draws of latent performance over the candidates, lower is better."""

    latent: np.ndarray  # (sample, budget, candidate): each budget has draws of its own
    new_run: np.ndarray  # the same with seed and evaluation noise
    grid: np.ndarray  # (sample, grid, candidate): latent, on the searched budgets
    longer: np.ndarray  # (budget, few, factor, candidate): of runs that many times as long


@dataclass(frozen=True)
class Vote:
    """What one of several stacked laws says."""

    name: str  # of the specification
    weight: float  # in the stack; the weights sum to one
    log_score: float  # mean, of its roll-forward forecasts; NaN where it was not scored
    best: np.ndarray  # (budget,): the candidate of least expected regret under this law alone
    cost: np.ndarray  # (budget,): what the stack's choice loses under this law alone


def ask(study: Study, budgets: Any, candidates: str | Sequence[str] | None) -> Question:
    """Read budgets and candidates; raises UsageError for bad ones."""
    wanted = parse_budgets(budgets)
    chosen = candidates_of(study, candidates)
    smallest = float(np.min(study.samples))
    ends = (min(smallest, wanted.min()), max(float(study.samples.max()), wanted.max()))
    grid = np.geomspace(*ends, GRID) if ends[1] > ends[0] else np.array(ends[:1])
    shares = np.array([c.vector(study.pools) for c in chosen])
    return Question(wanted, tuple(chosen), shares, grid)


def keyed(budget: float) -> int:
    """A seed of a budget's own: what is drawn there does not depend on what else is asked."""
    return crc32(float(budget).hex().encode())


def levels(fit: Fit, budgets: np.ndarray, shares: np.ndarray, every: int = 1) -> np.ndarray:
    """Draws of latent performance, dims (sample, budget, candidate).

    They are joint over the candidates; each budget has draws of its own.
    """
    drawn = [
        predict(fit, np.array([n]), shares, seed=keyed(n), every=every).latent[:, 0]
        for n in budgets
    ]
    return np.stack(drawn, axis=1)


def draw(fit: Fit, question: Question) -> Drawn:
    """Draws of one fit, or of those at the sizes that its pools may have."""
    fits, weights = fit.by_size
    drawn = [draw_one(one, question) for one in fits]
    return mix(drawn, weights) if len(drawn) > 1 else drawn[0]


def draw_one(fit: Fit, question: Question) -> Drawn:
    """Draws of one fit; how many depends on the number of candidates alone."""
    wanted = question.budgets
    shares = np.array([c.vector(fit.study.pools) for c in question.candidates])  # by its sizes
    every = thinning(fit, GRID * len(shares))
    latent = levels(fit, wanted, shares, every)
    noisy = [
        new_runs(fit, latent[:, b], shares, fit.seed * 1_000_003 + keyed(n), every)
        for b, n in enumerate(wanted)
    ]
    grid = predict(fit, question.grid, shares, every=every).latent
    some = np.clip(FACTOR_MOST // (len(FACTORS) * len(shares)), 100, FEW)
    few = max(1, len(fit.posterior) // int(some))
    longer = [predict(fit, n * FACTORS, shares, seed=17, every=few).latent for n in wanted]
    return Drawn(latent, np.stack(noisy, axis=1), grid, np.stack(longer))


def share_best(latent: np.ndarray) -> np.ndarray:
    """Share of draws (sample, budget, candidate) in which each is best (budget, candidate)."""
    winner = np.argmin(latent, axis=2)
    return np.stack([(winner == c).mean(axis=0) for c in range(latent.shape[2])], axis=1)


def regret_of(latent: np.ndarray) -> np.ndarray:
    """Expected shortfall from the draw-wise best, of draws (sample, ..., candidate)."""
    return np.asarray((latent - latent.min(axis=-1, keepdims=True)).mean(axis=0))


def mix(drawn: Sequence[Drawn], weights: np.ndarray) -> Drawn:
    """Mixture of the draws of several fits; see :func:`qqt_bayes.decide.sizes.mixed`."""
    return Drawn(
        mixed([d.latent for d in drawn], weights), mixed([d.new_run for d in drawn], weights),
        mixed([d.grid for d in drawn], weights), mixed([d.longer for d in drawn], weights, 1),
    )  # fmt: skip
