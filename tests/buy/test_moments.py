"""The closed-form moments are those of the exact draws."""

import numpy as np

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.conditional import condition
from qqt_bayes.inference.moments import moments
from qqt_bayes.inference.natural import wander_of
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import mean_factors

DRAWS = 40_000


def points(fit: Fit):  # type: ignore[no-untyped-def]
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], float)
    samples = np.repeat([60e3, 240e3, 960e3], 3)
    return fit.posterior.design.points_at(samples, np.tile(shares, (3, 1)))


def test_moments_are_those_of_the_draws(buy_fit: Fit) -> None:
    posterior, where = buy_fit.posterior, points(buy_fit)
    few = posterior.natural[[11]]
    still = Prior("regime", "fixed", (0.0,))
    found = moments(few, posterior.cells, posterior.design, where, still, 1)
    every = np.arange(len(where))
    cov = found.covariance(every, every)[0]
    drawn = condition(
        np.repeat(few, DRAWS, axis=0), posterior.cells, posterior.design, where, still, 5
    ).log_reducible
    sd = np.sqrt(np.diag(cov))
    assert np.all(np.abs(drawn.mean(axis=0) - found.mean[0]) < 5 * sd / np.sqrt(DRAWS))
    gap = (np.cov(drawn.T) - cov) / np.outer(sd, sd)
    assert np.abs(gap).max() < 6 * np.sqrt(2 / DRAWS)
    np.testing.assert_allclose(found.variance()[0], np.diag(cov), rtol=1e-9)


def test_covariance_of_subsets_is_that_of_all(buy_fit: Fit) -> None:
    posterior, where = buy_fit.posterior, points(buy_fit)
    few = posterior.natural[:20].copy()
    found = moments(
        few, posterior.cells, posterior.design, where, Prior("regime", "fixed", (0.5,)), 1
    )
    every = np.arange(len(where))
    whole = found.covariance(every, every)
    part = found.covariance(np.array([7, 2]), np.array([0, 8, 3]))
    np.testing.assert_allclose(part, whole[:, [7, 2]][:, :, [0, 8, 3]], atol=1e-12)
    np.testing.assert_allclose(whole, whole.transpose(0, 2, 1), atol=1e-12)
    assert np.linalg.eigvalsh(whole).min() > -1e-10


def test_a_change_of_regime_is_one_path_a_draw(buy_fit: Fit) -> None:
    """Exponents beyond the largest run are stretched by its mean factor, the others are not."""
    posterior, where = buy_fit.posterior, points(buy_fit)
    few, scale = posterior.natural[:50].copy(), 0.5
    calm = moments(
        few, posterior.cells, posterior.design, where, Prior("regime", "fixed", (0.0,)), 1
    )
    wild = moments(
        few, posterior.cells, posterior.design, where, Prior("regime", "fixed", (scale,)), 1
    )
    design = posterior.design
    edges = design.points_at(np.full(3, np.exp(design.largest)), where.shares[:3])
    start = moments(
        few, posterior.cells, design, edges, Prior("regime", "fixed", (0.0,)), 1
    ).exponents
    ahead = where.log_samples > design.largest
    assert ahead.any()
    np.testing.assert_array_equal(calm.exponents[:, ~ahead], wild.exponents[:, ~ahead])
    assert where.beyond is not None
    factor = mean_factors(scale * wander_of(few), where.beyond.horizons, np.random.default_rng(1))[
        :, where.beyond.horizon[ahead]
    ]
    begin = start[:, np.flatnonzero(ahead) % 3]
    expected = begin + factor[:, :, None] * (calm.exponents[:, ahead] - begin)
    np.testing.assert_allclose(wild.exponents[:, ahead], expected, rtol=1e-10, atol=1e-12)
