"""Exact draws of the linear part: against dense Gaussian conditioning, and free of artefacts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dense import dense_form
from small_studies import Case

from qqt_bayes.inference.conditional import MEAN, REGIME, condition
from qqt_bayes.inference.cores import one_core
from qqt_bayes.inference.given import Given
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.parameters import Parameters
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import mean_factors, relative_wander

DRAWS = 20_000
WILD = Prior("regime", "halfstudent", (2.0, 3.0))
STILL = Prior("regime", "fixed", (0.0,))  # no change of regime beyond the largest run


def repeated(case: Case, draws: int = DRAWS, seed: int = 8) -> Parameters:
    """One draw of the parameters, so many times."""
    return Parameters(*(np.repeat(v, draws, axis=0) for v in case.parameters(1, seed)))


def wanted(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Points inside and beyond the data: a cell again, single pools, a new mixture."""
    pools = case.design.pools
    samples, shares = [np.exp(case.design.points.log_samples[0])], [case.design.points.shares[0]]
    for i in range(pools):
        samples += [
            np.exp(case.design.setting.smallest) * 0.5,
            np.exp(case.design.setting.largest) * 8,
        ]
        shares += [np.eye(pools)[i]] * 2
    for n in (1.0, 3.0):
        samples.append(np.exp(case.design.setting.largest) * n)
        shares.append(np.arange(1.0, pools + 1) / np.arange(1.0, pools + 1).sum())
    return np.array(samples), np.array(shares)


@pytest.fixture(scope="module")
def drawn(case: Case):
    """Many draws at one set of parameters, and what they should be: mean and covariance."""
    samples, shares = wanted(case)
    parameters = repeated(case)
    points = case.design.points_at(samples, shares)
    draws = condition(Given(parameters, case.cells), points, STILL, seed=1)
    form = dense_form(parameters, case.design, case.priors, case.kind, samples, shares)
    there = tuple(part[len(form.z) :] for part in form.log_reducible)
    mean, covariance = form.conditional(there, form.utility, form.level)
    together = np.concatenate([draws.log_reducible, draws.utility, draws.level], axis=1)
    return together, mean, covariance


def test_mean_is_the_conditional_mean(drawn) -> None:
    draws, mean, covariance = drawn
    error = np.sqrt(np.diag(covariance) / DRAWS)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4.5 * error + 1e-9)


def test_covariance_is_the_conditional_covariance(drawn) -> None:
    """Of all points, utilities and levels together."""
    draws, _, covariance = drawn
    sd = np.sqrt(np.diag(covariance))
    error = np.sqrt((covariance**2 + np.outer(sd, sd) ** 2) / DRAWS)
    assert np.all(np.abs(np.cov(draws.T) - covariance) < 5.0 * error + 1e-9)


def test_draws_are_gaussian_conditionals_one_by_one(drawn) -> None:
    from scipy import stats

    draws, mean, covariance = drawn
    loose = np.sqrt(np.diag(covariance)) > 1e-6
    z = (draws - mean)[:, loose] / np.sqrt(np.diag(covariance))[loose]
    pvalues = [stats.kstest(column, "norm").pvalue for column in z.T]
    assert min(pvalues) > 1e-4 / len(pvalues)


@pytest.fixture(scope="module")
def many(families: Case):
    samples, shares = wanted(families)
    given = Given(families.parameters(4000, seed=3), families.cells)
    return given, families.design.points_at(samples, shares)


def test_cores_do_not_change_draws(many) -> None:
    given, points = many
    base = condition(given, points, WILD, seed=4)
    with one_core():
        other = condition(given, points, WILD, seed=4)
    np.testing.assert_array_equal(other.log_reducible, base.log_reducible)
    np.testing.assert_array_equal(other.utility, base.utility)
    np.testing.assert_array_equal(other.level, base.level)


def test_another_seed_and_another_chunk_are_other_draws(many) -> None:
    given, points = many
    base = condition(given, points, STILL, seed=4)
    other = condition(given, points, STILL, seed=5)
    assert not np.any(other.log_reducible == base.log_reducible)
    same = Given(Parameters(*(np.repeat(v[:1], 4000, axis=0) for v in given.parameters)),
                 given.cells)  # fmt: skip
    drawn = condition(same, points, STILL, seed=4).log_reducible[:, 0]
    assert len(np.unique(drawn)) == len(drawn)


def test_parts_add_up(many) -> None:
    given, points = many
    drawn = condition(given, points, WILD, 4, with_parts=True)
    assert drawn.parts.shape == (4000, len(EFFECTS) + 2, len(points))
    np.testing.assert_allclose(drawn.parts.sum(axis=1), drawn.log_reducible, atol=1e-10)
    plain = condition(given, points, WILD, 4)
    np.testing.assert_array_equal(plain.log_reducible, drawn.log_reducible)
    assert plain.parts is None


def test_the_fit_passes_near_the_cells(families: Case) -> None:
    """At the cells the draws scatter about the values by less than the noise allows."""
    seen = families.design.value
    design = replace(families.design, eval_var=np.zeros(len(seen)), expected=seen)
    parameters = repeated(families, 200)._replace(seed_noise=np.full(200, 1e-5))
    given = Given(parameters, families.cells._replace(design=design))
    draws = condition(given, design.points, STILL, seed=1)
    fitted = parameters.irreducible[:, None] + np.exp(draws.log_reducible)
    np.testing.assert_allclose(fitted, np.tile(design.value, (200, 1)), rtol=1e-4)


def test_regime_stretches_what_the_law_gains_beyond_the_largest_run(two_pools: Case) -> None:
    """Nothing changes within the data; beyond, the law's own gain is multiplied."""
    case = two_pools
    samples = np.exp(case.design.setting.largest + np.array([-1.0, 0.0, 0.7, 2.0]))
    points = case.design.points_at(samples, np.tile([0.3, 0.7], (4, 1)))
    p = repeated(case)
    # what slopes add to the law is another part: without it a factor can be read off
    p.scales[:, [e.loadings is not None for e in EFFECTS]] = 0.0
    wander = relative_wander(p.utility, p.scale("common_drift"), p.scale("pool_drift"))
    multiple = Prior("regime", "halfstudent", (2.0, 0.8 / wander[0]))
    given = Given(p, case.cells)
    drawn = condition(given, points, multiple, 1, with_parts=True)
    calm = condition(given, points, STILL, 1, with_parts=True)
    regime, law = drawn.parts[:, REGIME], drawn.parts[:, MEAN]
    assert not regime[:, :2].any()
    assert not calm.parts[:, REGIME].any()
    np.testing.assert_array_equal(law, calm.parts[:, MEAN])
    np.testing.assert_allclose(drawn.log_reducible - calm.log_reducible, regime, atol=1e-12)
    factor = 1.0 + regime[:, 2:] / (law[:, 2:] - law[:, [1]])
    assert factor.min() > 0.0
    assert factor.max() <= 10.0 + 1e-9
    expected = mean_factors(np.full(DRAWS, 0.8), np.array([0.7, 2.0]), np.random.default_rng(3))
    assert np.median(factor) == pytest.approx(1.0, abs=0.02)
    assert np.all(np.quantile(factor, 0.9, axis=0) > np.quantile(expected, 0.8, axis=0))


def test_more_candidates_leave_the_others_as_they_were(families: Case) -> None:
    """Refining a grid of shares and budgets: same distribution at the common points."""
    pools, given = families.design.pools, Given(repeated(families), families.cells)
    top = np.exp(families.design.setting.largest)

    def grid(shares, budgets):
        rows = [(n, [w, 0.0, 1.0 - w, 0.0]) for w in shares for n in budgets]
        samples, mix = (np.array(part) for part in zip(*rows, strict=True))
        points = families.design.points_at(samples, mix.reshape(-1, pools))
        drawn = condition(given, points, Prior("regime", "halfnormal", (0.3,)), 1)
        return rows, drawn.log_reducible

    coarse_rows, coarse = grid([0.2, 0.6], [top, 4 * top])
    fine_rows, fine = grid(np.round(np.arange(0.0, 1.01, 0.1), 1), [top / 2, top, 2 * top, 4 * top])
    at = [fine_rows.index(row) for row in coarse_rows]
    fine = fine[:, at]
    error = np.sqrt((coarse.var(axis=0) + fine.var(axis=0)) / DRAWS)
    assert np.all(np.abs(coarse.mean(axis=0) - fine.mean(axis=0)) < 4.5 * error)
    sd = coarse.std(axis=0)
    assert np.all(np.abs(np.cov(coarse.T) - np.cov(fine.T)) < 7 * np.outer(sd, sd) / DRAWS**0.5)
    for q in (0.05, 0.5, 0.95):
        shift = np.quantile(coarse, q, axis=0) - np.quantile(fine, q, axis=0)
        assert np.all(np.abs(shift) < 4.5 * np.sqrt(2) * 2.2 * sd / DRAWS**0.5)
