"""Tables as Python holds them: frames of pandas and polars, dicts, lists of dicts; their cells."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError

type Source = (
    str | os.PathLike[str] | pd.DataFrame | pd.Series | Mapping[Any, Any] | Sequence[Mapping] | Any
)


def as_frame(source: Source) -> pd.DataFrame | None:
    """A table that is in memory as a DataFrame; None for the path of a file.

    A named index is a column. A dict is ``{pool: size}``, ``{pool: {column: value}}`` or
    ``{column: values}``. A frame of polars is any object that has ``to_dicts``.
    """
    if isinstance(source, str | os.PathLike):
        return None
    try:
        return _frame(source)
    except (TypeError, ValueError) as error:
        raise UsageError(f"not a table ({error}) -> give a path or a DataFrame") from None


def _frame(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        if source.columns.nlevels > 1:
            source = source.set_axis(_flat_names(source.columns), axis=1)
        names = [name for name in source.index.names if name is not None]
        if not names or set(names) & set(source.columns):
            return source
        return source.reset_index()
    if isinstance(source, pd.Series):
        return pd.DataFrame({"pool": source.index, "size": source.to_numpy()})
    if hasattr(source, "to_dicts"):
        return pd.DataFrame(source.to_dicts())
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if isinstance(source, Sequence) and all(isinstance(row, Mapping) for row in source):
        return pd.DataFrame(list(source))
    raise TypeError(f"of type {type(source).__name__}")


def _flat_names(columns: pd.MultiIndex) -> list[str]:
    """One name of several levels, without those that are the same everywhere."""
    differ = [i for i in range(columns.nlevels) if columns.get_level_values(i).nunique() > 1]
    return [".".join(str(name[i]) for i in differ if str(name[i])) for name in columns]


def _from_mapping(source: Mapping) -> pd.DataFrame:
    values = list(source.values())
    if values and all(isinstance(value, Mapping) for value in values):
        return pd.DataFrame([{"pool": name, **row} for name, row in source.items()])
    listed = [
        isinstance(v, list | np.ndarray | pd.Series) or (isinstance(v, tuple) and len(v) > 2)
        for v in values
    ]
    if values and all(listed):
        return pd.DataFrame(dict(source))
    sizes = [
        "..".join(map(as_text, v))
        if isinstance(v, list | tuple | np.ndarray) and len(v) == 2
        else v
        for v in values
    ]
    return pd.DataFrame({"pool": list(source), "size": pd.Series(sizes, dtype=object)})


def as_text(value: Any) -> str:
    """Write a value so that reading it back gives the same value; missing becomes blank.

    A dict is a mixture: ``{"A": 0.7, "B": 0.3}`` is ``A:0.7+B:0.3``.
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping | pd.Series):
        shares = {name: as_text(share) for name, share in value.items()}
        if list(shares.values()) == ["1"]:
            return as_text(next(iter(shares)))
        return "+".join(f"{name}:{share}" for name, share in shares.items() if share)
    if isinstance(value, np.float32 | np.float16):
        value = float(str(value))  # .1 and not .10000000149
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join(as_text(item) for item in value)
    if value is None or pd.isna(value) is True:
        return ""
    if not isinstance(value, Real):
        return str(value).strip()
    try:
        number = float(value)
    except OverflowError:
        return "1e999"  # a whole number that no float holds: refused by whoever reads it
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
