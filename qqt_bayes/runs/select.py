"""Choosing rows: conditions on columns, and an upper limit of samples."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.cells import CellError, read_flag
from qqt_bayes.runs.mixture import Mixture
from qqt_bayes.runs.numbers import parse_number
from qqt_bayes.runs.sheet import as_text

# A budget in words is nominal: "480k" means the runs planned for 480k, which saw 480,256.
NOMINAL = 0.025
SHOWN = 12


def upper_limit(upto: str | float) -> float:
    """Largest number of samples meant: a text is nominal, a number is exact."""
    limit = parse_number(upto)
    if limit <= 0:
        raise UsageError(f"upto={upto} is not above 0 -> give a number of samples, e.g. 480k")
    return limit * (1 + NOMINAL) if isinstance(upto, str) else limit


def where_mask(
    table: pd.DataFrame, column: str, wanted: object, mixtures: Mapping[str, Mixture]
) -> np.ndarray:
    """Rows (row,) whose column has the value wanted.

    Raises
    ------
    UsageError
        For an unknown column or a value that no row has, naming those there are.
    """
    if column not in table.columns:
        near = difflib.get_close_matches(column, list(table.columns), n=1, cutoff=0.6)
        mend = f"write '{near[0]}'" if near else f"choose from {', '.join(table.columns)}"
        raise UsageError(f"unknown column '{column}' in where -> {mend}")
    text = as_text(wanted)
    mask = _equal(table[column], text, column, mixtures)
    if not mask.any():
        there = list(dict.fromkeys(as_text(v) or "''" for v in table[column]))
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise UsageError(
            f"no row with {column}={text} -> choose from {', '.join(there[:SHOWN])}{more}"
        )
    return mask


def _equal(
    values: pd.Series, text: str, column: str, mixtures: Mapping[str, Mixture]
) -> np.ndarray:
    blank = np.array([not as_text(value) for value in values], bool)
    if not text:
        return blank
    if column == "data":
        keys = {spelled: mixture.key for spelled, mixture in mixtures.items()}
        wanted = _canonical(text)
        return np.array([v == text or _canonical(keys[v]) == wanted for v in values], bool)
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


def _canonical(expression: str) -> tuple[str, ...]:
    """Order and blanks aside: enough to match a spelling without the pool table."""
    return tuple(sorted(term.replace(" ", "") for term in expression.split("+")))
