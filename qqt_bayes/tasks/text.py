"""The decision for several tasks in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.place import at
from qqt_bayes.decide.text import by_regret, decimals
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief, count

if TYPE_CHECKING:
    from qqt_bayes.tasks.answer import TaskDecision
    from qqt_bayes.tasks.new_size import SizeDecision
    from qqt_bayes.tasks.several import Tasks

# What a correlation between tasks is of.
OF = {
    "utility": "the pools' utility", "level": "the pools' level",
    "half_life": "the pools' half-life", "average": "averages over pools",
    "spread": "noise and drift",
}  # fmt: skip
MOST = 8  # candidates and tasks shown at each budget

__all__ = ["by_budget", "describe", "describe_size", "describe_tasks", "headline"]


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


def headline(d: TaskDecision) -> str:
    """The choice for the weighted mean at each budget."""
    if len(d.candidates) == 1:
        return f"{d.names[0]} is the only candidate: there is nothing to choose from."
    return (
        f"For the weighted mean of {d.size} tasks, of {len(d.candidates)} candidates: "
        f"{d.choices} samples."
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


def place(d: TaskDecision | SizeDecision, b: int) -> str:
    """The budget that a line is about, and how far beyond the runs it is."""
    return f"{at(d.budgets[b], *(f.study for f in d.tasks.fits))}: "


def verdict(d: TaskDecision | SizeDecision, b: int) -> str:
    """The choice at a budget."""
    p = d.p_best[b, d.best[b]]
    return f"{place(d, b)}{d.chosen(b)} is best of {len(d.candidates)} with P = {p:.2f}"


HEAD = ("data", "P(best)", "mean [interval]", "minus best [interval]", "regret", "best for",
        "P(Pareto)")  # fmt: skip


def budget_lines(d: TaskDecision, b: int) -> list[str]:
    """The common choice at one budget, and the tasks that would choose otherwise."""
    best = d.chosen(b)
    if len(d.candidates) == 1:
        return [f"{place(d, b)}{best} is the only candidate: there is nothing to choose from"]

    def cells(r: Any) -> tuple[str, ...]:
        n, m = decimals(r.hi - r.lo), decimals(r.difference_hi - r.difference_lo)
        gap = f"{r.difference:+.{m}f} [{r.difference_lo:+.{m}f}, {r.difference_hi:+.{m}f}]"
        return (
            r.data, f"{r.p_best:.2f}", f"{r.median:.{n}f} [{r.lo:.{n}f}, {r.hi:.{n}f}]",
            "-" if r.best else gap, brief(r.expected_regret), f"{r.best_for} of {d.size}",
            f"{r.p_pareto:.2f}",
        )  # fmt: skip

    lines = [verdict(d, b), *by_regret(HEAD, d.rows(b), cells, MOST)]
    for r in d.rows(b, d.by_task).head(MOST).itertuples():
        n = decimals(r.hi - r.lo)
        line = (
            f"  {r.task} ({'higher' if r.direction == 'max' else 'lower'} is better) with "
            f"{best}: {r.median:.{n}f} [{r.lo:.{n}f}, {r.hi:.{n}f}]"
        )
        if r.best != best:
            line += (
                f"; alone it would choose {r.best} (P = {r.p_best:.2f}), {best} costs it "
                f"{brief(r.regret_of_common)}"
            )
        lines.append(line)
    return lines


def describe_size(d: SizeDecision) -> str:
    """See :attr:`SizeDecision.text`."""
    low, high = (format_number(v) for v in (d.tasks.params.min(), d.tasks.params.max()))
    lines = [
        f"{format_number(d.params)} parameters, from models of {low} to {high}; differences "
        f"in percent of the reducible error (lower is better); {100 * d.prob:g}% "
        "equal-tailed credible intervals",
        f"this size was run ({d.nearest}): its own runs answer, as in qqt decide"
        if d.was_run
        else f"what the sizes do not share is taken to be as for {d.nearest}",
        *(f"note: {note}" for note in d.tasks.notes),
    ]
    head = ("data", "P(best)", "minus best, % [interval]", "regret, %")

    def cells(r: Any) -> tuple[str, ...]:
        ends = (100 * end for end in (r.difference, r.difference_lo, r.difference_hi))
        gap = "-" if r.best else "{:+.3g} [{:+.3g}, {:+.3g}]".format(*ends)
        return r.data, f"{r.p_best:.2f}", gap, brief(100 * r.expected_regret)

    for b in range(len(d.budgets)):
        if len(d.candidates) == 1:
            lone = f"{d.chosen(b)} is the only candidate: there is nothing to choose"
            lines += ["", f"{place(d, b)}{lone}"]
            continue
        lines += ["", verdict(d, b) + d.in_common(b), *by_regret(head, d.rows(b), cells, MOST)]
    return "\n".join(lines)


def by_budget(d: TaskDecision | SizeDecision) -> list[dict[str, Any]]:
    """For JSON: the choice and the candidates at each budget."""
    return [
        {
            "samples": float(n),
            "best": d.chosen(b),
            "candidates": d.rows(b).drop(columns=["samples", "best"]).to_dict("records"),
        }
        for b, n in enumerate(d.budgets)
    ]
