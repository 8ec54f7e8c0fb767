"""That values over several budgets are means of them is said."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from qqt_bayes.buy.text import alone, batch_lines, together


def plan(budgets: list[float], weights: list[float]) -> SimpleNamespace:
    return SimpleNamespace(budgets=np.array(budgets), weights=np.array(weights) / sum(weights))


def test_budgets_valued_together_are_named() -> None:
    assert together(plan([8e9], [1])) == []
    (even,) = together(plan([8e9, 16e9, 32e9], [1, 1, 1]))
    assert even.startswith("Values are means over all of 8B, 16B, 32B, weighted equally")
    (uneven,) = together(plan([8e9, 32e9], [2, 1]))
    assert "weighted as 1 : 0.5" in uneven


def test_one_candidate_is_nothing_to_choose_from() -> None:
    def told(names: str, objective: str = "regret") -> list[str]:
        chosen = [SimpleNamespace(text=name) for name in names]
        return alone(SimpleNamespace(candidates=chosen, objective=objective))

    assert told("x") == [
        "x is the only candidate: there is nothing to choose from -> name others by --candidates"
    ]
    assert told("xy") == told("x", "variance") == []


def test_a_spend_that_buys_nothing_is_told() -> None:
    def told(spend: float) -> list[str]:
        table = pd.DataFrame({"cost": [3e9, 1e9]})
        return batch_lines(
            SimpleNamespace(chosen=SimpleNamespace(steps=()), spend=spend, table=table)
        )

    assert told(10.0) == ["With 10: nothing costs so little -> spend 1B or more."]
    assert told(2e9) == ["With 2B: nothing is worth buying."]
