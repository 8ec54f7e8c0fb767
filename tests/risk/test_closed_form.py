from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.model.design import build_design
from qqt_bayes.risk.closed_form import influence, leave_one_out, pareto_weights, precisions
from qqt_bayes.risk.refit import subset


def test_leave_one_out_is_conditioning(tiny_fit) -> None:
    """Against the textbook conditional of one cell on the others."""
    given = tiny_fit.posterior.given.take(slice(5, 6))
    c, residual = given.covariance(slice(0, 1))[0], given.residual[0]
    precision = precisions(given)[0]
    i, rest = 2, [j for j in range(len(c)) if j != 2]
    weights = np.linalg.solve(c[np.ix_(rest, rest)], c[rest, i])
    error = residual[i] - weights @ residual[rest]
    variance = c[i, i] - weights @ c[rest, i]
    assert given.pull[0, i] / precision[i] == pytest.approx(error, rel=1e-5)
    assert 1 / precision[i] == pytest.approx(variance, rel=1e-5)


def test_pits_are_probabilities(small_fit) -> None:
    left = leave_one_out(small_fit.posterior)
    assert left.pit.shape == left.k_hat.shape == (25,)
    assert np.all((left.pit > 0) & (left.pit < 1))
    assert np.all(np.isfinite(left.log_density))
    assert 0.5 < left.good_k <= 0.7


def test_an_outlier_is_found(small_fit) -> None:
    post = small_fit.posterior
    value = post.design.value.copy()
    value[12] *= 1.08
    left = leave_one_out(post_with(post, value))
    assert left.pit[12] > 0.999


def post_with(post: Posterior, value: np.ndarray) -> Posterior:
    return replace(post, design=replace(post.design, value=value))


def test_influence_is_the_shift_when_left_out(tiny_fit) -> None:
    """The parameters held fixed, exact draws with and without a cell differ by the closed form."""
    post, study = tiny_fit.posterior, tiny_fit.study
    samples, pools = np.array([960e3, 960e3]), len(study.pools)
    shares = np.zeros((2, pools))
    shares[0, 0], shares[1, :2] = 1.0, 0.5
    one = replace(post, parameters=post.parameters.take(slice(7, 8)))
    cell = int(np.argmax(influence(one, post.design.points_at(samples, shares), 1)[1]))
    keep = post.design.row_cell != cell
    fewer = build_design(subset(study, keep), tiny_fit.spec)
    every = post.parameters.take(np.full(20_000, 7))
    means = []
    for design in (post.design, fewer):
        many = replace(post, design=design, parameters=every)
        means.append(many.at(design.points_at(samples, shares)).log_reducible.mean(axis=0))
    shift = np.abs(means[0] - means[1])
    # clocks of drift start at the smallest run in both, unless that was the cell left out
    assert fewer.setting.smallest == post.design.setting.smallest
    found = influence(one, post.design.points_at(samples, shares), 1)[:, cell]
    np.testing.assert_allclose(shift, found, atol=0.006)


def test_weights_add_up() -> None:
    rng = np.random.default_rng(0)
    weight, k_hat = pareto_weights(rng.normal(size=(3, 500)))
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    assert k_hat.shape == (3,)
    flat, _ = pareto_weights(np.zeros(500))
    np.testing.assert_allclose(flat, 1 / 500)


def test_weights_favour_what_is_wanted() -> None:
    """Draws of N(0,1) reweighted to N(.5, 1)."""
    x = np.random.default_rng(1).normal(size=20_000)
    weight, k_hat = pareto_weights(-0.5 * (x - 0.5) ** 2 + 0.5 * x**2)
    assert weight @ x == pytest.approx(0.5, abs=0.03)
    assert k_hat < 0.5
