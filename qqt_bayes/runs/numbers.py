"""Numbers as people write them: ``480k``, ``1.28B``, ``3e-4``."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from qqt_bayes.errors import UsageError

_POWER = {"": 0, "k": 3, "m": 6, "b": 9, "t": 12}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([kmbt]?)", re.IGNORECASE)
_INFINITE = {"inf", "+inf", "infinity", "+infinity"}


def parse_number(text: str | float, *, suffixes: bool = True) -> float:
    """Read a number that may end in k, M, B or T (thousand, million, billion, trillion).

    Parameters
    ----------
    text
        Such as ``"1.28B"``, ``"480k"``, ``"3e-4"``, ``"inf"``; a number passes through.
    suffixes
        Whether k, M, B, T (in either case) are allowed.

    Returns
    -------
    float
        Correctly rounded: ``"2.3B"`` is exactly 2300000000. May be infinite, never NaN.

    Raises
    ------
    UsageError
        When the text is not a number; the message says how to write it.
    """
    if not isinstance(text, str):
        if isinstance(text, bool) or math.isnan(text):
            raise UsageError(f"{text!r} is not a number -> give a number such as 480000 or '480k'")
        return float(text)
    stripped = text.strip()
    if stripped.lower() in _INFINITE:
        return math.inf
    match = _NUMBER.fullmatch(stripped)
    if match is None or (match[2] and not suffixes):
        raise UsageError(f"'{text}' is not a number -> {_advice(stripped, suffixes)}")
    # Decimal keeps 2.3B exact, where 2.3 * 1e9 would not be.
    value = float(Decimal(match[1]).scaleb(_POWER[match[2].lower()]))
    if math.isinf(value):
        raise UsageError(f"'{text}' is too large for a number -> check its exponent")
    return value


def spelling_advice(text: str) -> str | None:
    """How to spell what is nearly a number: a percentage, or one with separators; else None."""
    if "%" in text:
        return "write a fraction instead of a percentage, e.g. 0.872"
    if re.fullmatch(r"[+-]?\d+[\d,_ ' ]*(\.\d+)?", text) and re.search(r"[,_ ' ]", text):
        return "write it without separators, with a point before decimals, e.g. 480000 or 0.87"
    return None


def _advice(text: str, suffixes: bool) -> str:
    if suffixes:
        general = "write digits with an optional k, M, B or T, e.g. 480000, 480k, 1.28B or 4.8e5"
    else:
        general = "write a plain number, e.g. 2.31 or 3e-4"
    return spelling_advice(text) or general


def format_number(value: float, digits: int = 3) -> str:
    """Write a number of samples briefly: 480000 -> ``480k``, 1920000 -> ``1.92M``.

    Parameters
    ----------
    value
        Any number; infinite gives ``inf``.
    digits
        Significant digits kept.

    Returns
    -------
    str
        Text that `parse_number` reads back, to `digits` digits.
    """
    if not math.isfinite(value):
        return str(float(value))
    rounded = float(f"{value:.{digits}g}")  # first, so that 999999 becomes 1M and not 1000k
    if abs(rounded) >= 1e15:
        return f"{rounded:g}"
    for factor, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(rounded) >= factor:
            return f"{rounded / factor:.{max(digits, 10)}g}{suffix}"
    return f"{rounded:.{max(digits, 10)}g}"
