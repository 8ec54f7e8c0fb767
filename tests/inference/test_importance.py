"""Adaptive importance sampling: on densities that are known."""

from __future__ import annotations

import numpy as np
import pytest

from qqt_bayes.inference.importance import Proposal, Weighted, adapt, flattened, smoothed, taken
from qqt_bayes.inference.laplace import hessian_at, mode_and_root


def normal(mean: np.ndarray, cov: np.ndarray):
    pull = np.linalg.inv(cov)

    def density(x: np.ndarray) -> np.ndarray:
        apart = x - mean
        return -0.5 * np.einsum("ij,jk,ik->i", apart, pull, apart)

    return density


def until(size: float):
    return lambda found: found.k < 0.6 and found.size >= size


@pytest.fixture(scope="module")
def gaussian():
    rng = np.random.default_rng(3)
    root = rng.normal(size=(12, 12)) / 3.0 + np.eye(12)
    mean, cov = rng.normal(size=12), root @ root.T
    density = normal(mean, cov)
    mode, root = mode_and_root(density, np.zeros(12))
    start = (Proposal(mode, root),)
    found = adapt(density, start, seed=5, count=1024, rounds=40, enough=until(3000))
    return mean, cov, mode, found


def test_the_mode_is_found(gaussian) -> None:
    mean, cov, mode, _ = gaussian
    apart = mode - mean
    assert apart @ np.linalg.solve(cov, apart) < 0.5


def test_moments_and_integral_of_a_gaussian(gaussian) -> None:
    """Within what 3,000 effective draws leave open: probability .999 for all of them together."""
    mean, cov, _, found = gaussian
    error = np.sqrt(np.diag(cov) / found.size)
    assert np.all(np.abs(found.weights @ found.draws - mean) < 4.6 * error)
    second = (found.weights[:, None] * (found.draws - mean)).T @ (found.draws - mean)
    assert np.all(np.abs(np.diag(second) / np.diag(cov) - 1.0) < 4.6 * np.sqrt(2.0 / found.size))
    exact = 0.5 * (12 * np.log(2 * np.pi) + np.linalg.slogdet(cov)[1])
    assert abs(found.log_evidence - exact) < 4.6 / np.sqrt(found.size)


def test_a_bent_density_far_from_its_start() -> None:
    """x2 given x1 is normal about x1^2 / 2: not what a Student-t looks like."""

    def density(x: np.ndarray) -> np.ndarray:
        return -0.5 * x[:, 0] ** 2 - 2.0 * (x[:, 1] - 0.5 * x[:, 0] ** 2) ** 2

    start = (Proposal(np.array([4.0, -3.0]), 0.5 * np.eye(2)),)
    found = adapt(density, start, seed=2, count=1024, rounds=40, enough=until(2000))
    assert found.k < 0.7
    mean = found.weights @ found.draws
    assert abs(mean[0]) < 4.6 / np.sqrt(found.size)
    assert abs(mean[1] - 0.5) < 4.6 * np.sqrt(0.75 / found.size)


@pytest.mark.parametrize("seed", range(5))
def test_where_proposals_are_thin_one_more_is_laid(seed: int) -> None:
    """Four scores, one bent along another: one Student-t takes 20,000 values and more."""

    def density(x: np.ndarray) -> np.ndarray:
        bent = x[:, 1] + 1.5 * (x[:, 0] ** 2 - 1.0)
        return -0.5 * (x[:, 0] ** 2 + bent**2 + x[:, 2] ** 2 + x[:, 3] ** 2)

    start = (Proposal(np.zeros(4), 1.1 * np.eye(4)),)
    found = adapt(density, start, seed=seed, count=1024, rounds=40, enough=until(2000))
    assert found is not None
    assert found.values < 16_000
    assert abs(found.log_evidence - 2.0 * np.log(2.0 * np.pi)) < 0.1
    assert found.weights @ found.draws[:, 0] ** 2 == pytest.approx(1.0, abs=0.25)


def test_two_modes_are_weighed_right() -> None:
    """A third of the mass at -3, two thirds at 3, from one proposal at each."""

    def density(x: np.ndarray) -> np.ndarray:
        left = np.log(1 / 3) - 0.5 * ((x + 3.0) ** 2).sum(axis=1)
        right = np.log(2 / 3) - 0.5 * ((x - 3.0) ** 2).sum(axis=1)
        return np.logaddexp(left, right)

    start = (Proposal(np.full(2, -3.0), np.eye(2)), Proposal(np.full(2, 3.0), np.eye(2)))
    found = adapt(density, start, seed=4, count=1024, rounds=40, enough=until(1500))
    share = found.weights[found.draws[:, 0] > 0].sum()
    assert abs(share - 2 / 3) < 3.3 * np.sqrt(2 / 9 / found.size)


def test_same_seed_same_draws() -> None:
    density, start = normal(np.zeros(2), np.eye(2)), (Proposal(np.zeros(2), np.eye(2)),)
    first, again, other = (
        adapt(density, start, seed=s, count=64, rounds=2, enough=lambda _: False) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.draws, again.draws)
    assert not np.array_equal(first.draws, other.draws)


def test_halves_are_as_many_and_apart() -> None:
    density, start = normal(np.zeros(3), np.eye(3)), (Proposal(np.zeros(3), np.eye(3)),)
    found: Weighted = adapt(density, start, seed=1, count=200, rounds=3, enough=lambda _: False)
    assert np.bincount(found.half).tolist() == [300, 300]
    assert len(np.unique(found.draws, axis=0)) == 600


def test_no_density_anywhere_is_told_soon() -> None:
    calls = []

    def nothing(x: np.ndarray) -> np.ndarray:
        calls.append(len(x))
        return np.full(len(x), np.nan)

    start = (Proposal(np.zeros(2), np.eye(2)),)
    assert adapt(nothing, start, seed=1, count=64, rounds=1000, enough=lambda _: False) is None
    assert sum(calls) < 1000


def test_smoothing_is_that_of_arviz() -> None:
    from arviz_stats.base import array_stats

    for df in (2.0, 5.0, 30.0):
        log_weights = np.random.default_rng(7).standard_t(df, size=4000)
        weights, k = smoothed(log_weights)
        theirs, their_k = array_stats.psislw(-log_weights)
        assert abs(k - float(their_k)) < 0.02
        np.testing.assert_allclose(weights, np.exp(theirs - np.logaddexp.reduce(theirs)), rtol=0.05)


def test_equal_weights_have_no_tail() -> None:
    weights, k = smoothed(np.zeros(500))
    assert k == -np.inf
    np.testing.assert_allclose(weights, 1 / 500)


def test_one_draw_with_all_the_weight_is_not_trusted() -> None:
    log_weights = np.full(500, -800.0)
    log_weights[3] = 0.0
    assert not smoothed(log_weights)[1] <= 0.7


def test_flattened_weights_leave_enough_draws() -> None:
    log_weights = 6.0 * np.random.default_rng(1).normal(size=1000)
    for wanted in (20.0, 80.0):
        assert 1.0 / np.sum(flattened(log_weights, wanted) ** 2) > wanted


def test_hessian_is_that_of_the_density() -> None:
    cov = np.array([[2.0, 0.6], [0.6, 1.0]])
    found = hessian_at(normal(np.zeros(2), cov), np.array([0.3, -0.4]))
    np.testing.assert_allclose(found, np.linalg.inv(cov), atol=1e-4)


def test_draws_are_taken_in_proportion_and_in_order() -> None:
    weight = np.array([0.0, 0.5, 0.25, 0.0, 0.25])
    pick = taken(np.repeat(weight, 100), 500, np.random.default_rng(1))
    assert np.all(np.diff(pick) >= 0)
    counts = np.bincount(pick // 100, minlength=5)
    assert np.abs(counts - 500 * weight).max() <= 1


def test_draws_that_weigh_the_same_are_of_their_own_half() -> None:
    half, weights = np.repeat([0, 1], 50), np.linspace(0.0, 2.0, 100)
    found = Weighted(np.zeros((100, 1)), weights / weights.sum(), 0.0, half, (), 0.0, 100)
    parent = found.evenly(400, np.random.default_rng(3))
    assert parent.shape == (2, 400)
    for k in (0, 1):
        assert np.all(half[parent[k]] == k)
        assert np.all(np.diff(parent[k]) >= 0)
        wanted = 400 * weights[half == k] / weights[half == k].sum()
        assert np.abs(np.bincount(parent[k] - 50 * k, minlength=50) - wanted).max() <= 1.0
