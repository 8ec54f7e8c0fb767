"""The plan in words and a table, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes._columns import columns
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief, count
from qqt_bayes.runs.untold import untold

if TYPE_CHECKING:
    from qqt_bayes.buy.plan import Plan

SHOWN = 8
KNOWN = 5  # parameters named
APART = 3.0  # standard errors between two estimates of one value that are told
ROUGH = 0.7  # k-hat above which a value is rough
WORDS = {
    "regret": "expected regret",
    "variance": "predictive variance",
    "p_best": "probability of a wrong choice",
    "crossover": "variance of the log of the crossing budget",
}

__all__ = ["describe", "together", "verdict"]


def describe(plan: Plan) -> str:
    """One screen: what can be gained, the best designs, the batch, and whether to stop."""
    study = plan.fit.study
    unit = {"regret": f" of {study.metric}", "variance": f" of {study.metric} squared"}
    places = "; ".join(
        f"{b.text} at {format_number(n)}" for n, b in zip(plan.budgets, plan.best, strict=True)
    )
    lines = [
        f"{plan.fit.stamp}Best choice now: {places} samples.",
        *together(plan),
        *alone(plan),
        f"No runs can lower the {WORDS[plan.objective]} by more than {brief(plan.evpi)}"
        f"{unit.get(plan.objective, '')} (perfect information, +-{brief(plan.limit.se, 1)}).",
        "",
        *design_lines(plan),
    ]
    if plan.chosen is not None:
        lines += ["", *batch_lines(plan)]
    lines += ["", *knowledge_lines(plan)]
    lines += [f"note: {told}" for told in untold(study.samples, study.shares, study.pools)]
    lines += [f"note: {note}" for note in middle_notes(plan.fit)]
    lines += ["", verdict(plan)]
    return "\n".join(lines)


HEAD = ("data", "samples", "seeds", "cost", "value +- s.e.", "of EVPI", "k-hat")


def together(plan: Plan) -> list[str]:
    """How several budgets are valued: all at once, by their weights."""
    if len(plan.budgets) == 1:
        return []
    weights = " : ".join(f"{w / plan.weights.max():.2g}" for w in plan.weights)
    equal = "equally" if np.ptp(plan.weights) == 0 else f"as {weights}"
    places = ", ".join(map(format_number, plan.budgets))
    return [f"Values are means over all of {places}, weighted {equal}: one budget alone may "
            "rank the runs otherwise."]  # fmt: skip


def alone(plan: Plan) -> list[str]:
    """Why nothing has a value where there is nothing to choose from."""
    if len(plan.candidates) > 1 or plan.objective not in ("regret", "p_best"):
        return []
    return [f"{plan.candidates[0].text} is the only candidate: there is nothing to choose from "
            "-> name others by --candidates"]  # fmt: skip


def design_lines(plan: Plan) -> list[str]:
    """The most valuable designs."""
    table = plan.table
    if plan.stop.stop:  # the least loss is of the cheapest run, which tells nobody anything
        table = table.sort_values("evsi", ascending=False, kind="stable")
    staked = not np.isnan(plan.net).all()
    cells = [HEAD + (("net",) if staked else ())]
    telling = table[table["evsi"] > 0]
    shown = (telling if len(telling) else table).head(SHOWN)
    for row in shown.itertuples():
        share = row.evsi / plan.evpi if plan.evpi > 0 else 0.0
        value = f"{brief(row.evsi)} +- {brief(row.se, 1)}" if row.evsi > 0 else "0"
        line = (row.data, format_number(row.samples), f"{row.seeds}", format_number(row.cost),
                value, f"{share:.0%}", f"{row.khat:.2f}")  # fmt: skip
        cells.append(line + ((format_number(row.net),) if staked else ()))
    lines = columns(cells)
    if len(table) > len(shown):
        left = "of less value" if len(telling) > len(shown) else "of no value"
        lines.append(f"  and {count(len(table) - len(shown), 'more design')} {left}")
    rough = int(np.sum(plan.khat > ROUGH))
    if rough:
        refitted = len(plan.refitted)
        mended = f" ({refitted} of them by exact refits)" if refitted else ""
        lines.append(
            f"  {rough} of {len(table)} designs have k-hat above {ROUGH}: few draws speak for "
            f"their outcomes, so take their values as rough{mended}"
        )
    return lines + check_lines(plan)


def check_lines(plan: Plan) -> list[str]:
    """Where regression on the draws gives another value than reweighting them."""
    return [
        f"  {row.data} for {format_number(row.samples)}: by regression on the draws "
        f"{brief(row.regression)} +- {brief(row.regression_se, 1)}, so take its value as rough"
        for row in plan.cross_check.itertuples()
        if abs(row.regression - row.evsi) > APART * np.hypot(row.se, row.regression_se)
    ]


def knowledge_lines(plan: Plan) -> list[str]:
    """What is worth knowing."""
    table = plan.evppi[(plan.evppi["evppi"] > 2.0 * plan.evppi["se"])].head(KNOWN)
    if not len(table):
        return ["No parameter alone is worth knowing: none would change the choice."]
    found = [
        f"{row.parameter}{f' of {row.pool}' if row.pool else ''} {brief(row.evppi)} +- "
        f"{brief(row.se, 1)}"
        for row in table.itertuples()
    ]
    return [f"Worth knowing, each alone: {'; '.join(found)}."]


def batch_lines(plan: Plan) -> list[str]:
    """The best batch in order."""
    assert plan.chosen is not None
    assert plan.spend is not None
    if not plan.chosen.steps:
        least = float(plan.table["cost"].min())
        why = "nothing is worth buying"
        if plan.spend < least:
            why = f"nothing costs so little -> spend {format_number(least)} or more"
        return [f"With {format_number(plan.spend)}: {why}."]
    batch = plan.chosen
    how = "" if batch.for_spread else f"chosen by {batch.order}; "
    lines = [
        f"With {format_number(plan.spend)}, in this order ({how}value of everything up to that "
        "row):"
    ]
    headings = {}
    if batch.for_spread:
        headings[1] = "for spread: they show where the model is wrong (--spread 0 leaves them out)"
        headings[batch.for_spread + 1] = f"by {batch.order}"
    for i, row in enumerate(plan.batch.itertuples(), 1):
        if i in headings:
            lines.append(f"  {headings[i]}")
        seeds = f" x {row.seeds} seeds" if row.seeds > 1 else ""
        lines.append(
            f"  {i:>2}. {row.data} for {format_number(row.samples)}{seeds}: "
            f"spent {format_number(row.spent)}, value {brief(row.evsi)} +- {brief(row.se, 1)}"
        )
    return lines


def verdict(plan: Plan) -> str:
    """Whether to stop, in a sentence."""
    if plan.stop.stop:
        return f"STOP: {plan.stop.reason}."
    if plan.stop.stop is None:
        return f"Stop or go on? {plan.stop.reason[0].upper()}{plan.stop.reason[1:]}."
    return f"GO ON: {plan.stop.reason}."
