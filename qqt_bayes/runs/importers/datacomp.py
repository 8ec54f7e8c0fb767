"""DataComp's evaluations: ``eval_results.jsonl``, one line a task."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path

import pandas as pd

from qqt_bayes.errors import InputError, Problem, UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.mixture import POOL_NAME

NAME = "datacomp"
WHAT = "eval_results.jsonl of DataComp, or a folder with one in each run's folder"


def sniff(files: Sequence[File]) -> bool:
    """Lines that are objects with a key and metrics."""
    return all(
        isinstance(file.json, list)
        and any(isinstance(line, dict) and {"key", "metrics"} <= set(line) for line in file.json)
        for file in files
    )


def read(files: Sequence[File], given: Given) -> Found:
    """One row for each run and task.

    A line is an object ``{"key": task, "dataset": name, "metrics": {"acc1": ...}}``. The value is
    ``acc1`` where there is one, else ``main_metric``; both are taken for accuracies in [0, 1], and
    the metric is named ``<key>_accuracy``. Lines whose value is null are left out. The run is named
    after the folder that holds the file, and its data by the same name, with what cannot stand in a
    pool's name left out.
    """
    problems: list[Problem] = []
    rows, there, blank = [], [], 0
    names = _run_names([file.path for file in files])
    for run, file in zip(names, files, strict=True):
        data = "" if given.data else "".join(POOL_NAME.findall(run.replace("/", "_")))
        for number, line in enumerate(file.json, 1):
            key, value = _result(file, number, line, problems)
            if key is None:
                continue
            metric = f"{key.replace('/', '_')}_accuracy"
            there.append(key)
            if value is None:
                blank += 1
            elif given.wants(key, metric):
                rows.append([run, data, "", metric, repr(value)])
    if problems:
        raise InputError(problems)
    absent = [task for task in given.metrics if task not in there and
              task.removesuffix("_accuracy") not in there]  # fmt: skip
    if absent or not rows:
        known = ", ".join(dict.fromkeys(there)) or "none"
        raise UsageError(f"no task '{absent[0] if absent else ''}' -> choose from {known}")
    table = pd.DataFrame(rows, columns=COLUMNS)
    return Found(
        table,
        {"key": "metric", "metrics.acc1 (else main_metric)": "value", "folder": "run and data"},
        [f"{blank} tasks without a value"] if blank else [],
        dict.fromkeys(table["metric"], "accuracy"),  # a task's own name may speak of errors
    )


def _run_names(paths: list[Path]) -> list[str]:
    """Names of the runs: their folders, relative to the one that holds them all."""
    folders = [path.resolve().parent for path in paths]
    if len(set(folders)) == 1:
        return [folder.name for folder in folders]
    root = Path(commonpath(folders))
    relative = [folder.relative_to(root).as_posix() for folder in folders]
    return [root.name if name == "." else name for name in relative]


def _result(
    file: File, number: int, line: object, problems: list[Problem]
) -> tuple[str | None, float | None]:
    """Task and value of a line; None for what it has not, or what is wrong and noted."""

    def wrong(what: str, mend: str, column: str | None = None, value: str | None = None) -> None:
        problems.append(Problem(file.path.name, number, column, value, what, mend))

    metrics = line.get("metrics") if isinstance(line, dict) else None
    if not isinstance(line, dict) or "key" not in line or not isinstance(metrics, dict):
        wrong("not a result of DataComp",
              'write one object a line: {"key": ..., "metrics": {"acc1": ...}}')  # fmt: skip
        return None, None
    value = metrics.get("acc1", metrics.get("main_metric"))
    if value is None:
        return str(line["key"]), None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        wrong("not an accuracy in [0, 1]", "give accuracies as fractions, or drop the line", "acc1",
              str(value))  # fmt: skip
        return None, None
    return str(line["key"]), float(value)
