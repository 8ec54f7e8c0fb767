"""How many samples it takes to reach a value of the metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._columns import columns
from qqt_bayes._json import as_object
from qqt_bayes._shown import Shown
from qqt_bayes._text import written
from qqt_bayes.decide.candidates import candidates_of
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.predict import interval, predict, thinning
from qqt_bayes.decide.sizes import mixed, size_notes
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Mixture, format_number, parse_number
from qqt_bayes.runs.numbers import number_in

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

GRID = 96
FURTHER = 16.0  # searched up to this many times the largest run
SCHEMA = 1

__all__ = ["Reach", "first_at", "reach"]


@dataclass(frozen=True, eq=False, repr=False)
class Reach(Shown):
    """Samples that each candidate needs to reach a value; made by ``fit.reach``.

    Attributes
    ----------
    fit : Fit
        What it rests on.
    value : float
        Of the metric, in its own unit: performance averaged over seeds is to be as good.
    candidates : tuple of Mixture
    draws : numpy.ndarray
        Dims (sample, candidate): samples; infinite where the value is not reached within the
        searched range, and the smallest budget of the runs where it is reached there already.
    searched : tuple of float
        From the smallest budget of the runs to the largest number of samples searched.
    prob : float
        Probability of the equal-tailed intervals.
    notes : tuple of str
        What to know.
    """

    fit: Fit = field(repr=False)
    value: float
    candidates: tuple[Mixture, ...]
    draws: np.ndarray = field(repr=False)
    searched: tuple[float, float]
    prob: float
    notes: tuple[str, ...] = ()

    @cached_property
    def p_never(self) -> np.ndarray:
        """Share of draws that do not get there within the searched range, dim (candidate,)."""
        return np.mean(~np.isfinite(self.draws), axis=0)

    @cached_property
    def p_first(self) -> np.ndarray:
        """Share of draws in which a candidate needs the fewest samples, dim (candidate,).

        Draws in which none gets there, or several are there from the start, count for none.
        """
        least = self.draws.min(axis=1, keepdims=True)
        first = (self.draws == least) & np.isfinite(least)
        return np.mean(first & (first.sum(axis=1, keepdims=True) == 1), axis=0)

    @cached_property
    def quantiles(self) -> np.ndarray:
        """Median, lo, hi (inverted CDF; infinite where never), dims (3, candidate)."""
        return interval(self.draws, self.prob, "inverted_cdf")

    @cached_property
    def best(self) -> int:
        """The candidate of least median; of several, the one that is least often never there."""
        order = np.lexsort((self.p_never, self.quantiles[0]))
        return int(order[0])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a candidate, fewest samples first; infinite samples mean not within the range."""
        mid, lo, hi = self.quantiles
        rows = [
            {"data": c.text, "best": k == self.best, "p_first": self.p_first[k], "median": mid[k],
             "lo": lo[k], "hi": hi[k], "p_never": self.p_never[k],
             "p_already": float(np.mean(self.draws[:, k] <= self.searched[0]))}
            for k, c in enumerate(self.candidates)
        ]  # fmt: skip
        return pd.DataFrame(rows).sort_values(["median", "p_never"], ignore_index=True)

    def said(self, samples: float) -> str:
        """A number of samples in words."""
        start, end = self.searched
        if not np.isfinite(samples):
            return f"beyond {format_number(end)}"
        return f"below {format_number(start)}" if samples <= start else format_number(samples)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        study, end = self.fit.study, format_number(self.searched[1])
        lines = [
            f"{self.fit.stamp}Samples until {study.metric} ({study.kind.better}) reaches "
            f"{self.value:g}, averaged over seeds; searched up to {end}; "
            f"{self.prob:.0%} equal-tailed credible intervals",
        ]
        cells = [("data", "samples [interval]", "P(first)", f"P(not by {end})")]
        for row in self.table.itertuples():
            ends = dict.fromkeys([self.said(row.lo), self.said(row.hi)])  # one where they are alike
            told = f"{self.said(row.median)} [{' to '.join(ends)}]"
            cells.append((row.data, told, f"{row.p_first:.2f}", f"{row.p_never:.2f}"))
        lines += columns(cells)
        if self.p_never[self.best] > 0.5:
            lines.append(f"no data probably reaches it by {end}")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])

    def to_json(self) -> dict[str, Any]:
        """One JSON object; null samples mean not within the searched range."""
        study = self.fit.study
        shown = ["data", "p_first", "median", "lo", "hi", "p_never", "p_already"]
        out = {
            "schema": SCHEMA, "metric": study.metric, "kind": study.kind.name,
            "direction": study.direction, "value": self.value, "prob": self.prob,
            "searched": self.searched, "best": self.candidates[self.best].text,
            "candidates": self.table[shown],
            "notes": self.notes,
        }  # fmt: skip
        return as_object(out)

    def plot(self, **options: Any) -> Any:
        """Samples needed by each candidate, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_reach(self, **options)


def first_at(latent: np.ndarray, budgets: np.ndarray, goal: float) -> np.ndarray:
    """Samples at which each curve first comes down to a goal, dims (sample, candidate).

    Latent performance has dims (sample, budget, candidate), lower is better; between two of the
    rising budgets the curve is a line in log samples.
    """
    there = latent <= goal
    k = np.argmax(there, axis=1)
    before = np.maximum(k - 1, 0)[:, None]
    above = np.take_along_axis(latent, before, axis=1)[:, 0]
    below = np.take_along_axis(latent, k[:, None], axis=1)[:, 0]
    logs = np.log(budgets)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(k > 0, (above - goal) / (above - below), 1.0)
    out = np.exp(logs[before[:, 0]] + share * (logs[k] - logs[before[:, 0]]))
    out = np.where(k == 0, budgets[0], out)
    return np.where(there.any(axis=1), out, np.inf)


def reach(
    fit: Fit,
    value: str | float,
    candidates: str | Sequence[str] | None = None,
    *,
    upto: str | float | None = None,
    prob: float = 0.9,
) -> Reach:
    """Say how many samples each candidate needs to reach a value of the metric.

    Parameters
    ----------
    fit : Fit
        The fitted study.
    value : number
        Of the metric in its own unit: 0.92 of an accuracy.
    candidates : str or list of str, optional
        As for :func:`qqt_bayes.decide.decide`.
    upto : str or number, optional
        Largest number of samples searched; by default 16 times the largest run.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    Reach

    Raises
    ------
    UsageError
        For a bad argument, such as a value that this kind of metric cannot take.
    """
    check_prob(prob)
    study = fit.study
    goal = read_value(value, study.metric, study.kind)
    start, largest = float(study.samples.min()), float(study.samples.max())
    end = FURTHER * largest if upto is None else parse_number(upto)
    if not end > start:
        raise UsageError(
            f"nothing to search up to {format_number(end)} samples: the smallest run has "
            f"{format_number(start)} -> give more"
        )
    chosen = candidates_of(study, candidates)
    budgets = np.geomspace(start, end, GRID)
    every = thinning(fit, len(budgets) * len(chosen))
    fits, weights = fit.by_size
    latent = mixed([
        predict(
            one, budgets, np.array([c.vector(one.study.pools) for c in chosen]), every=every
        ).latent
        for one in fits
    ], weights)  # fmt: skip
    draws = first_at(latent, budgets, float(study.kind.reported(goal)))
    return Reach(fit, goal, tuple(chosen), draws, (start, end), prob, size_notes(fit))


def read_value(value: str | float, metric: str, kind: Any) -> float:
    """The value to be reached as a number."""
    goal = number_in(value)
    if goal is None:
        raise UsageError(f"reach {written(value)} is not a number -> give one such as 0.92")
    if not kind.low <= goal <= kind.high or not np.isfinite(goal):
        percent = ", as a fraction" if kind.fraction and goal > 1 else ""
        raise UsageError(
            f"{metric} is {kind.words}: it cannot reach {goal:g} -> give a value that it can "
            f"take{percent}"
        )
    return goal
