"""The decision for several tasks in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.text import decimals
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.tasks.answer import TaskDecision
    from qqt_bayes.tasks.several import Tasks

MOST = 8  # candidates and tasks shown at each budget

__all__ = ["describe", "describe_tasks"]


def describe_tasks(tasks: Tasks) -> str:
    """See :attr:`Tasks.text`."""
    joint = tasks.hierarchy
    lines = [f"{len(tasks.fits)} tasks on {len(tasks.fits[0].study.pools.names)} pools"]
    if joint.joined:
        lines[0] += f", sampled together ({joint.effective:.0f} effective draws or more)"
    elif joint.gate is not None:
        lines.append(
            f"the tasks are kept apart: sampled together, {joint.gate.failures[0]}; try more draws "
            "(--draws) or another --seed"
        )
    for k, kind in enumerate(joint.kinds):
        lo, mid, hi = np.quantile(joint.correlation[:, k], [0.05, 0.5, 0.95])
        lines.append(
            f"correlation of the pools' {kind.replace('_', '-')} between tasks: "
            f"{mid:.2f} [{lo:.2f}, {hi:.2f}] (90% equal-tailed interval)"
        )
    lines += [
        f"  {name}: {int(made.study.trained_on['runs'])} runs"
        for name, made in zip(tasks.names, tasks.fits, strict=True)
    ]
    return "\n".join(lines + [f"note: {n}" for n in tasks.notes])


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
    largest = max(float(f.study.samples.max()) for f in d.tasks.fits)
    for b, samples in enumerate(d.budgets):
        beyond = samples / largest
        far = f", extrapolated {beyond:.1f}x beyond the largest run" if beyond > 1.02 else ""
        best = d.candidates[d.best[b]].text
        lines += [
            "",
            f"At {format_number(samples)} samples{far}: {best} is best of {len(d.candidates)} "
            f"with P = {d.p_best[b, d.best[b]]:.2f}",
            f"  {'data':<16} {'P(best)':>8} {'mean [interval]':>26} {'minus best [interval]':>28}"
            f" {'regret':>9} {'best for':>9} {'P(Pareto)':>10}",
        ]
        rows = d.table[d.table["samples"] == samples].sort_values("expected_regret")
        for r in rows.head(MOST).itertuples():
            level = f"{r.median:.4g} [{r.lo:.4g}, {r.hi:.4g}]"
            gap = (
                "-" if r.best
                else f"{r.difference:+.3g} [{r.difference_lo:+.3g}, {r.difference_hi:+.3g}]"
            )  # fmt: skip
            lines.append(
                f"  {r.data:<16} {r.p_best:>8.2f} {level:>26} {gap:>28} {r.expected_regret:>9.2g}"
                f" {r.best_for:>4} of {d.size:<2} {r.p_pareto:>9.2f}"
            )
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
    return "\n".join(lines)
