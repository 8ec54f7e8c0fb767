"""The best set of runs under a spend: chosen one after the other, each in the light of the others.

A run is worth less once a similar one has been bought, and sometimes more once another has. So the
outcomes of the runs chosen so far are simulated jointly, and every further run is valued beside
them. Three greedy orders are tried, by value per cost (many small runs), by value alone (few large
ones) and by value among runs that cost no more than half of the spend: else one that takes most of
it stands in the way of two that are worth more together. The best set is kept. A purchase counts by
what it surely adds: its gain less two standard errors of that gain. Else the best of many worthless
runs, which cost little, would be bought for the luck of the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.value import Objective, value_designs
from qqt_bayes.buy.worlds import Known

WIDTH = 12  # designs valued again at each step, beside one of each data: the most promising so far
LIMIT = 24  # runs in one batch
SURE = 2.0  # standard errors by which a gain must exceed nothing

__all__ = ["Batch", "Step", "best_batch", "greedy"]


@dataclass(frozen=True)
class Step:
    """One purchase of a batch."""

    design: int
    spent: float  # cost of the batch up to and with this purchase
    value: Value  # of all of it together


@dataclass(frozen=True)
class Batch:
    """Purchases in order."""

    steps: tuple[Step, ...]
    order: str  # of what is not for spread: "value per cost", "value" or "value, at least two"
    for_spread: int = 0  # the first so many

    @property
    def total(self) -> float:
        """Value of the whole batch."""
        return self.steps[-1].value.total if self.steps else 0.0


def greedy(
    known: Known, aim: Objective, first: Sequence[Value], spend: float, *, per_cost: float = 1.0,
    repeatable: bool = False, most: float = np.inf, begun: tuple[Step, ...] = (),
) -> Batch:  # fmt: skip
    """Buy the most valuable affordable design, of at most so large a cost, again and again.

    ``first`` is the value of each design on its own, ``per_cost`` the power of the cost by which a
    gain is divided; what was ``begun`` is bought already, and known.
    """
    cost = known.problem.cost
    open_ = cost <= most * (1.0 + 1e-12)
    worth = Value(np.zeros(1), 0.0, 0.0, np.zeros_like(first[0].partial))
    last = np.array([surely(v, worth) for v in first])  # what each added when last looked at
    steps, bought = list(begun), 0.0
    if begun:
        open_[[step.design for step in begun]] &= repeatable
        bought, worth = begun[-1].spent, begun[-1].value
    while len(steps) < LIMIT:
        able = np.flatnonzero(open_ & (cost <= (spend - bought) * (1.0 + 1e-12)))
        if len(able) == 0:
            break
        key = last[able] / cost[able] ** per_cost
        # A run may be worth nothing alone and much beside one bought: no data is left out.
        top = np.union1d(able[np.argsort(-key, kind="stable")[:WIDTH]], dearest(known, able))
        fresh = value_designs(known, aim, top) if steps else [first[d] for d in top]
        last[top] = [surely(v, worth) for v in fresh]
        pick = int(np.argmax(last[top] / cost[top] ** per_cost))
        if last[top[pick]] <= 0.0:
            break
        design = int(top[pick])
        known = known.after(known.outcome(design))
        bought += float(cost[design])
        worth = fresh[pick]
        open_[design] = repeatable
        steps.append(Step(design, bought, fresh[pick]))
    order = "value per cost" if per_cost > 0 else "value"
    order += ", at least two" if np.isfinite(most) else ""
    return Batch(tuple(steps), order, len(begun))


def dearest(known: Known, able: np.ndarray) -> np.ndarray:
    """Of each data the affordable design that costs most."""
    data, cost = known.problem.data[able], known.problem.cost[able]
    order = np.lexsort((-cost, data))
    _, first = np.unique(data[order], return_index=True)
    return able[order[first]]


def surely(value: Value, before: Value) -> float:
    """What is added to a value, less two standard errors."""
    gain, se = value.gain(before)
    return gain - SURE * se


def best_batch(
    known: Known, aim: Objective, first: Sequence[Value], spend: float, *,
    repeatable: bool = False, begun: tuple[Step, ...] = (),
) -> Batch:  # fmt: skip
    """The best of the three greedy batches, each of which goes on from what is begun."""
    orders = ((1.0, np.inf), (0.0, np.inf), (0.0, spend / 2))
    batches = [
        greedy(known, aim, first, spend, per_cost=power, repeatable=repeatable, most=most,
               begun=begun)
        for power, most in orders
    ]  # fmt: skip
    return max(batches, key=lambda b: b.total)
