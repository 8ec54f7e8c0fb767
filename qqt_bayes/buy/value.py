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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.worlds import Known, Outcome
from qqt_bayes.inference.cores import threads
from qqt_bayes.inference.preposterior import best_shares

OBJECTIVES = ("regret", "variance", "p_best")
KHAT_WORLDS = 5
REPLICATES = 4  # joint deviations of the targets per draw, for the probability of being best

__all__ = ["OBJECTIVES", "Objective", "Value", "khat", "objective", "undominated", "value_designs"]


@dataclass(frozen=True)
class Value:
    """Value of a set of runs.

    Attributes
    ----------
    by_budget : numpy.ndarray
        Dim (budget,).
    total, se : float
        Weighted over the budgets, with its Monte Carlo standard error.
    """

    by_budget: np.ndarray
    total: float
    se: float


@dataclass(frozen=True, eq=False)
class Objective:
    """What a run is valued by.

    Attributes
    ----------
    name : str
        One of :data:`OBJECTIVES`.
    weights : numpy.ndarray
        Dim (budget,), summing to one.
    limit : Value
        Value of perfect information.
    measure : callable
        From what is known and an outcome to contributions of the worlds (world, budget).
    """

    name: str
    weights: np.ndarray
    limit: Value
    measure: Callable[[Known, Outcome], np.ndarray]

    def value(self, known: Known, outcome: Outcome) -> Value:
        """Value of everything bought so far and this outcome, together."""
        return summary(self.measure(known, outcome), self.weights)


def summary(parts: np.ndarray, weights: np.ndarray) -> Value:
    """Mean and standard error of contributions (world, budget)."""
    total = parts @ weights
    return Value(
        parts.mean(axis=0), float(total.mean()), float(total.std(ddof=1) / np.sqrt(len(total)))
    )


def gains(values: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How much better the least value is than that of ``best``, dims (world, budget)."""
    now = np.take_along_axis(values, best[None, :, None], axis=2)[:, :, 0]
    return now - values.min(axis=2)


def objective(name: str, problem: Problem, weights: np.ndarray) -> tuple[Objective, np.ndarray]:
    """The objective and the best candidate now at each budget.

    The value of ``regret`` is in the unit of the metric; of ``variance``, the mean drop in the
    candidates' predictive variance, in its square; of ``p_best``, in probability.
    """
    truth = problem.true_values
    # of the expected values by the closed form, so that it is the very choice that is improved on
    expected = now_expected(problem)
    best = np.argmin(expected, axis=1)
    if name == "regret":
        limit = summary(gains(truth, best), weights)

        def measure(known: Known, outcome: Outcome) -> np.ndarray:
            return gains(known.expected(outcome), best)

    elif name == "variance":
        limit = summary(((truth - truth.mean(axis=0)) ** 2).mean(axis=2), weights)

        def measure(known: Known, outcome: Outcome) -> np.ndarray:
            means = known.expected(outcome)
            return ((means - expected) ** 2).mean(axis=2)

    else:
        shares = p_best(problem)
        leader = np.argmax(shares, axis=1)
        sure = 1.0 - np.max(shares, axis=1)
        limit = Value(sure, float(sure @ weights), 0.0)

        def measure(known: Known, outcome: Outcome) -> np.ndarray:
            found = probability_best(known, outcome)
            now = np.take_along_axis(found, leader[None, :, None], axis=2)[:, :, 0]
            return found.max(axis=2) - now

    return Objective(name, weights, limit, measure), best


def now_expected(problem: Problem) -> np.ndarray:
    """Expected performance now (budget, candidate)."""
    known = Known.single(problem)
    idle = Outcome(
        -1, known.log_weight, np.zeros_like(known.log_weight), np.zeros_like(known.var), known.var
    )
    return known.expected(idle)[0]


def undominated(problem: Problem) -> np.ndarray:
    """Candidates that no other one beats in every simulated truth, at every budget.

    Whatever is learned, a dominated candidate is not chosen: leaving it out saves time and changes
    nothing.
    """
    truth = problem.true_values.reshape(len(problem.true_values), problem.budgets, -1)
    keep = []
    for c in range(problem.candidates):
        beaten = np.all(truth < truth[:, :, [c]], axis=(0, 1))
        if not beaten.any():
            keep.append(c)
    return np.array(keep)


def p_best(problem: Problem) -> np.ndarray:
    """Probability of being best now (budget, candidate)."""
    winner = np.argmin(problem.true_values, axis=2)
    return np.stack([(winner == c).mean(axis=0) for c in range(problem.candidates)], axis=1)


def probability_best(known: Known, outcome: Outcome) -> np.ndarray:
    """Probability of being best in each world (world, budget, candidate).

    The order of the candidates is that of their log reducible errors, which share the irreducible
    part. Joint deviations are drawn before any purchase and moved by what each purchase teaches.
    """
    p = known.problem
    moved = deviations(known, outcome)
    out = np.empty((len(known.log_weight), p.budgets, p.candidates))
    best_shares(outcome.log_weight, outcome.shift, known.mean, outcome.gain, moved, out)
    return out


def deviations(known: Known, outcome: Outcome) -> np.ndarray:
    """Deviations of the targets from their means after all purchases (draw, replicate, target)."""
    p = known.problem
    rng = np.random.default_rng((p.seed, 3))
    base, cov = p.truths[:, :REPLICATES], p.target_covariance[:, :, p.targets]
    for gain in [*(step[:, : len(p.targets)] for step, _ in known.steps), outcome.gain]:
        base = forget(base, cov, gain, rng)
        cov = cov - gain[:, :, None] * gain[:, None, :]
    return base


def forget(
    base: np.ndarray, cov: np.ndarray, gain: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Take out of joint deviations the part that an outcome explains."""
    size = cov.shape[1]
    ridge = 1e-8 * np.einsum("kii->k", cov)[:, None, None] / size * np.eye(size)
    pull = np.linalg.solve(cov + ridge + 1e-15 * np.eye(size), gain[:, :, None])[:, :, 0]
    explained = np.clip(np.einsum("kq,kq->k", pull, gain), 0.0, 1.0)
    white = rng.standard_normal(base.shape[:2])
    shift = np.einsum("krq,kq->kr", base, pull) + np.sqrt(1.0 - explained)[:, None] * white
    return base - shift[:, :, None] * gain[:, None, :]


def khat(outcome: Outcome) -> float:
    """Pareto k-hat of the weights of the few: the median of some simulated outcomes."""
    from arviz_stats.base import array_stats  # type: ignore[attr-defined]

    worlds = np.linspace(0, len(outcome.log_weight) - 1, KHAT_WORLDS + 2).astype(int)[1:-1]
    weights = outcome.log_weight[worlds]
    found = []
    for row in weights:
        kept = row[np.isfinite(row)]
        if np.ptp(kept) < 1e-9:
            found.append(-np.inf)  # nothing was learned of the few
            continue
        try:
            # it takes log likelihoods left out, and so turns the sign
            found.append(float(array_stats.psislw(-kept)[1]))
        except ValueError:  # one draw has all the weight
            found.append(np.inf)
    return float(np.median(found))


def value_designs(
    known: Known, aim: Objective, which: Sequence[int] | np.ndarray, *, with_khat: bool = False
) -> list[tuple[Value, float]]:
    """Value of everything bought so far together with each of these designs, and its k-hat."""

    def work(design: int) -> tuple[Value, float]:
        outcome = known.outcome(int(design))
        return aim.value(known, outcome), khat(outcome) if with_khat else np.nan

    with ThreadPoolExecutor(threads(2)) as pool:
        return list(pool.map(work, which))
