"""The law's model: layout, misfit, coordinates and surfaces, without sampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from simulated_sizes import POOLS, table_of

import qqt_bayes as qqt
from qqt_bayes.allocation.coordinates import Coordinates, known_of, law_of
from qqt_bayes.allocation.misfit import kernel, misfit_of
from qqt_bayes.allocation.model import BY_POOL, build_model
from qqt_bayes.allocation.sample import Target
from qqt_bayes.allocation.sizes import size_study
from qqt_bayes.allocation.surfaces import given_law

SPEC = qqt.load_spec("chinchilla")


@pytest.fixture(scope="module")
def model(size_runs):
    return build_model(size_study(size_runs, "loss"), SPEC)


def test_the_misfit_is_a_covariance_without_a_plane() -> None:
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.normal(size=(40, 2)), np.zeros(40)])
    misfit = misfit_of(places)
    everywhere = 3.0 * rng.normal(size=(60, 3))  # the data were never repeated; candidates may be
    cov = kernel(everywhere, everywhere, misfit.star)
    assert np.linalg.eigvalsh(cov).min() > -1e-8 * np.abs(cov).max()
    # a surface drawn from it has no plane over the star
    basis = misfit.basis(misfit.star)
    flat = np.column_stack([np.ones(len(misfit.star)), misfit.star])
    plane = np.linalg.lstsq(flat, basis, rcond=None)[0]
    np.testing.assert_allclose(plane, 0.0, atol=1e-6)


def test_the_misfit_grows_beyond_the_data() -> None:
    places = np.column_stack(
        [np.repeat(np.linspace(-1, 1, 6), 6), np.tile(np.linspace(-1, 1, 6), 6)]
    )
    places = np.column_stack([places, np.zeros(36)])
    misfit = misfit_of(places)
    beyond = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    left = np.sqrt(np.sum(misfit.remainder(beyond) ** 2, axis=1))
    assert left[0] < 0.2 * left[1]
    assert left[1] < 0.5 * left[2]
    total = misfit.basis(beyond) @ misfit.basis(beyond).T + misfit.remainder(beyond) @ (
        misfit.remainder(beyond).T
    )
    np.testing.assert_allclose(total, kernel(beyond, beyond, misfit.star), atol=1e-8)


def test_surfaces_integrated_out_are_the_integral(model) -> None:
    """As by brute force: the mean density of the runs over surfaces drawn from the prior."""
    rng = np.random.default_rng(1)
    z = np.zeros((1, model.size))
    z[0, model.layout["noise"]] = 2.5  # so that draws of the prior are near enough
    z[0, model.layout["tails"]] = -1.0
    truth = np.array(z[0])
    for part in ("misfit surface", "pool surfaces"):
        at = model.layout[part]
        truth[at] = rng.standard_normal(at.stop - at.start)
    scale, tails = model.noise(truth)
    moved = model.fitted(truth) + scale * rng.standard_t(tails, len(model.log_loss))
    given = given_law(replace(model, log_loss=moved), z)
    prior = rng.standard_normal((1, given.loadings.shape[2], 200_000))
    each = np.concatenate([given.log_likelihood(p)[0] for p in np.split(prior, 100, axis=2)])
    top = each.max()
    weights = np.exp(each - top)
    error = weights.std() / weights.mean() / np.sqrt(len(weights))
    assert error < 0.1
    brute = top + np.log(weights.mean())
    found = np.array([given.log_density(np.random.default_rng(s), 32)[0] for s in range(20)])
    assert abs(found.mean() - brute) < 3.5 * (error + found.std() / np.sqrt(20))
    assert found.std() < 0.3
    assert abs(given.log_at_mode()[0] - brute) < 0.5
    # and draws of them are those that the runs favour
    again = given_law(replace(model, log_loss=moved), np.repeat(z, 4000, axis=0))
    drawn = again.draw(rng, 32)
    expected = (prior[0] * weights).sum(axis=1) / weights.sum()
    width = np.sqrt((weights**2).sum()) / weights.sum()  # of a mean, in sds of the prior
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=4.5 * (width + 1 / np.sqrt(4000)))


@pytest.mark.parametrize("pools", [["web", "books"], ["web"]])
def test_coordinates_are_those_of_the_prior(pools) -> None:
    """The density of x is that of z with the means over pools integrated out."""
    table = table_of()
    runs = qqt.read_runs(table[table["data"].isin(pools)], POOLS)
    model = build_model(size_study(runs, "loss"), SPEC)
    coordinates = Coordinates(model)
    place, unit = coordinates.start()
    assert len(place) == coordinates.size
    rng = np.random.default_rng(2)
    x = place + 0.3 * unit * rng.standard_normal((50, coordinates.size))
    z, log_prior = coordinates.z(x)
    for name in BY_POOL:  # the laws are the same, whatever means are drawn
        drawn = coordinates.z(x, np.random.default_rng(3))[0]
        np.testing.assert_allclose(model.by_law(name, drawn), model.by_law(name, z), rtol=1e-9)
    scalars = [model.layout[n].start for n in coordinates.scalars]
    expected = -0.5 * np.sum(z[:, scalars] ** 2, axis=1)
    for name, spread in BY_POOL.items():
        value = model.by_law(name, z)
        value = value if name.endswith("_term") else np.log(value)
        mu, sigma = model.priors[name].pair
        for i in range(len(x)):
            cov = sigma**2 * np.ones((len(pools), len(pools)))
            if len(pools) > 1:
                cov += float(model.scalar(spread, z[i])) ** 2 * np.eye(len(pools))
            expected[i] += multivariate_normal(np.full(len(pools), mu), cov).logpdf(value[i])
    np.testing.assert_allclose(np.diff(log_prior), np.diff(expected), atol=1e-8)


def test_means_over_pools_are_drawn_from_what_pools_say(model) -> None:
    """Of one place, many draws: mean and spread as of a normal mean with a normal prior."""
    coordinates = Coordinates(model)
    place, _ = coordinates.start()
    place[len(coordinates.scalars) :] += 0.1 * np.random.default_rng(1).standard_normal(
        coordinates.size - len(coordinates.scalars)
    )
    z, _ = coordinates.z(np.repeat(place[None], 20_000, axis=0), np.random.default_rng(4))
    name, spread = "params_term", float(model.scalar("term_spread", z[0]))
    values, (mu, sigma) = model.by_law(name, z[0]), model.priors[name].pair
    precision = 1 / sigma**2 + len(values) / spread**2
    mean = (mu / sigma**2 + values.sum() / spread**2) / precision
    drawn = model.centre(name, z)
    assert abs(drawn.mean() - mean) < 4.5 / np.sqrt(precision * 20_000)
    assert drawn.std() == pytest.approx(precision**-0.5, rel=0.03)


def test_a_specification_may_fix_what_it_likes(size_runs) -> None:
    """A spread of zero makes a parameter common; a fixed mean, and both, take coordinates away."""
    sizes = size_study(size_runs, "loss")
    whole = Coordinates(build_model(sizes, SPEC)).size
    none = {"family": "fixed", "value": 0.0}
    for changes, fewer in (
        ({"repeats_spread": none}, 1),
        ({"irreducible_spread": none}, 2),
        ({"irreducible_spread": none, "irreducible": {"family": "fixed", "value": 1.8}}, 3),
        ({"excess": {"family": "fixed", "value": 5.0}}, 0),
    ):
        model = build_model(sizes, SPEC.with_priors(**changes))
        target = Target(model, 1)
        assert target.coordinates.size == whole - fewer
        values = target(0.1 * np.random.default_rng(0).standard_normal((5, whole - fewer)))
        assert np.isfinite(values).all()


def test_a_law_by_what_is_known_of_it_keeps_volume() -> None:
    rng = np.random.default_rng(0)
    law = rng.normal(size=(5, 4))
    for got, expected in zip(law_of(known_of(law)), law, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)

    def at(v):
        return law_of(v)

    point = rng.normal(size=5)
    slopes = np.array([(at(point + e) - at(point - e)) / 2e-6 for e in 1e-6 * np.eye(5)])
    assert abs(np.linalg.det(slopes)) == pytest.approx(1.0, abs=1e-6)


def test_twins_share_a_law() -> None:
    """Pools of one family and one rank are samples of one thing: they differ in size only."""
    table = table_of()
    pools = POOLS.assign(family="text", quality_rank=1)
    assert size_study(qqt.read_runs(table, pools), "loss").laws == ("web",)
    pools["quality_rank"] = [1, 2]
    assert size_study(qqt.read_runs(table, pools), "loss").laws == ("web", "books")


def test_models_of_several_sizes_may_have_names() -> None:
    table = table_of()
    named = table.assign(model=[f"{p:.2g}" for p in table["params"]])
    assert len(size_study(qqt.read_runs(named, POOLS), "loss").points) == len(table)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="params"), "column 'params'.*no such column"),
        (lambda t: t.assign(params=t["params"].where(t.index != 2)), "column 'params'.*missing"),
        (lambda t: t.assign(params=1e8), "all runs have 100M parameters"),
        (
            lambda t: t.assign(metric="error", value=t["value"] / 10),
            "is an error from 0 to 1: the law",
        ),
    ],
)
def test_what_is_refused(change, said: str) -> None:
    runs = qqt.read_runs(change(table_of()), POOLS)
    with pytest.raises(qqt.QQTError, match=said):
        size_study(runs, runs.metrics[0])


def test_specifications_of_the_other_law_are_refused(size_runs) -> None:
    with pytest.raises(qqt.UsageError, match="does not know model size"):
        build_model(size_study(size_runs, "loss"), qqt.load_spec("effective_utility"))
    wrong = SPEC.with_priors(noise={"family": "halfnormal", "sigma": 0.1})
    with pytest.raises(qqt.UsageError, match="'noise' is halfnormal"):
        build_model(size_study(size_runs, "loss"), wrong)
    one_size = table_of().assign(params=1e8)
    one_size["samples"] *= 1.0 + 1e-3 * one_size.index
    runs = qqt.read_runs(one_size, POOLS)
    with pytest.raises(qqt.UsageError, match="is fitted by `qqt allocate`, not here"):
        qqt.fit(runs, "loss", spec="chinchilla")


def test_draws_far_out_have_no_weight_and_stop_nothing(model) -> None:
    """Rounding may leave a precision without a root: it ended a simulated study."""
    z = 10.0 * np.random.default_rng(0).standard_normal((200, model.size))
    with np.errstate(all="ignore"):
        given = given_law(model, z)
        found = given.log_density(np.random.default_rng(0), 32)
    rootless = np.isnan(given.root).any(axis=(1, 2))
    assert 0 < rootless.sum() < 200
    assert np.isnan(found[rootless]).all()
