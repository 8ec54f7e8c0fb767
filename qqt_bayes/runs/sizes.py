"""Sizes of pools: a number, a range where the size is not known exactly, or nothing at all."""

from __future__ import annotations

import math
import re

import numpy as np

from qqt_bayes.limits import LIMITS
from qqt_bayes.runs.cells import CellError, Rule, check_marks, flagging, read_number
from qqt_bayes.runs.numbers import format_number, number_in
from qqt_bayes.runs.sheet import Sheet

SIZE = Rule(
    "the number of unique samples, e.g. 12.8M, a range such as 1B..20B, "
    "or inf for an unlimited pool",
    infinite=True, count=True, low=LIMITS["size"].low, low_allowed=True,
    high=LIMITS["size"].high,
)  # fmt: skip
UNKNOWN = {"", "?", "unknown", "na", "n/a", "nan", "none", "null"}
# a pool of unknown size is one more of those known, whose log sizes are normal; before any is seen
# they are apart by this much (e-folds), which counts as much as two of them
APART, SEEN = math.log(3.0), 2
HELD = 0.8  # of such pools lie in the range that is taken
_RANGE = re.compile(r"(.+?)\s*(?:\.\.+|\N{HORIZONTAL ELLIPSIS}|\N{EN DASH}|\bto\b)\s*(.+)")
_HYPHEN = re.compile(r"([\d.,]+\s*[kmbt]?)\s*-\s*([\d.,]+\s*[kmbt]?)", re.IGNORECASE)


def read_sizes(sheet: Sheet, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (pool,) and their ranges (pool, 2), NaN where exact; problems go to the sheet.

    The size of a range is its geometric mean. A pool without a size gets a range by those of the
    others, which is noted.
    """
    sizes, ranges = np.full(len(rows), np.nan), np.full((len(rows), 2), np.nan)
    blank: list[int] = []
    if not check_marks(sheet, "size"):
        return sizes, ranges
    for i, row in enumerate(rows):
        with flagging(sheet, row, "size"):
            # the range in columns size_lo and size_hi, as this package writes them
            a, b = (sheet.column(name)[row] for name in ("size_lo", "size_hi"))
            text = sheet.column("size")[row]
            given = _range(a, b, sheet.decimal) if a and b else _read(text, sheet.decimal)
            if given is None:
                blank.append(i)
            elif isinstance(given, tuple):
                ranges[i] = given
                sizes[i] = math.sqrt(given[0]) * math.sqrt(given[1])
            else:
                sizes[i] = given
    known = sizes[np.isfinite(sizes)]
    for i in blank:
        if not len(known):
            what = "missing, and no other pool's size to judge by"
            sheet.flag(rows[i], "size", what, SIZE.mend)
            continue
        low, high = one_more(known)
        ranges[i], sizes[i] = (low, high), math.sqrt(low) * math.sqrt(high)
        sheet.notes.append(
            f"pool '{sheet.column('pool')[rows[i]]}' has no size: taken to be one more like "
            f"the others, between {format_number(low)} and {format_number(high)} ({HELD:.0%} of "
            "such pools lie there); a range of your own (such as 1B..20B) says more"
        )
    return sizes, ranges


def one_more(known: np.ndarray) -> tuple[float, float]:
    """Between which sizes one more pool lies, given the sizes of others: a normal's predictive."""
    from scipy.special import stdtrit  # few tables need it, and it is slow to import

    logs = np.log(known)
    freedom = SEEN + len(logs) - 1
    spread = (SEEN * APART**2 + np.sum((logs - logs.mean()) ** 2)) / freedom
    reach = stdtrit(freedom, 0.5 + 0.5 * HELD) * math.sqrt(spread * (1.0 + 1.0 / len(logs)))
    ends = np.clip(logs.mean() + np.array([-reach, reach]), 0.0, math.log(LIMITS["size"].high))
    return float(np.exp(ends[0])), float(np.exp(ends[1]))


def _read(text: str, decimal: str | None) -> float | tuple[float, float] | None:
    if text.lower() in UNKNOWN:
        return None
    found = _RANGE.fullmatch(text) or _HYPHEN.fullmatch(text)
    if found:
        return _range(found[1], found[2], decimal)
    about = re.match(r"(?:~|\N{ALMOST EQUAL TO}|about|ca\.?|approx\.?)\s*(?=[\d.])", text, re.I)
    if about:
        size, mend = number_in(text[about.end() :]), "1B..20B"
        if size is not None:
            mend = f"{format_number(size / 1.5, 2)}..{format_number(size * 1.5, 2)}"
        raise CellError(
            "only about a number", f"say how far it may be off by a range, such as {mend}"
        )
    return read_number(text, SIZE, decimal)


def _range(low: str, high: str, decimal: str | None) -> tuple[float, float]:
    ends = read_number(low, SIZE, decimal), read_number(high, SIZE, decimal)
    if not 0 < ends[0] < ends[1] < math.inf:
        raise CellError("not a range", "write the smaller end first, both finite: 1B..20B")
    return ends
