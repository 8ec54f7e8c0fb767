"""When to stop: net benefit of runs, given what a unit of the metric is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.buy.batch import Batch
from qqt_bayes.buy.designs import Designs, price_of
from qqt_bayes.buy.tally import Value
from qqt_bayes.decide.predict import predict
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import parse_positive

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

LONGER = 1.5  # how much longer a run is looked at to tell what more samples bring
SURE = 2.0  # standard errors

__all__ = ["Stop", "judge", "parse_stake", "worth"]


@dataclass(frozen=True)
class Stop:
    """Whether to stop buying."""

    stop: bool | None  # None: not known without a stake
    reason: str
    net: float | None  # largest net benefit of a design or a part of the batch, in units of cost
    count: int  # purchases of the batch to make: those up to the largest net benefit


def parse_stake(stake: str | float | None) -> str | float | None:
    """A stake: None, ``"compute"``, or a positive number; anything else is refused."""
    if stake is None or stake == "compute":
        return stake
    mend = (
        "what one unit of the metric is worth in units of cost, for example 50M, or the word "
        "compute"
    )
    return parse_positive("stake", stake, mend)


def worth(fit: Fit, stake: str | float, budgets: np.ndarray, best: np.ndarray) -> np.ndarray:
    """What a unit of the metric is worth at each budget, in units of cost (budget,).

    With ``"compute"``: the cost of as many further samples of the best data there (budget, pool) as
    would improve the metric by one unit, going by the slope of its median at the budget.
    """
    if not isinstance(stake, str):
        return np.full(len(budgets), float(stake))
    out = []
    price = price_of(best, fit.study.pools)
    for n, shares, each in zip(budgets, best, price, strict=True):
        latent = predict(fit, np.array([n, n * LONGER]), shares[None], seed=23).latent[:, :, 0]
        drop = float(np.median(latent[:, 0] - latent[:, 1]))
        if not drop > 0:
            raise UsageError(
                f"at {n:g} samples the best data does not improve with more samples, so regret has "
                "no price in compute -> give the stake as a number"
            )
        out.append(each * n * (LONGER - 1.0) / drop)
    return np.array(out)


def judge(
    values: Sequence[Value], designs: Designs, batch: Batch | None, limit: Value,
    weights: np.ndarray, price: np.ndarray | None,
) -> tuple[np.ndarray, Stop]:  # fmt: skip
    """Net benefit of each design (NaN without a stake), and whether to stop.

    ``price`` is what a unit of value is worth at each budget.
    """
    steps, cost = batch.steps if batch is not None else (), designs.cost
    if price is None:
        unknown = np.full(len(cost), np.nan)
        if all(v.total <= SURE * v.se for v in [*values, *(s.value for s in steps)]):
            reason = "no run is expected to change the choice, whatever it costs"
            if batch is not None and batch.for_spread:
                reason += "; those for spread only show where the model is wrong"
            return unknown, Stop(True, reason, None, 0)
        reason = (
            "give a stake to know whether it pays: what one unit of value is worth in cost, or the "
            "word compute (--stake compute)"
        )
        return unknown, Stop(None, reason, None, len(steps))
    money = weights * price
    net = np.array([v.by_budget @ money for v in values]) - cost
    nets = [float(net.max())]
    nets += [float(s.value.by_budget @ money) - s.spent for s in steps]
    top = int(np.argmax(nets))
    most = float(limit.by_budget @ money)
    if nets[top] > 0:
        best = designs.table.iloc[int(np.argmax(net))]
        what = f"{best['data']} for {format_number(best['samples'])} is"
        if top:
            what = f"the first {top} of the batch are" if top > 1 else "the first of the batch is"
        it = "they cost" if top > 1 else "it costs"
        reason = f"{what} worth {format_number(nets[top])} more than {it}"
        return net, Stop(False, reason, nets[top], top)
    if most <= cost.min():
        reason = (
            f"even perfect information is worth only {format_number(most)}, less than the cheapest "
            "run costs"
        )
    else:
        reason = f"no run or batch is worth its cost (perfect information: {format_number(most)})"
    return net, Stop(True, reason, nets[top], 0)
