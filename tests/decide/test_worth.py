"""What a pool is worth in one number, against a law whose answer is known."""

import numpy as np
import pytest
from made_up_fit import EXPONENT, LEVELS, made_up_fit

from qqt_bayes.decide import pool_worth
from qqt_bayes.decide.text import cost
from qqt_bayes.decide.worth import amount


def test_worth_is_the_ratio_of_samples_that_reach_the_same() -> None:
    found = pool_worth(made_up_fit()).set_index("pool")
    assert set(found["worth_of"]) == {"best"}
    assert set(found["worth_at"]) == {4e6}  # the largest run
    for pool, level in LEVELS.items():
        assert found.loc[pool, "worth"] == pytest.approx(np.exp(-level / EXPONENT), rel=0.03)
        row = found.loc[pool]
        assert row["worth_lo"] <= row["worth"] <= row["worth_hi"]
    # the common error of the levels is five times that of the differences, and cancels
    assert found.loc["good", "worth_hi"] < 1.3 * found.loc["good", "worth_lo"]


def test_worth_at_a_budget_of_ones_own() -> None:
    found = pool_worth(made_up_fit(), "16M", prob=0.5)
    assert set(found["worth_at"]) == {16e6}


def test_worth_beyond_what_is_looked_at_is_a_bound() -> None:
    found = pool_worth(made_up_fit({"best": 0.0, "hopeless": 3.0})).set_index("pool")
    assert found.loc["hopeless", "worth"] == 0.0
    assert amount(0.0) == "~0"
    assert amount(np.inf) == ">4"


def test_the_text_of_a_fit_says_what_pools_are_worth() -> None:
    fit = made_up_fit()
    said = fit.text
    assert "1, the best" in said
    assert "one sample of the pool replaces, each trained on alone for 4M samples" in said
    assert {"worth", "utility", "level", "half_life"} <= set(fit.table)
    lines = [line for line in said.splitlines() if line.startswith("  ")]
    assert len({len(line) for line in lines}) == 1
    assert repr(fit).startswith("<Fit: loss of 9 runs")
    assert "<table" in fit._repr_html_()


@pytest.mark.parametrize(
    ("regret", "width", "shown"),
    [
        (0.0, 0.017, "0"),
        (9.7e-6, 0.017, "<0.0001"),  # levels to three decimals
        (0.00034, 0.017, "0.00034"),
        (0.00042, 0.13, "<0.001"),
        (0.0029, 0.15, "0.0029"),
        (0.24, 0.3, "0.24"),
    ],
)
def test_a_regret_has_no_digits_that_the_level_cannot_tell(regret, width, shown) -> None:
    assert cost(regret, width) == shown
