"""The comparison as the stable JSON object of ``--json`` (schema 1; see docs/how_to/act.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qqt_bayes._json import band, plain
from qqt_bayes.act.table import AS_IT_IS

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
        "price": d.price,
        "data": d.actions[0].data.text,
        "budgets": [
            {
                "samples": samples,
                "extrapolation_factor": samples / largest,
                "best": d.names[d.best[b]],
                "actions": [
                    action(row) for row in table[table["samples"] == samples].to_dict("records")
                ],
            }
            for b, samples in enumerate(d.budgets)
        ],
    }
    if d.notes:
        out["notes"] = list(d.notes)
    if d.fit.stamp or not d.gate.passed:
        out["warning"] = d.fit.stamp or d.gate.text
    return dict(plain(out))


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
