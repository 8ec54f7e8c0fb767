"""A walk in the scale of another posterior samples the same distribution."""

from __future__ import annotations

import numpy as np

import qqt_bayes as qqt
from qqt_bayes.inference.gate import DIVERGING
from qqt_bayes.inference.sample import Settings, Start, sample_few, warmed


def test_where_and_how_a_walk_starts_does_not_change_what_it_finds(small_fit) -> None:
    post = small_fit.posterior
    flat = post.theta.reshape(-1, post.theta.shape[-1])
    begin = Start.of(post.theta)
    # a posterior that is wrong by a standard deviation, and twice too wide
    wrong = Start(begin.centre + flat.std(axis=0), 2.0 * begin.factor)
    walk = sample_few(post.chart, post.cells, 5, Settings(draws=800, tune=100), wrong)
    found = walk.theta.reshape(-1, walk.theta.shape[-1])
    # no more than a fit may have; of a scale that is not adapted to, a quarter of the draws diverge
    assert walk.stats["diverging"].mean() <= DIVERGING
    np.testing.assert_allclose((found.mean(axis=0) - flat.mean(axis=0)) / flat.std(axis=0), 0,
                               atol=0.3)  # fmt: skip
    np.testing.assert_allclose(found.std(axis=0) / flat.std(axis=0), 1, atol=0.25)


def test_a_start_has_the_moments_of_its_draws(small_fit) -> None:
    theta = small_fit.posterior.theta
    start, flat = Start.of(theta), theta.reshape(-1, theta.shape[-1])
    np.testing.assert_allclose(start.factor @ start.factor.T, np.cov(flat, rowvar=False))
    np.testing.assert_allclose(start.centre, flat.mean(axis=0))


def test_a_warm_refit_is_short_and_passes_its_gate(small_fit) -> None:
    long = Settings(draws=900, tune=800, target_accept=0.95, chains=3)
    assert warmed(long) == Settings(draws=900, tune=100, target_accept=0.8, chains=3)
    row = small_fit.runs.table.drop(columns="line").tail(1).assign(run="again", seed="7")
    more = small_fit.update(row, settings=qqt.Settings(draws=600, tune=100, target_accept=0.8))
    assert more.converged
    assert more.posterior.gradients < small_fit.posterior.gradients
