"""Logs of MosaicML's Composer: of its console, or of its file logger."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import is_metric, is_number
from qqt_bayes.runs.importers.wide import steps_to_samples

NAME = "composer"
WHAT = "a log of MosaicML's Composer"
_LINE = re.compile(r"\[metric\]\[batch=(\d{1,18})\]:\s*([^:\s]+):\s*(\S+)")  # of the file logger
_HEAD = re.compile(r"(?:\[epoch=\d+\])?\[batch=(\d{1,18})(?:/\d+)?\]")  # of the console
_ITEM = re.compile(r"\s+(Train|Eval) ([^:\s]+):\s*(\S+)")
_EVAL = re.compile(r"^(eval|metrics/(?!train))", re.IGNORECASE)
COUNTS = ("time/token", "time/sample")
KINDS = {
    "LanguageCrossEntropy": "loss", "LanguagePerplexity": "perplexity", "CrossEntropy": "loss",
    "MulticlassAccuracy": "accuracy", "MetricAccuracy": "accuracy",
    "InContextLearningLMAccuracy": "accuracy",
    "InContextLearningMultipleChoiceAccuracy": "accuracy",
    "InContextLearningQAAccuracy": "accuracy", "LossMetric": "loss",
}  # fmt: skip


def sniff(files: Sequence[File]) -> bool:
    """Text with lines of either logger."""
    return all(any(_LINE.match(x) or _HEAD.match(x) for x in file.lines) for file in files)


def read(files: Sequence[File], given: Given) -> Found:
    """One row for each run, batch and metric of an evaluation."""
    out = Found(pd.DataFrame(columns=COLUMNS))
    parts = [_read(file, given, out) for file in files]
    out.table = pd.concat(parts, ignore_index=True)
    return out


def _entries(file: File) -> list[tuple[int, str, str]]:
    """Batch, name and value of everything that was logged."""
    out, batch = [], 0
    for line in file.lines:
        if found := _LINE.match(line):
            out.append((int(found[1]), found[2], found[3]))
        elif found := _HEAD.match(line):
            batch = int(found[1])
        elif found := _ITEM.match(line):
            out.append((batch, found[2], found[3]))
    return [(batch, name, value.rstrip(",")) for batch, name, value in out]


def _read(file: File, given: Given, out: Found) -> pd.DataFrame:
    entries = _entries(file)
    count = next((name for name in COUNTS if any(n == name for _, n, _ in entries)), None)
    counted = {batch: value for batch, name, value in entries if name == count}
    evaluated = [e for e in entries if _EVAL.match(e[1]) and is_number(e[2])]
    known = set(evaluated)
    trained = [e for e in entries if "loss" in e[1] and e not in known and is_number(e[2])]
    chosen = [e for e in (*evaluated, *trained) if given.wants(e[1], e[1].rsplit("/", 1)[-1])]
    if not given.metrics:
        chosen = evaluated or trained
    if not chosen:
        there = ", ".join(dict.fromkeys(name for _, name, _ in entries if is_metric(name)))
        raise UsageError(
            f"{file.path}: no evaluation in this log -> choose by --metric from {there}"
        )
    table = pd.DataFrame(chosen, columns=["batch", "metric", "value"])
    steps = pd.Series([str(batch) for batch in table["batch"]])
    if count is not None and all(batch in counted for batch in table["batch"]):
        table["samples"] = [counted[batch] for batch in table["batch"]]
        out.taken[count] = "samples"
    else:
        table["samples"] = steps_to_samples(steps, given, f"{file.path.name}: 'batch'")
        out.taken["batch"] = "step"
    for name in dict.fromkeys(table["metric"]):
        out.taken[name] = "metric"
        kind = KINDS.get(name.rsplit("/", 1)[-1])
        if kind:
            out.kinds[name] = kind
    if evaluated and trained and not given.metrics:
        out.leave_out(f"training metrics ({', '.join(dict.fromkeys(n for _, n, _ in trained))})")
    generic = re.fullmatch(r"logs?(-rank\d+)?|stdout|stderr|train|console", file.path.stem)
    table["run"] = file.folder if generic else file.path.stem
    return table.assign(data="")[COLUMNS]
