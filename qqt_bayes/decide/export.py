"""The decision as the stable JSON object of ``--json`` (schema 1; see docs/reference/json.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes._json import BAND, as_object, band
from qqt_bayes.decide.place import place

if TYPE_CHECKING:
    from qqt_bayes.decide.decision import Decision

SCHEMA = 1

__all__ = ["as_json"]


LEVELS = ("data", "p_best", "median", "lo", "hi", "new_run_lo", "new_run_hi")


def as_json(d: Decision) -> dict[str, Any]:
    """See :meth:`Decision.to_json`."""
    study = d.fit.study
    largest = study.trained_on["max_samples"]
    tail = 0.5 * (1.0 - d.prob)
    kept = d.kept_share(d.latent)
    budgets = []
    for b, samples in enumerate(d.budgets):
        families = d.rows(b, d.families).drop(columns="samples")
        budgets.append(
            {
                "samples": samples,
                "extrapolation_factor": samples / largest,
                "place": place(samples, study),
                "best": d.chosen(b),
                "credible_set": d.credible_set(b),
                "kept_share": None if kept is None else dict(zip(BAND, kept[:, b], strict=True)),
                "candidates": [
                    {name: row[name] for name in LEVELS}
                    | {
                        "difference": band(row, "difference"),
                        "expected_regret": row["expected_regret"],
                        "regret_compute": row["regret_compute"],
                    }
                    for row in d.rows(b).to_dict("records")
                ],
            }
            | ({"by_family": families} if len(families) else {})
            | ({"good_enough": d.good_enough(b)} if d.margin is not None else {})
            | ({"best_by_law": d.best_by_law(b), "laws_disagree": d.laws_disagree(b)}
               if d.laws else {})
        )  # fmt: skip
    crossings = [
        {
            "from": d.candidates[c.origin].text, "to": d.candidates[c.to].text,
            "median": c.quantile(0.5), "lo": c.quantile(tail), "hi": c.quantile(1.0 - tail),
            "p_never": np.mean(~np.isfinite(c.draws)), "p_before": np.mean(c.draws < largest),
        }
        for c in d.crossovers
    ]  # fmt: skip
    out = {
        "schema": SCHEMA,
        "metric": study.metric,
        "kind": study.kind.name,
        "direction": study.direction,
        "prob": d.prob,
        "interval": "eti",
        "trained_on": {
            "runs": int(study.trained_on["runs"]),
            "rows": int(study.trained_on["rows"]),
            "max_samples": largest,
        },
        "budgets": budgets,
        "crossovers": crossings,
        "searched": [d.grid[0], d.grid[-1]],
    }
    if d.laws:
        names = ("name", "weight", "log_score")
        out["laws"] = [{name: getattr(v, name) for name in names} for v in d.laws]
    return as_object(out, d.notes, d.fit.stamp or d.gate.text * (not d.gate.passed))
