"""Numbers as people write them: ``480k``, ``1.28B``, ``3e-4``; by request ``1.200.000,5``."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from qqt_bayes._text import cut, written
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS

_POWER = {"": 0, "k": 3, "m": 6, "b": 9, "t": 12}
_NUMBER = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:e([+-]?\d{1,9}))?\s*([kmbt]?)", re.IGNORECASE
)
_WORD = re.compile(
    r"(?<=[\d\s.])(?:(?P<k>thousand)|(?P<M>millions?|mio\.?)|(?P<T>trillions?)|"
    r"(?P<B>billions?|bn|mrd\.?|milliard(?:en|s)?))(?=\s|$)|\s*(?:tokens?|samples?)$",
    re.IGNORECASE,
)
_INFINITE = {"inf", "+inf", "infinity", "+infinity", "\N{INFINITY}", "infinite", "unlimited"}
# Marks between thousands, beside the one of comma and point that is not before decimals.
_BLANKS = (
    " _'\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{RIGHT SINGLE QUOTATION MARK}"
)
_EXPONENT = 400  # beyond it a float is 0 or infinite
_LONGEST = 100  # characters of a number; what is longer is none

DECIMALS = (".", ",")
MARKS = (
    "write it without separators and with a decimal point (480000, 0.87), or say which mark stands "
    "before decimals: --decimal , or --decimal . (to `qqt check` or `qqt import`; Python: decimal=)"
)


def parse_number(text: str | float, *, suffixes: bool = True, decimal: str | None = None) -> float:
    """Read a number that may end in k, M, B or T (thousand, million, billion, trillion).

    Parameters
    ----------
    text
        Such as ``"1.28B"``, ``"480k"``, ``"3e-4"``, ``"inf"``; a number passes through.
    suffixes
        Whether k, M, B, T (in either case) are allowed.
    decimal
        The mark before decimals, ``"."`` or ``","``. When it is given, thousands may be separated
        by the other one, by blanks, apostrophes or underscores; by default the mark is a point and
        separators are refused, since ``480,000`` may be either.

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
        try:
            value = math.nan if isinstance(text, bool) else float(text)
        except OverflowError:
            raise UsageError("a whole number too large for a float -> check its digits") from None
        except (TypeError, ValueError):
            value = math.nan
        if math.isnan(value):
            raise UsageError(
                f"{written(text)} is not a number -> give a number such as 480000 or '480k'"
            )
        return value
    stripped = text.strip()
    if stripped.lower() in _INFINITE:
        return math.inf
    plain = stripped if decimal is None else without_separators(stripped, decimal)
    plain = _letters(plain) if suffixes and len(plain) <= _LONGEST else plain
    match = _NUMBER.fullmatch(plain) if len(plain) <= _LONGEST else None
    if match is None or (match[3] and not suffixes):
        raise UsageError(f"'{cut(text, 40)}' is not a number -> {_advice(stripped, suffixes)}")
    mantissa = Decimal(match[1])  # keeps 2.3B exact, where 2.3 * 1e9 would not be
    exponent = int(match[2] or 0) + _POWER[match[3].lower()]
    if abs(exponent) <= _EXPONENT:
        value = float(mantissa.scaleb(exponent))
    else:
        value = math.copysign(math.inf if exponent > 0 and mantissa else 0.0, mantissa)
    if math.isinf(value):
        raise UsageError(f"'{text}' is too large for a number -> check its exponent")
    return value


def _letters(text: str) -> str:
    """A number with words as letters: ``1.5 billion`` as ``1.5 B``, ``3B tokens`` as ``3B``."""
    return _WORD.sub(lambda word: word.lastgroup or "", text)


def number_in(value: Any) -> float | None:
    """The number that a cell or a value of JSON holds; None for what is none, or too large."""
    try:
        return parse_number(value)
    except UsageError:
        return None


def parse_positive(what: str, given: str | float, mend: str) -> float:
    """A finite number above 0 within the limits of `what`, such as ``price``; `mend` says how."""
    told = f"{what} {written(given)}"
    try:
        value = parse_number(given)
    except UsageError:
        raise UsageError(f"{told} is not a number -> give {mend}") from None
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{told} -> give {mend}")
    return LIMITS[what].check(told, value)


def without_separators(text: str, decimal: str) -> str:
    """A number with a point before decimals and nothing between thousands.

    What is not grouped by threes comes back as it was.
    """
    if decimal not in DECIMALS:
        raise UsageError(f"decimal={decimal!r} -> give '.' or ','")
    other = "." if decimal == "," else ","
    mark, between = re.escape(decimal), re.escape(other + _BLANKS)
    grouped = (
        rf"([+-]?)([1-9]\d{{0,2}}(?:([{between}])\d{{3}})(?:\3\d{{3}})*)((?:{mark}\d*)?)(\D.*)?"
    )
    found = re.fullmatch(grouped, text) if len(text) <= _LONGEST else None
    if found:
        whole = re.sub(r"\D", "", found[2])
        return f"{found[1]}{whole}{found[4].replace(decimal, '.')}{found[5] or ''}"
    if decimal == "," and "." not in text:
        return text.replace(",", ".", 1)
    return text  # with a point that cannot stand between thousands, such as 60000.0 or 2.5


def ambiguous(text: str) -> bool:
    """Whether a count such as ``30.000`` may be thirty or thirty thousand."""
    return re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", text) is not None


def spelling_advice(text: str) -> str | None:
    """How to spell what is nearly a number: a percentage, or one with separators; else None."""
    if "%" in text:
        return "write a fraction instead of a percentage, e.g. 0.872"
    separated = rf"[+-]?\d+(?:[.,{_BLANKS}]\d+)+\s*[kmbtKMBT]?"
    if len(text) <= _LONGEST and re.fullmatch(separated, _letters(text)):
        return MARKS
    return None


def count(value: float, unit: str) -> str:
    """A count and its unit: ``1 run``, ``1,200 runs``."""
    return f"{int(value):,} {unit}{'' if value == 1 else 's'}"


def brief(value: float, digits: int = 2) -> str:
    """A value in few digits, never as ``2.5e+02``."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


def format_samples(samples: float) -> str:
    """A number of samples and its unit: ``1 sample``, ``480k samples``."""
    return f"{format_number(samples)} sample{'' if samples == 1 else 's'}"


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
