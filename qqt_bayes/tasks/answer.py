"""One decision for several tasks: weighted, task by task, and where tasks disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._json import BAND
from qqt_bayes.decide.choice import Choice
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.drawn import GRID, ask, levels, regret_of, share_best
from qqt_bayes.decide.predict import interval, thinning
from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import ask_kind
from qqt_bayes.kinds import Kind
from qqt_bayes.runs import Mixture, Runs
from qqt_bayes.tasks.text import by_budget, describe, headline

if TYPE_CHECKING:
    from qqt_bayes.tasks.several import Tasks

SCHEMA = 1
FEW = 500  # draws behind the probability of being on the Pareto front

__all__ = ["TaskDecision", "decide_tasks"]


@dataclass(frozen=True, eq=False, repr=False)
class TaskDecision(Choice):
    """Which data is best for several tasks together; made by ``tasks.decide``.

    Attributes
    ----------
    tasks : Tasks
    latent : numpy.ndarray
        Dims (sample, task, budget, candidate): latent performance in each metric's unit, lower is
        better (:meth:`qqt_bayes.kinds.Kind.to_unit`: an accuracy as an error), joint over tasks.
    weights : numpy.ndarray
        Dim (task,): they sum to one.
    budgets : numpy.ndarray
        Dim (budget,), samples.
    candidates : tuple of Mixture
    prob : float
        Of the equal-tailed intervals and the credible sets.
    """

    tasks: Tasks = field(repr=False)
    latent: np.ndarray = field(repr=False)
    weights: np.ndarray
    budgets: np.ndarray
    candidates: tuple[Mixture, ...]
    prob: float

    @cached_property
    def aggregate(self) -> np.ndarray:
        """Weighted mean over tasks, dims (sample, budget, candidate)."""
        return np.einsum("t,stbc->sbc", self.weights, self.latent)

    @property
    def judged(self) -> np.ndarray:
        """Weighted mean over tasks."""
        return self.aggregate

    @cached_property
    def expected_regret(self) -> np.ndarray:
        """Expected shortfall of the weighted mean from the draw-wise best (budget, candidate)."""
        return regret_of(self.aggregate)

    @cached_property
    def task_p_best(self) -> np.ndarray:
        """The same probability for each task alone, dims (task, budget, candidate)."""
        return np.stack([share_best(self.latent[:, t]) for t in range(self.size)])

    @cached_property
    def task_regret(self) -> np.ndarray:
        """Expected shortfall for each task alone, dims (task, budget, candidate)."""
        return regret_of(self.latent)

    @cached_property
    def task_best(self) -> np.ndarray:
        """Candidate of least expected regret for each task, dims (task, budget)."""
        return np.argmin(self.task_regret, axis=2)

    @cached_property
    def p_pareto(self) -> np.ndarray:
        """Probability that no other candidate is better for every task (budget, candidate)."""
        some = self.latent[:: max(1, len(self.latent) // FEW)]
        out = np.empty((len(self.budgets), len(self.candidates)))
        for c in range(len(self.candidates)):
            beaten = np.all(some < some[..., [c]], axis=1).any(axis=2)
            out[:, c] = 1.0 - beaten.mean(axis=0)
        return out

    @property
    def size(self) -> int:
        """Number of tasks."""
        return len(self.tasks.names)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Kind of each task's metric."""
        return tuple(f.study.kind for f in self.tasks.fits)

    @property
    def higher_is_better(self) -> bool:
        """Whether more of every metric is better, so that the weighted mean is one of them."""
        return all(kind.higher_is_better for kind in self.kinds)

    @property
    def mixed(self) -> bool:
        """Whether metrics of both directions are in the mean: it is then of what is lacking."""
        return len({kind.higher_is_better for kind in self.kinds}) > 1

    @cached_property
    def draws(self) -> Any:
        """Latent performance in each task's own unit, dims (sample, task, budget, data)."""
        own = [f.study.reported(self.latent[:, t]) for t, f in enumerate(self.tasks.fits)]
        return self.labelled(np.stack(own, axis=1), task=list(self.tasks.names))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and candidate: the weighted mean and its decision."""
        sign = -1.0 if self.higher_is_better else 1.0
        base = float(self.weights @ [kind.zero for kind in self.kinds]) if sign < 0 else 0.0
        level = interval(base + sign * self.aggregate, self.prob)
        gap = interval(sign * self.beside_best(self.aggregate) + 0.0, self.prob)
        best_for = self.task_best[..., None] == np.arange(len(self.candidates))
        return self.framed(
            best=self.is_best, p_best=self.p_best, median=level[0], lo=level[1], hi=level[2],
            difference=gap[0], difference_lo=gap[1], difference_hi=gap[2],
            expected_regret=self.expected_regret, p_pareto=self.p_pareto,
            best_for=best_for.sum(axis=0),
        )  # fmt: skip

    @cached_property
    def by_task(self) -> pd.DataFrame:
        """One row a task and budget: its best data, and what the common choice costs it."""
        regret = self.task_regret
        rows = [
            {"task": name, "samples": samples,
             "best": self.names[self.task_best[t, b]],
             "p_best": self.task_p_best[t, b, self.task_best[t, b]],
             "p_common": self.task_p_best[t, b, self.best[b]],
             "regret_of_common": regret[t, b, self.best[b]] - regret[t, b].min(),
             "kind": kind.name, "direction": kind.direction, **self.level_of_common(t, b)}
            for t, (name, kind) in enumerate(zip(self.tasks.names, self.kinds, strict=True))
            for b, samples in enumerate(self.budgets)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def level_of_common(self, task: int, budget: int) -> dict[str, float]:
        """The task's own metric under the common choice: median and interval."""
        drawn = self.latent[:, task, budget, self.best[budget]]
        ends = interval(np.asarray(self.kinds[task].reported(drawn)), self.prob)
        return dict(zip(BAND, map(float, ends), strict=True))

    @property
    def headline(self) -> str:
        """The choices in one sentence."""
        return headline(self)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``--json``, as a dict."""
        joint = self.tasks.hierarchy
        return {
            "schema": SCHEMA,
            "tasks": dict(zip(self.tasks.names, map(float, self.weights), strict=True)),
            "pooled": joint.joined,
            "correlation": [float(v) for v in np.median(joint.correlation, axis=0)],
            "correlation_of": list(joint.kinds),
            "prob": self.prob,
            "notes": list(self.tasks.notes),
            "budgets": [
                told
                | {"tasks": self.rows(b, self.by_task).drop(columns="samples").to_dict("records")}
                for b, told in enumerate(by_budget(self))
            ],
        }

    def plot(self, **options: Any) -> Any:
        """P(best) of each candidate for each task and together, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_task_decision(self, **options)


def read_weights(kinds: Mapping[str, Kind], weights: Mapping[str, float] | None) -> np.ndarray:
    """Weights that sum to one.

    ``kinds``: task -> kind of its metric; ``weights``: task -> weight.
    """
    names = list(kinds)
    if weights is None:
        units = {common_unit(kind): name for name, kind in kinds.items()}
        if len(units) > 1:
            (one, first), (other, second), *_ = units.items()
            raise UsageError(
                f"'{first}' ({one}) and '{second}' ({other}) have no common unit -> give weights, "
                "for example --weights " + ",".join(f"{n}=1" for n in names)
            )
        return np.full(len(names), 1.0 / len(names))
    strange = sorted(set(weights) - set(names))
    if strange:
        raise UsageError(f"unknown task '{strange[0]}' -> one of {', '.join(names)}")
    out = np.array([float(weights.get(n, 0.0)) for n in names])
    if not np.all(np.isfinite(out)) or out.min() < 0.0 or out.sum() <= 0.0:
        raise UsageError("weights must be numbers of 0 or more, not all 0")
    return out / out.sum()


def check_weights(runs: Runs, metrics: Sequence[str], weights: Mapping[str, float] | None) -> None:
    """Check weights before anything is fitted."""
    kinds = {metric: runs.kind_of(metric) for metric in metrics}
    read_weights({m: kind_or_ask(m, kind) for m, kind in kinds.items()}, weights)


def kind_or_ask(metric: str, kind: Kind | None) -> Kind:
    """The kind, if it is known."""
    if kind is None:
        raise UsageError(ask_kind(metric))
    return kind


def common_unit(kind: Kind) -> str:
    """Unit in which a mean may be taken: fractions of all kinds have one."""
    return "fraction" if kind.priors == "error" else kind.name


def decide_tasks(
    tasks: Tasks,
    budgets: Any,
    candidates: str | Sequence[str] | None = None,
    *,
    weights: Mapping[str, float] | None = None,
    prob: float = 0.9,
) -> TaskDecision:
    """Decide for several tasks together.

    Parameters
    ----------
    tasks : Tasks
        From :func:`fit_tasks`.
    budgets, candidates
        As for :func:`qqt_bayes.decide.decide`; default candidates are those of all tasks.
    weights : mapping, optional
        Of tasks in the mean; by default equal. Needed where metrics have no common unit.
    prob : float
        Of the equal-tailed intervals.

    Returns
    -------
    TaskDecision

    Raises
    ------
    UsageError
        For a bad argument.
    """
    check_prob(prob)
    chosen = read_weights(
        {name: f.study.kind for name, f in zip(tasks.names, tasks.fits, strict=True)}, weights
    )
    if candidates is None:
        found: dict[str, Mixture] = {}
        for made in tasks.fits:
            for mixture in ask(made.study, budgets, None).candidates:
                found.setdefault(mixture.key, mixture)
        candidates = [m.text for m in found.values()]
    joined = tasks.joined
    question = ask(joined[0].study, budgets, candidates)
    every = max(thinning(f, GRID * len(question.candidates) * len(joined)) for f in joined)
    values = [levels(f, question.budgets, question.shares, every) for f in joined]
    return TaskDecision(
        tasks, np.stack(values, axis=1), chosen, question.budgets, question.candidates, prob
    )
