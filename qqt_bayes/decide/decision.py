"""The decision: its definitions, computed from joint draws of latent performance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._text import written
from qqt_bayes.decide.candidates import kept_sizes
from qqt_bayes.decide.caveats import answered_at, caveats
from qqt_bayes.decide.choice import Choice
from qqt_bayes.decide.crossovers import Crossover, crossover, handovers
from qqt_bayes.decide.drawn import Drawn, Question, Source, Vote, ask, draw
from qqt_bayes.decide.families import by_family, family_of
from qqt_bayes.decide.predict import compute_factor, interval
from qqt_bayes.decide.sizes import size_notes
from qqt_bayes.decide.text import and_list, describe, headline
from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.inference.gate import GateReport
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs import Mixture, format_number
from qqt_bayes.runs.numbers import number_in

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Study

GATED = 1000

__all__ = ["Decision", "check_decision", "conclude", "decide"]


@dataclass(frozen=True, eq=False, repr=False)
class Decision(Choice):
    """Which data is best at each budget; made by ``fit.decide`` or ``stack.decide``.

    Attributes
    ----------
    fit : Source
        What it rests on: a fit, or several laws stacked.
    latent : numpy.ndarray
        Dims (sample, budget, candidate): latent performance, lower is better. Joint over the
        candidates, not over the budgets: what is asked beside a budget changes nothing.
    new_run : numpy.ndarray
        The same with seed and evaluation noise.
    budgets : numpy.ndarray
        Dim (budget,), samples, in the order given.
    candidates : tuple of Mixture
    grid, grid_latent : numpy.ndarray
        Budgets searched for crossovers, dim (grid,), and draws there.
    crossovers : tuple of Crossover
    prob : float
        Probability of the equal-tailed intervals and of the credible set.
    margin : float or None
        Expected regret below which a candidate is good enough.
    regret_compute : numpy.ndarray
        Dims (budget, candidate); NaN where 16 times the samples would not do.
    laws : tuple of Vote
        What each of several stacked laws says; empty for a single fit.
    notes : tuple of str
        What a reader of the answer has to know besides.
    """

    fit: Source = field(repr=False)
    latent: np.ndarray = field(repr=False)
    new_run: np.ndarray = field(repr=False)
    budgets: np.ndarray
    candidates: tuple[Mixture, ...]
    grid: np.ndarray = field(repr=False)
    grid_latent: np.ndarray = field(repr=False)
    crossovers: tuple[Crossover, ...] = field(repr=False)
    prob: float
    margin: float | None
    regret_compute: np.ndarray = field(repr=False)
    gate: GateReport = field(repr=False)
    laws: tuple[Vote, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    @cached_property
    def shares(self) -> np.ndarray:
        """Sampling shares of the candidates, dims (candidate, pool)."""
        return np.array([c.vector(self.fit.study.pools) for c in self.candidates])

    @property
    def judged(self) -> np.ndarray:
        """Latent performance."""
        return self.latent

    @cached_property
    def expected_regret(self) -> np.ndarray:
        """Expected shortfall from the draw-wise best, in the metric's unit (budget, candidate)."""
        shortfall = self.latent.mean(axis=0) - self.latent.min(axis=2).mean(axis=0)[:, None]
        return np.maximum(shortfall, 0.0)  # not below zero by rounding

    @cached_property
    def draws(self) -> Any:
        """Latent performance in the metric's own unit, dims (sample, budget, data)."""
        study = self.fit.study
        return self.labelled(study.reported(self.latent), study.metric)

    def interval(self, draws: np.ndarray) -> np.ndarray:
        """Median and equal-tailed interval, in the metric's unit; dim 0 is (median, lo, hi)."""
        return interval(np.asarray(self.fit.study.reported(draws)), self.prob)

    @cached_property
    def difference(self) -> np.ndarray:
        """Candidate minus best, draw-wise, in the metric's direction (sample, budget, cand.)."""
        sign = -1.0 if self.fit.study.kind.higher_is_better else 1.0
        return sign * self.beside_best(self.latent) + 0.0  # no negative zeros

    def credible_set(self, budget: int) -> list[str]:
        """Candidates in order of P(best) until ``prob`` is reached."""
        p = self.p_best[budget]
        order = np.argsort(-p, kind="stable")
        count = int(np.searchsorted(np.cumsum(p[order]), self.prob - 1e-12)) + 1
        return [self.names[c] for c in order[:count]]

    def best_by_law(self, budget: int) -> dict[str, str]:
        """What each stacked law alone would recommend; empty for a single fit."""
        return {vote.name: self.candidates[vote.best[budget]].text for vote in self.laws}

    def laws_disagree(self, budget: int) -> bool:
        """Whether the stacked laws would recommend different data."""
        return len(set(self.best_by_law(budget).values())) > 1

    def good_enough(self, budget: int) -> list[str]:
        """Candidates whose expected regret is at most the margin."""
        if self.margin is None:
            return []
        close = self.expected_regret[budget] <= self.margin
        return [name for name, ok in zip(self.names, close, strict=True) if ok]

    @cached_property
    def families(self) -> pd.DataFrame:
        """Which family of pools is best, and what of it: one row a budget and family, or none.

        ``family`` (of the pools drawn from; several with ``+`` between them), ``p_best`` of its
        candidates together, ``best`` (its candidate of least expected regret), ``p_best_within``
        (that this one is the best of the family) and ``expected_regret`` of it.
        """
        return by_family(self)

    def kept_share(self, latent: np.ndarray) -> np.ndarray | None:
        """Size of the draw-wise best over the widest candidate: (median, lo, hi) by budget."""
        sizes = kept_sizes(self.candidates, self.fit.study.pools)
        if sizes is None:
            return None
        return interval(sizes[np.argmin(latent, axis=2)], self.prob, "inverted_cdf")

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and candidate."""
        level, run = self.interval(self.latent), self.interval(self.new_run)
        diff = interval(self.difference, self.prob)
        pools = self.fit.study.pools
        families = [family_of(c, pools) if any(pools.family) else "" for c in self.candidates]
        return self.framed(
            family=families * len(self.budgets), best=self.is_best, p_best=self.p_best,
            median=level[0], lo=level[1], hi=level[2], new_run_lo=run[1], new_run_hi=run[2],
            difference=diff[0], difference_lo=diff[1], difference_hi=diff[2],
            expected_regret=self.expected_regret, regret_compute=self.regret_compute,
        )  # fmt: skip

    @property
    def headline(self) -> str:
        """The choices in one sentence, with their probabilities."""
        return self.fit.stamp + headline(self)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        from qqt_bayes.decide.export import as_json

        return as_json(self)

    def plot(self, **options: Any) -> Any:
        """Predicted metric, P(best) and kept share against budget, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_decision(self, **options)


def decide(
    fit: Fit, budgets: Any, candidates: str | Sequence[str] | None = None, *,
    prob: float = 0.9, margin: float | None = None, on_fail: str = "raise",
) -> Decision:  # fmt: skip
    """Decide which data is best at each budget.

    Parameters
    ----------
    fit : Fit
        What to decide with.
    budgets : str, number or list
        In samples: ``"480k,1.92M"``, ``1.92e6``, ``["480k", 1920000]``.
    candidates : str or list of str, optional
        ``"A;A+B;A:0.7+B:0.3"``. By default every mixture observed, and nested unions of finite,
        non-overlapping, distinctly ranked pools.
    prob : float
        Probability of the intervals (equal-tailed) and of the credible set.
    margin : float, optional
        Expected regret, in the metric's unit, below which a candidate is good enough.
    on_fail : {'raise', 'warn'}
        What to do when the decision's own quantities did not converge.

    Returns
    -------
    Decision

    Raises
    ------
    UsageError
        For a bad argument.
    GateError
        When R-hat or the effective sample size of a decision quantity is not good enough.
    """
    check_prob(prob)
    check_margin(margin)
    question = ask(fit.study, budgets, candidates)
    drawn = draw(fit, question)
    gate = check_decision(fit, drawn.latent, question)
    if not gate.passed and fit.converged and on_fail != "warn":
        raise GateError(gate.text, gate)
    notes = (*never_run(fit.study, question), *size_notes(fit), *answered_at(fit))
    return conclude(fit, question, drawn, gate, prob=prob, margin=margin, notes=notes)


def conclude(
    source: Source, question: Question, drawn: Drawn, gate: GateReport, *, prob: float,
    margin: float | None, laws: tuple[Vote, ...] = (), notes: tuple[str, ...] = (),
) -> Decision:  # fmt: skip
    """The decision that draws amount to, whoever produced them."""
    # not draw by draw: at many points the draws fill the memory
    regret = drawn.grid.mean(axis=0) - drawn.grid.min(axis=2).mean(axis=0)[:, None]
    pairs = handovers(regret)
    crossings = tuple(crossover(drawn.grid, question.grid, a, b) for a, b in pairs)
    made = Decision(
        source, drawn.latent, drawn.new_run, question.budgets, question.candidates, question.grid,
        drawn.grid, crossings, prob, margin, np.stack([compute_factor(n) for n in drawn.longer]),
        gate, laws, notes,
    )  # fmt: skip
    return replace(made, notes=(*notes, *caveats(made)))


def never_run(study: Study, question: Question) -> tuple[str, ...]:
    """A note where pools of the table are neither run nor among the candidates."""
    asked = question.shares.any(axis=0)
    every = zip(study.pools.names, study.used, asked, strict=True)
    names = [name for name, used, wanted in every if not (used or wanted)]
    if not names:
        return ()
    return (f"no run draws from {and_list(names, 4)}: not compared -> run them to compare them",)


def check_prob(prob: float) -> None:
    """Check that a probability lies strictly between 0 and 1."""
    value = number_in(prob)
    if value is None or not 0.0 < value < 1.0:
        raise UsageError(
            f"prob is {written(prob)} -> give a probability between 0 and 1, such as 0.9"
        )


def check_margin(margin: float | None) -> None:
    """Check a regret that is good enough, if one is given: a number of 0 or more."""
    if margin is not None:
        value = number_in(margin)
        LIMITS["margin"].check(f"margin {written(margin)}", np.nan if value is None else value)


def check_decision(fit: Fit, latent: np.ndarray, question: Question) -> GateReport:
    """Gate of what the decision rests on: each candidate's performance at each budget.

    Of more than :data:`GATED` of them, so many: neighbours are of one kind.
    """
    flat = latent.reshape(len(latent), -1)
    chosen = np.unique(np.linspace(0, flat.shape[1] - 1, GATED).round().astype(int))
    b, c = np.divmod(chosen, len(question.candidates))
    names = [
        f"{question.candidates[j].text} at {format_number(question.budgets[i])}"
        for i, j in zip(b, c, strict=True)
    ]
    if len(latent) == len(fit.posterior) and not fit.study.pools.uncertain.any():
        draws = flat[:, chosen]
    else:  # thinned: too few to show convergence, so draw these again with all
        points = fit.posterior.design.points_at(question.budgets[b], question.shares[c])
        draws = fit.posterior.latent(points)
    return fit.posterior.check(names, draws.T)
