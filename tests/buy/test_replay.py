"""Replays of a small simulated table."""

import dataclasses
import json

import numpy as np
import pytest
from simulated_runs import POOLS, make_runs

from qqt_bayes.buy import replay
from qqt_bayes.buy.exact import quick_fit
from qqt_bayes.buy.ground import Held, build_ground
from qqt_bayes.buy.policies import FIXED, POLICIES, rank_largest
from qqt_bayes.buy.replay import judge
from qqt_bayes.cli.main import main
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import read_runs

BUDGETS = [30e3, 60e3, 120e3, 240e3, 480e3]


@pytest.fixture(scope="module")
def runs():  # type: ignore[no-untyped-def]
    return make_runs(BUDGETS, ["A", "B", "C", "A+B"], seeds=2)


def test_ground_holds_what_is_below_the_target(runs) -> None:  # type: ignore[no-untyped-def]
    ground = build_ground(runs, "loss", "480k")
    assert len(ground.cells) == 16
    assert [c.text for c in ground.candidates] == ["A", "B", "C", "A+B"]
    at = runs.table[runs.table["samples"] == 480e3].groupby("data")["value"].mean()
    assert ground.truth == pytest.approx([at[c.text] for c in ground.candidates])
    begun = {(ground.cells[i].mixture.text, ground.cells[i].samples) for i in ground.start}
    assert begun == {(d, n) for d in "ABC" for n in (30e3, 60e3)}


@pytest.mark.parametrize("policy", FIXED)
def test_fixed_policies_stay_within_the_spend(runs, policy: str) -> None:  # type: ignore[no-untyped-def]
    ground = build_ground(runs, "loss", "480k")
    for spend in (0.0, 100e3, 1e6):
        held = Held(ground, np.random.default_rng(1))
        FIXED[policy](held, spend, np.random.default_rng(2))
        assert held.spent <= spend
        assert len(held.affordable(spend)) == 0 or policy in ("uniform", "none")
        assert len(set(held.rows)) == len(held.rows)


def test_ranking_without_a_model_by_hand(runs) -> None:  # type: ignore[no-untyped-def]
    """All four candidates at 240k cost 960k: that is what is bought, and what is ranked."""
    done = replay(runs, "loss", "480k", 3, policies=("none",), spend=960e3, stages=1)
    table = runs.table
    means = table[table["samples"] == 480e3].groupby("data")["value"].mean()
    for start, row in done.raw.iterrows():
        assert row["spent"] == 960e3
        ground = build_ground(runs, "loss", "480k")
        held = Held(ground, np.random.default_rng((0, start)))
        order = {c.mixture.text: held.order[i][0] for i, c in enumerate(ground.cells)
                 if c.samples == 240e3}  # fmt: skip
        seen = {data: table["value"].iloc[r] for data, r in order.items()}
        best = min(seen, key=lambda d: seen[d])
        assert row["chosen"] == best
        assert row["regret"] == pytest.approx(means[best] - means.min())
    out = done.to_json()
    assert out["policies"]["none"][0]["coverage"] is None
    assert "+-0." in done.text
    one = dataclasses.replace(done, raw=done.raw[done.raw["start"] == 0]).text
    assert "nan" not in one  # of one start there is no standard error
    assert "+-" not in one.splitlines()[-1]
    held = Held(build_ground(runs, "loss", "480k"), np.random.default_rng(0))
    assert rank_largest(held) in (0, 1, 2)  # the union has not been run yet


@pytest.mark.slow
def test_replay_end_to_end(runs) -> None:  # type: ignore[no-untyped-def]
    done = replay(
        runs, "loss", "480k", 2, policies=("evsi", "d_optimal", "none"), spend=500e3, stages=2,
        settings=Settings(draws=400, engine="importance", values=4096),
    )  # fmt: skip
    out = json.loads(json.dumps(done.to_json(), allow_nan=False))
    assert out["schema"] == 1
    assert out["target"] == 480e3
    assert set(out["policies"]) == {"evsi", "d_optimal", "none"}
    for rows in out["policies"].values():
        assert [r["spend"] for r in rows] == [250e3, 500e3]
        assert all({"spend", "regret", "regret_se", "coverage"} <= set(r) for r in rows)
        assert all(r["regret"] >= 0 for r in rows)
    assert np.all(done.raw["spent"] <= done.raw["spend"])
    assert "coverage" in done.text


def test_bands_of_what_was_observed_have_its_evaluation_noise() -> None:
    """Errors told by 20 items each: the latent is known far better than any observed mean."""
    rng = np.random.default_rng(0)
    table = make_runs(BUDGETS, ["A", "B", "C", "A+B", "A+C", "B+C"], seeds=6).table
    table = table.drop(columns="line").assign(metric="error", n_eval=20)
    table["value"] = rng.binomial(20, table["value"] / 8.0) / 20
    again = table.duplicated(["data", "samples"]) & (table["samples"] == BUDGETS[-1])
    table = table[~again]  # one run each is the truth
    ground = build_ground(read_runs(table, POOLS), "error", "480k")
    held = Held(ground, np.random.default_rng(1))
    FIXED["random"](held, np.inf, np.random.default_rng(2))
    spec = load_spec("effective_utility")
    fitted = quick_fit(ground.table_of(held.rows), "error", spec)
    assert judge(ground, held, fitted)["coverage"] >= 5 / 6


def test_command(runs, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    runs.table.drop(columns="line").to_csv(tmp_path / "runs.csv", index=False)
    runs.pools.table.to_csv(tmp_path / "pools.csv", index=False)
    with pytest.raises(SystemExit) as stop:
        main(["replay", str(tmp_path / "runs.csv"), "--metric", "loss", "--target", "480k",
              "--starts", "2", "--policies", "none", "--json"])  # fmt: skip
    assert stop.value.code == 0
    out = json.loads(capsys.readouterr().out)
    assert out["starts"] == 2
    assert len(out["policies"]["none"]) == 5


def test_bad_arguments_are_told(runs) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="no runs at a target"):
        replay(runs, "loss", "7M", 1)
    with pytest.raises(UsageError, match=r"unknown policy 'luck'.*evsi"):
        replay(runs, "loss", "480k", 1, policies=("luck",))
    assert set(POLICIES) >= set(FIXED)
