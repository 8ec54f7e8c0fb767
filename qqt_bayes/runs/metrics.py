"""Whether values are such as a metric of their kind can take; each problem is told once."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

import numpy as np

from qqt_bayes._text import listed
from qqt_bayes.kinds import Kind
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs.sheet import Sheet

__all__ = ["check_chance", "check_range", "check_scale"]

# Two groups of values of one metric at one budget, this factor apart with nothing between, are
# one quantity in two units. Pools differ by less, even where the best ones solve a toy task.
SCALE_GAP = 300.0
SHOWN = 6
MANY = 3  # values at one budget, of which one may be a stranger


def check_range(
    sheet: Sheet, metric: str, kind: Kind | None, rows: Sequence[int], values: Sequence[float]
) -> None:
    """Flag values that a metric of this kind cannot take; `values[i]` is that of `rows[i]`."""
    if kind is None:
        return
    pairs = list(zip(rows, values, strict=True))
    low = [row for row, v in pairs if v < kind.low or (v == kind.low and not kind.closed)]
    if low:
        least = min(value for row, value in pairs if row in set(low))
        where = "negative" if least < 0 else "zero" if least == 0 else f"below {kind.low:g}"
        what = f"{where} {kind}{_count(sheet, low, len(rows))}"
        sheet.flag(low[0], "value", what, _mend_low(metric, kind))
    high = [row for row, value in pairs if value > kind.high]
    if high:
        _flag_high(sheet, metric, kind, high, len(rows))
    if not low and not high:
        _check_size(sheet, kind, rows, values)


def _check_size(sheet: Sheet, kind: Kind, rows: Sequence[int], values: Sequence[float]) -> None:
    """Flag values so large or small that no unit of the metric has them; a perfect 0 may be."""
    seen = np.asarray(values, float)
    unbounded = kind.reference == "unit"
    limit = LIMITS[f"value of a {'score or cost' if unbounded else 'loss, error or rate'}"]
    worth = seen if unbounded else kind.modelled(seen)
    beyond = [row for row, v in zip(rows, worth, strict=True) if v != 0 and not limit.holds(v)]
    if not beyond:
        return
    what = f"{kind} out of range{_count(sheet, beyond, len(rows))}: no fit can work at this size"
    given = {"accuracy": "1 - accuracy", "centred": "1 - its value", "perplexity": "its logarithm"}
    of = given.get(kind.name, "it")
    mend = f"give it in another unit, or correct it: {of} may be {limit.text}"
    if kind.fraction:
        mend = f"if no item was wrong, write a perfect {kind} and say n_eval: else {of} may be " \
               f"{limit.text}"  # fmt: skip
    sheet.flag(beyond[0], "value", what, mend)


def _count(sheet: Sheet, rows: Sequence[int], of: int) -> str:
    """How many rows, and where the first of them are; nothing for a single one."""
    if len(rows) == 1:
        return ""
    return f" in {len(rows)} of {of} rows ({listed([*map(sheet.place, rows)], SHOWN)})"


def _mend_low(metric: str, kind: Kind) -> str:
    """What to do about a value below the range of its kind."""
    if kind.name == "perplexity":
        return f"a perplexity is 1 or more; if this is its log, pass --kind {quote(metric)}=loss"
    if kind.name == "accuracy":
        centred = f"--kind {quote(metric)}=centred (kinds={{'{metric}': 'centred'}})"
        return f"give a fraction in [0, 1], or, if its chance level is taken off, pass {centred}"
    if kind.name == "error":
        return "give a fraction in [0, 1]"
    return (
        f"give a value above 0; if it may fall without bounds, pass --kind {quote(metric)}=cost, "
        f"if more is better --kind {quote(metric)}=score"
    )


def _flag_high(sheet: Sheet, metric: str, kind: Kind, above: Sequence[int], rows: int) -> None:
    other = "rate" if not kind.higher_is_better else "score"
    elsewhere = f", or pass --kind {quote(metric)}={other} if it may exceed 1"
    elsewhere += f" (kinds={{'{metric}': '{other}'}})"
    count = f" in {len(above)} of {rows} rows" if rows > 1 else ""
    if len(above) == rows:
        what = f"{kind} above 1{count} (given as percent?)"
        sheet.flag(above[0], "value", what, f"divide by 100{elsewhere}")
        return
    places = listed([*map(sheet.place, above)], SHOWN)
    what = f"mixed units: {kind} above 1{count} of '{metric}' (percent?), at {places}"
    sheet.flag(above[0], "value", what, f"give all of them as fractions in [0, 1]{elsewhere}")


def check_scale(sheet: Sheet, metric: str, rows: Sequence[int], values: Sequence[float]) -> None:
    """Flag values at one budget that fall into groups far apart: one run alone, or two scales."""
    order = sorted((value, row) for row, value in zip(rows, values, strict=True) if value > 0)
    gaps = [i for i in range(1, len(order)) if order[i][0] / order[i - 1][0] >= SCALE_GAP]
    if not gaps:
        return
    (below, row), (above, other) = order[gaps[0] - 1 : gaps[0] + 1]
    place, mend = sheet.place(row), "convert to one unit, or give two metric names"
    what = f"'{metric}' under two scales at one budget: {above:g} here, {below:g} at {place}"
    first, last = gaps == [1], gaps == [len(order) - 1]
    if len(order) == len(rows) >= MANY and (first or last):
        alone, others = (order[0], order[1:]) if first else (order[-1], order[:-1])
        run, low, high = sheet.column("run")[alone[1]], others[0][0], others[-1][0]
        if high / low < SCALE_GAP:
            other = alone[1]
            what = (
                f"run '{run}' is on another scale than the {len(others)} others at its budget "
                f"({low:.6g} to {high:.6g}): diverged, or in another unit?"
            )
            mend = f"--leave-out {quote(run)} (Python: leave_out=['{run}']), or convert it"
    sheet.flag(other, "value", what, mend)


def check_chance(sheet: Sheet, metric: str, rows: Sequence[int], levels: Sequence[float]) -> None:
    """Flag a metric with several chance levels: with chance in one unit it is one metric."""
    known = {level: row for row, level in zip(rows, levels, strict=True) if level == level}
    if len(known) > 1:
        (first, at), (second, other) = sorted(known.items())[:2]
        what = f"'{metric}' has two chance levels, {second:g} here, {first:g} at {sheet.place(at)}"
        mend = "give the two another metric name each"
        sheet.flag(other, "chance", what, f"{mend}, or correct the level")
