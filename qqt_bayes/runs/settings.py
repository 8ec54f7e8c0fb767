"""Columns that hold settings of a run: runs that differ in one are not alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from qqt_bayes.runs.numbers import number_in
from qqt_bayes.runs.sheet import as_text

# Words of a column's name, with others around them: peak_lr, hidden-dropout, optimizer_name.
WORDS = {
    "lr", "wd", "decay", "dropout", "batch", "bs", "bsz", "optimizer", "optim", "momentum",
    "warmup", "beta1", "beta2", "schedule", "scheduler", "width", "depth", "layers", "layer",
    "dmodel", "hidden", "heads", "context", "seqlen", "vocab", "tokenizer", "precision", "dtype",
    "clip", "smoothing", "ema", "augmentation", "augment", "init", "arch", "architecture",
    "regularization", "l2", "temperature",
}  # fmt: skip
WHOLE = ("learning_rate", "d_model", "seq_len", "sequence_length")
SHOWN, VALUES = 3, 4

__all__ = ["differing", "looks_like_setting", "tell_settings"]


def looks_like_setting(name: str) -> bool:
    """Whether a column's name is that of a setting: ``weight_decay``, ``peak_lr``, ``n_layer``."""
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return bool(WORDS & set(plain.split("_"))) or any(word in plain for word in WHOLE)


def differing(table: pd.DataFrame, known: Sequence[str] = ()) -> dict[str, list[str]]:
    """Columns of settings that rows of one metric differ in, those aside that the model knows."""
    out = {}
    for column in (c for c in table if c not in known and looks_like_setting(str(c))):
        for _, rows in table.groupby("metric", sort=False):
            values = list(dict.fromkeys(rows[column].map(as_text)))
            if len(values) > 1:
                out[str(column)] = values
                break
    return out


def tell_settings(table: pd.DataFrame, known: Sequence[str] = ()) -> list[str]:
    """One line that names the settings in which runs differ that count as alike; or none."""
    found = differing(table, known)
    if not found:
        return []
    listed = [f"{name} ({some(values)})" for name, values in list(found.items())[:SHOWN]]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    numeric = (n for n, vs in found.items() if all(number_in(v) is not None for v in vs))
    name = next(numeric, None)
    one = name or next(iter(found))
    value = next(value for value in found[one] if value)
    mend = f"--where {one}={value} takes runs of one value"
    if name is not None:
        mend += f", --covariate {name} lets the model know"
    return [f"runs differ in {', '.join(listed)}{more} and count as alike -> {mend}"]


def some(values: list[str]) -> str:
    """Values for people, a few of many."""
    shown = [value or "blank" for value in values[:VALUES]]
    return ", ".join(shown) + (f", ... {len(values)} in all" if len(values) > VALUES else "")
