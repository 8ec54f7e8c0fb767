"""Kinds of metric: a loss, an error, or an accuracy; and what their values may be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, get_args

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.sheet import Sheet

type Kind = Literal["loss", "error", "accuracy"]
KINDS: tuple[str, ...] = get_args(Kind.__value__)

# Two groups of values of one metric at one budget, this factor apart with nothing between, are
# one quantity in two units. Pools differ by less, even where the best ones solve a toy task.
SCALE_GAP = 300.0


def kind_of(metric: str) -> Kind | None:
    """Kind of a metric by its name: it contains ``loss``, ``error`` or ``accuracy``; else None."""
    name = metric.lower()
    if "loss" in name:
        return "loss"
    if "error" in name:
        return "error"
    return "accuracy" if "accuracy" in name else None


def check_kind(kind: str) -> Kind:
    """Return `kind` if it is one, else raise `UsageError`."""
    for known in ("loss", "error", "accuracy"):
        if kind == known:
            return known
    raise UsageError(f"unknown kind '{kind}' -> choose from {', '.join(KINDS)}")


def check_range(
    sheet: Sheet, metric: str, kind: Kind | None, rows: Sequence[int], values: Sequence[float]
) -> None:
    """Flag values that a metric of this kind cannot take; `values[i]` is that of `rows[i]`."""
    for row, value in zip(rows, values, strict=True):
        if kind == "loss" and value <= 0:
            sheet.flag(row, "value", f"{'zero' if value == 0 else 'negative'} loss",
                       "give a loss above 0, in nats, or drop the row")  # fmt: skip
        elif value < 0:
            what = f"negative {kind or 'value'}"
            mend = "give a fraction in [0, 1]" if kind else "give a positive value"
            sheet.flag(row, "value", what, f"{mend}, or drop the row")
    if kind in ("error", "accuracy"):
        _check_fractions(sheet, metric, kind, rows, values)


def _check_fractions(
    sheet: Sheet, metric: str, kind: str, rows: Sequence[int], values: Sequence[float]
) -> None:
    above = [row for row, value in zip(rows, values, strict=True) if value > 1]
    if not above:
        return
    elsewhere = ""  # no kind suits an accuracy above 1: for a loss, less is better
    if kind == "error":
        elsewhere = f", or pass --kind loss if it may exceed 1 (kinds={{'{metric}': 'loss'}})"
    count = f" in {len(above)} of {len(rows)} rows" if len(rows) > 1 else ""
    if len(above) == len(rows):
        what = f"{kind} above 1{count} (given as percent?)"
        sheet.flag(above[0], "value", what, f"divide by 100{elsewhere}")
        return
    places = ", ".join(sheet.place(row) for row in above[:6]) + ", ..." * (len(above) > 6)
    what = f"mixed units: {kind} above 1{count} of '{metric}' (percent?), at {places}"
    sheet.flag(above[0], "value", what, f"give all of them as fractions in [0, 1]{elsewhere}")


def check_scale(sheet: Sheet, metric: str, rows: Sequence[int], values: Sequence[float]) -> None:
    """Flag values at one budget that fall into two groups far apart: one metric, two scales."""
    order = sorted((value, row) for row, value in zip(rows, values, strict=True) if value > 0)
    for (below, row), (above, other) in itertools.pairwise(order):
        if above / below >= SCALE_GAP:
            what = (f"'{metric}' under two scales at one budget: {above:g} here,"
                    f" {below:g} at {sheet.place(row)}")  # fmt: skip
            sheet.flag(other, "value", what, "convert to one unit, or give two metric names")
            return
