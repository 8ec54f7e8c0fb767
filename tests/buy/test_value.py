"""Values of runs: between nothing and perfect information, and equal to brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.buy.batch import best_batch
from qqt_bayes.buy.chances import log_crossing
from qqt_bayes.buy.designs import Designs, read_designs
from qqt_bayes.buy.exact import simulate
from qqt_bayes.buy.problem import Problem, Question, build_problem
from qqt_bayes.buy.value import OBJECTIVES, objective, undominated, value_designs
from qqt_bayes.buy.worlds import Known, capped_lognormal
from qqt_bayes.decide.crossovers import crossover
from qqt_bayes.fitting import Fit
from qqt_bayes.runs import parse_mixture

TARGET = np.array([960e3])
CANDIDATES = ("A", "B", "C")  # A and B are close, C is not
WANTED = [
    ("A", 960e3, 1), ("B", 480e3, 1), ("A", 480e3, 1), ("B", 30e3, 1), ("A", 30e3, 1),
    ("C", 30e3, 1), ("C", 240e3, 4),
]  # fmt: skip


@pytest.fixture(scope="module")
def designs(buy_fit: Fit) -> Designs:
    table = pd.DataFrame(WANTED, columns=["data", "samples", "seeds"])
    return read_designs(table, buy_fit.study.pools)


@pytest.fixture(scope="module")
def question(buy_fit: Fit, designs: Designs) -> Question:
    candidates = tuple(parse_mixture(c, buy_fit.study.pools) for c in CANDIDATES)
    return Question(buy_fit, TARGET, np.ones(1), candidates, designs)


@pytest.fixture(scope="module")
def problem(question: Question) -> Problem:
    return build_problem(question, draws=200)


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if n != "crossover"])
def test_values_lie_between_nothing_and_perfect_information(problem: Problem, name: str) -> None:
    aim = objective(name, problem, np.ones(1))
    found = value_designs(Known.now(problem), aim, range(len(WANTED)))
    assert aim.limit.total > 0
    for v in found:
        assert v.total >= -2 * v.se - 1e-9
        assert np.isfinite(v.se)
        assert v.total <= aim.limit.total + 3 * np.hypot(v.se, aim.limit.se)


def test_runs_near_the_target_are_worth_more_and_idle_ones_nothing(problem: Problem) -> None:
    aim = objective("regret", problem, np.ones(1))
    found = value_designs(Known.now(problem), aim, range(len(WANTED)))
    for data, n in (("B", 480e3), ("A", 960e3)):
        near, far = found[WANTED.index((data, n, 1))], found[WANTED.index((data, 30e3, 1))]
        assert near.total > far.total + 2 * np.hypot(near.se, far.se)
    idle = found[WANTED.index(("C", 30e3, 1))]  # it tells a little of the noise
    assert idle.total < 0.05 * aim.limit.total


def test_nothing_is_worth_buying_where_the_choice_is_clear(question: Question) -> None:
    a_or_c = replace(question.among(np.array([0, 2])), budgets=np.array([120e3]))
    clear = build_problem(a_or_c, draws=100)
    aim = objective("regret", clear, np.ones(1))
    assert aim.limit.total < 1e-6
    for v in value_designs(Known.now(clear), aim, range(len(WANTED))):
        assert v.total < 1e-6


def test_expectations_average_to_what_is_known_now(problem: Problem) -> None:
    known = Known.now(problem)
    now = known.single(problem).expected(known.single(problem).idle()).mean()[0]
    for d in range(len(WANTED)):
        means = known.expected(known.outcome(d)).mean()
        se = means.std(axis=0) / np.sqrt(len(means))
        assert np.all(np.abs(means.mean(axis=0) - now) < 4 * se + 1e-4)


def test_dominated_candidates_change_nothing(question: Question) -> None:
    near = replace(question, budgets=np.array([240e3]))  # where C is surely worse
    every = build_problem(near, draws=100)
    keep = undominated(every)
    assert keep.tolist() == [0, 1]
    fewer = build_problem(near.among(keep), draws=100)
    values = []
    for p in (every, fewer):
        aim = objective("regret", p, np.ones(1))
        values.append([v.total for v in value_designs(Known.now(p), aim, [0, 1, 2])])
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_a_second_look_is_worth_less_than_twice_and_batches_grow(problem: Problem) -> None:
    aim = objective("regret", problem, np.ones(1))
    known = Known.now(problem)
    first = value_designs(known, aim, range(len(WANTED)))
    d = WANTED.index(("B", 480e3, 1))
    again = known.after(known.outcome(d))
    both = aim.value(again, again.outcome(d))
    assert first[d].total <= both.total + 2 * both.se
    assert both.total < 2 * first[d].total
    batch = best_batch(known, aim, first, 1.5e6)
    totals = [s.value.total for s in batch.steps]
    assert len(totals) >= 2
    assert totals == sorted(totals)
    assert batch.steps[-1].spent <= 1.5e6
    able = [v.total for v, c in zip(first, problem.cost, strict=True) if c <= 1.5e6]
    assert totals[-1] >= 0.9 * max(able)


def test_sequential_update_is_the_joint_one(problem: Problem) -> None:
    """After two designs the variance of the targets is that of conditioning on both at once."""
    known = Known.now(problem)
    a, b = WANTED.index(("B", 480e3, 1)), WANTED.index(("A", 480e3, 1))
    known = known.after(known.outcome(a))
    outcome = known.outcome(b)
    at = problem.place[[a, b]]
    cross = problem.moments.covariance(problem.targets, at)
    within = problem.moments.covariance(at, at)
    within += np.stack([problem.noise(a), problem.noise(b)], axis=1)[:, :, None] * np.eye(2)
    want = problem.variance[:, problem.targets] - np.einsum(
        "kqi,kij,kqj->kq", cross, np.linalg.inv(within), cross
    )
    np.testing.assert_allclose(outcome.var, want, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("designs_tried", "outer"),
    [
        ([("B", 480e3)], 16),
        pytest.param(
            [("B", 480e3), ("A", 960e3), ("A", 480e3), ("B", 30e3)], 200,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["quick", "full"],
)  # fmt: skip
def test_value_is_that_of_brute_force(question: Question, designs_tried: list, outer: int) -> None:
    """Outcomes refitted and decided anew: the same value, outcome by outcome, and none other."""
    problem = build_problem(question, draws=1000)
    aim, known = objective("regret", problem, np.ones(1)), Known.now(problem)
    for data, samples in designs_tried:
        d = WANTED.index((data, samples, 1))
        trial = simulate(question, known, aim, d, outer)
        gap, se = trial.difference
        allowed = 3.0 * se + 0.1 * trial.closed.mean() + 1e-5
        assert abs(gap) < allowed, (data, trial)
        if trial.closed.mean() < 0.1 * aim.limit.total:
            continue
        assert np.corrcoef(trial.closed, trial.exact)[0, 1] > 0.9
        # the same comparison refuses predictions that follow an outcome by half
        outcome = known.outcome(d)
        half = replace(outcome, shift=0.5 * outcome.shift)
        worlds = np.searchsorted(np.sort(outcome.value), trial.value)
        wrong = aim.gain(aim.measure(known, half).mean(), aim.now.mean()[0])[:, 0]
        off = trial.exact - wrong[np.argsort(outcome.value, kind="stable")[worlds]]
        assert abs(off.mean()) > allowed


def test_a_crossing_is_found_where_the_lead_stays() -> None:
    """By lines that are drawn by hand, and as `decide` finds it."""
    at = np.log([1.0, 2.0, 4.0, 8.0])
    lead = np.array(
        [
            [1, 1, 1, 1],
            [-1, -1, -1, -1],
            [-1, 1, 1, 1],
            [-1, 2, -1, 3],
            [1, 1, 1, -1],
            [0, 0, 3, 3],
        ],
        float,
    )
    found = log_crossing(lead.T, at)
    want = [at[0], at[3], (at[0] + at[1]) / 2, at[2] + 0.25 * (at[3] - at[2]), at[3], at[1]]
    np.testing.assert_allclose(found, want)
    both = np.stack([lead, np.zeros_like(lead)], axis=2)
    by_decide = crossover(both, np.exp(at), 0, 1).draws
    np.testing.assert_allclose(found, np.log(np.minimum(by_decide, 8.0)))


def test_the_cap_of_an_expectation_is_that_of_draws() -> None:
    rng = np.random.default_rng(1)
    mean, sd, cap = np.array([0.5, -3.0, 4.0]), np.array([1.5, 0.1, 30.0]), np.log([2.0, 2.0, 1.0])
    drawn = np.minimum(np.exp(mean + sd * rng.standard_normal((200_000, 3))), np.exp(cap))
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(capped_lognormal(mean, sd, cap) - drawn.mean(axis=0)) < 4.5 * error)
