"""Action tables: what each change does to the data, and what is refused, with its mend."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.act.table import AS_IT_IS, brought_in, read_actions
from qqt_bayes.errors import InputError
from qqt_bayes.runs import Pools, parse_mixture, read_pools

POOLS = read_pools(
    pd.DataFrame(
        {
            "pool": ["A", "B", "C", "B4", "W"],
            "size": [60e3, 60e3, 30e3, 60e3, np.inf],
            "quality_rank": [1, 2, None, 1.5, None],
            "overlaps": ["", "B4", "", "B", ""],
        }
    )
)


def read(rows: str, now: str = "A+B", pools: Pools = POOLS):
    columns = ["action", "pool", "changes", "cost", "per"]
    table = pd.DataFrame([line.split(",") for line in rows.split("\n")], columns=columns)
    return {a.name: a for a in read_actions(table, pools, parse_mixture(now, pools))}


def test_doing_nothing_comes_first() -> None:
    found = read("more,A,size=2x,,")
    assert list(found) == [AS_IT_IS, "more"]
    assert found[AS_IT_IS].data.text == "A+B"
    assert found[AS_IT_IS].cost == 0.0


@pytest.mark.parametrize(
    ("change", "text", "shares", "growth", "touched"),
    [
        ("B,pool=B4", "A+B4", [0.5, 0, 0, 0.5, 0], 1, 60e3),
        ("B,rank=1.5", "A+B(rank 1.5)", [0.5, 0.5, 0, 0, 0], 1, 60e3),
        ("B,utility=1.1..1.3", "A+B(utility x 1.1 to 1.3)", [0.5, 0.5, 0, 0, 0], 1, 60e3),
        ("A,size=120k", "A(120k)+B", [2 / 3, 1 / 3, 0, 0, 0], 2, 60e3),
        ("A,size=+120k", "A(180k)+B", [3 / 4, 1 / 4, 0, 0, 0], 3, 120e3),
        ("A,size=2x;rank=0.5", "A(120k, rank 0.5)+B", [2 / 3, 1 / 3, 0, 0, 0], 2, 60e3),
        ("B,pool=B4;size=2x", "A+B4(120k)", [1 / 3, 0, 0, 2 / 3, 0], 2, 60e3),
        ("C,add", "A+B+C", [0.4, 0.4, 0.2, 0, 0], 1, 30e3),
        ("B,drop", "A", [1, 0, 0, 0, 0], 1, 60e3),
        (",data=A:0.7+W:0.3", "A:0.7+W:0.3", [0.7, 0, 0, 0, 0.3], 1, np.nan),
    ],
)
def test_what_a_change_does(change, text, shares, growth, touched) -> None:
    action = read(f"do,{change},,")["do"]
    assert action.data.text == text
    np.testing.assert_allclose(action.data.shares(), shares)
    assert action.data.factors().max() == pytest.approx(growth)
    np.testing.assert_equal(action.touched, touched)


def test_shares_that_were_given_stay() -> None:
    action = read("do,B,pool=B4;size=2x,,", now="A:0.7+B:0.3")["do"]
    np.testing.assert_allclose(action.data.shares(), [0.7, 0, 0, 0.3, 0])
    assert action.data.text == "A:0.7+B4:0.3(120k)"


def test_rows_of_one_name_are_done_together_and_costs_add() -> None:
    found = read("both,B,pool=B4,0.5,sample\nboth,C,add,10k,\nmore,A,size=2x,2,sample")
    assert found["both"].data.text == "A+B4+C"
    assert found["both"].cost == 40e3
    assert np.isnan(found["both"].touched)
    assert found["more"].cost == 120e3


@pytest.mark.parametrize(
    ("row", "column", "what", "mend"),
    [
        (",B,rank=1,,", "action", "missing", "name of its own"),
        ("as it is,B,rank=1,,", "action", "doing nothing", "name of its own"),
        ("x,B,,,", "changes", "missing", "pool=B4"),
        ("x,B,rnk=1,,", "changes", "unknown change 'rnk'", "rank=1.5"),
        ("x,B,grow=2,,", "changes", "unknown change 'grow'", "write size=120k"),
        ("x,B,wash,,", "changes", "unknown change 'wash'", "one of pool=B4"),
        ("x,B,rank,,", "changes", "not the way to write 'rank'", "rank=1.5"),
        ("x,C,add=1,,", "changes", "not the way to write 'add'", "add"),
        ("x,B,rank=1;utility=1..2,,", "changes", "do not go together", "not both"),
        ("x,C,add;size=2x,,", "changes", "do not go together", "rows of their own"),
        ("x,,rank=1,,", "changes", "no pool", "column 'pool'"),
        ("x,B5,rank=1,,", "changes", "unknown pool 'B5'", "write 'B'"),
        ("x,C,rank=1,,", "changes", "not part of the data (A+B)", "choose from A, B"),
        ("x,A,data=A,,", "changes", "beside a pool", "leave 'pool' blank"),
        ("x,,data=A:0.7+B:0.2,,", "changes", "sum to 0.9", "A:0.77777778"),
        ("x,A,add,,", "changes", "in the data already", "drop the row"),
        ("x,B4,add,,", "changes", "shares samples with 'B'", "in place of 'B': pool=B4"),
        ("x,W,add,,", "changes", "unlimited pool 'W'", "give shares"),
        ("x,C,drop,,", "changes", "cannot be dropped", "data="),
        ("x,B,pool=B5,,", "changes", "'B5' is not in the pool table", "pool=B4"),
        ("x,B,pool=A,,", "changes", "'A' is in the data already", "another pool"),
        ("x,B,rank=good,,", "changes", "'good' is not a number", "rank=1.5"),
        ("x,B,utility=1.1,,", "changes", "no interval", "1.05..1.3"),
        ("x,B,utility=1.3..1.1,,", "changes", "rising order", "1.05..1.3"),
        ("x,B,size=60k,,", "changes", "not more than the 60k", "a pool of its own"),
        ("x,B,rank=1.5,cheap,", "cost", "not a number", "0 or more"),
        ("x,B,rank=1.5,-1,", "cost", "negative", "0 or more"),
        ("x,B,rank=1.5,1,token", "per", "neither 'fixed' nor 'sample'", "fixed or sample"),
        ("x,,data=A,1,sample", "cost", "no number of samples", "fixed cost"),
    ],
)
def test_mistakes_are_told_with_their_mend(row, column, what, mend) -> None:
    with pytest.raises(InputError) as caught:
        read(f"fine,A,size=2x,,\n{row}")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (1, column)
    assert what in problem.what
    assert mend in problem.mend


def test_a_rank_needs_ranks() -> None:
    with pytest.raises(InputError, match=r"no quality rank of 'C'.*quality_rank"):
        read("x,C,rank=1,,", now="A+C")


def test_growth_of_an_unlimited_pool_and_a_missing_file(tmp_path) -> None:
    with pytest.raises(InputError, match="unlimited pool cannot grow"):
        read("x,W,size=2x,,", now="W")
    with pytest.raises(InputError, match="file not found"):
        read_actions(tmp_path / "no.csv", POOLS, parse_mixture("A", POOLS))


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read("x,B,rnk=1,,\ny,Q,rank=1,,\nz,B,rank=1,-1,each")
    assert len(caught.value.problems) == 4


def test_what_actions_bring_in() -> None:
    rows = pd.DataFrame({"action": list("abcd"), "pool": ["B", "C", "A", "A"],
                         "changes": ["pool=B4", "add", "size=2x", "nonsense"]})  # fmt: skip
    assert brought_in(rows) == {"B4", "C"}


def test_a_table_without_rows_says_what_a_row_needs() -> None:
    with pytest.raises(InputError, match="add at least one row, with its action, changes"):
        read_actions(pd.DataFrame(columns=["action", "changes"]), POOLS, parse_mixture("A", POOLS))
