"""A chart exported from W&B: the x axis, then ``RUN - METRIC`` with its ``__MIN`` and ``__MAX``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import counts, find_roles
from qqt_bayes.runs.importers.wide import steps_to_samples, together
from qqt_bayes.runs.numbers import number_in

NAME = "wandb-chart"
WHAT = "a chart exported from W&B"
ENDS = ("__MIN", "__MAX")


def sniff(files: Sequence[File]) -> bool:
    """Tables whose columns but the first are named ``RUN - METRIC``."""
    return all(f.table is not None and len(_curves(f.table)) > 0 for f in files)


def _curves(table: pd.DataFrame) -> list[str]:
    names = [str(name) for name in table.columns[1:]]
    return [] if not all(" - " in name for name in names) else [
        name for name in names if not name.endswith(ENDS)
    ]  # fmt: skip


def read(files: Sequence[File], given: Given) -> Found:
    """One row for each run and point of its curve."""
    return together([_read(file, given) for file in files])


def _read(file: File, given: Given) -> Found:
    table = file.table
    curves = [] if table is None else _curves(table)
    if table is None or not curves:
        raise UsageError(
            f"{file.path}: no column is named 'RUN - METRIC' -> export the chart as CSV"
        )
    axis = str(table.columns[0])
    role = next((role for role, column in find_roles([axis]).items() if column == axis), None)
    if role == "samples":
        samples = counts(table, axis)
    elif role == "step":
        samples = steps_to_samples(table[axis], given, f"{file.path.name}: column '{axis}'")
    else:
        raise UsageError(
            f"{file.path.name}: the x axis '{axis}' is neither steps nor samples -> export the "
            "chart with Step or a column of tokens on its x axis"
        )
    numbers = map(number_in, samples)
    seen = pd.Series(
        [cell != "" and (n is None or n > 0) for cell, n in zip(samples, numbers, strict=True)],
        samples.index, dtype=bool,
    )  # fmt: skip
    parts, taken = [], {axis: str(role)}
    for name in curves:
        run, _, metric = name.rpartition(" - ")
        if {"step", "samples"} & set(find_roles([metric])):
            continue  # a copy of the axis
        if not given.wants(metric, name):
            continue
        taken[name] = f"{metric} of run {run}"
        part = pd.DataFrame({"run": run, "data": "", "samples": samples, "metric": metric,
                             "value": table[name]})  # fmt: skip
        parts.append(part[(part["value"] != "") & seen])
    if not parts:
        metrics = ", ".join(dict.fromkeys(name.rpartition(" - ")[2] for name in curves))
        raise UsageError(f"no metric '{given.metrics[0]}' -> choose from {metrics}")
    spread = [str(name) for name in table.columns[1:] if str(name).endswith(ENDS)]
    left_out = [f"{len(spread)} columns {' and '.join(ENDS)} (of smoothing)"] if spread else []
    if not seen.all():
        left_out.append("points before the first sample")
    return Found(pd.concat(parts, ignore_index=True)[COLUMNS], taken, left_out)
