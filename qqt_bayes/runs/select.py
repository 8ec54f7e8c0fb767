"""Choosing rows: conditions on columns, and an upper limit of samples."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._text import nearest, one_of
from qqt_bayes.errors import UsageError
from qqt_bayes.runs.cells import CellError, read_flag
from qqt_bayes.runs.numbers import parse_number
from qqt_bayes.runs.sheet import as_text

# A budget in words is nominal: "480k" means the runs planned for 480k, which saw 480,256.
NOMINAL = 0.025
SHOWN = 12
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
AND = " & "
_CONDITION = re.compile(
    r"\s*(?P<column>.+?)\s*(?P<sign>!=|<=|>=|==?|<|>|\bin\b)\s*(?P<value>.*)", re.S
)
_SIGNED = re.compile(r"(!=|<=|>=|==?|<|>|in\b)\s*(.*)", re.S)


def parse_where(conditions: Iterable[str]) -> dict[str, str]:
    """Conditions as one writes them, as `Runs.select` takes them.

    ``["model=B-32", "step<10000", "step>100", "seed!=3", "lr in 1e-3,2e-3"]`` becomes
    ``{"model": "B-32", "step": "<10000 & >100", "seed": "!=3", "lr": "in 1e-3,2e-3"}``.
    """
    out: dict[str, str] = {}
    for item in conditions:
        found = _CONDITION.fullmatch(item)
        if not found:
            raise UsageError(
                f"--where {item!r} -> write COLUMN=VALUE, such as --where model=B-32, or a "
                'condition: "step<10000", "seed!=3", "lr in 1e-3,2e-3"'
            )
        column, sign, value = found["column"], found["sign"], found["value"].strip()
        plain = sign in ("=", "==") and not _SIGNED.match(value) and AND not in value
        text = value if plain else f"{sign} {value}" if sign == "in" else f"{sign}{value}"
        if column in out:
            first = out[column] if _SIGNED.match(out[column]) else f"={out[column]}"
            text = f"{first}{AND}{text if _SIGNED.match(text) else f'={text}'}"
        out[column] = text
    return out


def tell_where(where: Mapping[str, object] | None) -> str:
    """Conditions in words: ``model=B-32, step<10000``."""
    told = []
    for column, wanted in (where or {}).items():
        for sign, value in conditions(wanted):
            told.append(f"{column} in {value}" if sign == "in" else f"{column}{sign}{value}")
    return ", ".join(told)


def conditions(wanted: object) -> list[tuple[str, str]]:
    """Sign and value of each condition on one column; a list is a choice of values."""
    if isinstance(wanted, Sequence | set | frozenset) and not isinstance(wanted, str):
        return [("in", ",".join(as_text(value) for value in wanted))]
    text = as_text(wanted)
    if not _SIGNED.match(text):
        return [("=", text)]
    out = []
    for part in text.split(AND):
        found = _SIGNED.fullmatch(part.strip())
        sign, value = (found[1], found[2]) if found else ("=", part)
        out.append(("=" if sign == "==" else sign, value.strip()))
    return out


def left_out(where: Mapping[str, object] | None) -> list[str]:
    """Runs that conditions leave out by name."""
    found = conditions((where or {}).get("run", ""))
    return [value for sign, value in found if sign == "!="]


def upper_limit(upto: str | float) -> float:
    """Largest number of samples meant: a text is nominal, a number is exact."""
    limit = parse_number(upto)
    if limit <= 0:
        raise UsageError(f"upto={upto} is not above 0 -> give a number of samples, e.g. 480k")
    return limit * (1 + NOMINAL) if isinstance(upto, str) else limit


def where_mask(
    table: pd.DataFrame,
    column: str,
    wanted: object,
    key_of: Callable[[str], str],
    everything: pd.DataFrame,
    gone: Sequence[str] = (),
) -> np.ndarray:
    """Rows (row,) whose column meets all conditions: see `conditions`.

    A value that is left out must occur in `everything`, or be `gone` already.
    """
    if column not in table.columns:
        mend = one_of(column, list(table.columns), 0.6)
        raise UsageError(f"unknown column '{column}' in where -> {mend}")
    mask = np.ones(len(table), bool)
    for sign, value in conditions(wanted):
        if sign in ORDERS:
            mask &= _ordered(table[column], sign, value, column)
        elif sign == "!=":
            if value not in gone:
                _equal_somewhere(everything, column, value, key_of)
            mask &= ~_equal(table[column], value, column, key_of)
        else:
            values = [v.strip() for v in value.split(",")] if sign == "in" else [value]
            mask &= np.any([_equal_somewhere(table, column, v, key_of) for v in values], axis=0)
    return mask


def _equal_somewhere(
    table: pd.DataFrame, column: str, text: str, key_of: Callable[[str], str]
) -> np.ndarray:
    """Rows with a value, of which there must be some."""
    mask = _equal(table[column], text, column, key_of)
    if not mask.any():
        there = list(dict.fromkeys(as_text(v) or "''" for v in table[column]))
        near = nearest(text, there, 0.8)
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        choice = f"write '{near}', or choose from" if near else "choose from"
        raise UsageError(
            f"no row with {column}={text} -> {choice} {', '.join(there[:SHOWN])}{more}"
        )
    return mask


def _ordered(values: pd.Series, sign: str, text: str, column: str) -> np.ndarray:
    """Rows whose number is on one side of another; blanks are on neither."""
    try:
        limit = parse_number(text)
        if values.dtype.kind in "fi":
            numbers = values.to_numpy(float)
        else:
            numbers = np.array([parse_number(v) if (v := as_text(x)) else np.nan for x in values])
    except UsageError:
        raise UsageError(
            f"{column}{sign}{text} compares numbers, but there are others -> write "
            f'{column}=VALUE, {column}!=VALUE or "{column} in VALUE,VALUE"'
        ) from None
    with np.errstate(invalid="ignore"):
        return np.asarray(ORDERS[sign](numbers, limit), bool)


def _equal(values: pd.Series, text: str, column: str, key_of: Callable[[str], str]) -> np.ndarray:
    blank = np.array([not as_text(value) for value in values], bool)
    if not text:
        return blank
    if column == "data":
        wanted = key_of(text)
        return np.array([key_of(v) == wanted for v in values], bool)
    if values.dtype == "boolean":
        try:
            flag = read_flag(text)
        except CellError:
            return np.zeros(len(values), bool)
        return np.asarray(values.eq(flag).fillna(False), bool)
    if values.dtype.kind in "fi":
        try:
            number = parse_number(text)
        except UsageError:
            return np.zeros(len(values), bool)
        return np.asarray(np.isclose(values.to_numpy(float), number, rtol=1e-9, atol=0))
    return np.asarray(values.eq(text), bool)
