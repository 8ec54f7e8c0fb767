"""Draws as functions of the shares have the distribution of draws at points."""

import numpy as np
import pytest

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.surface import Surface

SAMPLES = 960_000.0  # beyond the runs of the small study


@pytest.fixture(scope="module")
def shares(small_fit: Fit) -> np.ndarray:
    """Mixtures of three pools."""
    return np.random.default_rng(2).dirichlet(np.ones(len(small_fit.study.pools)), 12)


@pytest.mark.parametrize("samples", [240_000.0, SAMPLES])
def test_same_distribution_as_draws_at_points(
    small_fit: Fit, shares: np.ndarray, samples: float
) -> None:
    post = small_fit.posterior
    made = Surface.of(post, samples, np.arange(len(post))).at(shares)
    points = post.design.points_at(np.full(len(shares), samples), shares)
    drawn = post.at(points, seed=5).log_reducible
    error = drawn.std(axis=0) * np.sqrt(2.0 / len(post))
    assert np.all(np.abs(made.mean(axis=0) - drawn.mean(axis=0)) < 5.0 * error)
    for low, high in ((0.05, 0.95), (0.25, 0.75)):
        widths = [np.subtract(*np.quantile(a, [high, low], axis=0)) for a in (made, drawn)]
        assert np.allclose(widths[0], widths[1], rtol=0.15)
    # jointly too: differences between mixtures
    apart = [np.diff(np.quantile(np.diff(a, axis=1), [0.05, 0.95], axis=0), axis=0)
             for a in (made, drawn)]  # fmt: skip
    assert np.allclose(apart[0], apart[1], rtol=0.2)


def test_the_same_functions_wherever_they_are_looked_at(small_fit: Fit, shares: np.ndarray) -> None:
    surface = Surface.of(small_fit.posterior, SAMPLES, np.arange(0, 2000, 40))
    assert np.allclose(surface.at(shares)[:, 3:5], surface.at(shares[3:5]), atol=1e-12)
    # and they are continuous: a little more of a pool changes little
    moved = shares[:1] + 1e-6 * (np.eye(shares.shape[1])[0] - np.eye(shares.shape[1])[1])
    assert np.abs(surface.at(moved) - surface.at(shares[:1])).max() < 1e-3
