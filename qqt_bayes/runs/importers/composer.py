"""Logs of MosaicML's Composer: of its console, or of its file logger."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import is_metric, is_number
from qqt_bayes.runs.importers.wide import steps_to_samples, together

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
    return together([_read(file, given) for file in files])


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


def _read(file: File, given: Given) -> Found:
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
    if count is not None and all(batch in counted for batch in table["batch"]):
        table["samples"] = [counted[batch] for batch in table["batch"]]
        taken = {count: "samples"}
    else:
        steps = table["batch"].map(str)
        table["samples"] = steps_to_samples(steps, given, f"{file.path.name}: 'batch'")
        taken = {"batch": "step"}
    taken |= dict.fromkeys(table["metric"], "metric")
    last = {name: name.rsplit("/", 1)[-1] for name in table["metric"]}
    kinds = {name: KINDS[word] for name, word in last.items() if word in KINDS}
    left_out = []
    if evaluated and trained and not given.metrics:
        names = ", ".join(dict.fromkeys(name for _, name, _ in trained))
        left_out.append(f"training metrics ({names})")
    generic = re.fullmatch(r"logs?(-rank\d+)?|stdout|stderr|train|console", file.path.stem)
    table["run"] = file.folder if generic else file.path.stem
    return Found(table.assign(data="")[COLUMNS], taken, left_out, kinds)
