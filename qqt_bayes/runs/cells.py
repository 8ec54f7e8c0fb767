"""Reading one cell of a table: a number under a rule, or a yes-or-no."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from qqt_bayes.errors import UsageError
from qqt_bayes.limits import short
from qqt_bayes.runs.numbers import parse_number, spelling_advice

_TRUE, _FALSE = {"true", "1", "yes", "1.0"}, {"false", "0", "no", "0.0"}
_PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


class CellError(ValueError):
    """A cell that breaks its rule: `what` is wrong and how to `mend` it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what, self.mend = what, mend


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

    @property
    def mend(self) -> str:
        """How to mend a cell."""
        return f"give {self.give}" + f", {self.otherwise}" * bool(self.otherwise)


def read_number(text: str, rule: Rule) -> float:
    """Read a cell as a number that obeys the rule, or raise `CellError`."""
    if not text:
        raise CellError("missing", rule.mend)
    try:
        value = parse_number(text, suffixes=rule.suffixes)
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


def read_flag(text: str) -> bool:
    """Read a cell as true or false, or raise `CellError`."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise CellError("neither true nor false", "write true or false (or 1/0, yes/no)")


def plain_numbers(cells: list[str]) -> list[float] | None:
    """Read a free column as numbers if every cell is plainly one (blank = NaN), else None.

    Texts such as ``007`` stay text: they are labels.
    """
    if not any(cells) or not all(_PLAIN.fullmatch(cell) for cell in cells if cell):
        return None
    return [float(cell) if cell else math.nan for cell in cells]
