"""What there is to choose from, at which budgets, and what is said of a slip."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.decide.candidates import (
    default_candidates,
    kept_sizes,
    parse_budgets,
    parse_candidates,
)
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import parse_mixture, read_pools


def pools(**columns):
    return read_pools(pd.DataFrame(columns))


ABC = pools(pool=["A", "B", "C"], size=[10.0, 20.0, np.inf])


def study(pool_table, data: list[str]):
    mixtures = {text: parse_mixture(text, pool_table) for text in data}
    shares = np.array([m.vector(pool_table) for m in mixtures.values()])
    return SimpleNamespace(
        pools=pool_table, data=tuple(data), mixtures=mixtures, used=(shares > 0).any(axis=0)
    )


def texts(pool_table, data: list[str]) -> list[str]:
    return [m.text for m in default_candidates(study(pool_table, data))]


def test_default_is_what_was_observed_and_nested_unions_by_rank() -> None:
    ranked = pools(pool=["bad", "good", "fair"], size=[1, 1, 1], quality_rank=[3, 1, 2])
    assert texts(ranked, ["bad", "good", "fair"]) == [
        "bad", "good", "fair", "good+fair", "good+fair+bad",
    ]  # fmt: skip
    # one that was observed keeps its own spelling and place
    assert texts(ranked, ["fair+good", "good", "fair"]) == ["fair+good", "good", "fair"]


@pytest.mark.parametrize(
    ("changed", "unions"),
    [
        ({}, ["A+B", "A+B+C"]),
        ({"overlaps": ["B", "", ""]}, ["A+C"]),  # A and B share samples: the better one is taken
        ({"size": [5, np.inf, 5]}, ["A+C"]),  # an unlimited pool has no proportion
        ({"quality_rank": [1, np.nan, 3]}, ["A+C"]),  # unranked
        ({"quality_rank": [1, 2, 2]}, []),  # of equal rank: no order between them
        ({"quality_rank": [np.nan] * 3}, []),
    ],
)
def test_unions_leave_out_what_cannot_be_nested(changed: dict, unions: list[str]) -> None:
    columns = {
        "pool": ["A", "B", "C"], "size": [5, 5, 5], "quality_rank": [1, 2, 3],
        "overlaps": ["", "", ""],
    } | changed  # fmt: skip
    assert texts(pools(**columns), ["A", "B", "C"]) == ["A", "B", "C", *unions]


def test_a_pool_that_no_run_draws_from_is_no_default_candidate() -> None:
    ranked = pools(pool=["A", "B", "C"], size=[1, 1, 1], quality_rank=[1, 2, 3])
    assert texts(ranked, ["A", "C"]) == ["A", "C", "A+C"]


def test_equal_shares_of_equal_pools_are_their_union() -> None:
    ranked = pools(pool=["A", "B"], size=[5, 5], quality_rank=[1, 2])
    assert texts(ranked, ["A:0.5+B:0.5", "A"]) == ["A:0.5+B:0.5", "A"]


def test_bundled_runs_never_unite_a_pool_with_its_improvement() -> None:
    from qqt_bayes import datasets

    found = texts(datasets.load("proving_ground").pools, ["A", "B", "B4", "C"])
    assert found == ["A", "B", "B4", "C", "A+B4", "A+B4+C"]


def test_candidates_are_echoed_as_given() -> None:
    given = "B + A; A:0.70+C:.3;A"
    assert [m.text for m in parse_candidates(given, ABC)] == ["B + A", "A:0.70+C:.3", "A"]
    assert [m.text for m in parse_candidates(["A+B", " C "], ABC)] == ["A+B", "C"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", 'no candidates given -> pass some, for example --candidates "A;A[+]B"'),
        (" ; ", "no candidates given"),
        ([], "no candidates given"),
        ("A;Q", "candidate 'Q': unknown pool 'Q' -> choose from A, B, C"),
        ("A;a", "candidate 'a': unknown pool 'a' -> choose from A, B, C"),
        ("A+B;B+A", "candidates 'A[+]B' and 'B[+]A' are the same data -> give it once"),
        ("A;A:1.0", "candidates 'A' and 'A:1.0' are the same data"),
        ("A+B;B:0.66666666667+A:0.33333333333", "are the same data"),  # B is twice as large
        ("A:0.7+B:0.2", "shares sum to 0.9 -> make them sum to 1, e.g. A:0.77777778"),
        ("A+C", "union with the unlimited pool 'C' -> a union samples in proportion to size"),
        ("A,B", "'A,B' are 2 candidates -> put ';' between: \"A;B\""),
        ("A,Q", "',' cannot be part of a pool name"),
    ],
)
def test_a_slip_in_the_candidates(given, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_candidates(given, ABC)


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("480k,1.92M", [480e3, 1.92e6]),
        (" 1.28B , 2 ,", [1.28e9, 2]),
        ("1e6", [1e6]),
        (1.92e6, [1.92e6]),
        (480_000, [480e3]),
        (np.float32(8), [8]),
        (np.int64(8), [8]),
        (["480k", 960_000, "1.92M"], [480e3, 960e3, 1.92e6]),
        (("2M", "1M"), [2e6, 1e6]),  # any order, and it is kept
        (np.array([1e3, 1e4]), [1e3, 1e4]),
    ],
)
def test_budgets(given, values: list[float]) -> None:
    assert list(parse_budgets(given)) == values


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "no budgets given -> pass some, for example --budgets 480k,1.92M"),
        (",", "no budgets given"),
        ([], "no budgets given"),
        ("480k,many", "budget 'many' is not a number -> write digits with an optional k, M"),
        ("12%", "budget '12%' is not a number -> write a fraction"),
        ("0", "budget '0' is not a positive number of samples -> give one, e.g. 480k"),
        ("-5", "budget '-5' is not a positive number"),
        ("inf", "budget 'inf' is not a positive number"),
        ([float("nan")], "budget nan is not a number"),
        ("480k,960k,480000", "budget '480000' is given twice -> give each once"),
    ],
)
def test_a_slip_in_the_budgets(given, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_budgets(given)


def test_kept_sizes() -> None:
    def sizes(*given: str):
        return kept_sizes([parse_mixture(text, ABC) for text in given], ABC)

    assert sizes("A", "B", "A+B") == pytest.approx([1 / 3, 2 / 3, 1])
    assert sizes("A") == pytest.approx([1])
    assert sizes("A", "A:0.5+B:0.5") is None
    assert sizes("A", "C") is None


@pytest.mark.parametrize("text", ["1,5B", "12,8M", "8B,1,5T", "480,1 B"])
def test_a_decimal_comma_is_no_comma_between_budgets(text: str) -> None:
    with pytest.raises(UsageError, match=r"one number or two\? -> write (1\.5|12\.8|1\.5|480\.1)"):
        parse_budgets(text)


def test_commas_between_budgets_of_two_units() -> None:
    assert parse_budgets("500,1k,2k").tolist() == [500, 1000, 2000]
    assert parse_budgets("1, 5B").tolist() == [1, 5e9]
    assert parse_budgets("480k,1.92M,3B").tolist() == [480e3, 1.92e6, 3e9]


def test_one_number_too_large_is_not_told_as_several_budgets() -> None:
    with pytest.raises(UsageError, match="budget '1e999' is too large for a number"):
        parse_budgets("1e999")


@pytest.mark.parametrize("given", [[{"A": 1}], [("A", "B")], [1]])
def test_what_is_no_text_is_refused_in_words(given: list[object]) -> None:
    with pytest.raises(UsageError, match="write it as text, such as A"):
        parse_candidates(given, ABC)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown pool '3'"):
        parse_candidates(3, ABC)  # type: ignore[arg-type]
