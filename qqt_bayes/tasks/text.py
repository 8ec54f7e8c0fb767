"""The decision for several tasks in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes._columns import columns
from qqt_bayes.decide.place import extrapolation
from qqt_bayes.decide.text import decimals
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.tasks.answer import TaskDecision
    from qqt_bayes.tasks.several import Tasks

# What a correlation between tasks is of.
OF = {
    "utility": "the pools' utility", "level": "the pools' level",
    "half_life": "the pools' half-life", "average": "averages over pools",
    "spread": "noise and drift",
}  # fmt: skip
MOST = 8  # candidates and tasks shown at each budget

__all__ = ["describe", "describe_tasks", "headline"]


def describe_tasks(tasks: Tasks) -> str:
    """See :attr:`Tasks.text`."""
    joint = tasks.hierarchy
    lines = [f"{len(tasks.fits)} tasks on {len(tasks.fits[0].study.pools.names)} pools"]
    if joint.joined:
        lines[0] += ", fitted one by one and weighed by what they share"
    for k, kind in enumerate(joint.kinds):
        lo, mid, hi = np.quantile(joint.correlation[:, k], [0.05, 0.5, 0.95])
        lines.append(
            f"correlation of {OF[kind]} between tasks: "
            f"{mid:.2f} [{lo:.2f}, {hi:.2f}] (90% equal-tailed interval)"
        )
    lines += [
        f"  {name}: {count(made.study.trained_on['runs'], 'run')}"
        for name, made in zip(tasks.names, tasks.fits, strict=True)
    ]
    return "\n".join(lines + [f"note: {n}" for n in tasks.notes])


HEAD = ("data", "P(best)", "mean [interval]", "minus best [interval]", "regret", "best for",
        "P(Pareto)")  # fmt: skip


def headline(d: TaskDecision) -> str:
    """The choice for the weighted mean at each budget."""
    if len(d.candidates) == 1:
        return f"{d.candidates[0].text} is the only candidate: there is nothing to choose from."
    parts = [
        f"{d.candidates[d.best[b]].text} (P = {d.p_best[b, d.best[b]]:.2f}) at {format_number(n)}"
        for b, n in enumerate(d.budgets)
    ]
    return (
        f"For the weighted mean of {d.size} tasks, of {len(d.candidates)} candidates: "
        f"{', '.join(parts)} samples."
    )


def describe(d: TaskDecision) -> str:
    """See :attr:`TaskDecision.text`."""
    percent = f"{100 * d.prob:g}%"
    weights = ", ".join(
        f"{n} {w:.2g}" for n, w in zip(d.tasks.names[:MOST], d.weights, strict=False)
    )
    more = f" and {d.size - MOST} more" if d.size > MOST else ""
    better = "higher is better" if d.higher_is_better else "lower is better"
    if d.mixed:
        turned = [
            n for n, kind in zip(d.tasks.names, d.kinds, strict=True) if kind.higher_is_better
        ]
        more += f"; of {', '.join(turned[:MOST])} what is lacking counts (1 - accuracy)"
    lines = [
        describe_tasks(d.tasks),
        f"weighted mean of {weights}{more} ({better}); {percent} equal-tailed credible intervals",
    ]
    for b in range(len(d.budgets)):
        lines += ["", *budget_lines(d, b)]
    return "\n".join(lines)


def budget_lines(d: TaskDecision, b: int) -> list[str]:
    """The common choice at one budget, and the tasks that would choose otherwise."""
    samples, best = d.budgets[b], d.candidates[d.best[b]].text
    far = extrapolation(samples, *(f.study for f in d.tasks.fits))
    place = f"At {format_number(samples)} samples{far}: "
    if len(d.candidates) == 1:
        return [f"{place}{best} is the only candidate: there is nothing to choose from"]
    rows = d.table[d.table["samples"] == samples].sort_values("expected_regret", kind="stable")
    cells = [HEAD]
    for r in rows.head(MOST).itertuples():
        gap = f"{r.difference:+.3g} [{r.difference_lo:+.3g}, {r.difference_hi:+.3g}]"
        cells.append(
            (
                r.data, f"{r.p_best:.2f}", f"{r.median:.4g} [{r.lo:.4g}, {r.hi:.4g}]",
                "-" if r.best else gap, f"{r.expected_regret:.2g}", f"{r.best_for} of {d.size}",
                f"{r.p_pareto:.2f}",
            )
        )  # fmt: skip
    lines = [
        f"{place}{best} is best of {len(d.candidates)} with P = {d.p_best[b, d.best[b]]:.2f}",
        *columns(cells),
    ]
    if len(rows) > MOST:
        lines.append(f"  and {len(rows) - MOST} more, each with a larger expected regret")
    own = d.by_task[d.by_task["samples"] == samples]
    for r in own.head(MOST).itertuples():
        n = decimals(r.hi - r.lo)
        line = (
            f"  {r.task} ({'higher' if r.direction == 'max' else 'lower'} is better) with "
            f"{best}: {r.median:.{n}f} [{r.lo:.{n}f}, {r.hi:.{n}f}]"
        )
        if r.best != best:
            line += (
                f"; alone it would choose {r.best} (P = {r.p_best:.2f}), {best} costs it "
                f"{r.regret_of_common:.2g}"
            )
        lines.append(line)
    return lines
