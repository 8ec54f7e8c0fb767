"""Random effects: their clocks, their covariances, and what they must not depend on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qqt_bayes.model.effects import EFFECTS, PATHS, Effect, ibm_kernel, kernels, simulator
from qqt_bayes.model.effects import kernel as kernel_of
from qqt_bayes.model.points import Points
from qqt_bayes.model.setting import Setting

SIZES = np.array([1e5, 3e5, np.inf])
SMALLEST, LARGEST = np.log(1e5), np.log(1e7)


def points_at(samples, shares, likeness=None, weight=None, repetition=0.9) -> Points:
    pools, none = len(SIZES), np.zeros(len(SIZES))
    setting = Setting(
        "effective_utility", SIZES, none, none, np.eye(pools) if likeness is None else likeness,
        np.ones((pools, pools)) if weight is None else weight, np.eye(pools), repetition, 1e5,
        SMALLEST, LARGEST,
    )  # fmt: skip
    return Points(setting, np.log(np.asarray(samples, float)), np.asarray(shares, float), SIZES)


def kernel(name: str, samples, shares, **options) -> np.ndarray:
    there = points_at(samples, shares, **options)
    return kernel_of(next(e for e in PATHS if e.name == name), there, there)


def test_kernel_of_integrated_brownian_motion() -> None:
    """Against the double integral of min(s, t), and its growth past the data."""
    grid = np.linspace(0, 3, 3001)
    for a, b in ((0.7, 2.5), (2.0, 2.0), (0.0, 3.0)):
        s, t = grid[grid <= a + 1e-12], grid[grid <= b + 1e-12]
        inner = np.trapezoid(np.minimum(s[:, None], t), t, axis=1)
        integral = np.trapezoid(inner, s)
        assert ibm_kernel(a, b) == pytest.approx(integral, abs=1e-5)
        assert ibm_kernel(a, b) == ibm_kernel(b, a)
    assert ibm_kernel(2.0, 2.0) == pytest.approx((2.0**1.5 / np.sqrt(3)) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_kernels_are_positive_semi_definite(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = np.exp(rng.uniform(SMALLEST, LARGEST + 2, 15))
    samples[:3] = samples[3]  # the same budget several times
    shares = rng.dirichlet([0.5] * 3, 15)
    shares[4:7] = np.eye(3)
    same = np.array([[True, True, False], [True, True, False], [False, False, True]])
    likeness = np.where(same, 0.9, 0.0)
    np.fill_diagonal(likeness, 1.0)
    there = points_at(samples, shares, likeness, np.where(same, 0.5, 1.0))
    for effect, matrix in zip(PATHS, kernels(there, there), strict=True):
        name = effect.name
        np.testing.assert_allclose(matrix, matrix.T, err_msg=name)
        assert np.linalg.eigvalsh(matrix).min() > -1e-10 * max(matrix.max(), 1.0), name


def test_blocks_of_different_points_belong_together() -> None:
    rng = np.random.default_rng(1)
    samples, shares = np.exp(rng.uniform(SMALLEST, LARGEST, 9)), rng.dirichlet([1] * 3, 9)
    whole = kernels(*[points_at(samples, shares)] * 2)
    left, right = points_at(samples[:4], shares[:4]), points_at(samples[4:], shares[4:])
    np.testing.assert_allclose(kernels(left, right), whole[:, :4, 4:])


def test_common_drift_is_the_same_for_all_candidates() -> None:
    samples = [1e6, 1e6, 4e6]
    k = kernel("common_drift", samples, [[1, 0, 0], [0.3, 0.3, 0.4], [0, 1, 0]])
    t = np.log(np.array(samples) / 1e5)
    np.testing.assert_allclose(k, ibm_kernel(t[:, None], t))
    assert not np.ptp(k[:2, :2])  # so it cancels in their difference
    assert not kernel("common_drift", [1e5, 1e4], [[1, 0, 0]] * 2).any()  # begins at the smallest


def test_pool_drift_runs_by_the_pools_own_samples() -> None:
    k = kernel("pool_drift", [1e6, 1e6, 1e6], [[1, 0, 0], [0.05, 0.95, 0], [0, 0, 1]])
    assert k[0, 0] == pytest.approx(ibm_kernel(np.log(10), np.log(10)))
    assert k[0, 2] == 0.0
    # 5% of a million is below the smallest budget: the worn pool does not leak into the union
    assert k[0, 1] == 0.0
    clock = np.log(0.95e6 / 1e5)
    assert k[1, 1] == pytest.approx(0.95**2 * ibm_kernel(clock, clock))


def test_repetition_drift_begins_with_the_second_pass() -> None:
    k = kernel(
        "repetition_drift", [1e5, 5e5, 5e5, 1e9], [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    )
    assert k[0, 0] == pytest.approx(0.0, abs=1e-40)
    assert k[1, 1] == pytest.approx(ibm_kernel(np.log(5), np.log(5)))
    assert k[2, 2] == pytest.approx(ibm_kernel(np.log(5 / 3), np.log(5 / 3)))
    assert k[1, 2] == pytest.approx(0.9 * ibm_kernel(np.log(5), np.log(5 / 3)))
    assert not k[3].any()  # an unlimited pool is never repeated


def test_pools_depart_alike_from_decay_by_half_lives() -> None:
    """At the same epochs with the prior correlation; a union in between, as worn as its parts."""
    n, union = 1e6, [0.25, 0.75, 0]  # 2.5 epochs of each pool
    k = kernel("repetition_drift", [2.5e5, 7.5e5, n, n], [[1, 0, 0], [0, 1, 0], union, [0, 0, 1]])
    whole = ibm_kernel(np.log(2.5), np.log(2.5))
    assert k[0, 0] == pytest.approx(whole)
    assert k[1, 1] == pytest.approx(whole)
    assert k[0, 1] == pytest.approx(0.9 * whole)
    assert k[2, 2] == pytest.approx(whole * (0.9 + 0.1 * (0.25**2 + 0.75**2)))
    assert k[0, 2] == pytest.approx(whole * (0.9 + 0.1 * 0.25))
    mostly_fresh = kernel("repetition_drift", [n], [[0.2, 0, 0.8]])  # 2 epochs of a fifth
    assert mostly_fresh[0, 0] < 0.2**2 * ibm_kernel(np.log(2), np.log(2))
    alone = kernel("repetition_drift", [2.5e5, 7.5e5], [[1, 0, 0], [0, 1, 0]], repetition=0.0)
    assert alone[0, 1] == 0.0


def test_mixture_error_is_smooth_in_the_shares() -> None:
    step = 1e-4
    shares = np.array([[0.5, 0.5, 0], [0.5 + step, 0.5 - step, 0], [1, 0, 0], [0.5, 0, 0.5]])
    k = kernel("mixture_error", [1e6] * 4, shares)
    assert k[0, 0] == pytest.approx(1.0)  # a scale is the sd at equal shares
    assert k[0, 0] + k[1, 1] - 2 * k[0, 1] < 20 * step**2  # neighbours hardly differ
    assert not k[2].any()  # a single pool mixes with nothing
    assert k[0, 3] == 0.0


def test_mixture_drift_has_the_clock_of_the_budget() -> None:
    shares = [[0.5, 0.5, 0], [0.2, 0.8, 0]]
    k = kernel("mixture_drift", [1e6, 4e6], shares)
    weight = 4 * np.array([0.25, 0.16])
    t = np.log([10, 40])
    np.testing.assert_allclose(k, np.outer(weight, weight) * ibm_kernel(t[:, None], t))


def test_levels_average_over_the_shares() -> None:
    k = kernel("level_spread", [1e6] * 3, [[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    np.testing.assert_allclose(k, [[1, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]])


def test_the_mean_gain_of_mixing_is_one_constant() -> None:
    """All pairs together: what a mixture of three gains is the sum of what its pairs gain."""
    k = kernel("mixture_gain", [1e6] * 3, [[1, 0, 0], [0.5, 0.5, 0], [0.4, 0.4, 0.2]])
    weight = np.array([0.0, 1.0, 4 * (0.16 + 0.08 + 0.08)])
    np.testing.assert_allclose(k, np.outer(weight, weight))


def test_constants_have_no_clock() -> None:
    there = points_at([1e6, 1e7], [[0.5, 0.5, 0], [1, 0, 0]])
    rows = {e.name: e.rows(there) for e in PATHS}
    constant = {name for name, found in rows.items() if found.clock is None}
    assert constant == {
        "level", "level_spread", "early_training", "mixture_gain", "mixture_error",
        "covariate_level", "covariate_repetition",
    }  # fmt: skip
    assert all(np.all(rows[name].clock >= 0) for name in rows.keys() - constant)


class Unit:
    """Stands for a generator: each draw is one, on one standard normal number alone."""

    def __init__(self) -> None:
        self.numbers = 0

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        first, self.numbers = self.numbers, self.numbers + int(np.prod(shape[1:]))
        out = np.zeros((shape[0], self.numbers - first))
        at = np.arange(first, min(self.numbers, shape[0]))
        out[at, at - first] = 1.0
        return out.reshape(shape)


def root_of(effect: Effect, there: Points) -> np.ndarray:
    """What each standard normal number adds to the simulated paths, dims (point, number)."""
    unit = Unit()
    found = simulator(effect, there)(400, unit)
    assert unit.numbers <= 400
    return found.T


def test_simulated_paths_have_the_covariance_of_the_kernels() -> None:
    rng = np.random.default_rng(2)
    samples = np.exp(rng.uniform(SMALLEST, LARGEST, 40))
    samples[5:9] = samples[4]
    there = points_at(samples, rng.dirichlet([0.4] * 3, 40))
    for effect in PATHS:
        root, whole = root_of(effect, there), kernel_of(effect, there, there)
        np.testing.assert_allclose(root @ root.T, whole, atol=1e-6 * max(whole.max(), 1.0))


def test_every_effect_says_what_it_is() -> None:
    """What report, ledger, formulas and the value of information read off the list."""
    parts = {"parameters", "mixture error", "pool drift", "common drift"}
    for effect in EFFECTS:
        assert (effect.rows is None) != (effect.loadings is None)
        assert effect.title
        assert effect.symbol
        assert effect.part in parts
    assert len({e.name for e in EFFECTS}) == len(EFFECTS)


def test_one_pool_and_unlimited_pools_have_no_pairs_and_no_epochs() -> None:
    there = points_at([1e6, 2e6], [[0, 0, 1.0], [0, 0, 1.0]])
    setting = there.setting
    alone = dataclasses.replace(
        setting, sizes=SIZES[2:], likeness=np.eye(1), mixture_weight=np.ones((1, 1))
    )
    points = Points(alone, there.log_samples, np.ones((2, 1)), SIZES[2:])
    for effect in PATHS:
        root = root_of(effect, points)
        np.testing.assert_allclose(root @ root.T, kernel_of(effect, points, points), atol=1e-9)
