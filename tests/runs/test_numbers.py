"""Numbers as people write them."""

import math
from fractions import Fraction

import pandas as pd
import pytest

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import format_number, import_runs, parse_number, read_pools
from qqt_bayes.runs.numbers import brief, parse_positive


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.28B", 1.28e9), ("480k", 480_000.0), ("480K", 480_000.0), ("12.8M", 12.8e6),
        ("2T", 2e12), ("2.3B", 2_300_000_000.0), (" 7 ", 7.0), ("1e9", 1e9), ("4.8E+5", 480_000.0),
        ("3e-4", 3e-4), (".5", 0.5), ("5.", 5.0), ("-2.5", -2.5), ("12.8 M", 12.8e6),
        ("inf", math.inf), ("Infinity", math.inf), (3, 3.0), (2.5, 2.5),
    ],
)  # fmt: skip
def test_parse(text: str | float, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("", "480k"), ("abc", "480k"), ("480,000", "without separators"),
        ("1_000", "without separators"), ("480 000", "without separators"), ("87.2%", "fraction"),
        ("0,87", "decimal point"), ("1.2.3", "decimal point"), ("nan", "480k"), ("5Q", "480k"),
        ("1e400", "exponent"), (math.nan, "480k"), (True, "480k"), ("--3", "480k"),
    ],
)  # fmt: skip
def test_parse_tells_how_to_mend(text: str | float, mend: str) -> None:
    with pytest.raises(UsageError, match="-> ") as caught:
        parse_number(text)
    assert mend in str(caught.value).split("-> ")[1]


def test_suffixes_can_be_forbidden() -> None:
    with pytest.raises(UsageError, match="plain number"):
        parse_number("2k", suffixes=False)


WILD = (10**5000, -(10**5000), Fraction(10**5000, 3), None, [1], "9" * 5000)


@pytest.mark.parametrize("given", WILD, ids=range(len(WILD)))
@pytest.mark.parametrize("what", ["price", "spend", "stake", "compute"])
def test_what_is_no_positive_number_is_told_in_a_line(what: str, given: object) -> None:
    with pytest.raises(UsageError, match=f"{what} .* -> give such") as caught:
        parse_positive(what, given, "such")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("given", WILD[:3], ids=range(3))
def test_a_huge_number_in_tables_is_told_in_a_line(given: object) -> None:
    rows = pd.DataFrame({"run": ["a"], "step": [3], "val_loss": [2.0]})
    for option in ("samples", "per_step"):
        with pytest.raises(UsageError, match="->"):
            import_runs(rows, data="A", **{option: given})
    with pytest.raises(InputError, match="->"):
        read_pools({"A": given})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (480_000, "480k"), (1_920_000, "1.92M"), (480_256, "480k"), (1.28e9, "1.28B"), (0, "0"),
        (999_999, "1M"), (999, "999"), (29_696, "29.7k"), (2e12, "2T"), (0.5, "0.5"),
        (3.2e16, "3.2e+16"), (math.inf, "inf"), (math.nan, "nan"), (-480_000, "-480k"),
    ],
)  # fmt: skip
def test_format(value: float, text: str) -> None:
    assert format_number(value) == text


def test_format_keeps_the_digits_asked_for() -> None:
    assert format_number(480_256, 6) == "480.256k"
    assert format_number(123_456, 2) == "120k"


@pytest.mark.parametrize("value", [1.0, 480_256.0, 34_725_395_968.0, 1.28e9, 7e-3])
def test_round_trip(value: float) -> None:
    assert parse_number(format_number(value, 12)) == value


def test_values_in_few_digits_have_no_powers_of_ten_above_one() -> None:
    assert [brief(v) for v in (0.0123, 2.0, 45.6, 254.0, -1234.0)] == [
        "0.012", "2", "46", "250", "-1,200"
    ]  # fmt: skip
    assert brief(254.0, 1) == "300"
    assert brief(2.5e-7) == "2.5e-07"
