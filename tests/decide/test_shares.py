"""Optimised shares: what is best, under which constraints, beside what else, and how surely."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from qqt_bayes.cli import app
from qqt_bayes.decide.asked import check_shares
from qqt_bayes.decide.search import find
from qqt_bayes.decide.shares import Shares, best_shares
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.runs import Runs, read_runs
from qqt_bayes.runs.numbers import brief

BUDGETS = (1e6, 2e6, 4e6, 8e6)
POOLS = 8


@pytest.fixture(scope="module")
def mixed() -> Fit:
    """A small clean pool that wears out, and an unlimited one of lower quality."""
    rows = []
    for n in BUDGETS[:3]:
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            clean, rest = (1.0 - share) * n, share * n
            worth = 1e6 * (1.0 - np.exp(-clean / 1e6)) + 0.25 * rest
            mixture = f"web:{share}+clean:{1 - share}"
            data = {0.0: "clean", 1.0: "web"}.get(share, mixture)
            rows.append((f"{data}/{n}", data, n, "loss", 1.0 + 2.0 * (worth / 2e5) ** -0.3))
    runs = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    pools = pd.DataFrame({"pool": ["clean", "web"], "size": ["1M", "inf"], "quality_rank": [1, 2]})
    return fit(read_runs(runs, pools), "loss", seed=1)


def truth(shares: np.ndarray, samples: float) -> float:
    """Loss of a mixture of eight pools; the even ones are better, the last ones small."""
    worth = np.where(np.arange(POOLS) % 2 == 0, 1.0, 0.6)
    size = np.where(np.arange(POOLS) < 4, 1e7, 1e6)
    seen = shares * samples
    fresh = np.where(seen > size, size * (2.0 - np.exp(1.0 - seen / size)), seen)
    return float(1.0 + 2.0 * ((fresh * worth).sum() / 2e5) ** -0.3)


def swarm_table() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Thirty mixtures of eight pools, noise .3%, with a second metric that wants the odd pools."""
    rng, rows = np.random.default_rng(5), []
    for run in range(30):
        shares, n = rng.dirichlet(np.full(POOLS, 0.8)), (1e6, 2e6, 4e6)[run % 3]
        data = "+".join(f"p{i}:{s:.9f}" for i, s in enumerate(shares))
        other = 3.0 - 0.5 * shares[1::2].sum()
        for metric, value in (("loss", truth(shares, n)), ("general_loss", other)):
            rows.append((f"r{run}", data, n, metric, value * (1 + 0.003 * rng.normal())))
    runs = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    pools = pd.DataFrame({"pool": [f"p{i}" for i in range(POOLS)], "size": [1e7] * 4 + [1e6] * 4})
    return runs, pools


@pytest.fixture(scope="module")
def table() -> Runs:
    """The swarm."""
    return read_runs(*swarm_table())


@pytest.fixture(scope="module")
def many(table: Runs) -> Fit:
    """Its fit."""
    return fit(table, "loss", seed=1, on_fail="warn")


LIMITS = {"max_epochs": 2, "share": ["p0<=0.3", "p1>=0.1", "p2+p3<=0.4"]}


@pytest.fixture(scope="module")
def bound(many: Fit) -> Shares:
    """The best shares under several constraints."""
    return best_shares(many, "4M,8M", **LIMITS)


def test_best_share_of_the_unlimited_pool_grows_with_the_budget(mixed: Fit) -> None:
    answer = best_shares(mixed, list(BUDGETS), "web,clean")
    web = answer.best[:, 0]
    assert np.all(np.diff(web) >= -0.05)
    assert web[0] < 0.5 < web[-1]
    table = answer.table
    assert np.all(table["lo"] <= table["median"])
    assert np.all(table["median"] <= table["hi"])
    assert np.isnan(answer.epochs[:, 0]).all()  # an unlimited pool has no epochs
    assert np.allclose(answer.epochs[:, 1], answer.best[:, 1] * np.array(BUDGETS) / 1e6)


def test_no_share_is_a_negative_zero(mixed: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may end at -0, which would be told as -0.000."""

    def signed(*given, **options):
        found = find(*given, **options)
        return replace(found, best=np.array([1.0, -0.0]), draws=found.draws * [1.0, -0.0])

    monkeypatch.setattr("qqt_bayes.decide.best.find", signed)
    answer = best_shares(mixed, "4M", "web,clean", max_epochs=4)
    (found,) = answer.answers
    for shares in (found.shares, found.free, found.draws):
        assert not np.signbit(shares).any()
    assert "-0.00" not in answer.text.split("better by")[0]


def test_no_constraint_is_violated(bound: Shares, table: Runs) -> None:
    asked = check_shares(table.select("loss"), "4M,8M", **LIMITS)
    for answer, region in zip(bound.answers, asked.regions, strict=True):
        assert region.violation(answer.shares)[0] <= 1e-6
        assert region.violation(answer.draws).max() <= 1e-6
        assert answer.epochs.max() <= 2.0 + 1e-6
    assert np.allclose(bound.best.sum(axis=1), 1.0)
    assert bound.best.min() >= 0.0


def test_the_best_is_near_the_true_best(many: Fit) -> None:
    share = ["p0<=0.3", "p2<=0.3", "p1>=0.1"]
    found = best_shares(many, "4M", share=share).best[0]
    # p0 and p2 at their ceilings, p1 at its floor; p4 and p6 have the rest, in part repeated
    best = np.array([0.3, 0.1, 0.3, 0.0, 0.15, 0.0, 0.15, 0.0])
    assert truth(found, 4e6) - truth(best, 4e6) <= 0.01


def test_constraints_bind_and_cost(bound: Shares) -> None:
    first = bound.answers[0]
    held = {c.text: c for c in first.constraints}
    assert set(held) == {"p0<=0.3", "p1>=0.1", "p2+p3<=0.4", "max epochs 2"}
    for c in first.constraints:
        assert c.cost >= 0.0
        assert bool(c.binding) or c.cost == 0.0
    assert held["p1>=0.1"].binding == ("p1",)
    assert held["p1>=0.1"].cost > 0.0
    assert first.free is not None
    assert first.free[1] < 0.1
    assert first.cost is not None
    assert first.cost.mean() >= -first.error


@pytest.mark.slow
def test_more_effort_changes_nothing_beyond_the_stated_error(many: Fit) -> None:
    usual, more = (best_shares(many, "8M", effort=e, **LIMITS) for e in (1.0, 2.0))
    lost = usual.performance.mean() - more.performance.mean()
    noise = np.std(usual.performance) / np.sqrt(len(usual.performance))
    assert abs(lost) <= usual.answers[0].error + 3.0 * noise
    assert np.allclose(usual.draws.mean(axis=0), more.draws.mean(axis=0), atol=0.06)


def test_an_answer_does_not_depend_on_what_else_was_asked(many: Fit, bound: Shares) -> None:
    alone = best_shares(many, "8M", **LIMITS)
    assert alone.to_json()[0] == bound.to_json()[1]


def test_beside_what_was_run(bound: Shares, many: Fit) -> None:
    for answer in bound.answers:
        assert answer.run.text in many.study.data
        assert answer.run.behind.mean() > 0.0 or not answer.run.allowed
        assert answer.run.distance > 0.0
    assert "than the best mixture that was run" in bound.text
    assert "epochs" in bound.text
    far = [a.run.far for a in bound.answers]
    assert bound.text.count("far from all runs") == sum(far)


def test_near_stays_near_a_run(many: Fit) -> None:
    answer = best_shares(many, "4M", near=0.15).answers[0]
    whole = np.array([m.vector(many.study.pools) for m in many.study.mixtures.values()])
    distance = 0.5 * np.abs(whole - answer.shares).sum(axis=1)
    assert distance.min() <= 0.15 + 1e-6
    assert distance.min() == pytest.approx(answer.run.distance, abs=1e-6)


@pytest.mark.parametrize("asked", [{"near": 0.05}, {"share": ["p1>=0.2", "p0>=0.01"]}])
def test_a_constraint_that_binds_alone_costs_what_all_cost_together(many: Fit, asked) -> None:
    found = best_shares(many, "4M", **asked)
    answer = found.answers[0]
    (held,) = (c for c in answer.constraints if c.binding)
    assert answer.cost is not None
    assert held.cost == pytest.approx(answer.cost.mean())
    assert held.cost > 0.0
    assert found.to_json()[0]["unconstrained"]["cost"]["expected"] == pytest.approx(held.cost)
    assert found.text.count(f"{brief(held.cost)}") >= 2


@pytest.mark.slow
def test_a_threshold_on_another_metric(many: Fit) -> None:
    free = best_shares(many, "2M")
    bound = best_shares(many, "2M", subject_to="general_loss<=2.8")
    answer = bound.answers[0]
    assert answer.p_feasible is not None
    assert answer.p_feasible >= 0.89
    assert answer.shares[1::2].sum() > 0.38  # 3 - .5 of them is the other metric
    assert free.best[0, 1::2].sum() < 0.3
    held = {c.text: c for c in answer.constraints}["general_loss<=2.8"]
    assert held.binding == ("general_loss",)
    assert held.cost > 0.0
    assert bound.to_json()[0]["p_feasible"] == answer.p_feasible
    assert "meets the thresholds with probability" in bound.text


@pytest.mark.slow
def test_a_threshold_that_nothing_meets_is_told(many: Fit) -> None:
    answer = best_shares(many, "2M", subject_to="general_loss<=2.0")
    assert answer.answers[0].p_feasible == pytest.approx(0.0, abs=0.05)
    assert "no shares were found that meet the thresholds" in answer.text


def test_same_seed_same_answer_and_json(mixed: Fit) -> None:
    first, second = (best_shares(mixed, "2M,8M").to_json() for _ in range(2))
    assert first == second
    assert {"samples", "best", "shares", "epochs", "constraints", "p_feasible"} <= set(first[0])
    assert first[0]["expected_regret"] >= 0
    assert first[0]["epochs"]["web"] is None
    assert first[0]["constraints"] == []
    assert "best shares of clean, web" in best_shares(mixed, "8M").text


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ("web,nope", "unknown pool 'nope'"),
        ("web", "^1 pool to mix ->"),
        ("web,web", "name 2 to 60"),
    ],
)
def test_bad_pools_are_refused(mixed: Fit, pools: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        best_shares(mixed, "8M", pools)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The swarm as files."""
    runs, pools = swarm_table()
    runs.to_csv(tmp_path / "runs.csv", index=False)
    pools.to_csv(tmp_path / "pools.csv", index=False)
    return tmp_path / "runs.csv"


def test_what_cannot_be_met_is_told_before_any_fit(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        pytest.fail("a fit was made")

    monkeypatch.setattr("qqt_bayes.fitting.sample_posterior", never)
    words = ["decide", str(files), "--metric", "loss", "--budgets", "40M,400M", "--max-epochs", "4"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, UsageError)
    assert "'max epochs 4' at 400M samples (together they allow 44%" in str(result.exception)


def test_from_the_command_line(files: Path, monkeypatch: pytest.MonkeyPatch, many: Fit) -> None:
    monkeypatch.setattr("qqt_bayes.fitting.sample_posterior", lambda *_, **__: many.posterior)
    words = ["decide", str(files), "--metric", "loss", "--budgets", "2M", "--candidates", "p0;p1",
             "--share", "p1>=0.2", "--max-epochs", "p6=1,p7=1", "--json"]  # fmt: skip
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    import json

    row = json.loads(result.stdout)["budgets"][0]
    assert row["best_shares"]["p1"] == pytest.approx(0.2, abs=1e-6)
    assert row["epochs"]["p6"] <= 1.0 + 1e-6
    assert [c["text"] for c in row["constraints"]] == [
        "p1>=0.2", "max epochs p6=1", "max epochs p7=1",
    ]  # fmt: skip
    assert set(row["constraints"][0]) == {"text", "binding", "cost"}
    page = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
    part = page.read_text(encoding="utf-8").split("### `budgets[]` with best shares")[1]
    told = re.findall(r"^\| (`.*?) \|", part.split("\n#")[0], re.M)
    names = {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
    assert names <= set(row)
    assert set(many.best_shares("2M").to_json()[0]) - {"samples", "best"} <= names


def test_pools_that_overlap(table: Runs) -> None:
    runs, pools = swarm_table()
    pools["overlaps"] = ["p1"] + [""] * (POOLS - 1)
    both = read_runs(runs, pools).select("loss")
    asked = check_shares(both, "2M")
    assert re.search("p0 and p1 share samples", " ".join(asked.notes))
    apart = both.replace(both.table.assign(data=["p0", "p1"] * 15).drop(columns="line"))
    with pytest.raises(UsageError, match="no run draws from both"):
        check_shares(apart, "2M", "p0,p1")


def test_figure_draws_many_pools(bound: Shares) -> None:
    figure = bound.plot()
    assert "2 pools of smaller shares are not shown" in figure.caption
    assert sum(axes.axison for axes in figure.axes) == 6
