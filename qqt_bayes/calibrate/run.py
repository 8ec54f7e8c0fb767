"""Back-tests of several methods on several tables, from every origin the data allow."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._json import plain
from qqt_bayes._shown import Shown
from qqt_bayes.backtest import Forecast, Origin, engine_forecast, judge, judge_choice, origins
from qqt_bayes.calibrate import summary
from qqt_bayes.calibrate.baselines import BASELINES
from qqt_bayes.errors import GateError, QQTError, UsageError
from qqt_bayes.inference.settings import Settings
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs import Runs

NO_DRIFT = "paper_law"  # taken as exact: no drift, no mixture error, no harm
METHODS = ("qqt", "no_drift", *BASELINES)

__all__ = ["METHODS", "Calibration", "Job", "calibrate", "studies"]


@dataclass(frozen=True)
class Job:
    """One study of one table: its name, the rows and the metric."""

    name: str
    runs: Runs
    metric: str


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Shown):
    """Back-tests of several methods; made by :func:`calibrate`."""

    # one row a target, method and kind of target (level or difference)
    scores: pd.DataFrame = field(repr=False)
    choices: pd.DataFrame = field(repr=False)  # one row a choice and method
    refused: pd.DataFrame  # set, method, origin, why: a method not applicable, or a failed gate
    seed: int

    @cached_property
    def table(self) -> pd.DataFrame:
        """Coverage with intervals, widths and scores by set, target, factor and method."""
        return summary.score_table(self.scores, self.seed)

    @cached_property
    def choice_table(self) -> pd.DataFrame:
        """Regret of the choices by set and method, beside ranking by the largest run."""
        return summary.choice_table(self.choices, self.seed)

    @property
    def text(self) -> str:
        """Both tables for a terminal, pooled rows last."""
        return summary.describe(self.table, self.choice_table, self.refused)

    def to_json(self) -> dict[str, Any]:
        """Both tables as JSON records."""
        tables = {"scores": self.table, "choices": self.choice_table, "refused": self.refused}
        return {"schema": 1} | {name: plain(table) for name, table in tables.items()}


def studies(
    runs: Runs,
    name: str,
    metrics: Sequence[str] | None = None,
    where: dict[str, str] | None = None,
) -> list[Job]:
    """The studies of a table: each metric, and each model where there are several."""
    chosen = runs.select(where=where)
    wanted, jobs = metrics or chosen.metrics, []
    for metric in wanted:
        rows = chosen.select(metric)
        label = f"{name} {metric}" if len(wanted) > 1 else name
        models = []
        if "model" in rows.table:
            models = [m for m in dict.fromkeys(rows.table["model"]) if isinstance(m, str) and m]
        if len(models) < 2:
            jobs.append(Job(label, rows, metric))
            continue
        jobs += [Job(f"{label} {m}", rows.select(where={"model": m}), metric) for m in models]
    return jobs


def forecaster(method: str, settings: Settings, spec: str) -> Forecast:
    """The forecast function of a method's name."""
    if method == "qqt":
        return engine_forecast(spec, settings=settings)
    if method == "no_drift":
        # a law that cannot bend leaves narrow ridges: smaller steps, or some draws diverge
        return engine_forecast(NO_DRIFT, settings=replace(settings, target_accept=0.99))
    return BASELINES[method]


def one(
    task: tuple[str, Origin, str, Settings, str, int],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any] | None]:
    """Back-test one method from one origin."""
    name, origin, method, settings, spec, seed = task
    empty = pd.DataFrame()
    refusal = {"set": name, "method": method, "origin": origin.upto}
    samples = origin.targets["samples"].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            draws = forecaster(method, settings, spec)(origin.train, samples, origin.shares, seed)
        except GateError:
            return empty, empty, refusal | {"why": "the fit did not pass its gate"}
        except QQTError as error:
            return empty, empty, refusal | {"why": str(error)}
        if draws is None or not np.any(np.all(np.isfinite(draws), axis=0)):
            return empty, empty, refusal | {"why": "too few runs for this method"}
        scores, choices = judge(origin, draws), judge_choice(origin, draws)
    for frame in (scores, choices):
        frame.insert(0, "set", name)
        frame.insert(1, "method", method)
    return scores, choices, None


def calibrate(
    jobs: Sequence[Job],
    *,
    methods: Sequence[str] = METHODS,
    spec: str = "effective_utility",
    seed: int = 1,
    settings: Settings | None = None,
    keep: Callable[[str], bool] | None = None,
    workers: int | Workers = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Back-test methods on studies from every origin the data allow.

    Parameters
    ----------
    jobs : sequence of Job
        From :func:`studies`.
    methods : sequence of str
        Out of :data:`METHODS`.
    spec : str
        Specification of the engine.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Of the engine's sampler.
    keep : callable, optional
        Which data expressions may be fitted; all are predicted.
    workers : int or Workers
        Processes; the same answer whatever their number.
    progress : callable, optional
        Called with the numbers of back-tests done and to do.

    Raises
    ------
    UsageError
        For an unknown method, or when no study allows an origin.
    """
    strange = set(methods) - set(METHODS)
    if strange:
        raise UsageError(
            f"unknown method {sorted(strange)[0]!r} -> choose from {', '.join(METHODS)}"
        )
    settings = settings or Settings()
    tasks = [
        (job.name, origin, method, settings, spec, seed)
        for job in jobs
        for origin in origins(job.runs, job.metric, keep)
        for method in methods
    ]
    if not tasks:
        raise UsageError(
            "no back-test is possible -> needed: at least 2 budgets and 4 rows to fit, and runs "
            "at up to 8 times the largest of them"
        )
    results = refit_many(one, tasks, workers=workers, progress=progress)
    scores, choices, refused = zip(*results, strict=True)
    return Calibration(
        pd.concat(scores, ignore_index=True), pd.concat(choices, ignore_index=True),
        pd.DataFrame(filter(None, refused), columns=["set", "method", "origin", "why"]), seed,
    )  # fmt: skip
