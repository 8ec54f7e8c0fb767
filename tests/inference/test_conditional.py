"""Exact draws of the linear part: against dense Gaussian conditioning, and free of artefacts."""

from __future__ import annotations

import numpy as np
import pytest
from dense import dense_form
from small_studies import Case, leaning

from qqt_bayes.inference.conditional import CHUNK, condition
from qqt_bayes.inference.moments import moments
from qqt_bayes.inference.natural import wander_of
from qqt_bayes.inference.paths import update_path, walk
from qqt_bayes.model.effects import COMPONENTS, ibm_kernel
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import mean_factors

DRAWS = 20_000
WILD = Prior("regime", "halfstudent", (2.0, 3.0))
STILL = Prior("regime", "fixed", (0.0,))  # no change of regime beyond the largest run


def wanted(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Points inside and beyond the data: a cell again, single pools, a new mixture."""
    pools = len(case.design.sizes)
    samples, shares = [np.exp(case.design.points.log_samples[0])], [case.design.points.shares[0]]
    for i in range(pools):
        samples += [np.exp(case.design.smallest) * 0.5, np.exp(case.design.largest) * 8]
        shares += [np.eye(pools)[i]] * 2
    for n in (1.0, 3.0):
        samples.append(np.exp(case.design.largest) * n)
        shares.append(np.arange(1.0, pools + 1) / np.arange(1.0, pools + 1).sum())
    return np.array(samples), np.array(shares)


@pytest.fixture(scope="module", params=["alone", "shared"])
def drawn(case: Case, request: pytest.FixtureRequest):
    """Many draws at one natural vector, and what they should be: mean and covariance."""
    shared = leaning(case, 5) if request.param == "shared" else None
    samples, shares = wanted(case)
    natural = case.naturals(1, seed=8)[0]
    points = case.design.points_at(samples, shares)
    draws = condition(
        np.tile(natural, (DRAWS, 1)), case.cells, case.design, points, STILL, seed=1,
        shared=None if shared is None else np.tile(shared, (DRAWS, 1)),
    )  # fmt: skip
    form = dense_form(natural, case.design, case.priors, case.kind, samples, shares, shared)
    there = tuple(part[len(form.z) :] for part in form.log_reducible)
    mean, covariance = form.conditional(there, form.utility, form.level)
    together = np.concatenate([draws.log_reducible, draws.utility, draws.level], axis=1)
    return together, mean, covariance


def test_what_residuals_say_of_a_path() -> None:
    """Running sums are the product with the kernel; a row before the clock starts says nothing."""
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0.0, 5.0, 12))
    rows, place = np.arange(1, 20), np.concatenate([[-1], rng.integers(0, 12, 18)])
    weight, pull = rng.normal(size=19), rng.normal(size=25)
    out = rng.normal(size=12)
    there = np.where(place >= 0, times[place], 0.0)
    expected = out + 2.5 * ibm_kernel(times[:, None], there) @ (weight * pull[rows])
    update_path(times, 2.5, False, rows, weight, place, pull, out)
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)


def test_mean_is_the_conditional_mean(drawn) -> None:
    draws, mean, covariance = drawn
    error = np.sqrt(np.diag(covariance) / DRAWS)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4.5 * error + 1e-9)


def test_moments_are_the_conditional_ones(case: Case) -> None:
    """The closed form that planning uses, of all points."""
    samples, shares = wanted(case)
    natural = case.naturals(1, seed=8)
    points = case.design.points_at(samples, shares)
    found = moments(natural, case.cells, case.design, points, STILL, seed=1)
    form = dense_form(natural[0], case.design, case.priors, case.kind, samples, shares)
    mean, covariance = form.conditional(tuple(p[len(form.z) :] for p in form.log_reducible))
    np.testing.assert_allclose(found.mean[0], mean, rtol=1e-5, atol=1e-6)
    every = np.arange(len(points))
    scale = np.diag(covariance).max()
    np.testing.assert_allclose(found.covariance(every, every)[0], covariance, atol=1e-6 * scale)


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
    naturals = families.naturals(3 * CHUNK + 7, seed=3)
    return families, naturals, families.design.points_at(samples, shares)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_do_not_change_draws(many, threads: int) -> None:
    case, naturals, points = many
    base = condition(naturals, case.cells, case.design, points, WILD, seed=4, threads=2)
    other = condition(naturals, case.cells, case.design, points, WILD, 4, threads=threads)
    np.testing.assert_array_equal(other.log_reducible, base.log_reducible)
    np.testing.assert_array_equal(other.utility, base.utility)
    np.testing.assert_array_equal(other.level, base.level)


def test_chunks_do_not_change_draws(many) -> None:
    """More draws do not change the first ones; another seed does."""
    case, naturals, points = many
    base = condition(naturals, case.cells, case.design, points, STILL, seed=4)
    fewer = condition(naturals[: CHUNK + 3], case.cells, case.design, points, STILL, seed=4)
    np.testing.assert_array_equal(fewer.log_reducible, base.log_reducible[: CHUNK + 3])
    other = condition(naturals, case.cells, case.design, points, STILL, seed=5)
    assert not np.any(other.log_reducible == base.log_reducible)
    blocks = base.log_reducible[:CHUNK] == base.log_reducible[CHUNK : 2 * CHUNK]
    assert not blocks.any()  # the blocks have streams of their own


def test_parts_add_up(many) -> None:
    case, naturals, points = many
    drawn = condition(naturals, case.cells, case.design, points, WILD, 4, with_parts=True)
    assert drawn.parts.shape == (len(naturals), len(COMPONENTS) + 2, len(points))
    np.testing.assert_allclose(drawn.parts.sum(axis=1), drawn.log_reducible, atol=1e-12)
    plain = condition(naturals, case.cells, case.design, points, WILD, 4)
    np.testing.assert_array_equal(plain.log_reducible, drawn.log_reducible)
    assert plain.parts is None


def test_the_fit_passes_near_the_cells(families: Case) -> None:
    """At the cells the draws scatter about the values by less than the noise allows."""
    natural = families.naturals(1, seed=8)[0]
    natural[3] = 1e-5
    cells = families.cells._replace(eval_var=np.zeros(len(families.design.value)))
    draws = condition(
        np.tile(natural, (200, 1)), cells, families.design, families.design.points, STILL, seed=1
    )
    fitted = natural[0] + np.exp(draws.log_reducible)
    np.testing.assert_allclose(fitted, np.tile(families.design.value, (200, 1)), rtol=1e-4)


def test_regime_stretches_what_the_law_gains_beyond_the_largest_run(two_pools: Case) -> None:
    """Nothing changes within the data; beyond, the law's own gain is multiplied."""
    case, natural = two_pools, two_pools.naturals(1, seed=8)[0]
    samples = np.exp(case.design.largest + np.array([-1.0, 0.0, 0.7, 2.0]))
    points = case.design.points_at(samples, np.tile([0.3, 0.7], (4, 1)))
    naturals = np.tile(natural, (DRAWS, 1))
    multiple = Prior("regime", "halfstudent", (2.0, 0.8 / wander_of(naturals)[0]))
    drawn = condition(naturals, case.cells, case.design, points, multiple, 1, with_parts=True)
    calm = condition(naturals, case.cells, case.design, points, STILL, 1, with_parts=True)
    regime, law = drawn.parts[:, len(COMPONENTS)], drawn.parts[:, len(COMPONENTS) + 1]
    assert not regime[:, :2].any()
    assert not calm.parts[:, len(COMPONENTS)].any()
    np.testing.assert_array_equal(law, calm.parts[:, len(COMPONENTS) + 1])
    np.testing.assert_allclose(drawn.log_reducible - calm.log_reducible, regime, atol=1e-12)
    factor = 1.0 + regime[:, 2:] / (law[:, 2:] - law[:, [1]])
    assert factor.min() > 0.0
    assert factor.max() <= 10.0 + 1e-9
    expected = mean_factors(np.full(DRAWS, 0.8), np.array([0.7, 2.0]), np.random.default_rng(3))
    assert np.median(factor) == pytest.approx(1.0, abs=0.02)
    assert np.all(np.quantile(factor, 0.9, axis=0) > np.quantile(expected, 0.8, axis=0))


def test_paths_are_integrated_brownian_motions() -> None:
    times = np.array([0.05, 0.3, 0.31, 1.0, 2.5, 4.0])
    rng, paths = np.random.default_rng(1), np.empty((40_000, len(times)))
    for row in paths:
        walk(times, 0.7, False, rng, row)
    expected = 0.49 * ibm_kernel(times[:, None], times)
    sd = np.sqrt(np.diag(expected))
    error = np.sqrt((expected**2 + np.outer(sd, sd) ** 2) / len(paths))
    assert np.all(np.abs(np.cov(paths.T) - expected) < 5 * error)
    assert np.all(np.abs(paths.mean(axis=0)) < 4.5 * sd / np.sqrt(len(paths)))
    flat = np.empty(1)
    walk(np.zeros(1), 0.7, True, np.random.default_rng(2), flat)
    assert flat[0] == 0.7 * np.random.default_rng(2).standard_normal()


def test_more_candidates_leave_the_others_as_they_were(families: Case) -> None:
    """Refining a grid of shares and budgets: same distribution at the common points."""
    pools, natural = len(families.design.sizes), families.naturals(1, seed=8)[0]
    top = np.exp(families.design.largest)

    def grid(shares, budgets):
        rows = [(n, [w, 0.0, 1.0 - w, 0.0]) for w in shares for n in budgets]
        samples, mix = (np.array(part) for part in zip(*rows, strict=True))
        points = families.design.points_at(samples, mix.reshape(-1, pools))
        drawn = condition(
            np.tile(natural, (DRAWS, 1)),
            families.cells,
            families.design,
            points,
            Prior("regime", "halfnormal", (0.3,)),
            1,
        )
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
