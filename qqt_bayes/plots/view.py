"""What the panels of a decision share: the candidates in colour, and the budgets' axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from qqt_bayes.decide.drawn import share_best
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import GREY, SMALL, Look
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.runs import Runs

EPOCHS = (1, 2, 4, 8, 16, 32)
LIMIT = 5

__all__ = ["EPOCHS", "View", "in_order", "split"]


def main_candidates(decision: Decision) -> list[int]:
    """Candidates shown in colour, narrowest first; all of them if there are no more than LIMIT.

    Else the best at the budgets asked, then the members of the credible sets, then whichever are
    most probably best anywhere on the searched budgets.
    """
    names = {c.text: i for i, c in enumerate(decision.candidates)}
    anywhere = share_best(decision.grid_latent).max(axis=0)
    members = {names[t] for b in range(len(decision.budgets)) for t in decision.credible_set(b)}
    bests = set(map(int, decision.best))
    order = sorted(
        range(len(decision.candidates)),
        key=lambda c: (c not in bests, c not in members, -anywhere[c], c),
    )
    return [c for c in in_order(decision) if c in order[:LIMIT]]


def in_order(decision: Decision) -> list[int]:
    """All candidates: narrowest first, then by their shares, first pool's first."""
    pools = decision.fit.study.pools
    return sorted(
        range(len(decision.candidates)),
        key=lambda c: (
            decision.candidates[c].unique_samples(pools),
            tuple(decision.candidates[c].vector(pools)),
        ),
    )


@dataclass(frozen=True, eq=False)
class View:
    """A decision as it is drawn, with runs to be shown beyond those fitted."""

    decision: Decision
    main: list[int]  # candidates in colour, in the order of the legend
    held_out: Runs | None = None

    @classmethod
    def of(cls, decision: Decision, held_out: Runs | None = None) -> View:
        """The view with as many candidates in colour as are told apart."""
        return cls(decision, main_candidates(decision), held_out)

    @property
    def others(self) -> list[int]:
        """Candidates in grey."""
        return [c for c in range(len(self.decision.candidates)) if c not in self.main]

    @cached_property
    def rivals(self) -> set[int]:
        """Main candidates that may be best beyond the largest run (or at all, if nothing is)."""
        d = self.decision
        names = {c.text: i for i, c in enumerate(d.candidates)}
        asked = np.flatnonzero(d.budgets > self.largest)
        chosen = asked if len(asked) else np.arange(len(d.budgets))
        found = {names[text] for b in chosen for text in d.credible_set(int(b))}
        return (found | {int(d.best[b]) for b in chosen}) & set(self.main)

    @property
    def lead(self) -> int:
        """The choice at the largest budget asked."""
        return int(self.decision.best[int(np.argmax(self.decision.budgets))])

    def look(self, candidate: int) -> Look:
        """Colour, marker and hatch of a main candidate."""
        return paper.look(self.main.index(candidate))

    @cached_property
    def labels(self) -> list[str]:
        """The candidates' expressions, shortened."""
        return paper.shorts([c.text for c in self.decision.candidates], 36)

    def label(self, candidate: int) -> str:
        """The candidate's expression, as given."""
        return self.labels[candidate]

    @property
    def largest(self) -> float:
        """Samples of the largest run fitted."""
        return float(self.decision.fit.study.trained_on["max_samples"])

    @property
    def extrapolates(self) -> bool:
        """Whether any budget lies beyond the largest run."""
        return bool(self.largest < self.samples[-1] * 0.999)

    @property
    def warning(self) -> str:
        """The stamp of what did not converge; else empty."""
        if self.decision.fit.stamp:
            return self.decision.fit.stamp
        return "" if self.decision.gate.passed else "NOT CONVERGED"

    @property
    def interval(self) -> str:
        """Probability and kind of the intervals."""
        return f"{self.decision.prob * 100:g}% equal-tailed interval"

    @cached_property
    def samples(self) -> np.ndarray:
        """Budgets searched and asked, increasing (budget,)."""
        return np.unique(np.concatenate([self.decision.grid, self.decision.budgets]))

    @cached_property
    def levels(self) -> np.ndarray:
        """Median, lo, hi at `samples`, in the metric's own unit (3, budget, candidate)."""
        d = self.decision
        both = np.concatenate([d.budgets, d.grid])  # what was asked comes first
        _, first = np.unique(both, return_index=True)
        return d.interval(np.concatenate([d.latent, d.grid_latent], axis=1)[:, first])

    @property
    def metric(self) -> str:
        """The metric's name."""
        return paper.short(self.decision.fit.study.metric)

    @property
    def unit(self) -> str:
        """The metric's unit, to be put behind its name."""
        study = self.decision.fit.study
        measure = study.kind.measure
        if measure == "nats" and "loss" not in study.metric.lower():
            return ""  # such as a squared error
        return f" ({measure})" if measure else ""

    @property
    def direction(self) -> str:
        """Which way is better."""
        return self.decision.fit.study.kind.better

    def epoch(self, candidate: int) -> float:
        """Samples in which the most repeated pool of a candidate completes one epoch."""
        pools = self.decision.fit.study.pools
        shares = self.decision.candidates[candidate].vector(pools)
        used = shares > 0
        return float(np.min(np.asarray(pools.sizes)[used] / shares[used]))

    def aside(self, candidate: int) -> float:
        """Factor by which marks of a main candidate are moved, so that none hides another."""
        step = (self.samples[-1] / self.samples[0]) ** 0.011
        return float(step ** (self.main.index(candidate) - 0.5 * (len(self.main) - 1)))

    def samples_axis(
        self, ax: Axes, *, name_line: bool = True, ends: tuple[float, float] | None = None
    ) -> None:
        """Log axis of samples, with the largest run marked if the axis goes beyond it."""
        ends = ends or (self.samples[0], self.samples[-1])
        pad = (ends[1] / ends[0]) ** 0.04 if ends[1] > ends[0] else 1.5
        ax.set_xscale("log")
        ax.set_xlim(ends[0] / pad, ends[1] * pad)
        decades = np.log10(ends[1] / ends[0])
        subs = (1.0, 2.0, 5.0) if decades < 1.4 else (1.0, 3.0) if decades < 3 else (1.0,)
        if decades > 0.5:
            ax.xaxis.set_major_locator(LogLocator(subs=subs))
            ax.xaxis.set_minor_locator(LogLocator(subs=tuple(range(1, 10))))
        else:  # too short for round numbers
            ax.xaxis.set_major_locator(FixedLocator(sorted(set(ends))))
            ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("samples seen")
        paper.dress(ax)
        if not (self.extrapolates and self.largest > ends[0]):
            return
        ax.axvline(self.largest, color=GREY, lw=0.8, ls=":", zorder=4, gid="largest run")
        if name_line:
            left = np.log(self.largest / ends[0]) > 0.6 * np.log(ends[1] / ends[0])
            ax.annotate(
                "largest run", (self.largest, 1.0), xycoords=("data", "axes fraction"),
                xytext=(-3 if left else 3, -1), textcoords="offset points", va="top",
                ha="right" if left else "left", fontsize=SMALL - 0.5, color=GREY, zorder=6,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.6},
            )  # fmt: skip


def split(
    samples: np.ndarray, values: np.ndarray, at: float
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Cut curves (..., budget) at a budget: what lies up to it, and beyond; both hold the cut."""
    if at >= samples[-1]:
        return (samples, values), (samples[:0], values[..., :0])
    if at <= samples[0]:
        return (samples[:0], values[..., :0]), (samples, values)
    logs = np.log(samples)
    k = int(np.searchsorted(samples, at))
    share = (np.log(at) - logs[k - 1]) / (logs[k] - logs[k - 1])
    cut = (1 - share) * values[..., k - 1 : k] + share * values[..., k : k + 1]
    inside = np.append(samples[samples < at], at)
    beyond = np.insert(samples[samples > at], 0, at)
    within, after = values[..., samples < at], values[..., samples > at]
    return (
        (inside, np.concatenate([within, cut], axis=-1)),
        (beyond, np.concatenate([cut, after], axis=-1)),
    )
