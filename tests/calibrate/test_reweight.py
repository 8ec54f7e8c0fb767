"""Weights to the reference likelihood, against the integral they stand for."""

from types import SimpleNamespace

import numpy as np
import pytest

from qqt_bayes.calibrate.reweight import reference_weights


def posterior_of_one_run(noise: float, draws: int = 20_000):
    """One run, the few known: draws of its log reducible error under the linearised noise."""
    d, value, prior_mean, prior_sd = 1.0, 1.5, np.log(0.6), 1.0
    seen, variance = np.log(value - d), (noise * value) ** 2
    variance = variance / ((value - d) ** 2 + 4.0 * variance)
    precision = 1.0 / prior_sd**2 + 1.0 / variance
    mean = (prior_mean / prior_sd**2 + seen / variance) / precision
    rng = np.random.default_rng(1)
    drawn = mean + rng.standard_normal((draws, 1)) / np.sqrt(precision)
    cells = SimpleNamespace(value=np.array([value]), eval_var=np.zeros(1))
    posterior = SimpleNamespace(
        cells=cells, irreducible=np.full(draws, d), seed_noise=np.full(draws, noise)
    )
    grid = np.linspace(prior_mean - 8 * prior_sd, prior_mean + 8 * prior_sd, 20_001)
    latent = d + np.exp(grid)
    log = -0.5 * ((grid - prior_mean) / prior_sd) ** 2
    log -= 0.5 * ((value - latent) / (noise * latent)) ** 2 + np.log(noise * latent)
    meant = np.exp(log - log.max())
    return posterior, drawn, grid, meant / meant.sum()


@pytest.mark.parametrize("noise", [0.01, 0.06])
def test_weighted_draws_are_the_reference_posterior(noise: float) -> None:
    posterior, drawn, grid, meant = posterior_of_one_run(noise)
    weight, k_hat = reference_weights(posterior, drawn)
    z = drawn[:, 0]
    mean, sd = meant @ grid, np.sqrt(meant @ grid**2 - (meant @ grid) ** 2)
    error = 5.0 * sd / np.sqrt(len(z))
    assert k_hat < 0.7
    assert weight.sum() == pytest.approx(1.0)
    assert weight @ z == pytest.approx(mean, abs=error)
    assert np.sqrt(weight @ z**2 - (weight @ z) ** 2) == pytest.approx(sd, rel=0.05)


def test_at_large_noise_the_draws_alone_are_off() -> None:
    """So that the test above is one of the weights."""
    _, drawn, grid, meant = posterior_of_one_run(0.06)
    sd = np.sqrt(meant @ grid**2 - (meant @ grid) ** 2)
    assert abs(drawn.mean() - meant @ grid) > 12 * sd / np.sqrt(len(drawn))


def test_without_noise_there_is_nothing_to_weigh() -> None:
    posterior, drawn, _, _ = posterior_of_one_run(0.0005)
    weight, _ = reference_weights(posterior, drawn)
    assert 1.0 / np.sum(weight**2) > 0.99 * len(weight)
