"""The value of a run by brute force: simulate its outcome, refit exactly, decide anew.

The closed form of :mod:`qqt_bayes.buy.value` stands on draws of the parameters that are reweighted.
Where few of them speak for an outcome, or where it is to be checked, some of the very outcomes that
it simulated are refitted. Both values of one outcome differ by what the reweighting gets wrong and
hardly vary otherwise, so that few refits tell their mean difference well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.buy.designs import Designs
from qqt_bayes.buy.problem import build_problem
from qqt_bayes.buy.question import Question
from qqt_bayes.buy.refit import quick_fit
from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.value import Objective
from qqt_bayes.buy.worlds import Known, Outcome
from qqt_bayes.inference.settings import Settings
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs.study import COMPARABLE

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

REFIT = Settings(draws=400, engine="importance", values=2048)

__all__ = ["REFIT", "Trial", "corrected", "simulate"]


@dataclass(frozen=True, eq=False)
class Trial:
    """Simulated outcomes of one design, valued both ways.

    Attributes
    ----------
    value : numpy.ndarray
        Dim (outcome,): the simulated results, means over the seeds.
    closed, exact : numpy.ndarray
        Dim (outcome,): contributions to the value, by reweighting and by a refit.
    """

    value: np.ndarray
    closed: np.ndarray
    exact: np.ndarray

    @property
    def difference(self) -> tuple[float, float]:
        """Mean of exact less closed, with its standard error."""
        gap = self.exact - self.closed
        return float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))


@dataclass(frozen=True, eq=False)
class Job:
    """One outcome to refit: its rows, what is asked once they are known, and the refit's seed."""

    question: Question
    rows: pd.DataFrame
    seed: int
    settings: Settings


def spread(outcome: Outcome, count: int) -> np.ndarray:
    """Worlds evenly over the sorted outcomes: few change the choice, and random ones miss those."""
    order = np.argsort(outcome.value, kind="stable")
    places = (np.arange(count) + 0.5) / count * len(order)
    return order[places.astype(int)]


def result_rows(fit: Fit, designs: Designs, design: int, value: float, squares: float) -> Any:
    """Rows of a run table with this mean and sum of squares about it.

    The likelihood reads no more of replicates than that, so any pattern will do.
    """
    row, study = designs.table.iloc[design], fit.study
    seeds = int(row["seeds"])
    pattern = np.linspace(-1.0, 1.0, seeds) if seeds > 1 else np.zeros(1)
    if seeds > 1:
        pattern *= np.sqrt(squares / (pattern @ pattern))
    values = value + pattern
    low, high = study.kind.limits
    values = np.clip(values, max(low, 1e-6), high)
    table = pd.DataFrame(
        {
            "run": [f"simulated/{design}/{k}" for k in range(seeds)], "data": row["data"],
            "samples": row["samples"], "metric": study.metric, "value": study.kind.observed(values),
        }
    )  # fmt: skip
    model = fit.runs.select(study.metric).table
    for name in {*COMPARABLE, *study.levels, "annealed", "tuned"} & set(model):
        table[name] = model[name].iloc[-1]  # comparable with the runs there are
    for name, at in fit.spec.covariates.items():
        table[name] = at
    for name in ("n_eval", "se"):
        given = getattr(study, name)[np.isfinite(getattr(study, name))]
        if len(given):
            table[name] = np.round(np.median(given)) if name == "n_eval" else np.median(given)
    return table


def decide_after(job: Job) -> np.ndarray:
    """Refit one outcome: expected performance (budget, candidate), by the closed form."""
    fit = job.question.fit
    refit = quick_fit(
        fit.runs.append(job.rows), fit.study.metric, fit.spec, kind=fit.study.kind,
        seed=job.seed, settings=job.settings, start=fit.posterior.start,
    )  # fmt: skip
    then = replace(job.question, fit=refit, seed=0)
    problem = build_problem(then, draws=job.settings.draws, worlds=1)
    known = Known.single(problem)
    return np.asarray(known.expected(known.idle()).mean()[0])


def simulate(
    question: Question, known: Known, aim: Objective, design: int, count: int, *,
    settings: Settings = REFIT, workers: int | Workers = 1,
) -> Trial:  # fmt: skip
    """Value some simulated outcomes of a design both ways.

    Parameters
    ----------
    question : Question
        What is asked.
    known : Known
        What is known now, with simulated worlds; nothing bought.
    aim : Objective
        ``regret`` or ``variance``, which need expectations only.
    design : int
        Which of the question's designs.
    count : int
        Outcomes to refit.
    settings : Settings
        Of a refit.
    workers : int or Workers
        Processes.
    """
    outcome, designs = known.outcome(design), question.designs
    worlds = spread(outcome, min(count, len(outcome.value)))
    closed = aim.gain(aim.measure(known, outcome).mean()[worlds], aim.now.mean()[0])
    then = replace(question, designs=designs.some(np.array([design])))
    rows = [
        result_rows(question.fit, designs, design, outcome.value[t], outcome.scatter[t])
        for t in worlds
    ]
    jobs = [Job(then, r, question.seed * 7919 + i + 1, settings) for i, r in enumerate(rows)]
    found = np.stack(refit_many(decide_after, jobs, workers=workers))
    exact = aim.gain(found, aim.now.mean()[0])
    return Trial(outcome.value[worlds], closed @ aim.weights, exact @ aim.weights)


def corrected(value: Value, trial: Trial) -> Value:
    """The value of a design by refits, the closed form of all worlds as a control variate."""
    gap, se = trial.difference
    total = max(value.total + gap, 0.0)
    share = total / value.total if value.total > 0 else 0.0
    return Value(
        value.by_budget * share, total, float(np.hypot(value.se, se)), value.partial * share
    )
