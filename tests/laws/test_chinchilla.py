"""The Chinchilla law with repetition: published values, limits, many draws."""

import numpy as np
import pytest

from qqt_bayes.laws.chinchilla import (
    effective_params,
    effective_samples,
    optimal_log_params,
    reducible,
)

SEEN = np.array([[90.0, 0.0], [500.0, 500.0], [3000.0, 0.0], [40.0, 4000.0]])
SIZES = np.array([100.0, np.inf])
REPEATS = np.array([15.39, 5.0, 15.39, 2.0])


def test_hoffmanns_fit_at_their_model() -> None:
    # 70B parameters, 1.4T tokens with the published constants
    got = reducible(np.log(70e9), np.log(1.4e12), np.log(406.4), np.log(410.7), 0.34, 0.28)
    assert got == pytest.approx(406.4 / 70e9**0.34 + 410.7 / 1.4e12**0.28)
    assert 1.69 + got == pytest.approx(1.937, abs=1e-3)


def test_first_pass_counts_fully_and_repeats_by_muennighoff() -> None:
    got = effective_samples(SEEN, SIZES, REPEATS)
    first = 100 * (1 + 5 * (1 - np.exp(-4 / 5)))  # 4 repeats of pool 0, R* = 5
    np.testing.assert_allclose(got[:2], [90.0, 500.0 + first])
    assert got[2] == pytest.approx(100 * (1 + 15.39 * (1 - np.exp(-29 / 15.39))))
    assert got[3] == pytest.approx(4040.0)
    # four epochs are nearly as good as fresh data; forty are not
    one = np.ones(1)
    four, forty = (effective_samples([[n]], [1.0], 15.39 * one)[0] for n in (4.0, 40.0))
    assert four == pytest.approx(3.7, abs=0.05)
    assert forty < 16.4


def test_the_optimum_is_one() -> None:
    terms, alpha, beta, samples = (-0.7, -0.4), 0.35, 0.45, 1.3
    at = optimal_log_params(samples, *terms, alpha, beta)
    # along equal cost, N D fixed, no neighbour is better
    moved = np.linspace(-0.5, 0.5, 11)
    loss = reducible(at + moved, samples - moved, *terms, alpha, beta)
    assert np.argmin(loss) == 5


def test_excess_parameters_wear_out() -> None:
    logs = np.array([-1.0, 0.0, 1.0, 3.0])
    got = effective_params(logs, 0.0, 5.31)
    np.testing.assert_allclose(got[:2], logs[:2], atol=1e-12)
    expected = np.log(1 + 5.31 * (1 - np.exp(-(np.exp(logs[2:]) - 1) / 5.31)))
    np.testing.assert_allclose(got[2:], expected)
    assert np.all(np.diff(got) > 0)
    np.testing.assert_allclose(effective_params(logs + 0.7, 0.7, 5.31), got + 0.7)


def test_a_leading_dim_of_draws_is_carried_along() -> None:
    def loss(repeats, terms, alpha, beta):
        samples = np.log(effective_samples(SEEN, SIZES, repeats)) - 6.0
        optimal = optimal_log_params(samples, terms, -terms, alpha, beta)
        params = effective_params(np.linspace(-1, 2, 4), optimal, repeats)
        return reducible(params, samples, terms, -terms, alpha, beta)

    values = REPEATS, np.linspace(-1, 0.5, 4), np.full(4, 0.34), np.linspace(0.2, 0.5, 4)
    stacked = [np.stack([v, v]) for v in values]
    np.testing.assert_allclose(loss(*stacked)[1], loss(*values), rtol=1e-12)
