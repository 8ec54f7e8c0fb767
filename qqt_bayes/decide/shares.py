"""Optimised shares: the best mixture of many pools at each budget, under constraints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._json import BAND, as_object
from qqt_bayes._shown import Shown
from qqt_bayes.decide.asked import check_shares
from qqt_bayes.decide.best import Best, answer_at
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.goal import goals
from qqt_bayes.decide.predict import interval
from qqt_bayes.decide.shares_text import budget_lines
from qqt_bayes.decide.sizes import size_notes

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

__all__ = ["Shares", "best_shares"]


@dataclass(frozen=True, eq=False, repr=False)
class Shares(Shown):
    """The best shares at each budget; made by ``fit.best_shares``.

    Attributes
    ----------
    pools : tuple of str
        The pools that are mixed.
    answers : tuple of Best
        One a budget.
    prob : float
        Probability of the equal-tailed intervals.
    sure : float
        Probability asked for of meeting the thresholds.
    notes : tuple of str
        What to know.
    """

    fit: Fit = field(repr=False)
    pools: tuple[str, ...]
    answers: tuple[Best, ...] = field(repr=False)
    prob: float
    sure: float
    notes: tuple[str, ...] = ()

    @property
    def budgets(self) -> np.ndarray:
        """Dim (budget,), samples."""
        return np.array([a.samples for a in self.answers])

    @property
    def best(self) -> np.ndarray:
        """Dims (budget, pool): the shares of best expected performance."""
        return np.array([a.shares for a in self.answers])

    @property
    def epochs(self) -> np.ndarray:
        """Dims (budget, pool): epochs of each pool; NaN for an unlimited one."""
        return np.array([a.epochs for a in self.answers])

    @property
    def draws(self) -> np.ndarray:
        """Dims (draw, budget, pool): the draw-wise best shares."""
        return np.stack([a.draws for a in self.answers], axis=1)

    @property
    def performance(self) -> np.ndarray:
        """Dims (draw, budget): latent performance of ``best``; lower is better."""
        return np.stack([a.performance for a in self.answers], axis=1)

    @property
    def regret(self) -> np.ndarray:
        """Dim (budget,): expected regret, in the metric's unit."""
        return np.array([a.regret for a in self.answers])

    def interval(self, draws: np.ndarray) -> np.ndarray:
        """Median and ends of the equal-tailed interval, first dim."""
        return interval(draws, self.prob)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and pool: best share and its epochs, interval of the draw-wise best."""
        mid, lo, hi = self.interval(self.draws)
        columns = {
            "samples": np.repeat(self.budgets, len(self.pools)),
            "pool": self.pools * len(self.budgets), "best": self.best, "epochs": self.epochs,
            "median": mid, "lo": lo, "hi": hi,
        }  # fmt: skip
        return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})

    @property
    def text(self) -> str:
        """The best shares for a terminal."""
        lines = [
            f"{self.fit.stamp}best shares of {', '.join(self.pools)} for {self.fit.study.metric}; "
            f"{self.prob:.0%} equal-tailed intervals"
        ]
        lines += [f"note: {note}" for note in self.notes]
        for answer in self.answers:
            lines += budget_lines(self, answer)
        return "\n".join(lines)

    def to_json(self) -> list[dict[str, Any]]:
        """One object a budget: the best shares, their epochs, constraints and comparisons."""
        return [self.one_json(answer) for answer in self.answers]

    def one_json(self, a: Best) -> dict[str, Any]:
        """The object of one budget."""

        def by_pool(values: Iterable[Any]) -> dict[str, Any]:
            return dict(zip(self.pools, values, strict=True))

        def band(draws: np.ndarray) -> dict[str, float]:
            return dict(zip(BAND, self.interval(draws), strict=True))

        out = {
            "samples": a.samples,
            "best": by_pool(a.shares),
            "epochs": by_pool(a.epochs),
            "shares": by_pool(band(draws) for draws in a.draws.T),
            "performance": band(np.asarray(self.fit.study.reported(a.performance))),
            "expected_regret": a.regret,
            "search_error": a.error,
            "p_feasible": a.p_feasible,
            "constraints": [vars(c) for c in a.constraints],
            "best_run": {
                "data": a.run.text, "meets_constraints": a.run.allowed,
                "difference": band(a.run.behind),
            },
            "distance_to_runs": a.run.distance,
            "far_from_runs": a.run.far,
            "unconstrained": None if a.free is None or a.cost is None else {
                "best": by_pool(a.free),
                "cost": {"expected": float(np.mean(a.cost))} | band(a.cost),
            },
        }  # fmt: skip
        return as_object(out)

    def plot(self, **options: Any) -> Any:
        """The band of the best shares against budget, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_shares(self, **options)


def best_shares(
    fit: Fit, budgets: Any, pools: str | Sequence[str] | None = None, *,
    max_epochs: object = None, share: str | Iterable[str] | None = None,
    near: float | str | None = None, subject_to: str | Iterable[str] | None = None,
    p_feasible: float = 0.9, prob: float = 0.9, effort: float = 1.0,
) -> Shares:  # fmt: skip
    """Optimise the sampling shares of some pools at each budget, under constraints.

    Parameters
    ----------
    fit : Fit
        The fitted study.
    budgets : str, number or list
        In samples.
    pools : str or list of str, optional
        ``"A,B"`` or a list; by default all pools that any run drew from.
    max_epochs : number, str or dict, optional
        How often samples may be repeated: ``4``, ``"wiki=8,math=4"``, ``{"wiki": 8}``.
    share : str or list of str, optional
        Floors, ceilings, fixed shares and sums: ``"web>=0.3"``, ``"math=0.05"``,
        ``"family:web>=0.5"``, ``"A+B<=0.4"``.
    near : number, optional
        Largest distance from the nearest mixture that was run: half the sum of the absolute
        differences of the shares.
    subject_to : str or list of str, optional
        Thresholds on other metrics of the table, which are fitted too: ``"general_loss<=2.31"``.
    p_feasible : float
        Probability with which all thresholds are to be met.
    prob : float
        Probability of the intervals.
    effort : float
        Of the search; 2 takes twice as many draws, members and rounds.

    Returns
    -------
    Shares

    Raises
    ------
    UsageError
        For an unknown pool or metric, what cannot be read, and constraints that no shares meet.
    """
    check_prob(prob)
    whole = fit.whole if fit.whole is not None else fit.runs
    asked = check_shares(
        fit.runs, budgets, pools, max_epochs=max_epochs, share=share, near=near,
        subject_to=subject_to, p_feasible=p_feasible, metrics=whole.metrics,
    )  # fmt: skip
    beside = {fit.study.metric: fit}
    for threshold in asked.thresholds:
        if threshold.metric not in beside:
            beside[threshold.metric] = fit.another(threshold.metric)
    limits = tuple((t, beside[t.metric]) for t in asked.thresholds)
    index = np.array([fit.study.pools.index(n) for n in asked.names])
    answers = []
    for n, region in zip(asked.budgets, asked.regions, strict=True):
        pair = goals(fit, limits, index, float(n), p_feasible, effort)
        answers.append(answer_at(fit, float(n), region, index, pair, effort))
    return Shares(fit, asked.names, tuple(answers), prob, p_feasible, asked.notes + size_notes(fit))
