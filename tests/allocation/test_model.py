"""The law's model: layout, misfit, chart and mode, without sampling."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_sizes import POOLS, table_of

import qqt_bayes as qqt
from qqt_bayes.allocation.chart import chart_around, known_of, law_of, levels_of, z_of
from qqt_bayes.allocation.laplace import HELD, gradient_at, laplace, log_posterior, slopes_at
from qqt_bayes.allocation.misfit import kernel, misfit_of
from qqt_bayes.allocation.model import build_model
from qqt_bayes.allocation.sizes import size_study

SPEC = qqt.load_spec("chinchilla")


@pytest.fixture(scope="module")
def model(size_runs):
    return build_model(size_study(size_runs, "loss"), SPEC)


@pytest.fixture(scope="module")
def around(model):
    return laplace(model)


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


def test_gradient_is_that_of_the_log_posterior(model) -> None:
    z = 0.3 * np.random.default_rng(1).normal(size=model.size)
    steps = 1e-5 * np.eye(model.size)
    weight = np.ones(len(model.log_loss))
    numeric = (log_posterior(model, z + steps) - log_posterior(model, z - steps)) / 2e-5
    np.testing.assert_allclose(gradient_at(model, z, weight), numeric, rtol=1e-4, atol=1e-2)


def test_slopes_in_closed_form_are_those_by_differences(model) -> None:
    z = 0.3 * np.random.default_rng(2).normal(size=model.size)
    steps = 1e-5 * np.eye(model.size)
    numeric = (model.fitted(z + steps) - model.fitted(z - steps)).T / 2e-5
    np.testing.assert_allclose(slopes_at(model, z)[0], numeric, rtol=1e-4, atol=1e-6)


def test_the_mode_is_a_mode(model, around) -> None:
    gradient = gradient_at(model, around.mode, np.ones(len(model.log_loss)))
    free = np.ones(model.size, bool)
    for name in HELD:
        if name in model.layout:
            free[model.layout[name]] = False
    assert np.abs(around.factor[free].T @ gradient[free]).max() < 0.05  # posterior sds
    assert np.all(around.mode[~free] == 0.0)
    near = around.mode + 0.3 * free * (around.draws(50, np.random.default_rng(0)) - around.mode)
    assert np.all(log_posterior(model, near) < around.log_density)


def test_a_chart_around_the_scales_of_a_walk(model, around) -> None:
    """Held at them, not at the prior medians; the rest at the mode given them."""
    weight = np.ones(len(model.log_loss))
    z = around.mode.copy()
    parts = [model.layout[name] for name in HELD if name in model.layout]
    held = np.concatenate([np.arange(model.size)[part] for part in parts])
    z[held] = np.linspace(-0.8, 0.8, len(held))
    moved = laplace(model, weight, z)
    np.testing.assert_array_equal(moved.mode[held], z[held])
    assert moved.log_density > log_posterior(model, z)
    chart = chart_around(model, moved, weight)
    np.testing.assert_allclose(chart.to_z(np.zeros(model.size)), moved.mode, atol=1e-8)


def test_a_law_by_what_is_known_of_it_keeps_volume() -> None:
    rng = np.random.default_rng(0)
    law = list(rng.normal(size=(5, 4)))
    for got, expected in zip(law_of(known_of(law)), law, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)

    def at(v):
        return np.array(law_of([v[i : i + 1] for i in range(5)]))[:, 0]

    point = rng.normal(size=5)
    slopes = np.array([(at(point + e) - at(point - e)) / 2e-6 for e in 1e-6 * np.eye(5)])
    assert abs(np.linalg.det(slopes)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("pools", [["web", "books"], ["web"]])
def test_the_charts_jacobian(pools) -> None:
    """What the sampler is told of the volume is what the map does, for one law and for two."""
    table = table_of()
    runs = qqt.read_runs(table[table["data"].isin(pools)], POOLS)
    model = build_model(size_study(runs, "loss"), SPEC)
    around = laplace(model)
    chart = chart_around(model, around, np.ones(len(model.log_loss)))
    np.testing.assert_allclose(chart.to_z(np.zeros(model.size)), around.mode, atol=1e-8)
    np.testing.assert_allclose(z_of(model, levels_of(model, around.mode)), around.mode, atol=1e-8)
    rng = np.random.default_rng(2)
    volumes, told = [], []
    for _ in range(3):
        point = 0.7 * rng.normal(size=model.size)
        steps = 1e-5 * np.eye(model.size)
        slopes = (chart.to_z(point + steps) - chart.to_z(point - steps)) / 2e-5
        volumes.append(np.linalg.slogdet(slopes)[1])
        told.append(float(chart.log_jacobian(chart.to_z(point))))
    np.testing.assert_allclose(np.diff(volumes), np.diff(told), atol=1e-4)
    assert np.ptp(told) > 0.1


def test_leaving_runs_out_is_weighting_them_by_zero(size_runs) -> None:
    """The same law and misfit basis: the runs left out have no say."""
    sizes = size_study(size_runs, "loss")
    model = build_model(sizes, SPEC)
    weight = np.ones(len(model.log_loss))
    weight[3] = 0.0
    moved = np.array(model.log_loss)
    moved[3] += 0.5
    other = type(model)(**{**model.__dict__, "log_loss": moved})
    np.testing.assert_allclose(laplace(model, weight).mode, laplace(other, weight).mode, atol=1e-6)


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
        (lambda t: t.assign(params=1e8), "all runs have 1e\\+08 parameters"),
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
