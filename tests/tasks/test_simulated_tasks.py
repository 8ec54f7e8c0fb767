"""Simulated tasks: what is correlated between them, and models without runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from benchmarks.simulated_tasks import simulate_tasks
from qqt_bayes.runs import Runs


@pytest.fixture(scope="module")
def design() -> Runs:
    names = list("ABCD")
    rows = [(name, n) for name in names for n in (30e3, 120e3)]
    table = pd.DataFrame(rows, columns=["data", "samples"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric="loss", value=1.0)
    return qqt.read_runs(table, pd.DataFrame({"pool": names, "size": [6e4, 9e4, 2e5, 1e5]}))


def about_their_mean(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=1, keepdims=True)


def test_deviations_are_shared_as_the_correlation_says(design: Runs) -> None:
    """Half-lives, whose spread is fixed, deviate alike at correlation 1; levels independently."""
    found = simulate_tasks(
        design, "loss", 3, np.array([1e6]), np.eye(4), seed=2,
        correlation={"half_life": 1.0, "level": 0.0},
    )  # fmt: skip
    lives = about_their_mean(np.log(found.half_life))
    np.testing.assert_allclose(lives[1:], np.tile(lives[0], (2, 1)), atol=1e-12)
    levels = about_their_mean(found.level)
    assert abs(np.corrcoef(levels[0], levels[1])[0, 1]) < 0.99
    assert found.runs.metrics == ("loss_0", "loss_1", "loss_2")
    assert found.latent.shape == (3, 1, 4)
    assert np.all(found.latent[:, 0] > found.irreducible[:, None])
    assert 0.0 < found.correlation["utility"] < 1.0


def test_correlation_between_tasks_is_that_of_many_draws(design: Runs) -> None:
    pairs = [
        about_their_mean(
            np.log(simulate_tasks(design, "loss", 2, np.array([1e6]), np.eye(4), seed=seed,
                                  correlation={"half_life": 0.6}).half_life)
        )
        for seed in range(60)
    ]  # fmt: skip
    one, two = np.array(pairs).transpose(1, 0, 2).reshape(2, -1)
    assert abs(np.corrcoef(one, two)[0, 1] - 0.6) < 0.2


def test_models_withheld_have_no_runs(design: Runs) -> None:
    params = np.array([1e7, 1e8, 1e9])
    found = simulate_tasks(design, "loss", 3, np.array([1e6]), np.eye(4), seed=2, params=params,
                           withheld=1)  # fmt: skip
    assert set(found.runs.table["model"]) == {"m0", "m1"}
    assert set(found.runs.table["params"]) == {1e7, 1e8}
    assert found.utility.shape == (3, 4)
