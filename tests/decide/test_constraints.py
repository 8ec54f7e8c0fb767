"""Constraints on shares: how they are read, the region they leave, and how they are refused."""

import numpy as np
import pytest

from qqt_bayes.decide.asked import parse_thresholds, region_of
from qqt_bayes.decide.best import how_far
from qqt_bayes.decide.constraints import Region
from qqt_bayes.decide.search import corners_of, inside
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import read_pools
from qqt_bayes.runs.pools import Pools

NAMES = ["web", "news", "wiki", "math"]
RUNS = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7], [0.25, 0.25, 0.25, 0.25]])


@pytest.fixture(scope="module")
def pools() -> Pools:
    """An unlimited pool and three finite ones, of two families."""
    import pandas as pd

    return read_pools(
        pd.DataFrame(
            {
                "pool": NAMES,
                "size": ["inf", "1M", "200k", "50k"],
                "family": ["web", "web", "books", "books"],
            }
        )
    )


def region(pools: Pools, **options):
    """Of all four pools at a million samples."""
    return region_of(pools, NAMES, 1e6, runs=RUNS, **options)


@pytest.mark.parametrize(
    ("options", "good", "bad"),
    [
        ({"share": "web>=0.3"}, [0.3, 0.7, 0, 0], [0.29, 0.71, 0, 0]),
        ({"share": "web>=30%"}, [0.3, 0.7, 0, 0], [0.29, 0.71, 0, 0]),
        ({"share": ["web<=0.2"]}, [0.2, 0.8, 0, 0], [0.21, 0.79, 0, 0]),
        ({"share": "math=0.05"}, [0.95, 0, 0, 0.05], [0.96, 0, 0, 0.04]),
        ({"share": "family:web>=0.5"}, [0, 0.5, 0.5, 0], [0, 0.4, 0.6, 0]),
        ({"share": "wiki+math<=0.4"}, [0.6, 0, 0.2, 0.2], [0.5, 0, 0.25, 0.25]),
        ({"max_epochs": 2}, [0.5, 0, 0.4, 0.1], [0.4, 0.1, 0.39, 0.11]),
        ({"max_epochs": "wiki=1,math=8"}, [0.4, 0, 0.2, 0.4], [0.39, 0, 0.21, 0.4]),
        ({"max_epochs": "1,wiki=3"}, [0.35, 0, 0.6, 0.05], [0.34, 0, 0.6, 0.06]),
        ({"max_epochs": {"math": 4}}, [0.8, 0, 0, 0.2], [0.79, 0, 0, 0.21]),
        ({"max_epochs": "family:books=1"}, [0.75, 0, 0.2, 0.05], [0.74, 0, 0.2, 0.06]),
        ({"near": 0.2}, [0.5, 0.3, 0.1, 0.1], [1, 0, 0, 0]),
    ],
)
def test_what_a_constraint_allows(pools: Pools, options, good, bad) -> None:
    made = region(pools, **options)
    assert made.violation(np.array(good))[0] <= 1e-9
    assert made.violation(np.array(bad))[0] >= 0.009


def test_distance_is_the_share_that_comes_from_elsewhere(pools: Pools) -> None:
    made = region_of(pools, NAMES[:2], 1e6, runs=RUNS, near=0.3)
    # of the first run a fifth comes from pools that are not mixed
    assert np.allclose(made.distances(np.array([[0.7, 0.3]])), [[0.2, 0.8, 0.5]])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": "web"}, "write POOL, one of"),
        ({"share": "wbe>=0.3"}, "unknown pool 'wbe' -> write 'web'"),
        ({"share": "web>=30"}, "no share from 0 to 1 -> write 0.3 or 30%"),
        ({"share": "web>=lots"}, "no share from 0 to 1"),
        ({"share": "family:code>=0.1"}, "no pool of family 'code' is mixed -> choose from books"),
        ({"share": ["web>=0.1", "web >= 0.1"]}, "given twice"),
        ({"max_epochs": 0}, "number of epochs above 0"),
        ({"max_epochs": "web=4"}, "unlimited and has no epochs"),
        ({"max_epochs": "nope=4"}, "unknown pool 'nope'"),
        ({"max_epochs": "4,8"}, "give one for all pools"),
        ({"near": 0}, "above 0 and up to 1"),
        ({"near": "close"}, "above 0 and up to 1"),
    ],
)
def test_what_cannot_be_read_is_told(pools: Pools, options, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("+", r"\+")):
        region(pools, **options)


def test_a_pool_that_is_not_mixed_cannot_be_constrained(pools: Pools) -> None:
    with pytest.raises(UsageError, match="'wiki' is not among the pools that are mixed"):
        region_of(pools, ["web", "news"], 1e6, runs=RUNS, share="wiki<=0.1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": ["web<=0.2"], "max_epochs": 0.5}, r"'web<=0.2', 'max epochs 0.5' together"),
        ({"share": ["web>=0.7", "news>=0.4", "math<=1"]}, r"floors add up to 1.1"),
        ({"share": ["web<=0.1", "math>=0.9"], "near": 0.1}, r"'math>=0.9', 'near 0.1' together"),
    ],
)
def test_constraints_that_nothing_meets_are_one_message(pools: Pools, options, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        region(pools, **options).check("1M samples")
    assert "math<=1" not in str(refused.value)  # it stands in nobody's way
    assert "at 1M samples" in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"share": ["family:web>=0.5", "math=0.05"], "max_epochs": 2},
        {"share": "web<=0.6", "near": 0.15},
    ],
)
def test_moves_never_leave_the_region(pools: Pools, options) -> None:
    made, rng = region(pools, **options), np.random.default_rng(3)
    anchor = made.anchors()[0]
    corners = corners_of(made, anchor, rng)
    assert made.violation(corners).max() <= 1e-8
    members = rng.dirichlet(np.ones(len(corners)), 200) @ corners
    members = members[made.violation(members) <= 1e-9]
    equal = made.limits.rows[made.limits.low == made.limits.high]
    way = rng.normal(size=members.shape)
    way -= way @ np.linalg.pinv(equal) @ equal
    new = inside(made, members, way)
    assert made.violation(new).max() <= 1e-8
    assert np.abs(new - members).max() > 0.05


def test_thresholds() -> None:
    found = parse_thresholds(["general_loss <= 2.31", "acc>=0.5"], ["general_loss", "acc"])
    assert [(t.metric, t.value, t.below) for t in found] == [
        ("general_loss", 2.31, True), ("acc", 0.5, False),
    ]  # fmt: skip
    for bad, said in (("acc=0.5", "write METRIC<=VALUE"), ("los<=2", "no metric 'los'")):
        with pytest.raises(UsageError, match=said):
            parse_thresholds(bad, ["loss", "acc"])
    with pytest.raises(UsageError, match="give the run table"):
        parse_thresholds("acc>=0.5", ["loss"])


def test_how_far_a_mixture_is_where_one_alone_was_run() -> None:
    """There is no usual distance between runs then."""
    region = Region(("A", "B"), runs=np.array([[0.5, 0.5]]), outside=np.zeros(1))
    assert how_far(region, np.array([0.5, 0.5])) == (0.0, False)
    assert how_far(region, np.array([0.0, 1.0])) == (0.5, True)
