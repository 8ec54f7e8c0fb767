"""The plan: its table, words, JSON, stop rule, figure and command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.buy import Plan, buy
from qqt_bayes.buy.batch import Batch, Step
from qqt_bayes.buy.stop import judge
from qqt_bayes.buy.tally import Value
from qqt_bayes.cli.main import main
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.runs import format_number

TABLE = pd.DataFrame(
    {"data": ["A", "B", "B", "C"], "samples": [480e3, 480e3, 30e3, 30e3], "seeds": [1, 1, 2, 1]}
)


def plan_of(fit: Fit, **options: object) -> Plan:
    settings = {"designs": TABLE, "candidates": ["A", "B", "C"], "draws": 100} | options
    return buy(fit, "960k", **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plan(buy_fit: Fit) -> Plan:
    return plan_of(buy_fit, spend="1M", stake=1e12)


def test_json_is_complete_and_strict(plan: Plan) -> None:
    out = json.loads(json.dumps(plan.to_json(), allow_nan=False))
    assert out["schema"] == 1
    assert {"schema", "evpi", "designs", "batch", "stop"} <= set(out)
    assert len(out["designs"]) == len(TABLE)
    for row in out["designs"]:
        assert set(row) == {"data", "samples", "seeds", "cost", "evsi", "se", "khat", "net"}
        assert isinstance(row["seeds"], int)
    assert out["batch"]
    assert out["batch"][-1]["spent"] <= 1e6
    assert out["stop"]["stop"] is False


def test_table_words_and_figure(plan: Plan) -> None:
    assert plan.table["net"].is_monotonic_decreasing
    assert "GO ON" in plan.text
    assert "perfect information" in plan.text
    figure = plan.plot()
    assert "perfect information" in figure.caption


def test_the_same_seed_gives_the_same_plan(buy_fit: Fit, plan: Plan) -> None:
    again = plan_of(buy_fit, spend="1M", stake=1e12)
    assert again.to_json() == plan.to_json()


def test_nothing_pays_where_little_is_at_stake(buy_fit: Fit) -> None:
    plan = plan_of(buy_fit, spend="1M", stake=1.0)
    assert plan.stop.stop is True
    assert plan.stop.count == 0
    assert "STOP" in plan.text
    assert np.all(plan.net < 0)


def test_stake_in_compute_prices_regret_by_longer_runs(buy_fit: Fit) -> None:
    plan = plan_of(buy_fit, stake="compute")
    assert np.all(np.isfinite(plan.net))
    assert plan.chosen is None
    assert plan.to_json()["stake"] == "compute"


def test_without_a_stake_it_does_not_say(buy_fit: Fit) -> None:
    plan = plan_of(buy_fit)
    assert plan.stop.stop is None
    assert plan.to_json()["designs"][0]["net"] is None
    nothing = Value(np.zeros(1), 0.0, 0.0)
    _, stop = judge([nothing], plan.designs, None, nothing, np.ones(1), None)
    assert stop.stop is True
    spread = Batch((Step(0, 1.0, nothing),), "value", for_spread=1)
    _, stop = judge([nothing], plan.designs, spread, nothing, np.ones(1), None)
    assert stop.reason.endswith("; those for spread only show where the model is wrong")


def test_what_pays_is_named(buy_fit: Fit) -> None:
    plan = plan_of(buy_fit)
    much, none = Value(np.full(1, 10.0), 10.0, 0.0), Value(np.zeros(1), 0.0, 0.0)
    values = [none, much, *[none] * (len(plan.designs) - 2)]
    money = plan.designs.cost.max() * np.ones(1)
    _, stop = judge(values, plan.designs, None, much, np.ones(1), money)
    row = plan.designs.table.iloc[1]
    assert stop.reason.startswith(f"{row['data']} for {format_number(row['samples'])} is worth ")
    batch = Batch((Step(0, 1.0, none), Step(1, 2.0, much)), "value")
    _, stop = judge([none] * len(values), plan.designs, batch, much, np.ones(1), money)
    assert stop.reason.startswith("the first 2 of the batch are worth ")
    assert stop.count == 2


def test_weights_are_of_budgets(buy_fit: Fit) -> None:
    options = {"designs": TABLE, "candidates": ["A", "B", "C"], "draws": 60}
    both = buy(buy_fit, "480k,960k", weights=[0, 2], **options)  # type: ignore[arg-type]
    assert both.weights.tolist() == [0.0, 1.0]
    assert both.evpi == pytest.approx(both.limit.by_budget[1])


def test_a_run_of_a_million_seeds_is_rough_and_no_more(buy_fit: Fit) -> None:
    """One draw has all the weight: k-hat says so, and nothing overflows."""
    dense = pd.DataFrame({"data": ["A"], "samples": [480e3], "seeds": [1_000_000]})
    plan = plan_of(buy_fit, designs=dense)
    assert plan.khat[0] > 0.7
    assert 0.0 <= plan.values[0].total <= plan.evpi + 3 * plan.limit.se
    assert "k-hat above 0.7" in plan.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objective": "fun"}, "choose from regret"),
        ({"spend": "-3"}, "what may be spent"),
        ({"stake": "much"}, "the word compute"),
        ({"stake": "compute", "objective": "p_best"}, "give a number"),
        ({"weights": [1, 2]}, "one for each budget"),
        ({"weights": [0]}, "all weights are 0"),
    ],
)
def test_bad_arguments_are_told(buy_fit: Fit, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        plan_of(buy_fit, **options)


def test_command(buy_fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved, designs = tmp_path / "fit.nc", tmp_path / "designs.csv"
    buy_fit.save(saved)
    TABLE.to_csv(designs, index=False)
    with pytest.raises(SystemExit) as stop:
        main(["buy", str(saved), "--designs", str(designs), "--budgets", "960k", "--spend", "500k",
              "--candidates", "A;B;C", "--refits", "2", "--json"])  # fmt: skip
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1
    with pytest.raises(SystemExit) as stop:
        main(["buy", str(saved), "--budgets", "960k", "--designs", str(tmp_path / "no.csv")])
    assert stop.value.code == 2
    assert "no such file" in capsys.readouterr().err
