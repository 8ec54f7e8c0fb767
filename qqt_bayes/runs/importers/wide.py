"""A wide table: one row a run, one column a metric."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import (
    BESIDE,
    KEPT,
    bare,
    beside,
    counts,
    find_roles,
    is_metric,
    is_number,
    measured,
)
from qqt_bayes.runs.importers.weights import find_weights
from qqt_bayes.runs.numbers import number_in

NAME = "wide"
WHAT = "one row a run, one column a metric"
ENDED = ("finished", "completed", "done", "success", "succeeded", "")


def sniff(files: Sequence[File]) -> bool:
    """One table or several, with a column for the run and one or more for metrics."""
    return all(f.table is not None and any(map(is_metric, f.table.columns)) for f in files)


def read(files: Sequence[File], given: Given) -> Found:
    """The rows of all files, one for each run and metric."""
    return together([read_table(file, given) for file in files])


def together(parts: Sequence[Found]) -> Found:
    """Several findings as one."""
    found = Found(pd.concat([part.table for part in parts], ignore_index=True).fillna(""))
    for part in parts:
        found.taken |= part.taken
        found.kinds |= part.kinds
        for what in part.left_out:
            found.leave_out(what)
    return found


def read_table(file: File, given: Given) -> Found:
    """One wide table as a run table."""
    table = file.table
    if table is None:
        raise UsageError(f"{file.path}: not a table -> give a CSV, Excel or Parquet file")
    roles = find_roles(table.columns)
    metrics = _metrics(file, table, roles, given)
    for role in ("value", "metric", "se"):  # a wide table has none of its own
        roles.pop(role, None)
    roles = {role: column for role, column in roles.items() if column not in metrics}
    left_out: list[str] = []
    if "state" in roles:
        ended = table[roles["state"]].str.lower().isin(ENDED)
        if ended.any() and not ended.all():
            states = ", ".join(dict.fromkeys(table[roles["state"]][~ended]))
            left_out.append(f"rows whose {roles['state']} is {states}: {int((~ended).sum())}")
            table = table[ended]
    taken = {column: role for role, column in roles.items() if role not in ("state", "step")}
    base = pd.DataFrame(index=table.index)
    if "data" in roles:
        base["data"] = table[roles["data"]]
    else:
        used = {*taken, *metrics, *roles.values()}
        pools, base["data"] = find_weights(table, used, given.samples, str(file.path))
        taken |= {column: f"share of pool {pool}" for column, pool in pools.items()}
    base["samples"] = _samples(file, table, roles, given, taken)
    for role in KEPT:
        if role in roles:
            base[role] = counts(table, roles[role]) if role == "params" else table[roles[role]]
    base.insert(0, "run", _runs(file, table, roles, base))
    parts = []
    for metric in metrics:
        part = base.assign(metric=metric, value=table[metric])
        taken[metric] = "metric"
        for name in BESIDE:
            column = next((c for c in table if bare(c) == f"{bare(metric)}_{name}"), None)
            if column is not None:
                role = "se" if name in ("stderr", "std_err") else name
                part[role], taken[column] = table[column], f"{role} of {metric}"
        parts.append(part[part["value"] != ""])
    rest = [column for column in table.columns if column not in taken]
    if rest:
        left_out.append(f"columns not needed: {', '.join(rest)}")
    long = pd.concat(parts, ignore_index=True).fillna("")
    order = [*COLUMNS, *(name for name in long.columns if name not in COLUMNS)]
    return Found(long[order], taken, left_out)


def _metrics(file: File, table: pd.DataFrame, roles: dict[str, str], given: Given) -> list[str]:
    wanted = list(given.metrics) or [
        name for name in table.columns
        if is_metric(name) and measured(table[name]) and name not in
        {column for role, column in roles.items() if role not in ("value", "metric")}
    ]  # fmt: skip
    missing = [name for name in wanted if name not in table.columns]
    if missing or not wanted:
        what = f"no column '{missing[0]}'" if missing else "no column is a metric by its name"
        if not missing and (words := [name for name in table.columns if is_metric(name)]):
            cell = next((cell for cell in table[words[0]] if not is_number(cell)), "")
            what = f"column '{words[0]}' does not hold numbers, but such as '{cell}'"
        there = ", ".join(map(str, table.columns))
        raise UsageError(f"{file.path}: {what} -> there are {there}; name metrics with --metric")
    doubtful = [name for name in wanted if beside(name)]
    return [name for name in wanted if name not in doubtful or name in given.metrics]


def _runs(
    file: File, table: pd.DataFrame, roles: dict[str, str], base: pd.DataFrame
) -> pd.Series | list[str]:
    """Names of the runs; without any, steps that differ are those of one run, named by its file."""
    if "run" in roles:
        return table[roles["run"]]
    name = file.path.stem
    if "step" in roles and table[roles["step"]].is_unique and base["data"].nunique() == 1:
        return [name] * len(table)
    return [f"{name}-{row}" for row in range(len(table))]


def _samples(
    file: File, table: pd.DataFrame, roles: dict[str, str], given: Given, taken: dict[str, str]
) -> pd.Series | str:
    """Samples of each row: a column, or steps times samples of a step."""
    if "samples" in roles:
        return counts(table, roles["samples"])
    if "step" not in roles or given.samples:
        return ""
    column = roles["step"]
    taken[column] = "step"
    return steps_to_samples(table[column], given, f"{file.path.name}: column '{column}'")


def steps_to_samples(steps: pd.Series, given: Given, place: str) -> pd.Series:
    """Samples after so many steps; a cell that is no number stays, to be told on reading."""
    if given.per_step is None:
        raise UsageError(
            f"{place} counts steps, not samples -> pass --per-step SAMPLES (the samples or tokens "
            "of one step, e.g. 1024 or 0.5M; Python: per_step=), or --samples for all runs"
        )
    numbers = map(number_in, steps)
    samples = [
        cell if number is None else f"{number * given.per_step:.15g}"
        for cell, number in zip(steps, numbers, strict=True)
    ]
    return pd.Series(samples, steps.index, dtype=object)
