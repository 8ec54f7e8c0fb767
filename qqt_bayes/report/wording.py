"""Numbers and probabilities as people read them: rounded by their uncertainty, never bare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.text import and_list, cost, decimals, in_short
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision

__all__ = [
    "and_list", "answer", "chance", "count", "difference", "figures", "interval",
    "percent", "samples", "span",
]  # fmt: skip

samples = format_number


def figures(value: float, digits: int = 2) -> str:
    """A number to so many significant digits, written out: ``0.00012``, ``12``."""
    if not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = digits - 1 - int(np.floor(np.log10(abs(value))))
    return f"{round(value, places):,.{max(places, 0)}f}" if places < 8 else f"{value:.{digits}g}"


def loss(regret: float, width: float) -> str:
    """An expected regret, to the digits that a level with an interval of this width allows."""
    told = cost(regret, width)
    return f"less than {told[1:]}" if told.startswith("<") else figures(regret)


def interval(middle: float, lo: float, hi: float, *, signed: bool = False) -> str:
    """A median with its interval, to the digits that the interval's width allows."""
    if not np.isfinite(middle):
        return "–"
    sign = "+" if signed else ""
    n = decimals(hi - lo)
    # no minus before what rounds to zero
    mid, low, high = (f"{round(v, n) + 0.0:{sign},.{n}f}" for v in (middle, lo, hi))
    return f"{mid} [{low}, {high}]"


def difference(middle: float, lo: float, hi: float) -> str:
    """The same with signs."""
    return interval(middle, lo, hi, signed=True)


def span(lo: float, hi: float) -> str:
    """An interval alone."""
    n = decimals(hi - lo)
    return f"[{lo:,.{n}f}, {hi:,.{n}f}]"


def chance(p: float) -> str:
    """A probability in numbers: ``.93``; a share of draws is never taken for certainty."""
    if p > 0.995:
        return "> .99"
    return "< .01" if p < 0.005 else f"{p:.2f}".lstrip("0")


def percent(share: float) -> str:
    """A share in percent."""
    return "–" if not np.isfinite(share) else f"{100 * share:.0f}%"


def answer(d: Decision, b: int) -> str:
    """What is expected of the choice at one budget, and what being wrong would cost."""
    rows = d.rows(b)
    top = rows[rows["best"]].iloc[0].to_dict()
    study = d.fit.study
    text = (
        f"Predicted {study.metric} {interval(top['median'], top['lo'], top['hi'])}; one new run "
        f"would show {span(top['new_run_lo'], top['new_run_hi'])}. "
    )
    if len(rows) > 1:
        regret = float(top["expected_regret"])
        told = loss(regret, top["hi"] - top["lo"])
        text += (
            f"Choosing it is expected to lose {told} of {study.metric} against knowing best"
            if regret > 0
            else "In no posterior draw is another candidate better"
        )
        factor = top["regret_compute"]
        if np.isfinite(factor) and factor >= 1.005:
            text += f", which {factor:.2f}x the samples would make up"
        text += f". {percent(d.prob)} credible set: {in_short(d.credible_set(b))}."
        surest = rows.loc[rows["p_best"].idxmax()]
        if surest["data"] != top["data"]:
            text += (
                f" {surest['data']} is more often best (P = {chance(surest['p_best'])}), but "
                "loses more when it is not."
            )
    return text
