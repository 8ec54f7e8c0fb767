"""The marginal density: against dense SciPy, against PyTensor, and of many cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from dense import dense_log_density
from small_studies import Case

from qqt_bayes.inference.given import Given
from qqt_bayes.model import low_rank
from qqt_bayes.model.effects import leading
from qqt_bayes.model.marginal import Cells, Noise, cell_noise, cholesky, log_density
from qqt_bayes.model.parameters import Parameters


def test_equals_scipy(case: Case) -> None:
    """Every effect, run effects and replicates, of every shape of study and both laws."""
    draws = case.parameters(20, seed=1)
    found = log_density(draws, case.cells)
    for i in range(20):
        expected = dense_log_density(
            draws.take(slice(i, i + 1)), case.design, case.priors, case.kind
        )
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-4)


def test_draws_do_not_know_of_each_other(case: Case) -> None:
    draws = case.parameters(9, seed=2)
    together = log_density(draws, case.cells)
    alone = [log_density(draws.take(slice(i, i + 1)), case.cells)[0] for i in range(9)]
    np.testing.assert_allclose(together, alone, rtol=1e-8)


@pytest.mark.parametrize("name", ["replicated", "families", "checkpoints"])
def test_the_same_source_is_the_density_in_pytensor(name: str, request) -> None:
    case = request.getfixturevalue(name)
    draws = case.parameters(4, seed=4)
    symbols = Parameters(*(pt.tensor(shape=(1, *v.shape[1:]), dtype="float64") for v in draws))
    density = log_density(symbols, case.cells, pt)
    compiled = pytensor.function(
        list(symbols), density[0], mode="FAST_COMPILE", on_unused_input="ignore"
    )
    expected = [compiled(*draws.take(slice(i, i + 1))) for i in range(4)]
    np.testing.assert_allclose(log_density(draws, case.cells), expected, rtol=1e-9)


def test_impossible_has_no_density(two_pools: Case) -> None:
    draws = two_pools.parameters(1, seed=1)
    above = draws._replace(irreducible=two_pools.design.expected.min() * np.array([1.0001]))
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(log_density(above, two_pools.cells)[0])


def test_one_matrix_that_is_not_positive_spoils_no_other() -> None:
    good = np.diag([4.0, 9.0])
    found = cholesky(np.stack([good, -good, good]))
    np.testing.assert_allclose(found[[0, 2]], np.sqrt(good)[None].repeat(2, 0))
    assert np.all(np.isnan(found[1]))


@pytest.fixture(params=["one group", "groups"])
def many_cells(request, monkeypatch, checkpoints: Case) -> Case:
    """The study of trajectories, worked on as if its cells were many."""
    monkeypatch.setattr(low_rank, "LEFT_OUT", 1e-13)
    monkeypatch.setattr(low_rank, "MOST_GROUPS", 0 if request.param == "one group" else 1000)
    design = replace(checkpoints.design)
    design.__dict__["many"] = True
    assert (len(design.features[1]) == 1) == (request.param == "one group")
    return replace(checkpoints, design=design)


def test_many_cells_by_directions_are_the_same_density(many_cells: Case, checkpoints: Case) -> None:
    draws = checkpoints.parameters(6, seed=3)
    expected = log_density(draws, checkpoints.cells)
    np.testing.assert_allclose(log_density(draws, many_cells.cells), expected, rtol=1e-6)


def test_directions_keep_variances_and_solve(many_cells: Case) -> None:
    given = Given(many_cells.parameters(3, seed=3), many_cells.cells)
    right = np.random.default_rng(1).normal(size=given.residual.shape)
    found = given.solve(right)
    whole = given.covariance(slice(0, 3))
    np.testing.assert_allclose((whole @ found[:, :, None])[:, :, 0], right, rtol=1e-4, atol=1e-5)


def test_directions_are_zero_where_the_kernel_is() -> None:
    block = np.exp(-0.5 * np.subtract.outer(np.arange(4.0), np.arange(4.0)) ** 2)
    whole = np.kron(np.eye(2), block)
    found, rest = leading(whole, 1e-6)
    assert not np.any((found[:4] != 0).any(axis=0) & (found[4:] != 0).any(axis=0))
    np.testing.assert_allclose(found @ found.T + np.diag(rest), whole, atol=1e-6)


def test_noise_has_no_run_effect_without_trajectories(replicated: Case) -> None:
    noise: Noise = cell_noise(replicated.parameters(3, seed=1), replicated.cells)
    assert not np.any(noise.along)


def test_seed_noise_of_a_score_is_relative_to_its_unit(two_pools: Case) -> None:
    cells: Cells = two_pools.cells
    np.testing.assert_array_equal(cells.size(np.array([2.0, 4.0])), [2.0, 4.0])
    absolute = Cells(cells.design, cells.level_mean, "unit", False)
    np.testing.assert_array_equal(absolute.size(np.array([2.0, 4.0])), [1.0, 1.0])
    np.testing.assert_array_equal(absolute.log_reference(np.array([0.3])), [0.0])
