"""Reading and checking a table of actions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from qqt_bayes.act.changes import Data, apply, parse_changes
from qqt_bayes.errors import InputError
from qqt_bayes.limits import LIMITS, no_more
from qqt_bayes.runs import Mixture, Pools
from qqt_bayes.runs.cells import CellError, Rule, read_number
from qqt_bayes.runs.sheet import Sheet, Source, read_sheet

HEADER = "action,pool,changes,cost,per"
COST = Rule("a cost of 0 or more", "or leave it blank for none", low_allowed=True,
            high=LIMITS["cost"].high)  # fmt: skip
AS_IT_IS = "as it is"
PER = ("fixed", "sample")

__all__ = ["AS_IT_IS", "Action", "brought_in", "read_actions"]


@dataclass(frozen=True, eq=False)
class Action:
    """Something that could be done to the data before the large run.

    Attributes
    ----------
    name : str
    data : Data
        What would be trained on.
    cost : float
        In units of cost, for all rows of the action.
    touched : float
        Samples that a cost per sample is for; NaN where that means nothing.
    """

    name: str
    data: Data = field(repr=False)
    cost: float
    touched: float


def read_actions(source: Source, pools: Pools, now: Mixture) -> tuple[Action, ...]:
    """Read a table of actions; the rows of one action are done together, in their order.

    Parameters
    ----------
    source : path or pandas.DataFrame
        Columns ``action, pool, changes`` and optionally ``cost`` and ``per`` (``fixed``, or
        ``sample``: the cost is of each sample of the pool).
    pools : Pools
        The pool table that actions speak of.
    now : Mixture
        What would be trained on if nothing were done.

    Returns
    -------
    tuple of Action
        In the order of the table; the first is to leave the data as they are.

    Raises
    ------
    InputError
        Listing every problem: file, line, column, value and mend.
    """
    sheet = read_sheet(source, HEADER)
    if not sheet.require(("action", "changes"), {"action": ("name",), "changes": ("change", "do")}):
        raise InputError(sheet.problems)
    no_more(len(sheet), "rows of actions")
    start = Action(AS_IT_IS, Data.of(now, pools), 0.0, np.nan)
    found: dict[str, Action] = {AS_IT_IS: start}
    for row, name in enumerate(sheet.column("action")):
        if not name or name == AS_IT_IS:
            what = "missing" if not name else "the name of doing nothing, which is always compared"
            sheet.flag(row, "action", what, "give the action a name of its own")
            continue
        before = found.get(name, Action(name, start.data, 0.0, np.nan))
        column = "changes"
        try:
            changes = parse_changes(sheet.column("changes")[row])
            data, touched = apply(before.data, sheet.column("pool")[row], changes)
            column = "cost"
            cost = cost_of(sheet, row, touched)
        except CellError as error:
            sheet.flag(row, column, error.what, error.mend)
            found.setdefault(name, before)
            continue
        if name in found:
            touched = np.nan  # a price per sample of several pools means nothing
        found[name] = Action(name, data, before.cost + cost, touched)
    if sheet.problems:
        raise InputError(sheet.problems)
    return tuple(found.values())


def brought_in(source: Source) -> set[str]:
    """Pools that the actions of a table swap in or add; its problems are left to `read_actions`."""
    sheet, out = read_sheet(source, HEADER), set()
    for row, text in enumerate(sheet.column("changes")):
        try:
            changes = dict(parse_changes(text))
        except CellError:
            continue
        if "pool" in changes:
            out.add(changes["pool"])
        if "add" in changes:
            out.add(sheet.column("pool")[row])
    return out


def cost_of(sheet: Sheet, row: int, touched: float) -> float:
    """Cost of a row, noting a bad unit; CellError for a bad cost."""
    text, per = sheet.column("cost")[row], sheet.column("per")[row] or PER[0]
    if per not in PER:
        sheet.flag(row, "per", "neither 'fixed' nor 'sample'", "write fixed or sample")
    cost = read_number(text, COST) if text else 0.0
    if per != "sample" or cost == 0.0:
        return cost
    if not np.isfinite(touched):
        raise CellError(
            "a cost per sample where there is no number of samples", "give a fixed cost"
        )
    if not LIMITS["cost"].holds(cost * touched):
        raise CellError(
            f"{cost * touched:g} in all, above {LIMITS['cost'].high:g}", "give a smaller cost"
        )
    return cost * touched
