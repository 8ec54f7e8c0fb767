"""The closed-form moments are those of the exact draws."""

import numpy as np
import pytest

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.conditional import condition
from qqt_bayes.inference.moments import moments, regime_scales

DRAWS = 40_000


def points(fit: Fit):  # type: ignore[no-untyped-def]
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], float)
    samples = np.repeat([60e3, 240e3, 960e3], 3)
    return fit.posterior.design.points_at(samples, np.tile(shares, (3, 1)))


def test_moments_are_those_of_the_draws(buy_fit: Fit) -> None:
    posterior, where = buy_fit.posterior, points(buy_fit)
    few = posterior.natural[[11]]
    scale = 0.2  # of the change of regime, fixed
    found = moments(few, posterior.cells, posterior.design, where, np.array([scale]))
    every = np.arange(len(where))
    cov = found.covariance(every, every)[0]
    drawn = condition(
        np.repeat(few, DRAWS, axis=0), posterior.cells, posterior.design, where, (0.0, scale), 5
    ).log_reducible
    sd = np.sqrt(np.diag(cov))
    assert np.all(np.abs(drawn.mean(axis=0) - found.mean[0]) < 5 * sd / np.sqrt(DRAWS))
    gap = (np.cov(drawn.T) - cov) / np.outer(sd, sd)
    assert np.abs(gap).max() < 6 * np.sqrt(2 / DRAWS)
    np.testing.assert_allclose(found.variance()[0], np.diag(cov), rtol=1e-9)


def test_covariance_of_subsets_is_that_of_all(buy_fit: Fit) -> None:
    posterior, where = buy_fit.posterior, points(buy_fit)
    few = posterior.natural[:20].copy()
    found = moments(few, posterior.cells, posterior.design, where, np.full(20, 0.1))
    every = np.arange(len(where))
    whole = found.covariance(every, every)
    part = found.covariance(np.array([7, 2]), np.array([0, 8, 3]))
    np.testing.assert_allclose(part, whole[:, [7, 2]][:, :, [0, 8, 3]], atol=1e-12)
    np.testing.assert_allclose(whole, whole.transpose(0, 2, 1), atol=1e-12)
    assert np.linalg.eigvalsh(whole).min() > -1e-10


def test_scales_of_the_regime_follow_their_prior() -> None:
    from scipy.stats import t

    found = regime_scales((2.0, 0.15), 1000, 1)
    assert np.median(found) == pytest.approx(0.15 * t.ppf(0.75, 2), rel=0.01)
    assert np.all(regime_scales((0.0, 0.3), 5, 1) == 0.3)
    assert np.all(regime_scales((2.0, 0.0), 5, 1) == 0.0)
