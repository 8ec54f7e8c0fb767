"""Results of the LM evaluation harness: one JSON file a model, tasks and their metrics in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import finite_in

NAME = "lm-eval"
WHAT = "results*.json of the LM evaluation harness"
KINDS = {
    "acc": "accuracy", "acc_norm": "accuracy", "exact_match": "accuracy", "em": "accuracy",
    "f1": "accuracy", "acc_bytes": "accuracy", "mcc": "accuracy", "pass@1": "accuracy",
    "perplexity": "perplexity", "word_perplexity": "perplexity", "byte_perplexity": "perplexity",
    "bits_per_byte": "bpb", "loss": "loss", "brier_score": "loss", "bleu": "score",
    "rouge": "score",
}  # fmt: skip
LONG = {"acc": "accuracy", "acc_norm": "accuracy_norm"}  # as metrics are called here


def sniff(files: Sequence[File]) -> bool:
    """JSON with an object ``results``, whose members are objects of numbers."""
    return all(_tasks(file.json) is not None for file in files)


def _tasks(found: Any) -> dict[str, dict[str, Any]] | None:
    tasks = found.get("results") if isinstance(found, dict) else None
    if not isinstance(tasks, dict) or not tasks:
        return None
    return tasks if all(isinstance(task, dict) for task in tasks.values()) else None


def read(files: Sequence[File], given: Given) -> Found:
    """One row for each run, task and metric; standard errors and numbers of items beside it."""
    models = [_model(file) for file in files]
    names = folders = [file.folder for file in files]
    if len(set(models)) >= len(set(folders)):  # by as many last parts as tell them apart
        tails = ([model[-n:] for model in models] for n in itertools.count(1))
        names = ["/".join(t) for t in next(t for t in tails if len(set(t)) == len(set(models)))]
    latest = dict(sorted(zip(names, files, strict=True), key=lambda pair: str(pair[1].path)))
    rows, there, dropped, kinds = [], [], 0, {}
    for run in dict.fromkeys(names):
        for task, metric, value, se, items in _values(latest[run]):
            name = f"{task}_{LONG.get(metric, metric)}"
            there.append(name)
            if not given.wants(name, task, metric, f"{task}_{metric}"):
                continue
            if value is None:
                dropped += 1
                continue
            rows.append([run, "", "", name, value, se, items])
            bare = metric.split(",")[0].split("_strict")[0].split("_flexible")[0]
            if bare in KINDS:
                kinds[name] = KINDS[bare]
    if not rows:
        asked = f"no metric '{given.metrics[0]}'" if given.metrics else "no numbers"
        raise UsageError(f"{asked} in {files[0].path} -> choose from "
                         f"{', '.join(dict.fromkeys(there)) or 'none'}")  # fmt: skip
    taken = {
        "results": "metrics, named TASK_METRIC", "..._stderr": "se", "n-samples": "n_eval",
        "model_args": "run",
    }  # fmt: skip
    left_out = []
    if earlier := len(files) - len(latest):
        left_out.append(f"{earlier} earlier files of the same runs: the last by name is taken")
    if dropped:
        left_out.append(f"values that are no number (N/A): {dropped}")
    table = pd.DataFrame(rows, columns=[*COLUMNS, "se", "n_eval"])
    return Found(table, taken, left_out, kinds)


def _model(file: File) -> tuple[str, ...]:
    """Path of the model and its revision, in parts; else the folder that holds the file."""
    found = file.json
    config = found.get("config")
    arguments = config.get("model_args") if isinstance(config, dict) else None
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    told = arguments if isinstance(arguments, dict) else {}
    name = told.get("peft") or told.get("pretrained") or found.get("model_name") or file.folder
    *folders, last = [part for part in str(name).replace("__", "/").split("/") if part] or [""]
    revision = str(told.get("revision") or "main")
    return (*folders, last if revision == "main" else f"{last}/{revision}")


def _values(file: File) -> Iterator[tuple[str, str, str | None, str, str]]:
    """Task, metric, value (None if it is no number), standard error and items."""
    items = file.json.get("n-samples")
    items = items if isinstance(items, dict) else {}
    for task, metrics in (_tasks(file.json) or {}).items():
        count = items.get(task)
        count = count.get("effective") if isinstance(count, dict) else None
        for key, value in metrics.items():
            metric, _, chosen = str(key).partition(",")
            if metric in ("alias", "samples", "name") or metric.endswith("_stderr"):
                continue
            se = metrics.get(f"{metric}_stderr,{chosen}", metrics.get(f"{metric}_stderr"))
            name = metric if chosen in ("", "none") else f"{metric}_{chosen}"
            noise = _number(se) or "", _number(count) or ""
            yield task.replace("/", "_"), name, _number(value), *noise


def _number(value: Any) -> str | None:
    return None if finite_in(value) is None else repr(value)
