"""Run tables from other formats: DataComp's evaluations, and wide CSV tables.

What comes out has the columns of a run table and is checked like any other when it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from qqt_bayes.errors import InputError, Problem, UsageError
from qqt_bayes.kinds import kind_of
from qqt_bayes.runs.mixture import POOL_NAME
from qqt_bayes.runs.numbers import parse_number

RESULTS = "eval_results.jsonl"
COLUMNS = ["run", "data", "samples", "metric", "value"]
# Columns of a wide table that are kept beside each value.
KEPT = ("seed", "model", "params", "cost", "annealed", "tuned", "n_eval", "chance", "kind")

__all__ = ["read_datacomp", "read_wide"]


def read_datacomp(
    path: str | Path,
    *,
    data: str | None = None,
    samples: str | float | None = None,
    tasks: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read DataComp's ``eval_results.jsonl``: one line a task.

    A line is an object ``{"key": task, "dataset": name, "metrics": {"acc1": ...}}``. The value is
    ``acc1`` where there is one, else ``main_metric``; both are taken for accuracies in [0, 1], and
    the metric is named ``<key>_accuracy``. Lines whose value is null are left out. The run is
    named after the folder that holds the file. The files say neither what the run was trained on
    nor how many samples it saw: both are given here for all runs, or else filled in by hand;
    without `data` it is the folder's name, with what cannot stand in a pool's name replaced.

    Parameters
    ----------
    path : str or Path
        The file, or a folder in which all such files are found.
    data : str, optional
        Mixture expression of every run.
    samples : str or float, optional
        Samples seen by every run.
    tasks : sequence of str, optional
        Keys of the tasks wanted; all by default.

    Returns
    -------
    pandas.DataFrame
        A run table; ``samples`` is blank where not given.

    Raises
    ------
    UsageError
        If there is no such file or task.
    InputError
        Listing every line that cannot be read.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(path.rglob(RESULTS))
    if not files:
        raise UsageError(f"no {RESULTS} in {path} -> give the file, or a folder that holds some")
    seen = "" if samples is None else f"{parse_number(samples):.0f}"
    problems: list[Problem] = []
    rows, keys = [], []
    for file in files:
        run = file.resolve().parent.name if len(files) == 1 else run_name(file, path)
        for key, value in results(file, problems):
            keys.append(key)
            if tasks is None or key in tasks:
                label = data or "".join(POOL_NAME.findall(run.replace("/", "_")))
                name = f"{key.replace('/', '_')}_accuracy"
                rows.append([run, label, seen, name, value])
    if problems:
        raise InputError(problems)
    absent = [task for task in tasks or () if task not in keys]
    if absent or not rows:
        known = ", ".join(dict.fromkeys(keys)) or "none"
        raise UsageError(f"no task '{absent[0] if absent else ''}' -> choose from {known}")
    table = pd.DataFrame(rows, columns=COLUMNS)
    if any(kind_of(name) != "accuracy" for name in table["metric"]):
        table["kind"] = "accuracy"  # a task's own name may speak of errors or losses
    return table


def run_name(file: Path, root: Path) -> str:
    """Name of a run: its folder relative to where the search began."""
    name = file.parent.relative_to(root).as_posix()
    return root.resolve().name if name == "." else name


def results(file: Path, problems: list[Problem]) -> Iterator[tuple[str, float]]:
    """Task and value of each line, noting the lines that cannot be read."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found: Any = json.loads(line)
            key, metrics = str(found["key"]), found["metrics"]
            value = metrics.get("acc1", metrics.get("main_metric"))
        except (ValueError, KeyError, TypeError, AttributeError):
            mend = 'write one object a line: {"key": ..., "metrics": {"acc1": ...}}'
            problems.append(
                Problem(file.name, number, None, None, "not a result of DataComp", mend)
            )
            continue
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            mend = "give accuracies as fractions, or drop the line"
            what = "not an accuracy in [0, 1]"
            problems.append(Problem(file.name, number, "acc1", str(value), what, mend))
            continue
        yield key, float(value)


def read_wide(path: str | Path, *, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a wide CSV table, ``run,data,samples`` and a column for each metric, as a run table.

    Cells that are blank give no row. A column ``X_se`` or ``X_n_eval`` beside a metric ``X``
    becomes its ``se`` or ``n_eval``; seed, model, params, cost, annealed, tuned and n_eval are
    kept for every metric; other columns are left out.

    Parameters
    ----------
    path : str or Path
        The file.
    metrics : sequence of str, optional
        Columns that are metrics; by default those whose names tell their kind.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    UsageError
        If there is no such file, or a column is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"no such file: {path} -> give a CSV with {','.join(COLUMNS[:3])}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a CSV table: {error}") from None
    beside = re.compile(r".*_(se|n_eval)$")
    wanted = list(metrics or [c for c in table if kind_of(c) and not beside.match(c)])
    missing = [name for name in (*COLUMNS[:3], *wanted) if name not in table]
    if missing or not wanted:
        what = f"no column '{missing[0]}'" if missing else "no column is a metric by its name"
        there = ", ".join(table.columns)
        raise UsageError(f"{path}: {what} -> there are {there}; name metrics with --metric")
    parts = []
    for metric in wanted:
        part = table[COLUMNS[:3]].assign(metric=metric, value=table[metric])
        for name in KEPT:
            if name in table:
                part[name] = table[name]
        for name in ("se", "n_eval"):
            if f"{metric}_{name}" in table:
                part[name] = table[f"{metric}_{name}"]
        parts.append(part[part["value"].str.strip() != ""])
    return pd.concat(parts, ignore_index=True).fillna("")
