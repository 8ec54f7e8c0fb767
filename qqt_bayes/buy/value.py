r"""The value of a run: how much it is expected to lower the regret of the choice.

With :math:`m_c(y)` the posterior expected performance of candidate c after an outcome y (lower is
better) and :math:`c_0` the best choice now,

.. math:: \mathrm{EVSI} = E_y\bigl[m_{c_0}(y) - \min_c m_c(y)\bigr],

since :math:`E_y[m_{c_0}(y)]` is its expectation now. In this form every simulated outcome
contributes at least zero, and the noise common to the candidates cancels. Perfect information gives
the same with the true performances in place of their expectations: EVPI, its upper bound.
Expectations are of performance bounded as in :mod:`qqt_bayes.decide.predict`: the wandering beyond
the data has heavy tails, and without a bound it has no mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from qqt_bayes.buy.chances import best_of, crossing_of, from_draws, pooled, seen
from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.tally import Gain, Tally, Value, jackknife
from qqt_bayes.buy.worlds import Known, Outcome
from qqt_bayes.inference.cores import NUMBERS, in_chunks
from qqt_bayes.inference.importance import smoothed

OBJECTIVES = ("regret", "variance", "p_best", "crossover")
KHAT_WORLDS = 5

__all__ = [
    "OBJECTIVES", "Objective", "for_each", "khat", "objective", "undominated", "value_designs",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Objective:
    """What a run is valued by."""

    weights: np.ndarray  # of the budgets, summing to one
    measure: Callable[[Known, Outcome], Tally]  # what would be known of the candidates
    now: Tally  # what is known of them
    gain: Gain  # how much that is worth in each world
    limit: Value  # of perfect information
    best: np.ndarray  # (budget,): the best candidate now

    def value(self, known: Known, outcome: Outcome) -> Value:
        """Value of everything bought so far and this outcome, together."""
        return jackknife(self.measure(known, outcome), self.now, self.gain, self.weights)


def lower_regret(found: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How much better the choice is than the one that would be made now."""
    best = np.argmin(now, axis=1)
    return np.take_along_axis(found, best[None, :, None], axis=2)[:, :, 0] - found.min(axis=2)


def lower_variance(found: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How far the expectations move: on average, the drop in the candidates' variance."""
    return np.asarray(((found - now) ** 2).mean(axis=2))


def surer_choice(found: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How much likelier the choice is to be right than the one that would be made now."""
    best = np.argmax(now, axis=1)
    return found.max(axis=2) - np.take_along_axis(found, best[None, :, None], axis=2)[:, :, 0]


GAINS: dict[str, Gain] = {
    "regret": lower_regret, "variance": lower_variance, "p_best": surer_choice,
    "crossover": lower_variance,
}  # fmt: skip


def objective(name: str, problem: Problem, weights: np.ndarray) -> Objective:
    """The objective of a problem.

    The value of ``regret`` is in the unit of the metric; of ``variance``, the mean drop in the
    candidates' predictive variance, in its square; of ``p_best``, in probability. That of
    ``crossover``, the drop in the variance of the log of the budget from which the second of two
    candidates stays ahead of the first, is in squared e-folds; the budgets are then a grid.
    """
    gain = GAINS[name]
    measure: Callable[[Known, Outcome], Tally] = Known.expected
    if name == "crossover":
        truth, measure = seen(problem, crossing_of), partial(from_draws, measure=crossing_of)
        now = pooled(truth)
        best = np.argmin(problem.true_values[:, -1:].mean(axis=0), axis=1)
    elif name == "p_best":
        truth, measure = seen(problem, best_of), partial(from_draws, measure=best_of)
        now = pooled(truth)
        best = np.argmax(now.mean()[0], axis=1)
    else:
        values = problem.true_values
        truth = Tally.of(values, np.repeat(problem.group, len(values) // len(problem.group)))
        # by the closed form, so that it is the very choice that is improved on
        known = Known.single(problem)
        now = known.expected(known.idle())
        best = np.argmin(now.mean()[0], axis=1)
    limit = jackknife(truth, now, gain, weights)
    return Objective(weights, measure, now, gain, limit, best)


def undominated(problem: Problem) -> np.ndarray:
    """Candidates that no other one beats in every simulated truth, at every budget.

    Whatever is learned, a dominated candidate is not chosen: leaving it out saves time and changes
    nothing.
    """
    truth = problem.true_values
    keep = []
    for c in range(problem.candidates):
        beaten = np.all(truth < truth[:, :, [c]], axis=(0, 1))
        if not beaten.any():
            keep.append(c)
    return np.array(keep)


def khat(outcome: Outcome) -> float:
    """Pareto k-hat of the weights of the draws: the median of some simulated outcomes.

    Minus infinity where nothing was learned of the parameters, infinity where one draw has all the
    weight.
    """
    worlds = np.linspace(0, len(outcome.log_weight) - 1, KHAT_WORLDS + 2).astype(int)[1:-1]
    rows = outcome.log_weight[worlds]
    return float(np.median([smoothed(row[np.isfinite(row)])[1] for row in rows]))


def value_designs(known: Known, aim: Objective, which: Sequence[int] | np.ndarray) -> list[Value]:
    """Value of everything bought so far together with each of these designs."""
    return for_each(known, which, lambda outcome: aim.value(known, outcome))


def for_each[Found](
    known: Known, which: Sequence[int] | np.ndarray, look: Callable[[Outcome], Found]
) -> list[Found]:
    """What is seen of the outcomes of some designs, on the cores at hand."""
    parts = in_chunks(
        lambda c: [look(known.outcome(int(d))) for d in which[c]], len(which), NUMBERS
    )
    return [found for part in parts for found in part]
