"""The best shares in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes._columns import columns
from qqt_bayes.decide.place import at
from qqt_bayes.decide.text import decimals
from qqt_bayes.runs.numbers import brief

if TYPE_CHECKING:
    from qqt_bayes.decide.best import Best
    from qqt_bayes.decide.shares import Shares

SHOWN = 60  # characters of a mixture in a line

__all__ = ["budget_lines"]


def budget_lines(s: Shares, a: Best) -> list[str]:
    """What is said of one budget."""
    study = s.fit.study
    mid, lo, hi = s.interval(np.asarray(study.reported(a.performance)))
    n = decimals(hi - lo)
    lines = [
        f"\n{at(a.samples, study)}: {study.metric} "
        f"{mid:.{n}f} [{lo:.{n}f}, {hi:.{n}f}], expected regret {brief(a.regret)} "
        f"(search error {max(a.error, 1e-5):.1g})"
    ]
    head = ["pool", "best share", "epochs", f"{s.prob:.0%} interval of the best share"]
    rows = [head + ["without constraints"] * (a.free is not None)]
    _, low, high = s.interval(a.draws)
    for i, pool in enumerate(s.pools):
        row = [
            pool,
            f"{a.shares[i]:.3f}",
            told_epochs(a.epochs[i]),
            f"{low[i]:.2f} to {high[i]:.2f}",
        ]
        rows.append(row + ([f"{a.free[i]:.3f}"] if a.free is not None else []))
    lines += columns(rows)
    lines.append(against_runs(s, a))
    if a.run.far:
        lines.append(
            f"  far from all runs (distance {a.run.distance:.2f}): it rests on the mixture rule "
            "-> run it, or something near it, before you rely on it; or add --near "
            f"{max(0.05, round(0.5 * a.run.distance, 2)):g}"
        )
    if a.cost is not None:
        expected, (_, *ends) = float(np.mean(a.cost)), s.interval(a.cost)
        told = f"{brief(expected)} [{', '.join(map(brief, ends))}] of {study.metric}"
        small = abs(expected) <= a.error and all(c.cost <= a.error for c in a.constraints)
        lines.append(
            "  the constraints cost nothing that the search could tell from its error"
            if small else f"  expected cost of the constraints together: {told}"
        )  # fmt: skip
    for c in a.constraints:
        what = ", ".join(c.binding)
        named = f" ({what})" if what and what not in c.text else ""
        cost = f"expected cost {brief(c.cost)}" if c.cost > a.error else "costs nearly nothing"
        state = f"binds{named}, {cost}" if c.binding else "does not bind"
        lines.append(f"    {c.text}: {state}")
    if a.p_feasible is not None:
        lines.append(feasible(s, a.p_feasible))
    return lines


def against_runs(s: Shares, a: Best) -> str:
    """The best shares beside the best mixture that was run."""
    text = a.run.text if len(a.run.text) <= SHOWN else a.run.text[: SHOWN - 3] + "..."
    rest = "" if a.run.allowed else ", though it does not meet the constraints"
    better = "better" if np.median(a.run.behind) >= 0.0 else "worse"
    sign = 1.0 if better == "better" else -1.0
    return (
        f"  {better} by {band(s, sign * a.run.behind)} than the best mixture that was run "
        f"({text}{rest}), with probability {np.mean(sign * a.run.behind > 0.0):.2f}"
    )


def band(s: Shares, draws: np.ndarray) -> str:
    """Median and interval of a difference."""
    mid, lo, hi = s.interval(draws)
    return f"{brief(mid)} [{brief(lo)}, {brief(hi)}]"


def feasible(s: Shares, probability: float) -> str:
    """How probably the thresholds are met."""
    if probability >= s.sure - 0.03:
        return f"  meets the thresholds with probability {probability:.2f}"
    return (
        f"  no shares were found that meet the thresholds with probability {s.sure:.2g}: these "
        f"come nearest, with {probability:.2f} -> loosen a threshold, or lower --p-feasible"
    )


def told_epochs(epochs: float) -> str:
    """Epochs; a dash for an unlimited pool."""
    return "-" if np.isnan(epochs) else f"{epochs:.2f}" if epochs < 10.0 else f"{epochs:.0f}"
