"""Models of several sizes: the trend they share, a size that was not run, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import qqt_bayes as qqt
from benchmarks.simulated_tasks import simulate_tasks
from qqt_bayes.cli.main import app
from qqt_bayes.errors import UsageError
from qqt_bayes.model.design import build_design
from qqt_bayes.model.effects import NAMES as EFFECTS
from qqt_bayes.runs import Runs
from qqt_bayes.tasks import Tasks
from qqt_bayes.tasks.new_size import setting_at
from qqt_bayes.tasks.orders import orders_of
from qqt_bayes.tasks.several import join

SIZES = np.array([1e7, 1e8, 1e9])
NAMES = ["A", "B", "C"]


def design() -> Runs:
    """Three pools, each alone at four budgets."""
    rows = [(name, n) for name in NAMES for n in (30e3, 120e3, 480e3, 960e3)]
    table = pd.DataFrame(rows, columns=["data", "samples"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric="loss", value=1.0)
    return qqt.read_runs(table, pd.DataFrame({"pool": NAMES, "size": [6e4, 9e4, 2e5]}))


def simulated(seed: int, **correlation: float) -> Runs:
    return simulate_tasks(
        design(), "loss", 3, np.array([2e6]), np.eye(3), seed=seed, correlation=correlation,
        params=SIZES,
    ).runs  # fmt: skip


@pytest.fixture(scope="module")
def sizes() -> Tasks:
    runs = simulated(3, utility=0.6, half_life=0.6, level=0.6, average=0.6)
    found = qqt.fit_tasks(runs, by="model", seed=1)
    assert found.hierarchy.joined, found.text
    return found


def test_the_trend_is_in_three_decades_from_the_middle(sizes: Tasks) -> None:
    np.testing.assert_allclose(sizes.params, SIZES)
    np.testing.assert_allclose(sizes.hierarchy.covariate, [-1 / 3, 0.0, 1 / 3], atol=1e-12)
    assert set(sizes.hierarchy.kinds) == {"utility", "half_life", "level", "average", "spread"}


def test_a_size_that_was_not_run(sizes: Tasks) -> None:
    d = sizes.decide_size(2e9, ["960k", "3.84M"], NAMES)
    assert d.nearest == "m2"
    assert not d.was_run
    assert d.log_reducible.shape[1:] == (2, 3)
    np.testing.assert_allclose(d.p_best.sum(axis=1), 1.0)
    assert np.all((d.expected_regret >= 0) & (d.expected_regret <= 1))
    assert set(d.table["data"]) == set(NAMES)
    assert "from models of 10M to 1B" in d.text
    assert json.dumps(d.to_json(), allow_nan=False)
    assert d.plot().axes
    assert float(d.draws.min()) == 0.0
    same = sizes.decide_size(2e9, ["960k", "3.84M"], NAMES)
    np.testing.assert_array_equal(d.log_reducible, same.log_reducible)


def test_a_size_that_was_run_answers_by_its_own_runs(sizes: Tasks) -> None:
    """As ``qqt decide --where model=m2``: the same draws, for the same seed."""
    d = sizes.decide_size(1.001e9, ["960k", "3.84M"], NAMES)
    assert d.was_run
    own = sizes.fits[sizes.names.index("m2")].decide(["960k", "3.84M"], NAMES)
    np.testing.assert_allclose(d.p_best, own.p_best, atol=0.01)  # one is bounded above
    assert "its own runs answer, as in qqt decide" in d.text
    assert d.to_json()["was_run"] is True
    assert "in common" not in d.text


def test_a_size_ranges_as_far_as_the_longest(sizes: Tasks) -> None:
    """The largest model, run for a short time, does not say that a larger one breaks there."""
    last = sizes.fits[-1].posterior.design.setting
    brief = replace(last, largest=last.smallest)
    fits = [
        *sizes.fits[:-1],
        SimpleNamespace(posterior=SimpleNamespace(design=SimpleNamespace(setting=brief))),
    ]
    found = setting_at(replace(sizes, fits=tuple(fits)), 2e9, 2)
    span = last.largest - last.smallest
    assert found.largest - found.smallest == pytest.approx(span)


def test_the_order_that_all_sizes_have_holds_for_another() -> None:
    """Few runs of each of four sizes, larger ones for longer; at each A is 7% ahead of the rest."""
    rng = np.random.default_rng(4)
    rows = [
        (name, f"m{t}", params, samples, 1.8 + lead * (samples / 1e8) ** -0.3
         * (params / 1e7) ** -0.1 * np.exp(0.01 * rng.standard_normal()))
        for t, params in enumerate((1e7, 5e7, 2e8, 5e8))
        for samples in 10 * params * np.array([0.5, 1.0, 2.0])
        for name, lead in (("A", 1.5), ("B", 1.61), ("C", 1.62))
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["data", "model", "params", "samples", "value"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric="loss")
    pools = pd.DataFrame({"pool": NAMES, "size": [1.4e11, 1.1e12, 5.8e11]})
    tasks = qqt.fit_tasks(qqt.read_runs(table, pools), by="model", seed=1)
    d = tasks.decide_size(3e9, "60B", NAMES)
    assert NAMES[d.best[0]] == "A"
    assert d.p_best[0, 0] > 0.75
    assert d.p_common[0, 0] > max(0.9, d.p_best[0, 0])
    assert f"what the sizes have in common puts A first with P = {d.p_common[0, 0]:.2f}" in d.text
    rest = d.table[~d.table["best"]]
    assert np.all((rest["difference"] > 0.03) & (rest["difference"] < 0.12))
    assert np.all((rest["difference_lo"] > -0.15) & (rest["difference_hi"] < 0.4))
    nearest = tasks.fits[d.tasks.names.index(d.nearest)].decide("60B", NAMES)
    assert (
        d.p_best[0, 0] > nearest.p_best[0, 0]
    )  # one size alone, so far beyond its runs, knows less


def test_ranks_of_quality_and_spreads_near_zero(sizes: Tasks) -> None:
    """The root of the prior covariance exists wherever a spread may go, ranks or none."""
    runs = qqt.datasets.load("proving_ground")
    study = runs.study("loss")
    spec = qqt.load_spec("effective_utility")
    setting = build_design(study, spec).setting
    assert np.ptp(setting.quality) > 0
    first = sizes.hierarchy.deviations
    assert first is not None
    deviations = replace(first, setting=setting, priors=first.priors | spec.priors(study.kind))
    scores = np.array([[-37.0, -37.0], [-6.0, 4.0], [0.0, 0.0]])[:, : len(deviations.units)]
    root = deviations.root(scores)
    at = deviations.blocks["utility"]
    total = root[-1, at, at] @ root[-1, at, at].T
    scale = deviations.scales(scores)[-1]
    white = np.linalg.solve(deviations.likeness, setting.quality)
    expected = scale[EFFECTS.index("utility_spread")] ** 2 * np.eye(deviations.pools)
    expected += scale[EFFECTS.index("quality_effect")] ** 2 * np.outer(white, white)
    np.testing.assert_allclose(total, expected, atol=1e-12)
    assert np.isfinite(np.linalg.inv(root)).all()
    draws = 0.01 * np.random.default_rng(0).standard_normal((5, len(deviations.names)))
    assert np.isfinite(deviations.log_prior(draws)).all()


def test_a_size_that_was_run_is_known_better(sizes: Tasks) -> None:
    widths = []
    for params in (SIZES[-1], 1e14):
        gap = sizes.decide_size(params, "3.84M", NAMES).log_reducible
        gap = gap[..., 1:] - gap[..., :1]
        widths.append(np.diff(np.quantile(gap, [0.05, 0.95], axis=0), axis=0).mean())
    assert widths[1] > 1.05 * widths[0]


def test_tasks_without_a_trend_say_nothing_of_other_sizes(sizes: Tasks) -> None:
    apart = join(sizes.fits, None, False, 1)
    with pytest.raises(UsageError, match="share no trend in their size -> fit by model"):
        replace(sizes, hierarchy=apart).decide_size(2e9, "1M")
    with pytest.raises(UsageError, match="params is -1"):
        sizes.decide_size(-1, "1M")


def test_numbers_are_tasks_too() -> None:
    runs = simulated(5)
    orders = orders_of(runs, ["loss"], "params", "effective_utility", 1, None)
    assert [o.name for o in orders] == ["10M", "100M", "1B"]
    assert [o.params for o in orders] == SIZES.tolist()
    assert all(len(o.runs) == len(design()) for o in orders)


def test_models_of_two_sizes_have_no_size() -> None:
    runs = simulated(5)
    table = runs.table.drop(columns="line")
    table["group"] = np.where(table["params"] < 5e8, "small", "large")
    orders = orders_of(runs.replace(table), ["loss"], "group", "effective_utility", 1, None)
    assert np.isnan(orders[0].params)
    assert orders[1].params == 1e9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--params", "7B"], "add --by model"),
        (["--params", "7B", "--by", "model", "--weights", "a=1"], "leave out --weights"),
    ],
)
def test_bad_questions_about_a_size(tmp_path, words: list[str], said: str) -> None:
    path = tmp_path / "runs.csv"
    design().table.to_csv(path)
    result = CliRunner().invoke(app, ["tasks", str(path), "--budgets", "1M", *words])
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
