"""The answer in words and a table, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes._columns import columns, short
from qqt_bayes.decide.place import at, extrapolation
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief, count, format_samples

if TYPE_CHECKING:
    import pandas as pd

    from qqt_bayes.decide.decision import Decision

__all__ = [
    "and_list", "by_regret", "confidence", "cost", "decimals", "describe", "extrapolation",
    "headline", "in_short",
]  # fmt: skip

SHOWN = 6


def decimals(width: float) -> int:
    """Decimals that show an uncertainty of this width to two figures, at most five."""
    if not (np.isfinite(width) and width > 0):
        return 3
    return int(np.clip(1 - np.floor(np.log10(width)), 0, 5))


def cost(regret: float, width: float) -> str:
    """An expected regret; not below a tenth of the last digit that a level of this width shows."""
    least = 10.0 ** -(decimals(width) + 1)
    return f"<{least:.{decimals(width) + 1}f}" if 0 < regret < least else brief(regret)


def confidence(p: float) -> str:
    """A probability in words and numbers."""
    words = [
        (0.99, "almost surely"),
        (0.9, "very probably"),
        (0.7, "probably"),
        (0.5, "more likely than not"),
        (0.0, "perhaps"),
    ]
    shown = "> .99" if p > 0.995 else f"= {p:.2f}".replace("0.", ".")
    return f"{next(w for floor, w in words if p >= floor)} (P {shown})"


def headline(d: Decision) -> str:
    """The answer in one sentence with its probabilities, budgets of one choice together."""
    study = d.fit.study
    if len(d.candidates) == 1:
        return f"{d.candidates[0].text} is the only candidate: there is nothing to choose from."
    order = np.argsort(d.budgets, kind="stable")
    parts = []
    for best, group in groupby(order, key=lambda b: int(d.best[b])):
        places = [
            f"{confidence(float(d.p_best[b, best]))} at {format_samples(d.budgets[b])}"
            f"{extrapolation(d.budgets[b], study)}"
            for b in group
        ]
        listed = "; ".join(places) if any("," in p for p in places[:-1]) else and_list(places)
        parts.append(f"{d.candidates[best].text} is best {listed}")
    return f"Of {len(d.candidates)} candidates, {'; '.join(parts)}."


def and_list(items: Iterable[str], shown: int | None = None) -> str:
    """Items as people list them: ``A, B and C``; those beyond so many are counted."""
    names = list(items)
    if shown is not None and len(names) > shown:
        return f"{', '.join(names[:shown])} and {len(names) - shown} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def describe(d: Decision) -> str:
    """One screen: per budget the best data, how sure, and the main candidates."""
    study, trained = d.fit.study, d.fit.study.trained_on
    lines = [
        f"{d.fit.stamp}{study.metric} ({study.kind.better}), fitted to "
        f"{count(trained['runs'], 'run')} up to {format_number(trained['max_samples'])} samples; "
        f"{d.prob:.0%} equal-tailed credible intervals"
    ]
    if d.laws:
        told = ", ".join(f"{v.name} {v.weight:.2f}" for v in d.laws)
        lines.append(f"laws stacked by their roll-forward scores, with weights {told}")
    for b in range(len(d.budgets)):
        lines += ["", *budget_lines(d, b)]
    lines += ["", *crossover_lines(d), *(f"note: {note}" for note in d.notes)]
    if not d.gate.passed:
        lines.append(f"NOT CONVERGED: {d.gate.text}")
    return "\n".join(lines).rstrip()


HEAD = ("data", "P(best)", "expected [interval]", "minus best [interval]", "regret", "in samples")


def budget_lines(d: Decision, b: int) -> list[str]:
    """The choice at one budget, and the candidates by their expected regret."""
    samples, rows = d.budgets[b], d.rows(b)
    top = rows.sort_values("expected_regret", kind="stable").iloc[0].to_dict()
    place = f"{at(samples, d.fit.study)}: "
    if len(d.candidates) == 1:
        n = decimals(top["hi"] - top["lo"])
        level, lo, hi = (f"{top[name]:.{n}f}" for name in ("median", "lo", "hi"))
        return [
            f"{place}{d.fit.study.metric} {level} [{lo}, {hi}] on {top['data']}, the only "
            "candidate: there is nothing to choose from."
        ]
    lines = [
        f"{place}{confidence(top['p_best'])} {top['data']} is best of {len(d.candidates)}.",
        *by_regret(HEAD, rows, cells, SHOWN),
    ]
    lines.append(f"  {d.prob:.0%} credible set: {in_short(d.credible_set(b))}")
    families = d.rows(b, d.families)
    if len(families):
        lines.append(f"  P(best) by family: {family_words(families)}")
    if d.laws_disagree(b):
        lines.append(f"  LAWS DISAGREE: {disagreement(d, b)}")
    if d.margin is not None:
        lines.append(f"  good enough (regret <= {d.margin:g}): {in_short(d.good_enough(b))}")
    return lines


def cells(row: Any) -> tuple[str, ...]:
    """One candidate at one budget."""
    n, m = decimals(row.hi - row.lo), decimals(row.difference_hi - row.difference_lo)
    ends = f"[{row.difference_lo:+.{m}f}, {row.difference_hi:+.{m}f}]"
    return (
        row.data,
        f"{row.p_best:.2f}",
        f"{row.median:.{n}f} [{row.lo:.{n}f}, {row.hi:.{n}f}]",
        "-" if row.best else f"{row.difference:+.{m}f} {ends}",
        cost(row.expected_regret, row.hi - row.lo),
        ">16x" if np.isnan(row.regret_compute) else f"{row.regret_compute:.2f}x",
    )


def by_regret(
    head: tuple[str, ...], rows: pd.DataFrame, cells: Callable[[Any], tuple[str, ...]], most: int
) -> list[str]:
    """Lines of the candidates of least expected regret, and how many more there are."""
    order = rows.sort_values("expected_regret", kind="stable").head(most)
    lines = columns([head, *map(cells, order.itertuples())])
    if len(rows) > most:
        lines.append(f"  and {len(rows) - most} more, each with a larger expected regret")
    return lines


def in_short(names: list[str]) -> str:
    """Some candidates on a line."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(short(names)[:SHOWN]) + more


def family_words(families: pd.DataFrame) -> str:
    """Families with their probability, and what to take of each."""
    shown = families[families["p_best"] >= 0.005].head(SHOWN)
    told = zip(short([*shown["family"]]), short([*shown["best"]]), shown["p_best"], strict=True)
    return ", ".join(f"{family} {p:.2f} ({best})" for family, best, p in told)


def disagreement(d: Decision, budget: int) -> str:
    """What each law recommends, and what the stack's choice would cost under it."""
    chosen = d.chosen(budget)
    return "; ".join(
        f"under {v.name} {d.candidates[v.best[budget]].text} is best"
        + (f" ({chosen} costs {brief(v.cost[budget])})" if v.best[budget] != d.best[budget] else "")
        for v in d.laws
    )


def crossover_lines(d: Decision) -> list[str]:
    """A sentence for each crossover."""
    tail = 0.5 * (1.0 - d.prob)
    lines = []
    for c in d.crossovers:
        never = float(np.mean(~np.isfinite(c.draws)))
        ends = [c.quantile(p) for p in (0.5, tail, 1.0 - tail)]
        beyond = f"beyond {format_number(d.grid[-1])}"
        mid, lo, hi = (beyond if e is None else format_number(e) for e in ends)
        start = f"only {mid} samples" if ends[0] is None else f"from {mid} samples on"
        lines.append(
            f"{d.candidates[c.to].text} stays ahead of {d.candidates[c.origin].text} {start} "
            f"[{lo} to {hi}]; P(not by {format_number(d.grid[-1])}) = {never:.2f}"
        )
    return lines
