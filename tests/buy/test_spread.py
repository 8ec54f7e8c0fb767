"""A share of the spend for spread: a grid first, then the value of information."""

import numpy as np
import pandas as pd
import pytest
from simulated_runs import make_runs

from qqt_bayes.buy import buy
from qqt_bayes.buy import policies as rules
from qqt_bayes.buy.ground import Held, build_ground
from qqt_bayes.buy.spread import sweeps
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit

BUDGETS = (60e3, 120e3, 240e3, 480e3)
OFFERED = pd.DataFrame([(d, n) for d in ("A", "B", "C") for n in BUDGETS],
                       columns=["data", "samples"])  # fmt: skip


def test_a_sweep_visits_every_budget_once_each_with_another_data() -> None:
    data, level = np.repeat(list("ABCD"), 4), np.tile(np.arange(4), 4)
    order = sweeps(data, level, np.random.default_rng(1))
    assert sorted(order) == list(range(16))
    for sweep in np.reshape(order, (4, 4)):
        assert len(set(data[sweep])) == len(set(level[sweep])) == 4
    holes = np.delete(np.arange(16), [3, 7])  # a table need not be complete
    assert sorted(sweeps(data[holes], level[holes], np.random.default_rng(1))) == list(range(14))


def test_a_plan_begins_with_the_share_for_spread(buy_fit: Fit) -> None:
    """Even C, which is never best, is run for spread; the choice still gets the rest."""
    options = {"designs": OFFERED, "candidates": ["A", "B", "C"], "spend": 2e6, "draws": 200}
    by_value = buy(buy_fit, "960k", **options)
    assert "C" not in set(by_value.batch["data"])
    assert buy(buy_fit, "960k", spread=0.0, **options).to_json() == by_value.to_json()
    plan = buy(buy_fit, "960k", spread=0.25, **options)
    assert plan.chosen is not None
    count = plan.chosen.for_spread
    assert count > 0
    first, rest = plan.batch.iloc[:count], plan.batch.iloc[count:]
    lines = plan.text.splitlines()
    where = lines.index(
        "  for spread: they show where the model is wrong (--spread 0 leaves them out)"
    )
    assert lines[where + count + 1].startswith("  by value")
    assert plan.batch["for_spread"].sum() == count
    assert "C" in set(first["data"])
    assert 0.3e6 < first["spent"].iloc[-1] <= 0.5e6
    assert len(rest)
    assert plan.batch["spent"].iloc[-1] <= 2e6
    assert not plan.batch.duplicated(["data", "samples"]).any()  # each row is bought once
    assert rest["evsi"].is_monotonic_increasing
    assert rest["evsi"].iloc[0] > first["evsi"].iloc[-1]
    figure = plan.plot()  # what lies below single runs is not called the best
    assert {"batch", "its part for spread"} < labels(figure)
    (hollow,) = (line for line in figure.axes[0].lines if line.get_gid() == "for spread")
    assert list(hollow.get_xdata()) == list(first["spent"])
    assert "best batch" in labels(by_value.plot())


def labels(figure) -> set[str]:
    return {text.get_text() for text in figure.legends[0].get_texts()}


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_beyond_all_is_refused(buy_fit: Fit, share: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        buy(buy_fit, "960k", designs=OFFERED, candidates=["A", "B"], spend=1e6, spread=share)


def test_a_replay_buys_the_grid_once(buy_fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = build_ground(make_runs([30e3, *BUDGETS], ["A", "B", "C"], seeds=4), "loss", "480k")
    held = Held(ground, np.random.default_rng(0))
    valued: list[float] = []
    monkeypatch.setattr(rules, "evsi_buys", lambda held, *_: valued.append(held.spent))
    rules.spread_buys(held, buy_fit, 960e3, 320e3, 1)
    assert not valued
    assert 240e3 < held.spent <= rules.SPREAD * 960e3
    spread = held.copy()
    spread.spent += 200e3  # by value
    rules.spread_buys(spread, buy_fit, 960e3, 960e3, 2)
    assert valued == [held.spent + 200e3]


def test_half_the_spend_is_for_spread_unless_designs_are_given(buy_fit: Fit) -> None:
    options = {"candidates": ["A", "B", "C"], "spend": 1e6, "draws": 100}
    plan, given = buy(buy_fit, "960k", **options), buy(buy_fit, "960k", designs=OFFERED, **options)
    assert plan.to_json() == buy(buy_fit, "960k", spread=0.5, **options).to_json()
    assert plan.chosen is not None
    assert given.chosen is not None
    assert plan.chosen.for_spread > 0
    assert given.chosen.for_spread == 0
