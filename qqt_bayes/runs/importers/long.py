"""A run table already, but from a spreadsheet, Parquet or JSON, or with other names of columns."""

from __future__ import annotations

from collections.abc import Sequence

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.checks import FLAGS, NUMBERS, REQUIRED
from qqt_bayes.runs.importers.base import File, Found, Given
from qqt_bayes.runs.importers.roles import counts, find_roles
from qqt_bayes.runs.importers.wide import steps_to_samples, together

NAME = "long"
WHAT = "a run table with other column names, or from a spreadsheet"


def sniff(files: Sequence[File]) -> bool:
    """Tables with a column for the metric's name and one for its value."""
    return all(
        f.table is not None and {"run", "metric", "value"} <= set(find_roles(f.table.columns))
        for f in files
    )


def read(files: Sequence[File], given: Given) -> Found:
    """The same rows under the names of a run table."""
    return together([_read(file, given) for file in files])


def _read(file: File, given: Given) -> Found:
    if file.table is None:
        raise UsageError(f"{file.path}: not a table -> give a CSV, Excel or Parquet file")
    roles = find_roles(file.table.columns)
    known = (*REQUIRED, *NUMBERS, *FLAGS, "seed", "model", "kind", "chance")
    renamed = {column: role for role, column in roles.items() if role in known}
    missing = {"run", "metric", "value"} - set(renamed.values())
    if missing:
        raise UsageError(f"{file.path}: no column is the {' or the '.join(sorted(missing))} -> "
                         f"there are {', '.join(map(str, file.table.columns))}")  # fmt: skip
    units = {c: counts(file.table, c) for c, r in renamed.items() if r in ("samples", "params")}
    table = file.table.assign(**units).rename(columns=renamed)
    if "step" in roles and "samples" not in table and given.per_step is not None:
        table["samples"] = steps_to_samples(file.table[roles["step"]], given, file.path.name)
        renamed[roles["step"]] = "step"
    for name in ("data", "samples"):
        if name not in table:
            table[name] = ""
    wanted = [given.wants(metric) for metric in table["metric"]]
    if not any(wanted):
        there = ", ".join(dict.fromkeys(table["metric"]))
        raise UsageError(f"no metric '{given.metrics[0]}' -> choose from {there}")
    table = table[wanted]
    blank = (table["value"] == "").sum()
    left_out = [f"{blank} rows without a value"] if blank else []
    first = [*REQUIRED, *(name for name in table.columns if name not in REQUIRED)]
    return Found(table.loc[table["value"] != "", first].reset_index(drop=True), renamed, left_out)
