"""From a run table to the tasks that are fitted: its metrics, or the values of a column."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.runs import Runs

__all__ = ["Order", "make", "orders_of"]


@dataclass(frozen=True)
class Order:
    """One task to fit; ``params`` is NaN unless all its rows are of models of one known size."""

    name: str
    runs: Runs
    metric: str
    spec: str
    seed: int
    settings: Settings | None
    params: float


def make(order: Order) -> Fit | str:
    """The fit, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fit(order.runs, order.metric, spec=order.spec, seed=order.seed,
                       settings=order.settings)  # fmt: skip
        except GateError:
            return f"{order.name} is left out: its fit did not pass the convergence gate"


def orders_of(
    runs: Runs, metrics: Sequence[str] | None, by: str, spec: str, seed: int,
    settings: Settings | None,
) -> list[Order]:  # fmt: skip
    """The tasks of a table; arguments as for :func:`qqt_bayes.tasks.fit_tasks`."""
    names = list(metrics or runs.metrics)
    jobs: list[tuple[str, Runs, str]] = [(m, runs, m) for m in names]
    if by != "metric":
        if by not in runs.table:
            raise UsageError(f"the run table has no column '{by}' -> by='metric', or a column")
        if len(names) != 1:
            raise UsageError(
                f"by='{by}' compares one metric, not {len(names)} -> name one of "
                f"{', '.join(runs.metrics)}"
            )
        mine = runs.select(metric=names[0])
        values = mine.table[by].dropna()
        if pd.api.types.is_numeric_dtype(values):
            numbers = np.unique(values.astype(float))
            digits = next(
                k
                for k in range(3, 18)
                if len({format_number(v, k) for v in numbers}) == len(numbers)
            )
            groups = {format_number(v, digits): str(v) for v in numbers}
        else:
            groups = {str(v): str(v) for v in dict.fromkeys(values) if v}
        jobs = [(g, mine.select(where={by: v}), names[0]) for g, v in groups.items()]
    if len(jobs) < 2:
        raise UsageError(
            f"there is only one task ({jobs[0][0] if jobs else 'none'}) -> give more, compare the "
            "sizes of a model by a column (--by model), or ask qqt decide"
        )
    return [
        Order(name, part, metric, spec, seed + k, settings,
              float("nan") if by == "metric" else params_of(part))
        for k, (name, part, metric) in enumerate(jobs)
    ]  # fmt: skip


def params_of(runs: Runs) -> float:
    """Parameters of the models of these runs; NaN where not given or not the same."""
    if "params" not in runs.table:
        return float("nan")
    found = np.unique(runs.table["params"].to_numpy(float))
    return float(found[0]) if len(found) == 1 else float("nan")
