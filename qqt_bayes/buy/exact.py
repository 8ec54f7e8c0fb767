"""The value of a run by brute force: simulate its outcome, refit exactly, decide anew.

The closed form of :mod:`qqt_bayes.buy.value` stands on draws of the parameters that are reweighted.
Where few of them speak for an outcome, or where it is to be checked, some of the very outcomes that
it simulated are refitted. Both values of one outcome differ by what the reweighting gets wrong and
hardly vary otherwise, so that few refits tell their mean difference well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.buy.designs import Designs
from qqt_bayes.buy.problem import Question, build_problem
from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.value import Objective
from qqt_bayes.buy.worlds import Known, Outcome
from qqt_bayes.fitting import Fit, sampled
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import Spec
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs import Runs
from qqt_bayes.runs.caveats import COMPARABLE

REFIT = Settings(draws=400, engine="importance", values=2048)
QUICK = Settings(draws=1000, engine="importance", values=8192)  # in a replay

__all__ = ["QUICK", "Trial", "corrected", "quick_fit", "simulate"]


@dataclass(frozen=True, eq=False)
class Trial:
    """Simulated outcomes of one design, valued both ways (outcome,)."""

    value: np.ndarray  # the simulated results, means over the seeds
    closed: np.ndarray  # contributions to the value, by reweighting
    exact: np.ndarray  # the same by a refit

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


def quick_fit(
    runs: Runs, metric: str, spec: Spec, *, seed: int = 1, settings: Settings = QUICK
) -> Fit:
    """A short fit that is not held to the gate: one of hundreds whose errors average out."""
    study = runs.study(metric, spec_levels=spec.levels)
    posterior = sampled(study, spec, seed, settings)
    return Fit(runs, study, spec, posterior, seed, settings, {"where": {}, "upto": None})


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
    pattern = np.zeros(1)
    if seeds > 1:
        pattern = np.linspace(-1.0, 1.0, seeds)
        pattern *= np.sqrt(squares / (pattern @ pattern))
    low, high = study.kind.limits
    values = np.clip(value + pattern, max(low, 1e-6), high)
    table = pd.DataFrame({
        "run": [f"simulated/{design}/{k}" for k in range(seeds)], "data": row["data"],
        "samples": row["samples"], "metric": study.metric, "value": study.kind.observed(values),
    })  # fmt: skip
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
        fit.runs.append(job.rows), fit.study.metric, fit.spec, seed=job.seed,
        settings=replace(REFIT, start=fit.posterior.start),
    )  # fmt: skip
    then = replace(job.question, fit=refit, seed=0)
    problem = build_problem(then, draws=REFIT.draws)
    known = Known.single(problem)
    return np.asarray(known.expected(known.idle()).mean()[0])


def simulate(
    question: Question, known: Known, aim: Objective, design: int, count: int, *,
    workers: int | Workers = 1,
) -> Trial:  # fmt: skip
    """Value so many simulated outcomes of a design both ways, by regret or variance.

    These two need expectations only. Nothing may have been bought yet.
    """
    outcome, designs = known.outcome(design), question.designs
    worlds = spread(outcome, min(count, len(outcome.value)))
    closed = aim.gain(aim.measure(known, outcome).mean()[worlds], aim.now.mean()[0])
    then = replace(question, designs=designs.some(np.array([design])))
    rows = [
        result_rows(question.fit, designs, design, outcome.value[t], outcome.scatter[t])
        for t in worlds
    ]
    jobs = [Job(then, r, question.seed * 7919 + i + 1) for i, r in enumerate(rows)]
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
