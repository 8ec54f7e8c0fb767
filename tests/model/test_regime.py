"""Change of regime: a common factor on the exponents beyond the largest run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qqt_bayes.errors import UsageError
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import (
    check_regime,
    mean_factors,
    regime_scales,
    relative_wander,
    stretch,
)


def test_scales_are_quantiles_of_the_prior_times_the_wander() -> None:
    rng, one = np.random.default_rng(1), np.ones(1000)
    student = regime_scales(Prior("regime", "halfstudent", (2.0, 0.15)), one, rng)
    assert np.median(student) == pytest.approx(0.15 * stats.t.ppf(0.75, 2), rel=0.01)
    assert np.mean(student > 0.15 * stats.t.ppf(0.95, 2)) == pytest.approx(0.1, abs=0.001)
    normal = regime_scales(Prior("regime", "halfnormal", (0.3,)), one, rng)
    assert np.quantile(normal, 0.9) == pytest.approx(0.3 * stats.norm.ppf(0.95), rel=0.02)
    wander = np.array([0.0, 0.5, 2.0])
    fixed = regime_scales(Prior("regime", "fixed", (0.3,)), wander, rng)
    np.testing.assert_allclose(fixed, 0.3 * wander)


def test_wander_is_relative_to_the_exponent_and_none_without_drift() -> None:
    utility, common, pool = np.array([0.3, 0.1, 0.2]), np.array([0.03, 0.03, 0]), np.zeros(3)
    np.testing.assert_allclose(relative_wander(utility, common, pool), [0.1, 0.3, 0.0])
    assert relative_wander(np.ones(1), np.array([0.3]), np.array([0.4]))[0] == pytest.approx(0.5)


def test_other_priors_are_refused() -> None:
    with pytest.raises(UsageError, match="'regime' must be halfstudent, halfnormal or fixed"):
        check_regime(Prior("regime", "lognormal", (0.0, 1.0)))


def test_mean_factor_is_the_mean_along_the_path() -> None:
    """Against the moments of an integrated geometric Brownian motion, small scale."""
    scale, h, size = 0.2, np.array([0.35, 1.4]), 40_000
    found = mean_factors(np.full(size, scale), h, np.random.default_rng(2))
    rate = 0.5 * scale**2
    expected = (np.exp(rate * h) - 1.0) / (rate * h)
    error = found.std(axis=0) / np.sqrt(size)
    assert np.all(np.abs(found.mean(axis=0) - expected) < 5 * error + 1e-3)
    # to first order the mean log factor has the variance s^2 h / 3 of a mean Brownian motion
    np.testing.assert_allclose(np.log(found).var(axis=0), scale**2 * h / 3, rtol=0.05)


def test_no_change_without_scale_or_horizon() -> None:
    rng = np.random.default_rng(1)
    assert np.all(mean_factors(np.zeros(3), np.array([0.5, 2.0]), rng) == 1.0)
    assert np.all(mean_factors(np.full(3, 0.5), np.array([-1.0, 0.0]), rng) == 1.0)


def test_factor_is_bounded_whatever_the_tail() -> None:
    found = mean_factors(np.full(500, 1e3), np.array([0.05, 3.0]), np.random.default_rng(3))
    assert found.min() >= 0.0
    assert found.max() <= 10.0


def test_a_further_horizon_leaves_the_nearer_ones() -> None:
    scales = np.array([0.1, 0.8, 3.0])
    near = mean_factors(scales, np.array([0.69]), np.random.default_rng(4))
    far = mean_factors(scales, np.array([0.69, 3.0]), np.random.default_rng(4))
    np.testing.assert_array_equal(near[:, 0], far[:, 0])


def test_stretch_multiplies_the_gain_alone() -> None:
    sums, edge = np.array([[[1.0, 2.0], [3.0, 5.0]]]), np.array([[[1.0, 4.0]]])
    out = stretch(sums, edge, np.array([-1, 0]), np.array([[9.0, 2.0]]))
    np.testing.assert_allclose(out, [[[1.0, 2.0], [5.0, 6.0]]])
