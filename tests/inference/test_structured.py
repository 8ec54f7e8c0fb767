"""The densities of many cells: equal to the whole covariance where nothing is left out."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_studies import STUDIES, Case, leaning

from qqt_bayes.inference.cells import (
    LEAST_PARTED,
    MOST_APART,
    MOST_WHOLE,
    NO_KERNELS,
    WHOLE,
    build_cells,
)
from qqt_bayes.inference.chart import density_and_gradient, dimension
from qqt_bayes.inference.conditional import condition
from qqt_bayes.inference.gaussian import solve, solve_with_precision
from qqt_bayes.inference.layout import (
    build_arrow,
    build_blocks,
    incomplete_factor,
    leading_factor,
    side_by_side,
    split_likeness,
    tied_pools,
)  # fmt: skip
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.moments import moments
from qqt_bayes.inference.native import density_c, pack
from qqt_bayes.inference.natural import SCALES, SPREAD, Cells, given_shared
from qqt_bayes.inference.structure import packed
from qqt_bayes.model.design import Points, build_design
from qqt_bayes.model.effects import ibm_kernel
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import read_runs

TRAJECTORIES = ("checkpoints", "pools apart")  # which features do not know
FORMS = [(name, "blocks") for name in STUDIES]
FORMS += [(name, "arrow") for name in STUDIES if name not in TRAJECTORIES]


@pytest.fixture(scope="module", params=FORMS, ids=" as ".join)
def pair(request) -> tuple[Case, Cells]:
    """A study, and its cells in a form for many of them."""
    name, form = request.param
    case = STUDIES[name]()
    return case, structured(case, form)


def structured(case: Case, form: str) -> Cells:
    """The cells of a case in a form for many of them, from which nothing is left out."""
    build = build_arrow if form == "arrow" else build_blocks
    layout, address = packed(build(case.design, 0.0))
    return case.cells._replace(kernels=NO_KERNELS, layout=layout, form=address)


def test_density_and_gradient_are_those_of_the_whole_covariance(pair: tuple[Case, Cells]) -> None:
    case, cells = pair
    for natural in case.naturals(10, seed=3):
        wanted, found = np.empty(len(natural)), np.empty(len(natural))
        expected = log_density(natural, case.cells, wanted)
        assert log_density(natural, cells, found) == pytest.approx(expected, rel=1e-8, abs=1e-7)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * abs(wanted).max())


def test_solution_is_that_of_the_whole_covariance(pair: tuple[Case, Cells]) -> None:
    case, cells = pair
    rng = np.random.default_rng(5)
    shape = case.cells.first.shape
    for natural in case.naturals(5, seed=4):
        x = case.cells.shares * rng.uniform(0.0, 4.0, shape)
        noise = rng.uniform(1e-4, 1e-2, shape[0])
        resid, none = rng.normal(size=shape[0]), np.zeros(shape[0])
        expected = solve(natural, case.cells, x, noise, none, resid)
        found = solve(natural, cells, x, noise, none, resid)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8 * abs(expected).max())
        wanted = solve_with_precision(natural, case.cells, x, noise, none, resid)[1]
        precision = solve_with_precision(natural, cells, x, noise, none, resid)[1]
        np.testing.assert_allclose(precision, wanted, rtol=1e-6, atol=1e-8 * wanted.max())


@pytest.mark.parametrize("form", ["arrow", "blocks"])
def test_no_drift_and_no_spread(families: Case, form: str) -> None:
    cells = structured(families, form)
    natural = families.naturals(1, seed=1)[0]
    natural[[SPREAD, *(SCALES + k for k in (1, 2, 3, 5))]] = 0.0  # spread of utilities, drifts
    wanted, found = np.empty(len(natural)), np.empty(len(natural))
    expected = log_density(natural, families.cells, wanted)
    assert log_density(natural, cells, found) == pytest.approx(expected, rel=1e-8, abs=1e-7)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * abs(wanted).max())


def test_called_from_c_is_the_same(pair: tuple[Case, Cells]) -> None:
    case, cells = pair
    size = dimension(case.chart)
    buffer = pack(case.chart, cells, np.zeros(size), np.eye(size))
    doubles = ctypes.POINTER(ctypes.c_double)
    theta = np.random.default_rng(1).normal(0, 0.5, size)
    direct, gradient, value = np.zeros(size), np.zeros(size), np.zeros(1)
    expected = density_and_gradient(theta, case.chart, cells, direct)
    code = density_c.ctypes(
        size, theta.ctypes.data_as(doubles), gradient.ctypes.data_as(doubles),
        value.ctypes.data_as(doubles), buffer.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    assert (code, value[0]) == (0, expected)
    np.testing.assert_array_equal(gradient, direct)


@pytest.mark.parametrize("factor", [incomplete_factor, leading_factor])
@pytest.mark.parametrize("tolerance", [0.0, 1e-6, 1e-3])
def test_features_leave_out_what_they_say(tolerance: float, factor: Any) -> None:
    clock = np.sort(np.random.default_rng(1).uniform(0.0, 5.0, 60))
    features, left = factor(clock, tolerance)
    kernel = ibm_kernel(clock[:, None], clock)
    rest = kernel - features @ features.T
    np.testing.assert_allclose(np.diag(rest), left, atol=1e-10)
    assert left.max() <= max(tolerance, 1e-10)
    assert np.linalg.eigvalsh(rest).min() > -1e-9  # what is left out is a covariance
    assert features.shape[1] < 60 or tolerance < 1e-6


def test_leading_features_are_fewer() -> None:
    clock = np.sort(np.random.default_rng(1).uniform(0.0, 5.0, 60))
    fewer, more = leading_factor(clock, 1e-3)[0], incomplete_factor(clock, 1e-3)[0]
    assert fewer.shape[1] < more.shape[1]
    assert leading_factor(np.zeros(3), 1e-3)[0].shape == (3, 0)


def test_likeness_is_what_is_apart_and_shared(families: Case) -> None:
    apart, shared = split_likeness(families.design.likeness)
    np.testing.assert_allclose(
        apart * np.eye(len(shared)) + shared @ shared.T, families.design.likeness, atol=1e-12
    )
    assert shared.shape[1] < len(shared)
    assert split_likeness(np.eye(3))[1].shape == (3, 0)


def test_every_cell_has_one_row(case: Case) -> None:
    every = np.arange(len(case.design.value))
    for build in (build_arrow, build_blocks):
        rows = build(case.design, 0.0).rows
        np.testing.assert_array_equal(np.sort(rows[rows >= 0]), every)


def test_mixtures_tie_their_pools() -> None:
    case = STUDIES["pools apart"]()
    np.testing.assert_array_equal(tied_pools(case.design.points.shares), [0, 0, 1, 2])
    blocks = build_blocks(case.design)
    assert blocks.pool.shape[0] == 2
    tied = {tuple(column[column >= 0]) for column in blocks.pool.T}
    assert tied - {()} == {(0, 1), (2,), (3,)}


def test_blocks_of_like_size_go_side_by_side() -> None:
    at, blocks = 0, []
    for size in (3, 10, 9, 10, 4, 10, 30, 60):
        blocks.append(np.arange(at, at + size))
        at += size
    groups = side_by_side(blocks)
    assert [g.shape for g in groups] == [(10, 4), (10, 4), (30, 1), (60, 1)]
    every = np.concatenate([g.ravel() for g in groups])
    np.testing.assert_array_equal(np.sort(every[every >= 0]), np.arange(at))
    for group in groups:
        for column in group.T:  # one block, empty rows last
            kept = column[column >= 0]
            assert len(kept) == 0 or any(np.array_equal(kept, b) for b in blocks)
            np.testing.assert_array_equal(column[len(kept) :], -1)


def test_what_is_shared_with_other_studies_is_that_of_the_whole_covariance(
    pair: tuple[Case, Cells],
) -> None:
    case, cells = pair
    shared = leaning(case, 4)
    for natural in case.naturals(5, seed=3):
        ways = []
        for form in (case.cells, cells):
            slopes, gradient = np.zeros(len(shared)), np.empty(len(natural))
            value = log_density(natural, given_shared(form, shared, slopes), gradient)
            ways.append((value, gradient, slopes))
        for found, wanted in zip(ways[1], ways[0], strict=True):
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8 * scale)


def wanted_points(case: Case) -> Points:
    """Each pool alone and an even mixture, within the data and beyond."""
    pools = len(case.design.sizes)
    shares = np.vstack([np.eye(pools), np.full((1, pools), 1.0 / pools)])
    top = np.exp(case.design.largest)
    return case.design.points_at(
        np.repeat([top / 2, 3 * top], len(shares)), np.tile(shares, (2, 1))
    )


def test_draws_are_those_of_the_whole_covariance(pair: tuple[Case, Cells]) -> None:
    """The same random numbers give the same draws of everything linear."""
    case, cells = pair
    naturals, points = case.naturals(6, seed=5), wanted_points(case)
    regime = Prior("regime", "halfstudent", (2.0, 0.8))
    expected = condition(naturals, case.cells, case.design, points, regime, 1)
    found = condition(naturals, cells, case.design, points, regime, 1)
    for name in ("log_reducible", "utility", "level"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-6
        )


def test_moments_are_those_of_the_whole_covariance(pair: tuple[Case, Cells]) -> None:
    case, cells = pair
    naturals, points = case.naturals(4, seed=6), wanted_points(case)
    regime = Prior("regime", "halfstudent", (2.0, 0.8))
    expected = moments(naturals, case.cells, case.design, points, regime, 1)
    found = moments(naturals, cells, case.design, points, regime, 1)
    every = np.arange(len(points))
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        found.covariance(every, every), expected.covariance(every, every), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(found.variance(), expected.variance(), rtol=1e-5, atol=1e-6)


def large(data: list[str], budgets: np.ndarray) -> tuple[Case, Cells]:
    """A study of three pools at these budgets, and more runs of other data."""
    rng = np.random.default_rng(1)
    rows = [(pool, n) for pool in ("A", "B", "C") for n in budgets]
    rows += [(name, n) for name in data for n in (5e5, 1e6)]
    table = pd.DataFrame(rows, columns=["data", "samples"])
    table["value"] = 1.0 + 2.0 * (table["samples"] / 3e4) ** -0.3
    table["value"] *= 1.0 + 0.01 * rng.normal(size=len(table))
    table = table.assign(run=[f"r{i}" for i in range(len(table))], metric="loss")
    pools = pd.DataFrame({"pool": ["A", "B", "C"], "size": [1e5, 2e5, 4e5]})
    study, spec = read_runs(table, pools).study("loss"), load_spec("effective_utility")
    design, priors = build_design(study, spec), spec.priors("loss")
    return Case(study, design, priors, "loss", {}), build_cells(design, priors, "loss")


def left_out(case: Case, cells: Cells) -> float:
    """How much the log density differs in shape from that of the whole covariance."""
    whole = cells._replace(kernels=case.design.kernels, layout=WHOLE, form=0)
    naturals = case.naturals(40, seed=2)
    # near the truth, drifts as a priori
    naturals[:, 3] = np.random.default_rng(2).uniform(0.008, 0.012, len(naturals))
    gap = [
        log_density(v, cells, np.empty(len(v))) - log_density(v, whole, np.empty(len(v)))
        for v in naturals
    ]
    return float(np.std(gap))


def test_what_features_leave_out_of_a_large_study_is_far_below_the_noise() -> None:
    """Mixtures tie all pools: the features that ship."""
    budgets = np.geomspace(3e4, 2e6, 51).round()
    case, cells = large(["A+B", "A+B+C"], budgets)
    assert len(case.design.value) > MOST_WHOLE
    arrow = build_arrow(case.design)
    np.testing.assert_array_equal(cells.layout, packed(arrow)[0])
    assert cells.kernels.size == 0
    assert arrow.block.shape[1] < len(budgets)  # of both drifts of a pool together
    assert left_out(case, cells) < 0.5


def test_what_blocks_leave_out_of_a_large_study_is_far_below_the_noise() -> None:
    """No mixture ties the pools: the blocks that ship."""
    case, cells = large([], np.geomspace(3e4, 2e6, 51).round())
    blocks = build_blocks(case.design)
    np.testing.assert_array_equal(cells.layout, packed(blocks)[0])
    assert list(blocks.lanes) == [4]
    assert cells.kernels.size == 0
    assert len(blocks.border) < len(case.design.value) / 4
    assert left_out(case, cells) < 0.5


def test_many_cells_of_each_pool_are_told_by_features() -> None:
    case, cells = large([], np.geomspace(3e4, 2e6, MOST_APART + 1).round())
    np.testing.assert_array_equal(cells.layout, packed(build_arrow(case.design))[0])
    assert left_out(case, cells) < 0.5


def test_few_cells_are_kept_whole() -> None:
    case, cells = large([], np.geomspace(3e4, 2e6, 19).round())
    assert len(case.design.value) < LEAST_PARTED
    assert (cells.form, len(cells.layout)) == (0, 0)
