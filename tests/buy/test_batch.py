"""The greedy search: it is not drawn to what only looks valuable by the luck of the draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.buy import batch
from qqt_bayes.buy.designs import read_designs
from qqt_bayes.buy.problem import Question, build_problem
from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.value import objective, value_designs
from qqt_bayes.buy.worlds import Known
from qqt_bayes.fitting import Fit
from qqt_bayes.runs import parse_mixture


def test_what_is_shared_cancels_in_a_gain() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(1.0, 0.1, 16)
    before = Value(np.array([1.0]), 1.0, 0.4, shared)
    after = Value(np.array([1.2]), 1.2, 0.4, shared + rng.normal(0.2, 0.001, 16))
    gain, se = after.gain(before)
    assert abs(gain - 0.2) < 1e-12
    assert se < 0.02
    assert batch.surely(after, before) == gain - 2 * se


def test_cheap_runs_that_tell_nothing_are_not_bought(
    buy_fit: Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C is never best, but of many cheap runs on it some look valuable by the luck of the draws."""
    pools = buy_fit.study.pools
    idle = [("C", 30e3 * 1.1**k, 1e3) for k in range(20)]
    table = pd.DataFrame([*idle, ("B", 480e3, 480e3)], columns=["data", "samples", "cost"])
    designs = read_designs(table, pools)
    candidates = tuple(parse_mixture(c, pools) for c in ("A", "B", "C"))
    question = Question(buy_fit, np.array([960e3]), np.ones(1), candidates, designs)
    bought = {0.0: 0, batch.SURE: 0}
    for seed in range(6):
        problem = build_problem(replace(question, seed=seed), draws=120)
        aim = objective("regret", problem, np.ones(1))
        known = Known.now(problem)
        first = value_designs(known, aim, range(len(designs)))
        for sure in bought:
            monkeypatch.setattr(batch, "SURE", sure)
            steps = batch.greedy(known, aim, first, 500e3, per_cost=1.0).steps
            bought[sure] += sum(step.design < len(idle) for step in steps)
    taken_in, careful = bought.values()
    assert taken_in >= 6
    assert careful <= 2


@pytest.fixture(scope="module")
def nine(buy_fit: Fit):
    """Runs of three data at three budgets, valued alone: what is known, the aim, the values."""
    pools = buy_fit.study.pools
    table = pd.DataFrame(
        [(data, n, n) for data in "ABC" for n in (120e3, 240e3, 480e3)],
        columns=["data", "samples", "cost"],
    )
    candidates = tuple(parse_mixture(c, pools) for c in ("A", "B", "C"))
    designs = read_designs(table, pools)
    question = Question(buy_fit, np.array([960e3]), np.ones(1), candidates, designs)
    problem = build_problem(question, draws=120)
    aim = objective("regret", problem, np.ones(1))
    known = Known.now(problem)
    return known, aim, value_designs(known, aim, range(len(designs)))


def test_one_large_run_does_not_stand_in_the_way_of_two(nine) -> None:
    known, aim, first = nine
    two = batch.greedy(known, aim, first, 500e3, per_cost=0.0, most=250e3)
    assert two.order == "value, at least two"
    assert all(known.problem.cost[step.design] <= 250e3 for step in two.steps)
    one = [batch.greedy(known, aim, first, 500e3, per_cost=power) for power in (1.0, 0.0)]
    best = batch.best_batch(known, aim, first, 500e3)
    assert best.total == max(b.total for b in (*one, two))


def test_no_data_is_left_out_once_something_was_bought(
    nine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is worth nothing alone may be worth much beside a run bought."""
    known, aim, first = nine
    seen: list[list[int]] = []

    def recorded(known, aim, which):
        seen.append([int(d) for d in which])
        return value_designs(known, aim, which)

    monkeypatch.setattr(batch, "value_designs", recorded)
    monkeypatch.setattr(batch, "WIDTH", 1)
    bought = batch.greedy(known, aim, first, 800e3, per_cost=0.0)
    assert bought.steps
    left = 800e3 - bought.steps[0].spent
    able = np.flatnonzero(known.problem.cost <= left)
    able = able[able != bought.steps[0].design]
    assert {d // 3 for d in seen[0]} == {int(d) // 3 for d in able}
    able = np.array([0, 1, 3, 7, 8])
    assert sorted(batch.dearest(known, able)) == [1, 3, 8]
