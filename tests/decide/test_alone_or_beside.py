"""An answer never depends on what else was asked; and budgets outside the runs are said."""

import pytest
from made_up_fit import made_up_fit
from pandas.testing import assert_frame_equal

from qqt_bayes.decide.place import at, extrapolation, outside


def test_a_budget_is_answered_the_same_alone_or_beside_others() -> None:
    fit = made_up_fit()
    alone = fit.decide("32M")
    for asked in ("8M,16M,32M", "32M,1M", "500k,32M,4M,64M"):
        beside = fit.decide(asked)
        rows = beside.table[beside.table["samples"] == 32e6].reset_index(drop=True)
        assert_frame_equal(alone.table, rows, rtol=1e-10)


def test_draws_of_budgets_are_their_own() -> None:
    latent = made_up_fit().decide("8M,16M").latent
    assert not (latent[:, 0] - latent[:, 0].mean(0) == latent[:, 1] - latent[:, 1].mean(0)).any()


@pytest.mark.parametrize(
    ("samples", "factor", "said"),
    [
        (4e6, 1.0, ""),
        (1e6, 1.0, ""),
        (4.05e6, 1.0, ""),
        (8e6, 2.0, ", extrapolated 2.0x beyond the largest run"),
        (2e5, 0.2, ", extrapolated downwards, 5.0x below the smallest run"),
        (1.0, 1e-6, ", extrapolated downwards, 1,000,000x below the smallest run"),
    ],
)
def test_where_a_budget_lies(samples: float, factor: float, said: str) -> None:
    study = made_up_fit().study
    assert outside(samples, study) == pytest.approx(factor)
    assert extrapolation(samples, study) == said


def test_one_sample_is_no_plural() -> None:
    study = made_up_fit().study
    assert at(1.0, study) == f"At 1 sample{extrapolation(1.0, study)}"
    assert at(4e6, study) == "At 4M samples"
    assert "At 1 sample," in made_up_fit().decide("1").text


def test_far_budgets_are_many() -> None:
    said = "8B (2,000x), 8T (2,000,000x) and 16T (4,000,000x) are more than ten times"
    assert any(said in note for note in made_up_fit().decide("8B,8T,16T").notes)


def test_below_the_smallest_run_is_said_everywhere() -> None:
    answer = made_up_fit().decide("200k")
    assert "extrapolated downwards, 5.0x below the smallest run" in answer.text
    assert "below the smallest run" in repr(answer)
    assert answer.to_json()["budgets"][0]["place"] == "below"
    inside, beyond = made_up_fit().decide("2M,9M").to_json()["budgets"]
    assert (inside["place"], beyond["place"]) == ("inside", "beyond")


def test_one_candidate_is_no_answer() -> None:
    answer = made_up_fit(extra=("new",)).decide("4M", "best")
    assert "best of 1" not in answer.text
    assert "the only candidate: there is nothing to choose from" in answer.text
    assert "note: no run draws from new: not compared -> run them to compare them" in answer.text
    assert "nothing to choose from" in str(answer)
    assert answer.to_json()["notes"]
