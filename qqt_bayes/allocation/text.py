"""The allocation in words for a terminal, and as the JSON object of ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes._columns import columns
from qqt_bayes._json import as_object, band
from qqt_bayes.decide.text import confidence, decimals
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief

if TYPE_CHECKING:
    from qqt_bayes.allocation.answer import Allocation

SCHEMA = 1
SHOWN = 8  # candidates and laws on a screen
TOLD = ("params", "samples", "epochs", "loss", "difference")

__all__ = ["as_json", "describe", "headline"]


def describe(a: Allocation) -> str:
    """One screen: per compute the best data and size, then the exponents."""
    sizes = a.fit.sizes
    lines = [
        f"{a.fit.stamp}{sizes.study.metric}, fitted to {len(sizes.study)} rows of "
        f"{format_number(sizes.params.min())} to {format_number(sizes.params.max())} parameters; "
        f"{a.prob:.0%} equal-tailed credible intervals",
    ]
    if a.fit.left_out:
        lines.append(f"{a.fit.left_out} runs left out: worse than smaller ones on the same data")
    elif worse := int(sizes.overfitted.sum()):
        lines.append(
            f"{worse} of these runs are worse than smaller ones on the same data (overfitted, or "
            "failed), which the law knows nothing of: --overfitted leave_out fits without them"
        )
    if count := sizes.checkpoints:
        lines.append(
            f"{count} runs have several rows (checkpoints): each row counts as a run of its own, "
            "its noise independent of the others', which makes bands too narrow; and a row before "
            "the end of a schedule is worse than a run of that length. Better: the last row of "
            "each run"
        )
    for b, compute in enumerate(a.compute):
        lines += ["", *budget_lines(a, b, compute)]
    lines += ["", *exponent_lines(a)]
    return "\n".join(lines)


HEAD = ("data", "P(best)", "parameters [interval]", "samples [interval]", "epochs",
        "loss of the plan", "regret")  # fmt: skip


def headline(a: Allocation) -> str:
    """What to train at each compute."""
    parts = []
    for b, compute in enumerate(a.compute):
        best = a.candidates[a.best[b]].text
        sure = f" (P = {a.p_best[b, a.best[b]]:.2f})" if len(a.candidates) > 1 else ""
        parts.append(f"{format_number(a.plan[b, a.best[b]])} parameters on {best}{sure} at "
                     f"{compute:.3g}")  # fmt: skip
    return f"{a.fit.stamp}{a.fit.sizes.study.metric}: {'; '.join(parts)} operations."


def budget_lines(a: Allocation, b: int, compute: float) -> list[str]:
    """What to train at one compute."""
    table = a.table[a.table["compute"] == compute].sort_values("regret", kind="stable")
    best = a.candidates[a.best[b]].text
    factor = a.extrapolation[b]
    far = "" if factor <= 1.02 else f", {factor:.3g}x the largest run"
    said = f": {confidence(a.p_best[b, a.best[b]])} {best} is best of {len(a.candidates)}"
    lines = [
        f"At {compute:.3g} operations{far}{said if len(a.candidates) > 1 else ''}. Train "
        f"{format_number(a.plan[b, a.best[b]])} parameters on "
        f"{format_number(table['plan_samples'].iloc[0])} samples of {best}."
    ]
    cells = [HEAD]
    for row in table.head(SHOWN).itertuples():
        places = decimals(row.loss_hi - row.loss_lo)
        cells.append(
            (
                row.data, f"{row.p_best:.2f}", span(row.params, row.params_lo, row.params_hi),
                span(row.samples, row.samples_lo, row.samples_hi),
                "fresh" if np.isnan(row.epochs) else brief(row.epochs),
                f"{row.loss:.{places}f} [{row.loss_lo:.{places}f}, {row.loss_hi:.{places}f}]",
                brief(row.regret),
            )
        )  # fmt: skip
    lines += columns(cells)
    if len(table) > SHOWN:
        lines.append(f"  and {len(table) - SHOWN} more")
    return lines


def span(mid: float, low: float, high: float) -> str:
    """A count and its interval, briefly."""
    return f"{format_number(mid, 2)} [{format_number(low, 2)}, {format_number(high, 2)}]"


def exponent_lines(a: Allocation) -> list[str]:
    """Exponents of the optimum, and how sure their order is."""
    lines = ["Optimal parameters grow as compute^a, samples as compute^b (fresh data, law alone):"]
    table = a.exponents
    width = max(len(text) for text in table["data"])
    for row in table.head(SHOWN).itertuples():
        lines.append(
            f"  {row.data:<{width}}  a {row.a:.2f} [{row.a_lo:.2f}, {row.a_hi:.2f}]   "
            f"b {row.b:.2f} [{row.b_lo:.2f}, {row.b_hi:.2f}]"
        )
    order = a.fit.order()
    if len(a.growth):
        found = [
            f"{row.data} {row.growth:.2f} [{row.growth_lo:.2f}, {row.growth_hi:.2f}]"
            for row in a.growth.head(SHOWN).itertuples()
        ]
        lines.append(f"  the optima above themselves grow as compute^: {'; '.join(found)}")
    pairs = [
        f"P(a of {i} > a of {j}) = {order.loc[i, j]:.2f}"
        for n, i in enumerate(order.index)
        for j in order.index[n + 1 :]
    ]
    if pairs:
        lines.append("  " + "; ".join(pairs[:SHOWN]))
    return lines


def as_json(a: Allocation) -> dict[str, Any]:
    """See :meth:`Allocation.to_json`; what is not finite is null."""
    budgets = []
    for b, compute in enumerate(a.compute):
        rows = a.table[a.table["compute"] == compute]
        budgets.append(
            {
                "compute": compute,
                "extrapolation_factor": a.extrapolation[b],
                "best": a.candidates[a.best[b]].text,
                "candidates": [
                    {
                        "data": row["data"],
                        "p_best": row["p_best"],
                        "expected_regret": row["regret"],
                        "plan": {n: row[f"plan_{n}"] for n in ("params", "samples", "epochs")},
                        **{n: band(row, n) for n in TOLD},
                    }
                    for row in rows.to_dict("records")
                ],
            }
        )
    order = a.fit.order()
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "metric": a.fit.sizes.study.metric,
        "prob": a.prob,
        "seed": a.seed,
        "left_out": a.fit.left_out,
        "checkpoints": a.fit.sizes.checkpoints,
        "budgets": budgets,
        "exponents": [
            {"data": row["data"]} | {n: band(row, n) for n in ("alpha", "beta", "a", "b")}
            for row in a.exponents.to_dict("records")
        ],
        "growth": [
            {"data": row["data"]} | band(row, "growth") for row in a.growth.to_dict("records")
        ],
        "order": [
            {"data": i, "other": j, "p_larger_a": order.loc[i, j]}
            for i in order.index for j in order.index if i != j
        ],
    }  # fmt: skip
    return as_object(out, warning=a.fit.stamp.strip())
