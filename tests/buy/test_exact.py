"""Values by exact refits, and the error that a value states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated_runs import POOLS

import qqt_bayes.buy.ask as plan_module
import qqt_bayes.buy.text as text_module
from qqt_bayes.buy.designs import read_designs
from qqt_bayes.buy.exact import Trial, corrected, result_rows
from qqt_bayes.buy.problem import Question, build_problem
from qqt_bayes.buy.tally import Tally, Value, group_draws, jackknife
from qqt_bayes.buy.value import lower_regret, objective, value_designs
from qqt_bayes.buy.worlds import Known
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.runs import parse_mixture, read_runs


def test_replicates_have_the_simulated_mean_and_scatter(buy_fit: Fit) -> None:
    designs = read_designs(
        pd.DataFrame({"data": ["A"], "samples": [480e3], "seeds": [4]}),
        buy_fit.study.pools,
    )
    rows = result_rows(buy_fit, designs, 0, 2.5, 0.003)
    assert len(rows) == 4
    assert rows["value"].mean() == pytest.approx(2.5)
    assert np.sum((rows["value"] - 2.5) ** 2) == pytest.approx(0.003)
    assert len(buy_fit.runs.append(rows).table) == len(buy_fit.runs.table) + 4


def test_simulated_rows_are_comparable_with_the_study(buy_fit: Fit) -> None:
    """A table that says which model was trained takes them as runs of that model."""
    runs = read_runs(buy_fit.runs.table.drop(columns="line").assign(model="small"), POOLS)
    fit = replace(buy_fit, runs=runs)
    designs = read_designs(pd.DataFrame({"data": ["A"], "samples": [480e3]}), runs.pools)
    more = runs.append(result_rows(fit, designs, 0, 2.5, 0.0))
    assert len(more.study("loss")) == len(runs.table) + 1


def test_refits_correct_the_closed_form() -> None:
    """A value that reweighting finds a third too large is put right, with the error of both."""
    rng = np.random.default_rng(1)
    closed = rng.gamma(0.5, 0.02, 40)
    trial = Trial(np.zeros(40), closed, closed * 0.75 + 1e-5 * rng.standard_normal(40))
    value = Value(np.array([0.012]), 0.012, 0.001)
    found = corrected(value, trial)
    gap, se = trial.difference
    assert found.total == pytest.approx(0.012 + gap)
    assert found.by_budget[0] == pytest.approx(found.total)
    assert found.se == pytest.approx(np.hypot(0.001, se))
    assert se < 0.3 * closed.std() / np.sqrt(40)  # the common part of the outcomes has cancelled


def test_rough_designs_are_refitted_on_demand(buy_fit: Fit, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    options = {"designs": None, "candidates": ["A", "B"], "draws": 80}
    plain = buy_fit.buy("960k", **options)
    assert plain.refitted == ()
    for module in (plan_module, text_module):
        monkeypatch.setattr(module, "ROUGH", -np.inf)
    monkeypatch.setattr(plan_module, "ROUGH_MOST", 1)
    plan = buy_fit.buy("960k", refits=6, **options)
    (top,) = plan.refitted
    assert top == int(np.argmax([v.total for v in plain.values]))
    assert plan.values[top].total != plain.values[top].total
    assert plan.values[top].se > plain.values[top].se
    assert abs(plan.values[top].total - plain.values[top].total) < 4 * plan.values[top].se
    assert sum(plan.to_json()["refitted"]) == 1
    assert "by exact refits" in plan.text
    with pytest.raises(UsageError, match="refits=5 for the objective p_best"):
        buy_fit.buy("960k", refits=5, objective="p_best")


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    rng = np.random.default_rng(2)
    draws = 640
    values = np.zeros((draws, 1, 2))
    values[:, 0, 1] = rng.normal(-1.0, 1.0, draws)
    truth = Tally.of(values, group_draws(draws))
    now = Tally(np.array([[[[0.0, 1.0]]]]), np.ones((1, 1)), np.array([-1]))
    found = jackknife(truth, now, lower_regret, np.ones(1))
    gain = np.maximum(-values[:, 0, 1], 0.0)
    assert found.total == pytest.approx(gain.mean())
    assert found.se == pytest.approx(gain.std() / np.sqrt(draws), rel=0.5)


def test_the_stated_error_is_that_of_other_draws(buy_fit: Fit) -> None:
    """Values from disjoint sets of posterior draws differ by what the standard error says."""
    pools = buy_fit.study.pools
    designs = read_designs(pd.DataFrame({"data": ["B"], "samples": [480e3]}), pools)
    candidates = tuple(parse_mixture(c, pools) for c in ("A", "B"))
    question = Question(buy_fit, np.array([960e3]), np.ones(1), candidates, designs)
    posterior = buy_fit.posterior
    found = []
    for k in range(16):
        part = replace(posterior, parameters=posterior.parameters.take(slice(k, None, 16)))
        fit = replace(buy_fit, posterior=part)
        problem = build_problem(replace(question, fit=fit, seed=k), draws=125)
        aim = objective("regret", problem, np.ones(1))
        found.append(value_designs(Known.now(problem), aim, [0])[0])
    spread = np.std([v.total for v in found], ddof=1)
    stated = np.sqrt(np.mean([v.se**2 for v in found]))
    assert 0.6 < stated / spread < 2.5  # stratified outcomes err less than it allows for
