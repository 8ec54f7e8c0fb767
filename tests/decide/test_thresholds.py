"""Thresholds that nothing meets as surely as asked: the most there is, not the narrowest."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qqt_bayes.decide.constraints import Region
from qqt_bayes.decide.goal import Goal
from qqt_bayes.decide.search import find

DRAWS = 128


def goal(sure: float) -> Goal:
    """More of the first pool is better; a threshold is met rarely with it, and mostly without."""
    z = np.sort(np.random.default_rng(1).normal(size=(DRAWS, 1)), axis=0)

    def kept(shares: np.ndarray) -> np.ndarray:
        return np.asarray(2.4 + 0.3 * shares[:, 0] + (0.3 - 0.25 * shares[:, 0]) * z)

    study: Any = SimpleNamespace(reported=lambda v: v, observed=np.array([2.0, 3.0]))
    other: Any = SimpleNamespace(at=kept, fit=SimpleNamespace(study=study))
    own: Any = SimpleNamespace(at=lambda shares: 3.0 - shares[:, 0] + 0.0 * z)
    limit: Any = SimpleNamespace(value=2.5, below=True, text="other<=2.5", metric="other")
    return Goal(own, ((limit, other),), sure)


@pytest.mark.parametrize("sure", [0.9, 0.99])
def test_what_comes_nearest_is_the_most_probable(sure: float) -> None:
    asked = goal(sure)
    most = asked.p_feasible(np.array([[0.0, 1.0]]))[0]
    assert 0.55 < most < 0.7
    found = find(asked, Region(("a", "b"), runs=np.eye(2), outside=np.zeros(2)))
    assert asked.p_feasible(found.best[None])[0] > most - 0.08
    assert found.sure == pytest.approx(most, abs=0.08)
    assert found.best[0] < 0.1


def test_what_can_be_met_is_asked_for_as_it_is() -> None:
    found = find(goal(0.5), Region(("a", "b"), runs=np.eye(2), outside=np.zeros(2)))
    assert found.sure == 0.5
    assert goal(0.5).p_feasible(found.best[None])[0] >= 0.5
    assert np.all(goal(0.5).p_feasible(found.draws) >= 0.5)  # what is best in each draw too
