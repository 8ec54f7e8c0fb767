"""Rules for buying runs, from none at all to the value of information.

A *fixed* policy needs no model of the results and plans for a spend in one go; an *adaptive* one
looks at a fit, plans for all that may be spent, and makes the first of those purchases before it
looks again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.backtest.judge import rank_by_largest
from qqt_bayes.buy.batch import best_batch, greedy
from qqt_bayes.buy.ground import Ground, Held
from qqt_bayes.buy.problem import Question, build_problem
from qqt_bayes.buy.spread import SPREAD, sweeps
from qqt_bayes.buy.value import objective, undominated, value_designs
from qqt_bayes.buy.worlds import Known

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

DRAWS = 320  # of the parameters, and as many worlds, when a policy values designs
ALPHA = 1.0  # power of the cost by which the variance and information criteria are divided

__all__ = ["ADAPTIVE", "FIXED", "POLICIES", "rank_largest"]


def one_by_one(
    held: Held, spend: float, rng: np.random.Generator,
    open_to: Callable[[Ground, np.ndarray], np.ndarray],
) -> None:  # fmt: skip
    """Any of those affordable runs that a policy is open to, again and again."""
    while len(cells := open_to(held.ground, held.affordable(spend))):
        held.take(int(rng.choice(cells)))


def cheapest(ground: Ground, cells: np.ndarray) -> np.ndarray:
    """Those that cost least, or nearly."""
    cost = ground.cost[cells]
    return cells[cost <= cost.min(initial=np.inf) * 1.05]


def most_expensive(ground: Ground, cells: np.ndarray) -> np.ndarray:
    """Those that cost most, or nearly."""
    cost = ground.cost[cells]
    return cells[cost >= cost.max(initial=0.0) / 1.05]


def uniform_buys(held: Held, spend: float, rng: np.random.Generator) -> None:
    """A grid: every sweep visits every budget once, each with another data."""
    ground = held.ground
    order = sweeps(np.array([c.mixture.key for c in ground.cells]), ground.levels, rng)
    bought = True
    while bought:
        bought = False
        for cell in order:
            if cell in held.affordable(spend):
                held.take(cell)
                bought = True


def ranked_buys(held: Held, spend: float, rng: np.random.Generator) -> None:
    """All candidates at the largest budget that can be paid for all of them; then again."""
    ground = held.ground
    candidates = len(ground.candidates)
    while True:
        cells = held.affordable(spend)
        for level in np.unique(ground.levels)[::-1]:
            here = cells[(ground.levels[cells] == level) & (ground.candidate[cells] >= 0)]
            if len(here) == candidates and ground.cost[here].sum() <= spend - held.spent:
                for cell in rng.permutation(here):
                    held.take(int(cell))
                break
        else:
            break
    # what is left, on the candidates' cheapest runs
    one_by_one(held, spend, rng, lambda g, cells: cheapest(g, cells[g.candidate[cells] >= 0]))


def rank_largest(held: Held) -> int:
    """The candidate best at the largest budget where at least two of them were run."""
    ground = held.ground
    train = ground.table_of(held.rows).study(ground.metric)
    ranked = rank_by_largest(train, [c.key for c in ground.candidates])
    if ranked is None:  # no two at one budget: the one of the largest run
        cells = np.flatnonzero((held.taken > 0) & (ground.candidate >= 0))
        return int(ground.candidate[cells[np.argmax(ground.levels[cells])]])
    return ranked


def asked(
    held: Held, fit: Fit, cells: np.ndarray, seed: int, objective: str = "regret"
) -> Question:
    """The choice at the target, before which runs of some cells could be bought."""
    ground = held.ground
    return Question(
        fit, np.array([ground.target]), np.ones(1), ground.candidates, ground.designs(cells),
        objective, seed,
    )  # fmt: skip


def by_value(
    held: Held, fit: Fit, spend: float, until: float, seed: int, name: str, per_cost: float | None
) -> None:
    """Greedy purchases by an objective; ``per_cost`` None takes the best of several orders.

    Purchases are planned for all that may be spent, and made until ``until`` has been.
    """
    cells = held.affordable(spend)
    if not len(cells):
        return
    question = asked(held, fit, cells, seed, name)
    problem = build_problem(question, draws=DRAWS)
    if name == "regret":
        problem = build_problem(question.among(undominated(problem)), draws=DRAWS)
    aim = objective(name, problem, question.weights)
    known = Known.now(problem)
    first = value_designs(known, aim, range(len(cells)))
    left = spend - held.spent
    if per_cost is None:
        batch = best_batch(known, aim, first, left)
    else:
        batch = greedy(known, aim, first, left, per_cost=per_cost)
    for step in batch.steps:
        held.take(int(cells[step.design]))
        if held.spent >= until:
            return


def evsi_buys(held: Held, fit: Fit, spend: float, until: float, seed: int) -> None:
    """By the value of information on the choice; by variance where no run can change it."""
    before = len(held.rows)
    by_value(held, fit, spend, until, seed, "regret", None)
    if len(held.rows) == before:
        by_value(held, fit, spend, until, seed, "variance", ALPHA)


def spread_buys(held: Held, fit: Fit, spend: float, until: float, seed: int) -> None:
    """A share of the spend on a grid first; the rest by the value of information."""
    before = held.spent
    uniform_buys(held, before + SPREAD * spend - held.for_spread, np.random.default_rng((seed, 7)))
    held.for_spread += held.spent - before
    if held.spent == before:
        evsi_buys(held, fit, spend, until, seed)


def variance_buys(held: Held, fit: Fit, spend: float, until: float, seed: int) -> None:
    """By the drop in predictive variance at the target, over cost to the power alpha."""
    by_value(held, fit, spend, until, seed, "variance", ALPHA)


def d_optimal_buys(held: Held, fit: Fit, spend: float, until: float, seed: int) -> None:
    """By the information on everything unknown, over cost to the power alpha."""
    cells = held.affordable(spend)
    if not len(cells):
        return
    problem = build_problem(asked(held, fit, cells, seed), draws=DRAWS)
    known = Known.single(problem)
    open_ = np.ones(len(cells), bool)
    while held.spent < until:
        able = np.flatnonzero(open_ & np.isin(cells, held.affordable(spend)))
        if not len(able):
            return
        score = [known.information(int(d)) / problem.cost[d] ** ALPHA for d in able]
        design = int(able[int(np.argmax(score))])
        known = known.after(known.without_outcome(design))
        held.take(int(cells[design]))
        open_[design] = False


type Fixed = Callable[[Held, float, np.random.Generator], None]
type Adaptive = Callable[[Held, "Fit", float, float, int], None]

FIXED: dict[str, Fixed] = {
    "random": partial(one_by_one, open_to=lambda ground, cells: cells),
    "cheapest": partial(one_by_one, open_to=cheapest),
    "largest": partial(one_by_one, open_to=most_expensive),
    "uniform": uniform_buys,
    "none": ranked_buys,
}
ADAPTIVE: dict[str, Adaptive] = {
    "evsi": evsi_buys,
    "spread": spread_buys,
    "variance": variance_buys,
    "d_optimal": d_optimal_buys,
}
POLICIES = (*ADAPTIVE, *FIXED)
