"""The closed-form moments are those of the exact draws."""

from dataclasses import replace

import numpy as np

from qqt_bayes.buy.moments import Moments, moments
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.conditional import REGIME, condition
from qqt_bayes.inference.given import Given
from qqt_bayes.model.points import Points
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import mean_factors, relative_wander

DRAWS = 40_000


def points(fit: Fit) -> Points:
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], float)
    samples = np.repeat([60e3, 240e3, 960e3], 3)
    return fit.posterior.design.points_at(samples, np.tile(shares, (3, 1)))


def fixed(scale: float) -> Prior:
    return Prior("regime", "fixed", (scale,))


def found_at(fit: Fit, draws: np.ndarray, where: Points, scale: float) -> Moments:
    return moments(fit.posterior.given.take(draws), where, fixed(scale), 1)


def test_moments_are_those_of_the_draws(buy_fit: Fit) -> None:
    posterior, where = buy_fit.posterior, points(buy_fit)
    one = np.array([11])
    found = found_at(buy_fit, one, where, 0.0)
    every = np.arange(len(where))
    cov = found.covariance(every, every)[0]
    again = Given(posterior.parameters.take(np.repeat(one, DRAWS)), posterior.cells)
    drawn = condition(again, where, fixed(0.0), 5).log_reducible
    sd = np.sqrt(np.diag(cov))
    assert np.all(np.abs(drawn.mean(axis=0) - found.mean[0]) < 5 * sd / np.sqrt(DRAWS))
    gap = (np.cov(drawn.T) - cov) / np.outer(sd, sd)
    assert np.abs(gap).max() < 6 * np.sqrt(2 / DRAWS)
    np.testing.assert_allclose(found.variance()[0], np.diag(cov), rtol=1e-9)


def test_covariance_of_subsets_is_that_of_all(buy_fit: Fit) -> None:
    where = points(buy_fit)
    found = found_at(buy_fit, np.arange(20), where, 0.5)
    every = np.arange(len(where))
    whole = found.covariance(every, every)
    part = found.covariance(np.array([7, 2]), np.array([0, 8, 3]))
    np.testing.assert_allclose(part, whole[:, [7, 2]][:, :, [0, 8, 3]], atol=1e-12)
    np.testing.assert_allclose(whole, whole.transpose(0, 2, 1), atol=1e-12)
    assert np.linalg.eigvalsh(whole).min() > -1e-10


def test_many_points_and_few_have_the_same_moments(buy_fit: Fit) -> None:
    """What the cells explain is kept in the smaller of two ranks: that of the cells or points."""
    design, draws = buy_fit.posterior.design, np.arange(20)
    few = points(buy_fit)
    cells = len(design.value)
    many = design.points_at(
        np.append(np.exp(few.log_samples), np.full(2 * cells, 480e3)),
        np.concatenate([few.shares, np.tile([0.0, 0.0, 1.0], (2 * cells, 1))]),
    )
    a, b = (found_at(buy_fit, draws, where, 0.0) for where in (few, many))
    every = np.arange(len(few))
    assert a.root.shape[1] == len(few) < cells == b.root.shape[1]
    np.testing.assert_allclose(a.mean, b.mean[:, every], rtol=1e-9)
    np.testing.assert_allclose(
        a.covariance(every, every), b.covariance(every, every), rtol=1e-6, atol=1e-12
    )


def test_a_change_of_regime_is_one_path_a_draw(buy_fit: Fit) -> None:
    """Exponents beyond the largest run are stretched by its mean factor, the others are not.

    Seen in the roots of the covariance, which are linear in the exponents.
    """
    where, draws, scale = points(buy_fit), np.arange(50), 0.5
    design, p = buy_fit.posterior.design, buy_fit.posterior.parameters.take(np.arange(50))
    calm, wild = (found_at(buy_fit, draws, where, s).factor for s in (0.0, scale))
    edges = design.points_at(np.full(3, np.exp(design.setting.largest)), where.shares[:3])
    start = found_at(buy_fit, draws, edges, 0.0).factor
    ahead = where.log_samples > design.setting.largest
    assert ahead.any()
    np.testing.assert_array_equal(calm[:, ~ahead], wild[:, ~ahead])
    assert where.beyond is not None
    wander = relative_wander(p.utility, p.scale("common_drift"), p.scale("pool_drift"))
    rng = np.random.default_rng((1, REGIME))
    factor = mean_factors(scale * wander, where.beyond.horizons, rng)
    factor = factor[:, where.beyond.horizon[ahead]]
    begin = start[:, np.flatnonzero(ahead) % 3]
    expected = begin + factor[:, :, None] * (calm[:, ahead] - begin)
    np.testing.assert_allclose(wild[:, ahead], expected, rtol=1e-10, atol=1e-12)
    assert np.abs(wild - calm).max() > 0.01 * np.abs(calm).max()


def test_many_cells_by_features_have_the_same_moments(buy_fit: Fit) -> None:
    given, where = buy_fit.posterior.given, points(buy_fit)
    design = given.cells.design
    many = replace(design)
    many.__dict__["many"] = True
    other = Given(given.parameters, given.cells._replace(design=many))
    a, b = (moments(g.take(np.arange(20)), where, fixed(0.5), 1) for g in (given, other))
    every = np.arange(len(where))
    cov = a.covariance(every, every)
    sd = np.sqrt(a.variance())
    np.testing.assert_allclose(a.mean / sd, b.mean / sd, atol=0.01)
    error = (cov - b.covariance(every, every)) / (sd[:, :, None] * sd[:, None])
    assert np.abs(error).max() < 0.01
