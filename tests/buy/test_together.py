"""That values over several budgets are means of them is said."""

from types import SimpleNamespace

import numpy as np

from qqt_bayes.buy.text import together


def plan(budgets: list[float], weights: list[float]) -> SimpleNamespace:
    return SimpleNamespace(budgets=np.array(budgets), weights=np.array(weights) / sum(weights))


def test_budgets_valued_together_are_named() -> None:
    assert together(plan([8e9], [1])) == []
    (even,) = together(plan([8e9, 16e9, 32e9], [1, 1, 1]))
    assert even.startswith("Values are means over all of 8B, 16B, 32B, weighted equally")
    (uneven,) = together(plan([8e9, 32e9], [2, 1]))
    assert "weighted as 1 : 0.5" in uneven
