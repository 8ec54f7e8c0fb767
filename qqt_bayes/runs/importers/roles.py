"""What a column is: by its name, spelled as one tool or another does."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pandas as pd

from qqt_bayes.kind_names import kind_of
from qqt_bayes.runs.checks import SYNONYMS
from qqt_bayes.runs.numbers import number_in

# Beside those that `qqt check` knows. What stands first is taken first.
MORE = {
    "run": ("run_name", "experiment_name", "exp", "exp_name", "index", "trial", "model_id", "uid"),
    "data": ("train_data", "trained_on", "data_mix", "data_mixture", "train_dataset", "corpus",
             "weights", "recipe"),
    "samples": (
        "train_tokens", "num_tokens", "total_tokens", "n_tokens", "consumed_tokens",
        "consumed_samples", "num_input_tokens_seen", "train_samples", "n_samples", "token",
        "num_samples", "examples_seen", "samples_or_tokens", "sample",
    ),
    "metric": ("metric_name", "key"),
    "value": ("metric_value",),
    "seed": ("random_seed",),
    "model": ("model_name", "arch", "architecture"),
    "params": ("n_params", "num_params", "parameters", "n_parameters", "num_parameters"),
    "cost": ("gpu_hours",),
    "annealed": (), "tuned": (), "n_eval": (), "se": (), "chance": (), "kind": (),
    "step": ("_step", "global_step", "steps", "batch", "iteration", "iter", "trainer_global_step"),
    "state": ("status",),
}  # fmt: skip
NO_NUMBER = {"nan", "inf", "-inf", "infinity", "-infinity", "none", "null", "n/a", "na", "-"}
KEPT = ("seed", "model", "params", "cost", "annealed", "tuned", "n_eval", "chance", "kind")
# Columns that stand beside a metric of the same name.
BESIDE = ("se", "stderr", "std_err", "n_eval", "chance")
_UNIT = re.compile(
    r"\s*[(\[](?:in )?([kmbt]|thousands?|millions?|billions?|trillions?)\b[^)\]]*[)\]]\s*$|"
    r"[_ ](?:in[_ ])?([kmbt]|thousands?|millions?|billions?|trillions?)$",
    re.IGNORECASE,
)
_EVALUATED = re.compile(r"(eval|val|valid|validation|test|metrics?)[/_.]", re.IGNORECASE)
_NOT_METRIC = re.compile(
    r"runtime|per_second|grad|learning_rate|(^|[/_.])(lr|epoch|time|step|steps|size|batch|seed|"
    r"tokens|samples|min|max|path|name|dataset)$|[/_. -](std|stdev|sd|var|variance|ci\d*|count)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def bare(name: object) -> str:
    """A name in lower case with ``_`` between its words."""
    return re.sub(r"[^a-z0-9@]+", "_", str(name).strip().lower()).strip("_")


def find_roles(columns: Iterable[str]) -> dict[str, str]:
    """Role -> column. Whole names go before the last part of a path such as ``data.mixture``."""
    columns = list(columns)
    whole = {bare(name): name for name in reversed(columns)}
    last = {bare(re.split(r"[/.]", name)[-1]): name for name in reversed(columns)}
    short = {bare(_UNIT.sub("", name)): name for name in reversed(columns) if unit_in(name)}
    out: dict[str, str] = {}
    for names in (whole, last, short):
        for role, more in MORE.items():
            if role in out or (names is short and role not in ("samples", "params")):
                continue
            for word in (role, *SYNONYMS.get(role, ()), *more):
                column = names.get(bare(word))
                if column is not None and column not in out.values():
                    out[role] = column
                    break
    return out


def unit_in(column: str) -> str:
    """The unit that a count has in its column's name, ``Tokens (B)``: k, M, B, T or nothing."""
    found = _UNIT.search(column)
    return (found[1] or found[2])[0].upper() if found else ""


def counts(table: pd.DataFrame, column: str) -> pd.Series:
    """Samples or parameters, with the unit that their column's name gives to bare numbers."""
    unit = unit_in(column)
    return table[column].map(lambda cell: cell + unit if cell[-1:].isdigit() else cell)


def is_number(text: str) -> bool:
    """Whether a cell holds a number, a percentage or a value that diverged."""
    if text.lower() in ("nan", "inf", "-inf", "infinity", "-infinity"):
        return True
    return number_in(text.removesuffix("%")) is not None


def finite_in(value: Any) -> float | None:
    """The finite number that a value of JSON is; a text is none, whatever it holds."""
    number = None if isinstance(value, str) else number_in(value)
    return number if number is not None and math.isfinite(number) else None


def numeric(cells: pd.Series) -> bool:
    """Whether every cell that is not blank is a number, and some are."""
    filled = {cell for cell in cells if cell}
    return bool(filled) and all(is_number(cell) for cell in filled)


def measured(cells: pd.Series) -> bool:
    """Whether a column named as a metric holds one, even if a few cells are words: a run broke."""
    filled = [cell for cell in cells if cell and cell.lower() not in NO_NUMBER]
    return numeric(cells) or 2 * sum(map(is_number, filled)) > len(filled)


def beside(column: str) -> str | None:
    """Which of the columns that stand beside a metric this is; None if none of them."""
    return next((b for b in BESIDE if bare(column).endswith(f"_{b}")), None)


def is_metric(column: str) -> bool:
    """Whether a column's name is that of a metric."""
    if _NOT_METRIC.search(column) or beside(column):
        return False
    return kind_of(column) is not None or _EVALUATED.match(column) is not None
