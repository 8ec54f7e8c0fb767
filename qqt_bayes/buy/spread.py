"""A share of the spend for spread: runs over all data and budgets, whatever they are worth now.

Runs that are bought for their value lie where the model says that they matter: deep, on the few
candidates that contend. Where it is wrong elsewhere nothing tells, and bands are too narrow. A grid
over data and budgets asks the model where it did not expect an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.buy.batch import LIMIT, Step
from qqt_bayes.buy.designs import NEAR, merged

if TYPE_CHECKING:
    from qqt_bayes.buy.designs import Designs
    from qqt_bayes.buy.value import Objective
    from qqt_bayes.buy.worlds import Known

SPREAD = 0.5  # share of the spend: the best of three tried, docs/evidence/buying.md

__all__ = ["SPREAD", "bought_for_spread", "sweeps"]


def sweeps(data: np.ndarray, level: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Places of a grid in order: every sweep visits every budget once, each with another data.

    Parameters
    ----------
    data, level : numpy.ndarray
        Dim (place,): which data and which budget a place has.
    rng : numpy.random.Generator
        Of the order of the data, and of who begins at which budget.
    """
    names, levels = list(dict.fromkeys(data)), list(dict.fromkeys(level))
    place = {key: i for i, key in enumerate(zip(data, level, strict=True))}
    order = rng.permutation(len(names))
    offset = rng.permutation(max(len(names), len(levels)))
    asked = [
        (names[order[(sweep + offset[k]) % len(names)]], at)
        for sweep in range(len(names))
        for k, at in enumerate(levels)
    ]
    return [place[key] for key in asked if key in place]


def bought_for_spread(
    known: Known, aim: Objective, designs: Designs, spend: float, seed: int
) -> tuple[Known, tuple[Step, ...]]:
    """Designs of a grid for at most so much, and what is known once they were bought."""
    level = np.searchsorted(merged(designs.samples), designs.samples / (1.0 + NEAR))
    order = sweeps(known.problem.data, level, np.random.default_rng((seed, 3)))
    steps: list[Step] = []
    spent, more = 0.0, True
    while more:
        more = False
        for d in order:
            cost = float(designs.cost[d])
            if spent + cost <= spend * (1.0 + 1e-12) and len(steps) < LIMIT // 2:
                outcome = known.outcome(d)
                spent, more = spent + cost, designs.repeatable
                steps.append(Step(d, spent, aim.value(known, outcome)))
                known = known.after(outcome)
    return known, tuple(steps)
