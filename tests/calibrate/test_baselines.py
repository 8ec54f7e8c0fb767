"""Forecasters beside which our bands are judged."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.calibrate.baselines import BASELINES, bootstrap, conformal, grid, power_law
from qqt_bayes.calibrate.baselines.cells import budgets, collapse, noise_pool
from qqt_bayes.calibrate.baselines.least_squares import fit_cells
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.runs import Study, parse_mixture, read_pools, read_runs

POOLS = pd.DataFrame({"pool": ["A", "B", "C"], "size": [1e5, 2e5, 8e5], "quality_rank": [1, 2, 3]})
SIZES = POOLS["size"].to_numpy()
BUDGETS = 5e4 * 2.0 ** np.arange(6)  # A is seen 16 times
DATA = ["A", "B", "C", "A+B", "A:0.7+C:0.3"]
LEVELS, UTILITIES, HALF_LIVES = np.zeros(3), np.array([0.30, 0.24, 0.20]), np.array([4.0, 6.0, 9.0])


def shares_of(data: list[str]) -> np.ndarray:
    pools = read_pools(POOLS)
    return np.array([parse_mixture(text, pools).vector(pools) for text in data])


def law(samples: np.ndarray, shares: np.ndarray, offset: float = 0.5) -> np.ndarray:
    first, epochs = first_pass_lengths(np.log(samples), shares, SIZES, 5e4)
    sums = exponent_sums(first, epochs, shares, np.log(HALF_LIVES))
    return offset + np.exp(shares @ LEVELS - sums @ UTILITIES)


def cross(data: list[str], samples: np.ndarray, seeds: int = 1) -> tuple[list[str], np.ndarray]:
    rows = [(d, n) for d in data for n in samples for _ in range(seeds)]
    return [d for d, _ in rows], np.array([n for _, n in rows])


def study(
    data: list[str], samples: np.ndarray, noise: float = 0.0, seed: int = 0, seeds: int = 1
) -> Study:
    names, budget = cross(data, samples, seeds)
    rng = np.random.default_rng(seed)
    value = law(budget, shares_of(names)) * np.exp(noise * rng.normal(size=len(budget)))
    table = pd.DataFrame(
        {
            "run": [f"r{i}" for i in range(len(names))],
            "data": names,
            "samples": budget,
            "metric": "loss",
            "value": value,
        }
    )
    return read_runs(table, POOLS).study("loss")


TARGETS, AHEAD = cross(DATA, 2 * BUDGETS[-1:], seeds=2)
SHARES = shares_of(TARGETS)


@pytest.fixture(scope="module")
def noisy() -> Study:
    return study(DATA, BUDGETS, noise=0.01, seeds=2)


@pytest.mark.parametrize("name", list(BASELINES))
def test_draws_have_a_column_for_each_target_and_follow_the_seed(name: str, noisy: Study) -> None:
    first, again, other = (BASELINES[name](noisy, AHEAD, SHARES, seed) for seed in (1, 1, 2))
    assert first is not None
    assert first.shape == (1000, len(TARGETS))
    assert np.isfinite(first).all()
    assert (first > 0).all()
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name == "grid")
    truth = law(AHEAD, SHARES)
    assert np.abs(np.log(np.median(first, axis=0) / truth)).max() < 0.1


@pytest.mark.parametrize("name", list(BASELINES))
def test_too_few_runs(name: str) -> None:
    one_budget = study(DATA, BUDGETS[:1])
    assert BASELINES[name](one_budget, AHEAD, SHARES, 0) is None


def test_exact_runs_are_recovered() -> None:
    exact = study(DATA, BUDGETS)
    truth = law(AHEAD, SHARES)
    draws = bootstrap.forecast(exact, AHEAD, SHARES, 0)
    np.testing.assert_allclose(np.median(draws, axis=0), truth, rtol=2e-3)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    repeated = SHARES[:, 2] < 1
    assert np.all((high - low)[repeated] < 1e-3)
    assert np.all(high - low < 0.02)  # C was seen twice only: its half-life is left open
    conformed = conformal.forecast(exact, AHEAD, SHARES, 0)
    np.testing.assert_allclose(np.median(conformed, axis=0), truth, rtol=0.01)


def test_refits_reach_the_optimum(noisy: Study) -> None:
    """The batched solver against scipy's, started from the point fit."""
    cells = collapse(noisy)
    task = fit_cells(cells, noisy.pools.sizes).problem
    start = fit_cells(cells, noisy.pools.sizes).theta
    rng = np.random.default_rng(0)
    targets = task.target + 0.02 * rng.normal(size=(5, len(cells)))
    found = task.refit(start, targets)
    for target, theta in zip(targets, found, strict=True):
        task.target = target
        _, cost = task.solve(start)
        assert 0.5 * np.sum(task.residuals(theta) ** 2) == pytest.approx(cost, rel=1e-3)


def test_pools_without_runs_are_not_predicted() -> None:
    part = study(["A", "B", "A+B"], BUDGETS, noise=0.01)
    absent = SHARES[:, 2] > 0
    for name in ("bootstrap", "grid", "conformal"):
        draws = BASELINES[name](part, AHEAD, SHARES, 0)
        np.testing.assert_array_equal(np.isnan(draws).all(axis=0), absent)
        np.testing.assert_array_equal(np.isnan(draws).any(axis=0), absent)
        assert BASELINES[name](part, AHEAD[absent], SHARES[absent], 0) is None


def test_bootstrap_covers_when_the_law_is_exact() -> None:
    """Level and difference, 1% noise, twice beyond the data: near .9."""
    inside, apart = [], []
    names, ahead = cross(DATA, 2 * BUDGETS[-1:])
    shares = shares_of(names)
    truth = law(ahead, shares)
    for seed in range(10):
        train = study(DATA, BUDGETS, noise=0.01, seed=seed)
        draws = bootstrap.forecast(train, ahead, shares, seed)
        seen = truth * np.exp(0.01 * np.random.default_rng(1000 + seed).normal(size=len(truth)))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        inside.extend((seen >= low) & (seen <= high))
        low, high = np.quantile(draws[:, 1:] - draws[:, :1], [0.05, 0.95], axis=0)
        gap = seen[1:] - seen[0]
        apart.extend((gap >= low) & (gap <= high))
    assert 0.78 <= np.mean(inside) <= 0.99
    assert 0.78 <= np.mean(apart) <= 0.99


def test_replicates_share_the_curve_but_not_the_noise(noisy: Study) -> None:
    for name in ("bootstrap", "power_law"):
        draws = BASELINES[name](noisy, AHEAD, SHARES, 0)
        twin = np.log(draws[:, 0] / draws[:, 1])
        assert 0 < twin.std() < 1.6 * np.log(draws[:, 0]).std()
        assert twin.std() == pytest.approx(0.01 * np.sqrt(2), rel=0.4)


def test_grid_is_a_point_from_single_pools(noisy: Study) -> None:
    draws = grid.forecast(noisy, AHEAD, SHARES, 0)
    assert np.all(np.ptp(draws, axis=0) == 0)
    alone = grid.forecast(study(["A", "B", "C"], BUDGETS), AHEAD, SHARES, 0)
    with_mixtures = grid.forecast(study(DATA, BUDGETS), AHEAD, SHARES, 0)
    np.testing.assert_array_equal(alone, with_mixtures)
    assert grid.forecast(study(["A+B", "A:0.7+C:0.3"], BUDGETS), AHEAD, SHARES, 0) is None


def test_power_law_recovers_a_power_law_and_ignores_other_candidates() -> None:
    data, ahead = ["C"], np.array([1.6e6])
    samples = BUDGETS[:5]  # the first pass of C: an exact power law with offset
    exact = study(data, samples)
    draws = power_law.forecast(exact, ahead, shares_of(data), 0)
    assert np.all(np.abs(draws - (0.5 + (ahead / 5e4) ** -0.2)) < 1e-3)
    two = power_law.forecast(study(data, samples[[0, 4]]), ahead, shares_of(data), 0)
    assert np.all(two < draws.min())  # without an offset
    assert np.all(np.ptp(two, axis=0) == 0)  # two runs, two parameters
    both = power_law.forecast(exact, np.append(ahead, ahead), shares_of(["C", "A"]), 0)
    assert np.isnan(both[:, 1]).all()
    assert np.isfinite(both[:, 0]).all()


def test_conformal_interval_is_the_corrected_quantile(noisy: Study) -> None:
    names, ahead = cross(DATA, 2 * BUDGETS[-1:])
    draws = np.log(conformal.forecast(noisy, ahead, shares_of(names), 0, draws=4000))
    past = np.sort(np.abs(conformal.scores(noisy)[0]))
    half = past[int(np.ceil(0.9 * (len(past) + 1))) - 1]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(high - low, 2 * half, rtol=1e-6)
    assert abs(np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]) < 0.1


@pytest.mark.parametrize("count", [9, 10, 19, 30])
def test_symmetric_scores(count: int) -> None:
    sizes = np.sort(np.random.default_rng(count).exponential(size=count))
    drawn = conformal.symmetric(sizes, 1000)
    assert len(drawn) == 1000
    rank = int(np.ceil(0.9 * (count + 1)))
    assert np.quantile(drawn, 0.95) >= sizes[rank - 1]
    assert np.quantile(drawn, 0.95) <= sizes[min(rank, count - 1)]
    assert np.quantile(drawn, 0.05) == pytest.approx(-np.quantile(drawn, 0.95))


def test_conformal_needs_nine_scores_at_the_factor() -> None:
    train = study(DATA, BUDGETS[:5], noise=0.01)
    names, ahead = cross(["A"], BUDGETS[4] * np.array([2.0, 4.0, 8.0, 20.0]))
    draws = conformal.forecast(train, ahead, shares_of(names), 0)
    assert [len(found) for found in conformal.scores(train)] == [15, 10, 5]
    np.testing.assert_array_equal(np.isnan(draws[0]), [False, False, True, True])
    short = study(["A", "B", "C"], BUDGETS[:4], noise=0.01)
    assert [len(found) for found in conformal.scores(short)] == [6, 3, 0]
    assert conformal.forecast(short, ahead, shares_of(names), 0) is None


def test_budgets_and_noise() -> None:
    np.testing.assert_array_equal(budgets(np.array([100.0, 101, 200, 400, 401])), [101, 200, 401])
    assert len(budgets(np.zeros(0))) == 0
    cells = collapse(study(DATA, BUDGETS, noise=0.01, seeds=8))
    assert len(cells) == len(DATA) * len(BUDGETS)
    pool = noise_pool(cells, np.log(cells.value), 7.0 * len(cells))
    assert np.sqrt(np.mean(pool**2)) == pytest.approx(0.01, rel=0.15)
    np.testing.assert_array_equal(noise_pool(cells, np.log(cells.value), 0.0), [0.0])
