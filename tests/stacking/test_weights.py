"""Stacking weights: the maximum, the shrinkage, and what counts as one observation."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from qqt_bayes.stacking import stacking_weights

RNG = np.random.default_rng(1)
DENSITY = RNG.normal(size=(12, 2))
GROUP = np.repeat(["a", "b", "c"], [2, 4, 6])


def objective(weight: float, density: np.ndarray, group: np.ndarray, prior: float) -> float:
    logs = np.log(np.exp(density) @ np.array([weight, 1 - weight]))
    score = sum(logs[group == g].mean() for g in np.unique(group))
    return score + prior * (np.log(weight) + np.log(1 - weight))


@pytest.mark.parametrize("prior", [0.3, 1.0, 5.0])
def test_is_the_maximum(prior: float) -> None:
    found = stacking_weights(DENSITY, GROUP, prior)
    best = minimize_scalar(
        lambda w: -objective(w, DENSITY, GROUP, prior), bounds=(1e-6, 1 - 1e-6), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert found.sum() == pytest.approx(1.0)
    assert found[0] == pytest.approx(best.x, abs=1e-5)


def test_the_prior_shrinks_towards_equal_weights() -> None:
    clear = np.array([[0.0, -50.0]] * 4)
    one, many = np.array([0, 0, 0, 0]), np.arange(4)
    plain = stacking_weights(clear, many, prior=0.0)
    np.testing.assert_allclose(plain, [1.0, 0.0], atol=1e-6)
    # one group against one pseudo-group for each law: (1 + 1) / (1 + 2)
    np.testing.assert_allclose(stacking_weights(clear, one), [2 / 3, 1 / 3], atol=1e-6)
    np.testing.assert_allclose(stacking_weights(clear, many), [5 / 6, 1 / 6], atol=1e-6)


def test_targets_of_one_group_count_once() -> None:
    again = np.repeat(DENSITY, 3, axis=0)
    np.testing.assert_allclose(
        stacking_weights(again, np.repeat(GROUP, 3)), stacking_weights(DENSITY, GROUP), atol=1e-8
    )


def test_without_targets_weights_are_equal() -> None:
    np.testing.assert_array_equal(stacking_weights(np.empty((0, 4)), np.empty(0)), np.full(4, 0.25))


def test_a_law_that_gave_no_chance_loses_its_weight() -> None:
    density = np.array([[0.0, -1e4, -1.0]] * 3)
    found = stacking_weights(density, np.arange(3), prior=0.0)
    assert found[1] == pytest.approx(0.0, abs=1e-9)
