"""Back-tests of a whole table: studies, tables, baselines beside, refusals told."""

import json

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.backtest import coverage_interval, crps, interval_score, log_score, origins
from qqt_bayes.backtest.judge import catch_up
from qqt_bayes.calibrate import calibrate
from qqt_bayes.calibrate.run import Job, studies
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Runs, read_runs


@pytest.fixture(scope="module")
def table() -> Runs:
    """Two crossing pools at four budgets, two seeds."""
    rng = np.random.default_rng(4)
    rows = []
    for data, level, slope in (("A", 0.0, 0.22), ("B", 0.12, 0.3)):
        for n in (1e5, 2e5, 4e5, 8e5):
            for seed in (0, 1):
                value = 1.0 + np.exp(level - slope * np.log(n / 1e5)) + rng.normal(0, 0.004)
                rows.append((f"{data}/{n}/{seed}", data, n, "loss", value, seed))
    runs = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value", "seed"])
    return read_runs(runs, pd.DataFrame({"pool": ["A", "B"], "size": [1e7, 1e7]}))


def test_origins_use_only_what_lies_behind(table: Runs) -> None:
    found = list(origins(table, "loss"))
    assert [o.upto for o in found] == [2e5, 4e5]
    for origin in found:
        assert origin.train.samples.max() <= origin.upto
        assert origin.targets["samples"].min() > origin.upto
        factor = origin.targets["samples"] / origin.upto
        assert np.all(origin.targets["factor"] >= factor / 1.1)


def test_an_origin_with_nothing_left_to_fit_is_passed_over(table: Runs) -> None:
    late = table.replace(table.table[(table.table["data"] == "A") | (table.table["samples"] > 3e5)])
    assert [o.upto for o in origins(late, "loss", keep=lambda d: d == "A")] == [2e5, 4e5]
    assert not list(origins(late, "loss", keep=lambda d: d == "C"))
    only_late = late.replace(late.table[late.table["data"].eq("B") | (late.table["samples"] < 3e5)])
    assert [o.upto for o in origins(only_late, "loss", keep=lambda d: d == "B")] == []


def test_calibrate_judges_every_method_on_the_same_runs(table: Runs) -> None:
    result = calibrate(studies(table, "toy"), methods=("qqt", "bootstrap", "power_law"))
    keys = ["what", "origin", "data", "samples", "seen"]
    ours, theirs = (
        set(result.scores[result.scores["method"] == m][keys].itertuples(index=False))
        for m in ("qqt", "power_law")
    )
    assert theirs <= ours
    assert len(ours) == 12 + 3  # two origins: levels of both pools and seeds, one difference each
    levels = result.table.query("target == 'level' and method == 'qqt'")
    assert np.all((levels["cover90_lo"] <= levels["cover90"]) & (levels["cover90"] <= 1))
    assert levels["cover90"].mean() > 0.5
    choice = result.choice_table.set_index("method").loc["qqt"]
    assert choice["regret"] <= choice["regret_rank"] + 1e-9
    assert choice["compute"] >= 1.0 or choice["beyond"] == choice["n"]
    assert "Choices" in result.text
    json.dumps(result.to_json(), allow_nan=False)


def test_a_method_that_cannot_be_applied_is_said_so(table: Runs) -> None:
    jobs = [Job("toy", table.select(upto=4e5), "loss")]
    result = calibrate(jobs, methods=("conformal", "power_law"))
    assert set(result.refused["method"]) == {"conformal"}
    assert "too few runs" in result.text


def test_bad_calls_are_refused(table: Runs) -> None:
    with pytest.raises(UsageError, match="unknown method 'magic'"):
        calibrate(studies(table, "toy"), methods=("magic",))
    with pytest.raises(UsageError, match="no back-test is possible"):
        calibrate([Job("toy", table.select(upto=2e5), "loss")])


def test_regret_in_compute_is_read_off_the_larger_runs() -> None:
    curve = pd.DataFrame(
        {"data": "A", "budget": [1e5, 2e5, 4e5, 4e5], "value": [2.0, 1.8, 1.5, 1.7]}
    )
    assert catch_up(curve, "A", 1e5, 2.0) == 1.0
    assert catch_up(curve, "A", 1e5, 1.9) == pytest.approx(2**0.5)
    assert catch_up(curve, "A", 1e5, 1.7) == pytest.approx(2**1.5)
    assert catch_up(curve, "A", 2e5, 1.6) == pytest.approx(2.0)
    assert catch_up(curve, "A", 1e5, 1.0) == np.inf


def test_scores_against_closed_forms() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(20_000, 1))
    seen = np.array([0.7])
    # CRPS and log density of a standard normal at .7
    assert crps(draws, seen)[0] == pytest.approx(0.42087, abs=0.01)
    assert log_score(draws, seen)[0] == pytest.approx(-0.5 * 0.49 - 0.91894, abs=0.03)
    score = interval_score(np.array([0.0]), np.array([1.0]), np.array([1.5]), 0.9)
    assert score == pytest.approx(11.0)  # the width, and 20 times what is missing
    assert log_score(np.ones((10, 1)), np.array([1.0]))[0] == -np.inf


def test_coverage_intervals_resample_groups() -> None:
    rng = np.random.default_rng(0)
    inside, group = np.repeat([1.0, 1.0, 1.0, 0.0], 25), np.repeat(np.arange(4), 25)
    rate, lo, hi = coverage_interval(inside, group, rng)
    assert rate == 0.75
    assert lo <= 0.5  # four groups, not a hundred targets
    assert hi == 1.0
    single = coverage_interval(np.ones(10), np.zeros(10), rng)
    assert single[1] < 0.5
