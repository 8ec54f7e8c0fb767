"""What is worth knowing, by regression: against values known in closed form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm

from qqt_bayes.buy.evppi import BLOCKS, block_mean, choice_gain, held_out, variance_gain
from qqt_bayes.decide import predict
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit

DRAWS = 16_000
BLOCK = np.arange(DRAWS) * BLOCKS // DRAWS


def two_costs(noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A signal, and the costs of two choices whose difference is the signal with noise."""
    rng = np.random.default_rng(4)
    signal = rng.standard_normal(DRAWS)
    common, own = rng.standard_normal((2, DRAWS))
    return signal, np.column_stack([common, common - 0.5 + signal + noise * own])


def test_value_of_a_signal_is_the_closed_form() -> None:
    """Difference N(-.5, 1): knowing it is worth E max(0, x) of x ~ N(-.5, 1) to the second."""
    signal, cost = two_costs()
    value, se = block_mean(choice_gain(signal[:, None], cost, BLOCK), BLOCK)
    want = norm.pdf(0.5) - 0.5 * norm.cdf(-0.5)
    assert abs(value - want) < 4 * se
    assert se < 0.05 * want


def test_what_tells_nothing_is_worth_nothing() -> None:
    """Not even by chance: a fit that is charged its own draws would find some value here."""
    _, cost = two_costs()
    rng = np.random.default_rng(5)
    known = rng.standard_normal((DRAWS, 12))
    value, se = block_mean(choice_gain(known, cost, BLOCK), BLOCK)
    assert value < 3 * se + 1e-4
    drop, se = block_mean(variance_gain(known, cost, BLOCK), BLOCK)
    assert drop < 3 * se


def test_explained_variance_of_a_curved_signal() -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_t(3, DRAWS)
    value = np.tanh(x)[:, None] + 0.5 * rng.standard_normal((DRAWS, 1))
    drop, se = block_mean(variance_gain(x[:, None], value, BLOCK), BLOCK)
    assert abs(drop - np.tanh(x).var()) < 4 * se + 0.01
    fitted = held_out(x[:, None], value, BLOCK)[:, 0]
    assert np.corrcoef(fitted, np.tanh(x))[0, 1] > 0.995


def test_a_constant_column_does_no_harm() -> None:
    signal, cost = two_costs()
    alone = choice_gain(signal[:, None], cost, BLOCK)
    beside = choice_gain(np.column_stack([signal, np.full(DRAWS, 3.0)]), cost, BLOCK)
    np.testing.assert_allclose(alone, beside)


@pytest.mark.parametrize("objective", ["regret", "variance", "p_best"])
def test_plan_says_what_is_worth_knowing(buy_fit: Fit, objective: str) -> None:
    plan = buy_fit.buy("960k", candidates=["A", "B", "C"], objective=objective)
    table = plan.evppi
    assert set(table.columns) == {"parameter", "pool", "evppi", "se"}
    pools = {"A", "B"} | ({"C"} if objective == "variance" else set())  # C is never best
    assert set(table["pool"]) == pools | {""}
    assert np.all(table["evppi"] < plan.evpi + 4 * np.hypot(table["se"], plan.limit.se))
    # below nothing by error, and by what fitting a few dozen functions to the draws costs
    assert np.all(table["evppi"] > -4 * table["se"] - 0.004 * plan.evpi)
    assert table["evppi"].is_monotonic_decreasing
    still = table.set_index("parameter").loc["change of regime", "evppi"]
    assert abs(still) < 1e-9  # it is switched off in this fit
    out = json.loads(json.dumps(plan.to_json(), allow_nan=False))["evppi"]
    assert out[0]["evppi"] == table["evppi"][0]
    assert {row["pool"] for row in out} == pools | {None}


@pytest.mark.slow
def test_the_width_of_a_crossover_is_valued(buy_fit: Fit) -> None:
    """From where B stays ahead of A: the drop in the variance of its log, both ways."""
    asked = {"candidates": ["A", "B"], "objective": "crossover"}
    plan = buy_fit.buy("960k", spend="1M", spread=0.0, **asked)
    cost = plan.sample.cost[:, 0, 0]
    assert np.log(30e3) - 1e-9 <= cost.min() < cost.max() <= np.log(960e3) + 1e-9
    assert plan.evpi == pytest.approx(cost.var(), rel=0.2)
    check = plan.cross_check
    error = np.hypot(check["se"], check["regression_se"])
    assert np.all(np.abs(check["evsi"] - check["regression"]) < 3.5 * error + 0.1 * check["evsi"])
    assert check["evsi"].max() > 0.1 * plan.evpi
    assert np.all(check["evsi"] < plan.evpi)
    assert plan.batch["evsi"].is_monotonic_increasing
    assert plan.best[0].text in ("A", "B")
    assert "crossing budget" in plan.text
    with pytest.raises(UsageError, match="3 candidates and 1 budgets"):
        buy_fit.buy("960k", candidates=["A", "B", "C"], objective="crossover")


@pytest.mark.parametrize("objective", ["regret", "variance", "p_best"])
def test_regression_and_reweighting_agree(buy_fit: Fit, objective: str) -> None:
    """Two estimators that share nothing but the draws of the few."""
    plan = buy_fit.buy("960k", candidates=["A", "B", "C"], objective=objective)
    check = plan.cross_check
    error = np.hypot(check["se"], check["regression_se"])
    assert np.all(np.abs(check["evsi"] - check["regression"]) < 3.5 * error + 0.05 * check["evsi"])
    assert np.all(check["regression"] > 5 * check["regression_se"])


def test_many_points_use_fewer_draws(buy_fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """No array grows without bound: one draw in so many is used, and the answer stays."""
    plan = buy_fit.buy("960k", candidates=["A", "B"])
    every = len(plan.sample.block)
    monkeypatch.setattr(predict, "MOST", 150_000)
    again = buy_fit.buy("960k", candidates=["A", "B"])
    assert again.sample.every > 1
    assert len(again.sample.block) == every // again.sample.every
    a, b = (p.cross_check.iloc[0] for p in (plan, again))
    error = np.hypot(a["regression_se"], b["regression_se"])
    assert abs(a["regression"] - b["regression"]) < 4 * error
