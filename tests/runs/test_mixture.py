"""Mixture expressions."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Pools, parse_mixture, read_pools


@pytest.fixture
def pools() -> Pools:
    return read_pools(
        pd.DataFrame(
            {
                "pool": ["A", "B", "B4", "web-1.0_x", "Web"],
                "size": [100, 300, 300, 50, np.inf],
                "overlaps": ["", "B4", "", "", ""],
            }
        )
    )


@pytest.mark.parametrize(
    ("text", "kind", "shares", "key"),
    [
        ("A", "single", {"A": 1}, "A"),
        ("A:1.0", "single", {"A": 1}, "A"),
        ("Web", "single", {"Web": 1}, "Web"),
        ("A+B", "union", {"A": 0.25, "B": 0.75}, "A+B"),
        (" B + A ", "union", {"A": 0.25, "B": 0.75}, "A+B"),
        ("B:0.3+A:0.7", "weighted", {"A": 0.7, "B": 0.3}, "A:0.7+B:0.3"),
        ("A : 7e-1 + B : .3", "weighted", {"A": 0.7, "B": 0.3}, "A:0.7+B:0.3"),
        ("A:0.9+Web:0.1", "weighted", {"A": 0.9, "Web": 0.1}, "A:0.9+Web:0.1"),
        ("B:0.5+B4:0.5", "weighted", {"B": 0.5, "B4": 0.5}, "B:0.5+B4:0.5"),
        ("web-1.0_x", "single", {"web-1.0_x": 1}, "web-1.0_x"),
    ],
)
def test_parse(pools: Pools, text: str, kind: str, shares: dict[str, float], key: str) -> None:
    mixture = parse_mixture(text, pools)
    assert mixture.text == str(mixture) == text
    assert mixture.kind == kind
    assert mixture.shares == pytest.approx(shares)
    assert mixture.key == key


def test_spellings_are_equal(pools: Pools) -> None:
    assert parse_mixture("A+B", pools) == parse_mixture("B+A", pools)
    assert parse_mixture("A:1", pools) == parse_mixture("A", pools)
    assert parse_mixture("A+B", pools) != parse_mixture("A", pools)
    assert len({parse_mixture("A+B", pools), parse_mixture("B + A", pools)}) == 1


@pytest.mark.parametrize(
    ("shares", "same"),
    [("A:0.25+B:0.75", True), ("B:75%+A:25%", True), ("A:0.2498+B:0.7502", True),
     ("A:0.249+B:0.751", False), ("A:0.7+B:0.3", False)],
)  # fmt: skip
def test_a_union_and_the_shares_it_has_are_equal(pools: Pools, shares: str, same: bool) -> None:
    given, union = parse_mixture(shares, pools), parse_mixture("A+B", pools)
    assert (given == union) is same
    assert given.kind == "weighted"  # its shares stay as given if a pool grows


def test_vector_and_unique_samples(pools: Pools) -> None:
    mixture = parse_mixture("A+B", pools)
    np.testing.assert_allclose(mixture.vector(pools), [0.25, 0.75, 0, 0, 0])
    assert mixture.unique_samples(pools) == 400
    assert parse_mixture("A:0.5+Web:0.5", pools).unique_samples(pools) == np.inf


@pytest.mark.parametrize(
    ("text", "like", "told"),
    [
        ("A:0+B:1", "B", "B"),
        ("B:0.3+Web:0.0+A:0.7+nowhere:0", "A:0.7+B:0.3", "B:0.3+A:0.7"),
    ],
)
def test_pools_of_share_zero_take_no_part(pools: Pools, text: str, like: str, told: str) -> None:
    mixture = parse_mixture(text, pools)
    assert mixture == parse_mixture(like, pools)
    assert mixture.text == told


def test_shares_off_by_rounding_are_rescaled(pools: Pools) -> None:
    mixture = parse_mixture("A:0.333+B:0.333+Web:0.333", pools)
    assert mixture.total == pytest.approx(0.999)
    assert mixture.shares == pytest.approx({"A": 1 / 3, "B": 1 / 3, "Web": 1 / 3})
    assert parse_mixture("A:0.7+B:0.3", pools).total == 1


def test_shares_sum_to_one_exactly(pools: Pools) -> None:
    mixture = parse_mixture("A:0.3333333+B:0.3333333+Web:0.3333333", pools)
    assert mixture.vector(pools).sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("", "empty mixture", "name a pool"),
        ("Q", "unknown pool 'Q'", "choose from A, B, B4"),
        ("web", "unknown pool 'web'", "write 'Web'"),
        ("A+A", "pool 'A' twice", "once"),
        ("A:0.5+A:0.5", "pool 'A' twice", "once"),
        ("A+", "without a pool name", "A+B"),
        ("A++B", "without a pool name", "A+B"),
        (":0.5+A:0.5", "without a pool name", "A:0.7"),
        ("A,B", "',' cannot be part", "join pools by '+'"),
        ("A:0.5+B", "no share for 'B'", "every pool a share"),
        ("A:0.6+B:0.3", "sum to 0.9", "A:0.66666667+B:0.33333333"),
        ("A:70+B:30", "sum to 100 (given as percent?)", "A:0.7+B:0.3"),
        ("A:0.33+B:0.33+Web:0.32", "sum to 0.98", "sum to 1"),
        ("A:0+B:0", "all shares are 0", "at least one pool"),
        ("A:0+B:0.5+Web", "no share for 'Web'", "every pool a share"),
        ("A:-0.5+B:1.5", "share -0.5 of 'A'", "leave the pool out"),
        ("A:x+B:0.5", "share 'x' of 'A' is not a number", "A:0.7"),
        ("A:+B:0.5", "share '' of 'A' is not a number", "A:0.7"),
        ("A:0.5:0.5", "share '0.5:0.5'", "A:0.7"),
        ("A:inf", "not a number from 0 to 1", "leave the pool out"),
        ("A+Web", "union with the unlimited pool 'Web'", "give shares"),
        ("B+B4", "overlapping pools 'B' and 'B4'", "larger one"),
    ],
)
def test_malformed(pools: Pools, text: str, what: str, mend: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_mixture(text, pools)
    told = str(caught.value)
    assert f"mixture '{text}'" in told
    assert what in told.split("-> ")[0]
    assert mend in told.split("-> ", 1)[1]


def test_tells_everything_at_once(pools: Pools) -> None:
    with pytest.raises(UsageError, match=r"unknown pool 'Q'.*share 'x' of 'A'"):
        parse_mixture("Q+A:x", pools)
