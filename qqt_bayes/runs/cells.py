"""Reading one cell of a table: a number under a rule, or a yes-or-no."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.limits import short
from qqt_bayes.runs.numbers import ambiguous, parse_number, spelling_advice

if TYPE_CHECKING:
    from qqt_bayes.runs.sheet import Sheet

_TRUE, _FALSE = {"true", "1", "yes", "1.0"}, {"false", "0", "no", "0.0"}
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


class CellError(ValueError):
    """A cell that breaks its rule: `what` is wrong and how to `mend` it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what, self.mend = what, mend


@contextmanager
def flagging(sheet: Sheet, row: int, column: str) -> Iterator[None]:
    """Flag the cell that is read in the block, if it breaks its rule."""
    try:
        yield
    except CellError as error:
        sheet.flag(row, column, error.what, error.mend)


@dataclass(frozen=True)
class Rule:
    """What a numeric cell must be; `give` and `otherwise` say how to mend one that is not."""

    give: str
    otherwise: str = ""
    low: float = 0.0
    low_allowed: bool = False
    high: float = math.inf
    suffixes: bool = True
    whole: bool = False
    infinite: bool = False
    count: bool = False  # of samples, items or parameters: three decimals may be thousands

    @property
    def mend(self) -> str:
        """How to mend a cell."""
        return f"give {self.give}" + f", {self.otherwise}" * bool(self.otherwise)


def read_number(text: str, rule: Rule, decimal: str | None = None) -> float:
    """Read a cell as a number that obeys the rule, or raise `CellError`.

    `decimal` is the mark before decimals, None where nobody said which.
    """
    if not text:
        raise CellError("missing", rule.mend)
    if decimal is None and rule.count and ambiguous(text):
        whole, thousands = text.split(".")
        mend = (
            f"write {whole}{thousands} or {whole}; if the whole file has points between thousands "
            "and commas before decimals, pass --decimal , (`qqt check`, `qqt import`)"
        )
        raise CellError(f"{whole} or {whole} thousand", mend)
    if decimal == "," and not rule.count and ambiguous(text):
        what = "a point before three digits, which is none before decimals (--decimal ,)"
        raise CellError(what, f"write {text.replace('.', ',')} or {text.replace('.', '')}")
    try:
        value = parse_number(text, suffixes=rule.suffixes, decimal=decimal)
    except UsageError:
        raise CellError("not a number", spelling_advice(text) or rule.mend) from None
    if math.isinf(value) and not rule.infinite:
        raise CellError("infinite", rule.mend)
    if value < rule.low or (value == rule.low and not rule.low_allowed):
        sign = "zero" if value == 0 else "negative"
        raise CellError(f"below {rule.low:g}" if value > 0 else sign, rule.mend)
    if rule.high < value < math.inf:
        raise CellError(f"above {short(rule.high)}", rule.mend)
    if rule.whole and value != math.floor(value):
        raise CellError("not a whole number", rule.mend)
    return value


def read_numbers(
    sheet: Sheet, column: str, rule: Rule, rows: Sequence[int] | None = None, required: bool = False
) -> np.ndarray:
    """Numbers of a column, NaN where blank or wrong, which is flagged."""
    cells, rows = sheet.column(column), range(len(sheet)) if rows is None else rows
    values = np.full(len(rows), np.nan)
    for i, row in enumerate(rows):
        if cells[row] or required:
            with flagging(sheet, row, column):
                values[i] = read_number(cells[row], rule, sheet.decimal)
    return values


def check_marks(sheet: Sheet, column: str) -> bool:
    """Flag a column of counts such as ``30,000`` beside ``30.000``: one of the marks is none."""
    cells = sheet.column(column)
    marks = {m[1] for cell in cells if (m := re.fullmatch(r"[1-9]\d{0,2}([.,])\d{3}", cell))}
    if sheet.decimal is None or len(marks) < 2:
        return True
    rows = [row for row, cell in enumerate(cells) if re.fullmatch(r"\d{1,3}[.,]\d{3}", cell)]
    what = "points and commas before three digits in one column"
    for row in rows:
        sheet.flag(row, column, what, "write all counts without separators, e.g. 480000")
    return False


def read_flag(text: str) -> bool:
    """Read a cell as true or false, or raise `CellError`."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise CellError("neither true nor false", "write true or false (or 1/0, yes/no)")


def plain_numbers(cells: list[str]) -> list[float] | None:
    """Read a free column as numbers if every cell is plainly one (blank = NaN), else None.

    Texts such as ``007`` stay text: they are labels. So does what no float can hold.
    """
    if not any(cells) or not all(_PLAIN.fullmatch(cell) for cell in cells if cell):
        return None
    numbers = [float(cell) if cell else math.nan for cell in cells]
    return None if any(map(math.isinf, numbers)) else numbers
