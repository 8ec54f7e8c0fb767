"""``trainer_state.json`` of the Hugging Face trainer: the log of one run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.base import COLUMNS, File, Found, Given
from qqt_bayes.runs.importers.roles import finite_in, is_metric
from qqt_bayes.runs.importers.wide import steps_to_samples, together

NAME = "hf-trainer"
WHAT = "trainer_state.json of the Hugging Face trainer"
TOKENS = ("num_input_tokens_seen", "num_tokens", "total_tokens")
_CHECKPOINT = re.compile(r"checkpoint-\d+")


def sniff(files: Sequence[File]) -> bool:
    """JSON with a list ``log_history`` of objects."""
    logs = [f.json.get("log_history") if isinstance(f.json, dict) else None for f in files]
    return all(isinstance(log, list) and all(isinstance(x, dict) for x in log) for log in logs)


def read(files: Sequence[File], given: Given) -> Found:
    """One row for each evaluation; of several checkpoints of a run the last state."""
    last: dict[str, File] = {}
    for file in files:
        run = _run_name(file)
        if run not in last or _steps(file) > _steps(last[run]):
            last[run] = file
    out = together([_read(run, file, given) for run, file in last.items()])
    if len(last) < len(files):
        out.left_out.append(f"{len(files) - len(last)} earlier states of the same runs")
    return out


def _run_name(file: File) -> str:
    folder = file.path.resolve().parent
    return folder.parent.name if _CHECKPOINT.fullmatch(folder.name) else folder.name


def _steps(file: File) -> float:
    return finite_in(file.json.get("global_step")) or 0.0


def _count(value: Any) -> str:
    """A number of steps or tokens; blank where the log has none."""
    number = finite_in(value)
    return "" if number is None else f"{number:.15g}"


def _read(run: str, file: File, given: Given) -> Found:
    log: list[dict[str, Any]] = file.json["log_history"]
    evaluated = any(str(key).startswith("eval_") for entry in log for key in entry)
    end = file.json.get("max_steps")
    rows = []
    for entry in log:
        tokens = _count(next((entry[name] for name in TOKENS if name in entry), None))
        for key, value in entry.items():
            if not is_metric(key) or key in TOKENS or isinstance(value, bool):
                continue
            if key == "train_loss" and "train_runtime" in entry:
                continue  # the mean over all of training
            if key == "loss":
                if evaluated and "loss" not in given.metrics:
                    continue
                key = "train_loss"
            wanted = given.wants(key, key.removeprefix("train_"))
            if wanted and finite_in(value) is not None:
                annealed = "" if not end else str(entry.get("step") == end).lower()
                rows.append([run, _count(entry.get("step")), tokens, key, repr(value), annealed])
    if not rows:
        raise UsageError(f"{file.path}: no evaluation in its log -> choose others by --metric")
    table = pd.DataFrame(rows, columns=["run", "step", "tokens", "metric", "value", "annealed"])
    if all(table["tokens"]):
        table["samples"] = table["tokens"]
        taken = {"num_input_tokens_seen": "samples"}
    else:
        place = f"{file.path.name} of '{run}'"
        table["samples"] = steps_to_samples(table["step"], given, place)
        taken = {"step": "samples"}
    taken |= dict.fromkeys(table["metric"], "metric") | {"max_steps": "annealed (at the end)"}
    left_out = []
    if evaluated and any("loss" in entry for entry in log) and "loss" not in given.metrics:
        left_out = ["the training loss, since there are evaluations (--metric loss takes it)"]
    return Found(table.assign(data="")[[*COLUMNS, "annealed"]], taken, left_out)
