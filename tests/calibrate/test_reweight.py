"""Weights to the reference likelihood, against the integral they stand for."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp

from qqt_bayes.calibrate.as_sampled import rows_of_truths
from qqt_bayes.calibrate.reweight import reference_weights
from qqt_bayes.model.parameters import Parameters

ONE = np.array([1.5])
CURVE = np.array([1.66, 1.52, 1.45, 1.37])  # seen along a run, where the law halves the gap
APART = np.log([1.0, 0.8, 0.65, 0.5])  # of the rows' log reducible errors from their common part
PRIOR = np.log(0.6), 1.0
BY_POOL = ("log_half_life", "harm", "noise_ratio", "log_rate", "scales")


def posterior_of_a_run(value: np.ndarray, noise: float, share: float = 0.0, draws: int = 20_000):
    """One run, all but its common log reducible error known: draws of that, and what is meant."""
    d, (prior_mean, prior_sd), apart = 1.0, PRIOR, APART[: len(value)]
    known = {"irreducible": d, "seed_noise": noise, "run_share": share}
    one = {n: np.zeros((draws, 1) if n in BY_POOL else draws) for n in Parameters._fields}
    parameters = Parameters(**one | {n: np.full(draws, float(v)) for n, v in known.items()})
    run = np.full(len(value), -1 if len(value) == 1 else 0)
    design = SimpleNamespace(
        value=value, eval_var=np.zeros(len(value)), run=run,
        points=SimpleNamespace(shares=np.ones((len(value), 1))),
    )  # fmt: skip
    posterior = SimpleNamespace(parameters=parameters, design=design)

    # as sampled: a normal density, the mean of the run's effect moved to its tilt
    z = np.log(value - d)
    own, along, slope = (
        part[0, :, 0]
        for part in rows_of_truths(parameters.take(slice(1)), design).noise_at(z[None, :, None])
    )
    seen = z - apart + along * slope.sum() * (len(value) > 1)
    inverse = np.linalg.inv(np.diag(own) + np.outer(along, along))
    precision = 1.0 / prior_sd**2 + inverse.sum()
    mean = (prior_mean / prior_sd**2 + inverse.sum(axis=0) @ seen) / precision
    rng = np.random.default_rng(1)
    drawn = mean + rng.standard_normal((draws, 1)) / np.sqrt(precision)

    # as meant: by the run's effect, then over it
    grid = mean + np.linspace(-12.0, 12.0, 2001) / np.sqrt(precision)
    u = np.linspace(-8.0, 8.0, 801)[:, None]
    log = -0.5 * u**2
    for y, above in zip(value, apart, strict=True):
        latent = d + np.exp(grid + above)
        variance = (1.0 - share) * (noise * latent) ** 2
        centre = latent * (1.0 + np.sqrt(share) * noise * u)
        log = log - 0.5 * ((y - centre) ** 2 / variance + np.log(variance))
    log = logsumexp(log, axis=0) - 0.5 * ((grid - prior_mean) / prior_sd) ** 2
    meant = np.exp(log - log.max())
    return posterior, drawn, grid, meant / meant.sum()


@pytest.mark.parametrize(
    ("value", "noise", "share"),
    [(ONE, 0.01, 0), (ONE, 0.06, 0), (CURVE, 0.01, 0.6), (CURVE, 0.06, 0.6), (CURVE, 0.03, 0.9)],
)
def test_weighted_draws_are_the_reference_posterior(value, noise: float, share: float) -> None:
    posterior, drawn, grid, meant = posterior_of_a_run(value, noise, share)
    weight, k_hat = reference_weights(posterior, drawn + APART[: len(value)])
    z = drawn[:, 0]
    mean, sd = meant @ grid, np.sqrt(meant @ grid**2 - (meant @ grid) ** 2)
    error = 5.0 * sd / np.sqrt(len(z))
    assert k_hat < 0.7
    assert weight.sum() == pytest.approx(1.0)
    assert weight @ z == pytest.approx(mean, abs=error)
    assert np.sqrt(weight @ z**2 - (weight @ z) ** 2) == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize(("value", "noise", "share"), [(ONE, 0.06, 0.0), (CURVE, 0.06, 0.6)])
def test_at_large_noise_the_draws_alone_are_off(value, noise: float, share: float) -> None:
    """So that the test above is one of the weights."""
    _, drawn, grid, meant = posterior_of_a_run(value, noise, share)
    sd = np.sqrt(meant @ grid**2 - (meant @ grid) ** 2)
    off = abs(drawn.mean() - meant @ grid) / sd
    assert off > 12 / np.sqrt(len(drawn)) or abs(drawn.std() / sd - 1.0) > 0.05


def test_without_noise_there_is_nothing_to_weigh() -> None:
    posterior, drawn, _, _ = posterior_of_a_run(ONE, 0.0005)
    weight, _ = reference_weights(posterior, drawn)
    assert 1.0 / np.sum(weight**2) > 0.99 * len(weight)
