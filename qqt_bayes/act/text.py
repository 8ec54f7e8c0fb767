"""The comparison in words and a table for a terminal, and as the JSON object of ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes._columns import columns
from qqt_bayes._json import as_object, band
from qqt_bayes.act.compare import FACTOR
from qqt_bayes.act.table import AS_IT_IS
from qqt_bayes.decide.place import at
from qqt_bayes.decide.text import confidence, decimals
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief

if TYPE_CHECKING:
    from qqt_bayes.act.answer import ActionDecision

__all__ = ["as_json", "describe"]


def describe(d: ActionDecision) -> str:
    """One screen: per budget the best action, what each changes, and what it may cost."""
    study, now = d.fit.study, d.actions[0].data.text
    unit = "samples trained on" if d.price == 1.0 else f"{d.price:g} a sample trained on"
    lines = [
        f"{d.fit.stamp}{study.metric} ({study.kind.better}), "
        f"against {now} as it is; {d.prob:.0%} equal-tailed credible intervals",
        f"cost in {unit}; a budget pays for the action and for the training that is left",
    ]
    for b, samples in enumerate(d.budgets):
        rows = d.rows(b).sort_values("expected_regret", na_position="last", kind="stable")
        top = rows.iloc[0]
        said = "leaving it as it is" if top.action == AS_IT_IS else f"'{top.action}'"
        lines += [
            "",
            f"{at(samples, study)}: {confidence(top.p_best)} {said} is best of {len(rows)}.",
            *columns([HEAD, *map(line_of, rows.itertuples())], left=2),
        ]
    lines += ["", *per_sample(d), *(f"note: {note}" for note in d.notes)]
    if not d.gate.passed:
        lines.append(f"NOT CONVERGED: {d.gate.text}")
    return "\n".join(lines).rstrip()


HEAD = ("action", "data", "cost", "changes by [interval]", "in samples [interval]",
        "break-even [interval]", "P(pays)", "P(best)", "regret")  # fmt: skip


def line_of(row: Any) -> tuple[str, ...]:
    """One action at one budget."""
    regret = "-" if np.isnan(row.expected_regret) else brief(row.expected_regret)
    end = (f"{row.p_best:.2f}", regret)
    if row.action == AS_IT_IS:
        return (row.action, row.data, *["-"] * 5, *end)
    m = decimals(row.change_hi - row.change_lo)
    middle, lo, hi = map(amount, (row.break_even, row.break_even_lo, row.break_even_hi))
    return (
        row.action, row.data, format_number(row.cost),
        f"{row.change:+.{m}f} [{row.change_lo:+.{m}f}, {row.change_hi:+.{m}f}]",
        f"{times(row.factor)} [{times(row.factor_lo)}, {times(row.factor_hi)}]",
        f"{middle} [{lo}, {hi}]", f"{row.p_pays:.2f}", *end,
    )  # fmt: skip


def times(factor: float) -> str:
    """A factor of samples."""
    if factor == 0.0:
        return f"<{1 / FACTOR:.2g}x"
    return f"{factor:.2f}x" if np.isfinite(factor) else f">{FACTOR:.0f}x"


def amount(cost: float) -> str:
    """A price that may be paid; negative: the action is not worth it even if free."""
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
    head = "break-even price of a sample (negative: not worth it even if free):"
    return [head, *lines] if lines else []


def as_json(d: ActionDecision) -> dict[str, Any]:
    """See :meth:`ActionDecision.to_json`: schema 1, told in docs/how_to/act.md."""
    study = d.fit.study
    largest = study.trained_on["max_samples"]
    out: dict[str, Any] = {
        "schema": 1,
        "metric": study.metric,
        "kind": study.kind.name,
        "direction": study.direction,
        "prob": d.prob,
        "interval": "eti",
        "price": d.price,
        "data": d.actions[0].data.text,
        "budgets": [
            {
                "samples": samples,
                "extrapolation_factor": samples / largest,
                "best": d.chosen(b),
                "actions": [action(row) for row in d.rows(b).to_dict("records")],
            }
            for b, samples in enumerate(d.budgets)
        ],
    }
    return as_object(out, d.notes, d.fit.stamp or d.gate.text * (not d.gate.passed))


def action(row: dict[Any, Any]) -> dict[str, Any]:
    """One action at one budget."""
    bands: dict[str, Any] = {name: band(row, name) for name in ("change", "factor", "break_even")}
    each = None
    if row["touched"] > 0.0:
        each = {end: value / row["touched"] for end, value in bands["break_even"].items()}
    bands["break_even_per_sample"] = each
    if row["action"] == AS_IT_IS:
        bands = dict.fromkeys(bands)
    return (
        {name: row[name] for name in ("action", "data", "cost", "median", "lo", "hi")}
        | bands
        | {name: row[name] for name in ("p_helps", "p_pays", "p_best", "expected_regret")}
    )
