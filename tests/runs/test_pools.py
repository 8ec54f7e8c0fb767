"""The pool table."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import read_pools

CSV = """\
pool,size,quality_rank,family,overlaps,price,note
A,60k,1,python,,2,"clean, Python"
B,60000,2.5,python,B4,,
B4,6e4,,,,0,
Web,inf,9,,,,all
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "pools.csv"
    path.write_text(CSV)
    return path


def test_read(path) -> None:
    pools = read_pools(path)
    assert pools.names == ("A", "B", "B4", "Web") == tuple(pools)
    assert len(pools) == 4
    np.testing.assert_array_equal(pools.sizes, [6e4, 6e4, 6e4, np.inf])
    np.testing.assert_array_equal(pools.quality_rank, [1, 2.5, np.nan, 9])
    np.testing.assert_array_equal(pools.price, [2, np.nan, 0, np.nan])
    assert pools.family == ("python", "python", "", "")
    assert pools.table["note"][0] == "clean, Python"
    assert "A" in pools
    assert "Q" not in pools


def test_overlaps_are_symmetric(path) -> None:
    pools = read_pools(path)
    assert pools.overlaps("B", "B4")
    assert pools.overlaps("B4", "B")
    assert not pools.overlaps("A", "B")
    assert pools.overlap_pairs == {frozenset({"B", "B4"})}


def test_index(path) -> None:
    pools = read_pools(path)
    assert pools.index("B4") == 2
    with pytest.raises(UsageError, match="unknown pool 'web' -> write 'Web'"):
        pools.index("web")
    with pytest.raises(UsageError, match="choose from A, B, B4, Web"):
        pools.index("zzz")


def test_data_frame_and_pools_pass(path) -> None:
    pools = read_pools(path)
    assert read_pools(pools) is pools
    again = read_pools(pools.table)
    assert again.names == pools.names
    np.testing.assert_array_equal(again.sizes, pools.sizes)
    np.testing.assert_array_equal(again.quality_rank, pools.quality_rank)
    assert again.overlap_pairs == pools.overlap_pairs


def test_only_names_and_sizes() -> None:
    pools = read_pools(pd.DataFrame({"pool": ["A"], "size": [5]}))
    assert np.isnan(pools.quality_rank).all()
    assert np.isnan(pools.price).all()
    assert pools.family == ("",)


def test_covariates_are_kept_as_numbers() -> None:
    frame = pd.DataFrame(
        {"pool": ["A", "B"], "size": [5, 6], "clip": [0.3, None], "id": ["07", "8"]}
    )
    table = read_pools(frame).table
    assert table["clip"].tolist() == pytest.approx([0.3, np.nan], nan_ok=True)
    assert table["id"].tolist() == ["07", "8"]


def test_arrays_are_read_only(path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_pools(path).sizes[0] = 1


def test_all_problems_at_once(tmp_path) -> None:
    path = tmp_path / "pools.csv"
    path.write_text("pool,size\nA,0\nA,5\nB B,7\n")
    with pytest.raises(InputError) as caught:
        read_pools(path)
    assert [problem.line for problem in caught.value.problems] == [3, 4, 2]
