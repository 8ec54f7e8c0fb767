"""The comparison as the stable JSON object of ``--json`` (schema 1; see docs/how_to/act.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.act.table import AS_IT_IS
from qqt_bayes.decide.export import number

if TYPE_CHECKING:
    from qqt_bayes.act.answer import ActionDecision

SCHEMA = 1

__all__ = ["as_json"]


def as_json(d: ActionDecision) -> dict[str, Any]:
    """See :meth:`ActionDecision.to_json`."""
    study, table = d.fit.study, d.table
    largest = study.trained_on["max_samples"]
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "metric": study.metric,
        "kind": study.kind.name,
        "direction": study.direction,
        "prob": d.prob,
        "interval": "eti",
        "price": number(d.price),
        "data": d.actions[0].data.text,
        "budgets": [
            {
                "samples": number(samples),
                "extrapolation_factor": number(samples / largest),
                "best": d.names[d.best[b]],
                "actions": [action(row) for row in table[table["samples"] == samples].itertuples()],
            }
            for b, samples in enumerate(d.budgets)
        ],
    }
    if d.notes:
        out["notes"] = list(d.notes)
    if d.fit.stamp or not d.gate.passed:
        out["warning"] = d.fit.stamp or d.gate.text
    return out


def action(row: Any) -> dict[str, Any]:
    """One action at one budget."""
    none = row.action == AS_IT_IS

    def triple(name: str, divisor: float = 1.0) -> dict[str, float | None] | None:
        if none or not divisor > 0.0:
            return None
        values = {"median": getattr(row, name), "lo": getattr(row, f"{name}_lo"),
                  "hi": getattr(row, f"{name}_hi")}  # fmt: skip
        return {key: number(value / divisor) for key, value in values.items()}

    return {
        "action": row.action,
        "data": row.data,
        "cost": number(row.cost),
        "median": number(row.median),
        "lo": number(row.lo),
        "hi": number(row.hi),
        "change": triple("change"),
        "factor": triple("factor"),
        "break_even": triple("break_even"),
        "break_even_per_sample": triple("break_even", np.nan_to_num(row.touched)),
        "p_helps": number(row.p_helps),
        "p_pays": number(row.p_pays),
        "p_best": number(row.p_best),
        "expected_regret": number(row.expected_regret),
    }
