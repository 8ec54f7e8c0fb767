"""The comparison in words and a table, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.act.compare import FACTOR
from qqt_bayes.act.table import AS_IT_IS
from qqt_bayes.decide.text import confidence, decimals, extrapolation
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.act.answer import ActionDecision

__all__ = ["describe"]


def describe(d: ActionDecision) -> str:
    """One screen: per budget the best action, what each changes, and what it may cost."""
    study, now = d.fit.study, d.actions[0].data.text
    largest = study.trained_on["max_samples"]
    unit = "samples trained on" if d.price == 1.0 else f"{d.price:g} a sample trained on"
    lines = [
        f"{d.fit.stamp}{study.metric} ({study.kind.better}), "
        f"against {now} as it is; {d.prob:.0%} equal-tailed credible intervals",
        f"cost in {unit}; a budget pays for the action and for the training that is left",
    ]
    table = d.table
    name = max(len(text) for text in [*d.names, "action"])
    data = max(len(a.data.text) for a in d.actions)
    for samples in d.budgets:
        rows = table[table["samples"] == samples].sort_values(
            "expected_regret", na_position="last", kind="stable"
        )
        top = rows.iloc[0]
        said = "leaving it as it is" if top.action == AS_IT_IS else f"'{top.action}'"
        lines += [
            "",
            f"At {format_number(samples)} samples{extrapolation(samples, largest)}: "
            f"{confidence(top.p_best)} {said} is best of {len(rows)}.",
            f"  {'action':<{name}} {'data':<{data}} {'cost':>6} {'changes by [interval]':>25} "
            f"{'in compute [interval]':>22} {'break-even [interval]':>24} {'P(pays)':>7} "
            f"{'P(best)':>7} {'regret':>7}",
        ]
        lines += [line_of(row, name, data) for row in rows.itertuples()]
    lines += ["", *per_sample(d), *(f"note: {note}" for note in d.notes)]
    if not d.gate.passed:
        lines.append(f"NOT CONVERGED: {d.gate.text}")
    return "\n".join(lines).rstrip()


def line_of(row: Any, name: int, data: int) -> str:
    """One action at one budget."""
    start = f"  {row.action:<{name}} {row.data:<{data}} "
    regret = "-" if np.isnan(row.expected_regret) else f"{row.expected_regret:.2g}"
    end = f"{row.p_best:>7.2f} {regret:>7}"
    if row.action == AS_IT_IS:
        return f"{start}{'-':>6} {'-':>25} {'-':>22} {'-':>24} {'-':>7} {end}"
    m = decimals(row.change_hi - row.change_lo)
    change = f"{row.change:+.{m}f} [{row.change_lo:+.{m}f}, {row.change_hi:+.{m}f}]"
    factor = f"{times(row.factor)} [{times(row.factor_lo)}, {times(row.factor_hi)}]"
    ends = (row.break_even, row.break_even_lo, row.break_even_hi)
    middle, lo, hi = (amount(value) for value in ends)
    return (
        f"{start}{format_number(row.cost):>6} {change:>25} {factor:>22} "
        f"{f'{middle} [{lo}, {hi}]':>24} {row.p_pays:>7.2f} {end}"
    )


def times(factor: float) -> str:
    """A factor of compute."""
    if factor == 0.0:
        return f"<{1 / FACTOR:.2g}x"
    return f"{factor:.2f}x" if np.isfinite(factor) else f">{FACTOR:.0f}x"


def amount(cost: float) -> str:
    """A price that may be paid; below zero the action does not pay even for nothing."""
    return format_number(cost) if np.isfinite(cost) else "never"


def per_sample(d: ActionDecision) -> list[str]:
    """The break-even price of a sample, of the actions that may pay."""
    lines = []
    for row in d.table.itertuples():
        if row.touched > 0 and row.break_even > 0:
            ends = (row.break_even, row.break_even_lo, row.break_even_hi)
            mid, lo, hi = (f"{v / row.touched:.2g}" if np.isfinite(v) else "never" for v in ends)
            lines.append(
                f"  {row.action} at {format_number(row.samples)}: {mid} [{lo}, {hi}] for each of "
                f"{format_number(row.touched)} samples"
            )
    return (
        ["break-even price of a sample (below 0: not even for nothing):", *lines] if lines else []
    )
