"""What answers give to JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

BAND = ("median", "lo", "hi")

__all__ = ["BAND", "as_json", "as_object", "band", "plain"]


def band(row: Mapping[Any, Any], name: str) -> dict[str, Any]:
    """Median and interval of a quantity, from a row with columns ``name``, ``_lo`` and ``_hi``."""
    return {"median": row[name], "lo": row[f"{name}_lo"], "hi": row[f"{name}_hi"]}


def plain(value: Any, digits: int | None = None) -> Any:
    """A value as JSON takes it: null for what is missing or not finite, lists for arrays.

    A table is its rows as objects; fractions are rounded to so many digits.
    """
    if isinstance(value, pd.DataFrame):
        value = value.to_dict("records")
    if isinstance(value, Mapping):
        return {str(k): plain(v, digits) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(v, digits) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        rounded = float(value) if digits is None else round(float(value), digits)
        return rounded if np.isfinite(value) else None
    return value


def as_object(
    values: Mapping[str, Any], notes: Sequence[str] = (), warning: str = ""
) -> dict[str, Any]:
    """An answer as JSON takes it; notes and a warning stand in it where there are any."""
    remarks = {"notes": notes, "warning": warning}
    return dict(plain({**values, **{name: said for name, said in remarks.items() if said}}))


def as_json(value: Any) -> str:
    """A value of :func:`plain` as a text that a person can read too."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"
