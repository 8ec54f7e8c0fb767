"""What is asked, and joint draws of the answer, whoever produces them: one fit or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np

from qqt_bayes.decide.candidates import default_candidates, parse_budgets, parse_candidates
from qqt_bayes.decide.predict import FACTOR_MOST, FACTORS, new_runs, predict, thinning
from qqt_bayes.decide.sizes import mixed
from qqt_bayes.runs import Mixture

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Study

GRID = 32
FEW = 500  # draws behind medians of longer runs

__all__ = [
    "Drawn", "Question", "Source", "Vote", "ask", "draw", "keyed", "levels", "mix", "share_best",
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
    """Budgets and candidates of a decision.

    Attributes
    ----------
    budgets : numpy.ndarray
        Dim (budget,), samples, as asked.
    candidates : tuple of Mixture
    shares : numpy.ndarray
        Dims (candidate, pool).
    grid : numpy.ndarray
        Budgets searched for crossovers, dim (grid,).
    """

    budgets: np.ndarray
    candidates: tuple[Mixture, ...]
    shares: np.ndarray
    grid: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """Joint draws of latent performance, lower is better.

    Attributes
    ----------
    latent, new_run : numpy.ndarray
        Dims (sample, budget, candidate): without and with seed and evaluation noise. Joint over
        the candidates; each budget has draws of its own.
    grid : numpy.ndarray
        Dims (sample, grid, candidate): latent, on the searched budgets.
    longer : numpy.ndarray
        Dims (budget, some samples, factor, candidate): latent, of runs that many times as long.
    """

    latent: np.ndarray
    new_run: np.ndarray
    grid: np.ndarray
    longer: np.ndarray


@dataclass(frozen=True)
class Vote:
    """What one of several stacked laws says.

    Attributes
    ----------
    name : str
        Of the specification.
    weight : float
        In the stack; the weights sum to one.
    log_score : float
        Mean log score of its roll-forward forecasts, NaN where it was not scored.
    best : numpy.ndarray
        Dim (budget,): the candidate of least expected regret under this law alone.
    cost : numpy.ndarray
        Dim (budget,): expected regret, under this law alone, of what the stack recommends.
    """

    name: str
    weight: float
    log_score: float
    best: np.ndarray
    cost: np.ndarray


def ask(study: Study, budgets: Any, candidates: str | Sequence[str] | None) -> Question:
    """Read budgets and candidates.

    Raises
    ------
    UsageError
        For bad ones.
    """
    wanted = parse_budgets(budgets)
    chosen = (
        default_candidates(study)
        if candidates is None
        else parse_candidates(candidates, study.pools)
    )
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
    if len(fits) == 1:
        return draw_one(fits[0], question)
    return mix([draw_one(one, at_sizes(question, one)) for one in fits], weights)


def at_sizes(question: Question, fit: Fit) -> Question:
    """The question with the shares of unions by the sizes of a fit."""
    shares = np.array([c.vector(fit.study.pools) for c in question.candidates])
    return replace(question, shares=shares)


def draw_one(fit: Fit, question: Question) -> Drawn:
    """Draws of one fit; how many depends on the number of candidates alone."""
    wanted, shares = question.budgets, question.shares
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
    """Share of draws in which each candidate is best, dims (budget, candidate).

    Parameters
    ----------
    latent : numpy.ndarray
        Dims (sample, budget, candidate), lower is better.
    """
    winner = np.argmin(latent, axis=2)
    return np.stack([(winner == c).mean(axis=0) for c in range(latent.shape[2])], axis=1)


def mix(drawn: Sequence[Drawn], weights: np.ndarray) -> Drawn:
    """Mixture of the draws of several fits; see :func:`qqt_bayes.decide.sizes.mixed`."""
    return Drawn(
        mixed([d.latent for d in drawn], weights), mixed([d.new_run for d in drawn], weights),
        mixed([d.grid for d in drawn], weights), mixed([d.longer for d in drawn], weights, 1),
    )  # fmt: skip
