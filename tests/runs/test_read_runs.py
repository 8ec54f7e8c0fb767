"""Reading good run tables, selecting, extending, hashing."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.allocation.sizes import size_study
from qqt_bayes.backtest import origins
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import Runs, read_runs

RUNS = """\
run,data,samples,metric,value,n_eval,seed,model,annealed,lr,note

r1,A,480k,loss,2.31,50k,0,small,true,1e-3,"two
lines"
r1,A,480k,top1_accuracy,0.6,,0,small,true,1e-3,
r2,A+B,480256,loss,2.2,,1,small,yes,1e-3,x
r3,B + A,960000,loss,2.1,,2,large,0,2e-3,
r4,A:0.7+B:0.3,960000,loss,2.0,,2,large,,2e-3,
"""
POOLS = "pool,size\nA,60k\nB,60k\nC,1M\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    (tmp_path / "pools.csv").write_text(POOLS)
    return tmp_path


@pytest.fixture
def runs(folder) -> Runs:
    return read_runs(folder / "runs.csv")


def test_values_and_types(runs: Runs) -> None:
    table = runs.table
    assert len(runs) == 5
    assert table["samples"].tolist() == [480_000, 480_000, 480_256, 960_000, 960_000]
    assert table["n_eval"].tolist()[0] == 50_000
    assert table["n_eval"].isna().sum() == 4
    assert table["annealed"].tolist()[:4] == [True, True, True, False]
    assert table["annealed"].isna().tolist() == [False] * 4 + [True]
    assert table["seed"].tolist() == ["0", "0", "1", "2", "2"]
    assert table["lr"].dtype == float
    assert table["note"][0] == "two\nlines"


def test_lines_are_those_of_a_text_editor(runs: Runs) -> None:
    # a blank line, and a quoted cell over two lines
    assert runs.table["line"].tolist() == [3, 5, 6, 7, 8]


def test_one_spelling_of_each_mixture(runs: Runs) -> None:
    assert runs.table["data"].tolist() == ["A", "A", "A+B", "A+B", "A:0.7+B:0.3"]
    assert list(runs.mixtures) == ["A", "A+B", "A:0.7+B:0.3"]


def test_a_union_and_the_shares_it_has_are_one_data_everywhere() -> None:
    """Rows, studies, laws by data, back-tests and conditions know them by one name."""
    sizes, budgets = (1e8, 3e8), (1e9, 2e9, 4e9, 8e9)
    rows = [
        (f"{p:g} {n:g} {data}", data, n, "loss", 3.0 - 0.1 * i + 1e7 / p, p)
        for p in sizes for i, n in enumerate(budgets)
        for data in ("A", "A+B", "B:0.667+A:0.333")
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value", "params"])
    runs = read_runs(table, {"A": 1e9, "B": 2e9})
    assert list(runs.mixtures) == ["A", "A+B"]
    assert "B:0.667+A:0.333 is A+B" in runs.notes[-1]
    assert len(runs.select(where={"data": "A:0.3333+B:0.6667"})) == 16
    assert size_study(runs, "loss").laws == ("A", "A+B")
    one_size = runs.select(where={"params": "1e8"})
    for origin in origins(one_size, "loss"):
        assert set(origin.targets["data"]) == {"A", "A+B"}


def test_summaries(runs: Runs) -> None:
    assert runs.metrics == ("loss", "top1_accuracy")
    assert runs.source == "runs.csv"
    assert repr(runs) == (
        "<Runs: runs.csv: 4 runs, 5 rows, 3 mixtures of 3 pools, metrics loss, top1_accuracy>"
    )
    for part in ("4 runs, 5 rows", "480k, 960k samples", "11.2 epochs", "no run", "small, large"):
        assert part in runs.text


def test_sizes_and_samples_in_two_units(folder, runs: Runs) -> None:
    assert "different units" not in runs.text
    told = read_runs(folder / "runs.csv", {"A": 60_000, "B": 60, "C": 1e6}).text
    assert told.count("note: up to 4,800 epochs: sizes of pools and samples of runs look") == 1


def test_pools_beside(folder) -> None:
    (folder / "x.runs.csv").write_text(RUNS)
    with pytest.raises(InputError, match=r"no x\.pools\.csv beside x\.runs\.csv -> pass pools="):
        read_runs(folder / "x.runs.csv")
    (folder / "x.pools.csv").write_text(POOLS)
    assert len(read_runs(str(folder / "x.runs.csv"))) == 5


def test_pools_missing(folder) -> None:
    (folder / "runs.csv").rename(folder / "mine.csv")
    with pytest.raises(InputError, match=r"no mine\.pools\.csv beside mine\.csv"):
        read_runs(folder / "mine.csv")
    with pytest.raises(InputError, match="for a DataFrame of runs -> pass pools="):
        read_runs(pd.DataFrame({"run": ["a"]}))
    assert len(read_runs(folder / "mine.csv", folder / "pools.csv")) == 5


def test_bom_crlf_and_trailing_commas(folder) -> None:
    text = "run,data,samples,metric,value,\r\na,A,9,loss,1,\r\n"
    (folder / "runs.csv").write_bytes(b"\xef\xbb\xbf" + text.encode() + b",,,,,\r\n")
    runs = read_runs(folder / "runs.csv")
    assert runs.table["line"].tolist() == [2]


def test_frame_gives_the_same(runs: Runs) -> None:
    frame = runs.table.drop(columns="line")
    again = read_runs(frame, runs.pools)
    assert again.source == "<DataFrame>"
    pd.testing.assert_frame_equal(again.table.drop(columns="line"), frame)
    assert again.sha256 == runs.sha256
    assert read_runs(runs.table, runs.pools).table["line"].tolist() == [0, 1, 2, 3, 4]


def test_hash_is_of_the_content(runs: Runs, folder) -> None:
    assert len(runs.sha256) == 64
    lines = RUNS.replace("480k", "480000").replace("B + A", "A+B").splitlines()
    (folder / "runs.csv").write_text("\n".join([lines[0], *lines[:1:-1][:4], *lines[2:4]]))
    assert read_runs(folder / "runs.csv").sha256 == runs.sha256
    (folder / "runs.csv").write_text(RUNS.replace("2.31", "2.32"))
    assert read_runs(folder / "runs.csv").sha256 != runs.sha256
    (folder / "runs.csv").write_text(RUNS)
    (folder / "pools.csv").write_text(POOLS.replace("1M", "2M"))
    assert read_runs(folder / "runs.csv").sha256 != runs.sha256


def test_budgets(runs: Runs) -> None:
    np.testing.assert_array_equal(runs.budgets("loss"), [480_256, 960_000])
    np.testing.assert_array_equal(runs.budgets("loss", tolerance=0), [480_000, 480_256, 960_000])
    np.testing.assert_array_equal(runs.budgets("top1_accuracy"), [480_000])
    with pytest.raises(UsageError, match="no metric 'los' -> choose from loss, top1_accuracy"):
        runs.budgets("los")


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ({"metric": "loss"}, 4),
        ({"where": {"model": "small"}}, 3),
        ({"where": {"annealed": "1"}}, 3),
        ({"where": {"annealed": "no"}}, 1),
        ({"where": {"annealed": True}}, 3),
        ({"where": {"annealed": ""}}, 1),
        ({"where": {"lr": "0.001"}}, 3),
        ({"where": {"seed": 2}}, 2),
        ({"where": {"data": "B+A"}}, 2),
        ({"where": {"data": "A"}}, 2),
        ({"where": {"samples": "960k"}}, 2),
        ({"upto": "480k"}, 3),  # nominal: 480,256 is a 480k run
        ({"upto": 480_000}, 2),  # exact
        ({"upto": 480_256.0}, 3),
        ({"metric": "loss", "where": {"model": "large", "seed": "2"}, "upto": "1M"}, 2),
    ],
)
def test_select(runs: Runs, how, rows: int) -> None:
    chosen = runs.select(**how)
    assert len(chosen) == rows
    assert set(chosen.mixtures) == set(chosen.table["data"])
    assert chosen.pools is runs.pools


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"metric": "x"}, "no metric 'x' -> choose from loss, top1_accuracy"),
        ({"where": {"modle": "small"}}, "unknown column 'modle' in where -> write 'model'"),
        ({"where": {"zzz": "small"}}, "-> choose from run, data, samples"),
        ({"where": {"model": "tiny"}}, "no row with model=tiny -> choose from small, large"),
        ({"where": {"annealed": "maybe"}}, "choose from true, false, ''"),
        ({"where": {"lr": "fast"}}, "choose from 0.001, 0.002"),
        ({"where": {"data": "C"}}, r"choose from A, A\+B, A:0.7\+B:0.3"),
        ({"where": {"model": "small", "seed": "2"}}, "no row with seed=2 -> choose from 0, 1"),
        ({"upto": "1k"}, "no rows up to 1k samples -> the smallest budget left is 480k"),
        ({"upto": "lots"}, "'lots' is not a number"),
        ({"upto": 0}, "not above 0"),
    ],
)
def test_select_tells_what_there_is(runs: Runs, how, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        runs.select(**how)


def test_append(runs: Runs) -> None:
    row = {"run": "r5", "data": "C", "samples": "1M", "metric": "loss", "value": 2.5}
    more = runs.append(pd.DataFrame([row]))
    assert len(more) == 6
    assert len(runs) == 5
    assert more.source == "runs.csv"
    assert more.table.iloc[-1]["samples"] == 1e6
    pd.testing.assert_frame_equal(more.table.iloc[:5], runs.table)
    with pytest.raises(InputError) as caught:
        runs.append(pd.DataFrame([row, {**row, "run": "r1", "data": "A", "samples": 480_000}]))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("<new rows>", 1, "run")
    assert "line 3" in problem.what
    assert str(problem).startswith("<new rows> row 1, column 'run', 'r1': second row of run 'r1'")


def test_one_run_may_be_spelled_in_several_ways(runs: Runs) -> None:
    base = {"run": "t", "metric": "loss", "value": 2.0}
    rows = [
        {**base, "data": "A+B", "samples": 10, "params": "1M", "seed": 0},
        {**base, "data": "B + A", "samples": 20, "params": "1e6", "seed": None},
    ]
    assert len(read_runs(pd.DataFrame(rows), runs.pools)) == 2


def test_replace(runs: Runs) -> None:
    assert len(runs.replace(runs.table.iloc[:2])) == 2
    with pytest.raises(InputError, match="negative loss"):
        runs.replace(runs.table.assign(value=-runs.table["value"]))


def test_kinds_overrule_names(folder) -> None:
    text = "run,data,samples,metric,value\na,A,9,final_error,1.5\n"
    (folder / "runs.csv").write_text(text)
    with pytest.raises(
        InputError, match=r"or pass --kind final_error=rate .*kinds=\{'final_error': 'rate'\}"
    ):
        read_runs(folder / "runs.csv")
    runs = read_runs(folder / "runs.csv", kinds={"final_error": "loss"})
    assert runs.study("final_error").kind == "loss"
    with pytest.raises(UsageError, match="unknown kind 'los' -> choose from loss, bpb"):
        read_runs(folder / "runs.csv", kinds={"final_error": "los"})


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, qqt_bayes.runs, qqt_bayes.datasets;"
        "print(*{'pymc', 'arviz', 'nutpie', 'matplotlib', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_accuracy_near_chance_is_asked_for_it() -> None:
    rows = pd.DataFrame({"run": list("abc"), "data": "A", "samples": [1e6, 2e6, 4e6],
                         "metric": "mmlu_accuracy", "value": [0.26, 0.3, 0.4]})  # fmt: skip
    asked = "--chance mmlu_accuracy=0.25 sets that as its floor"
    assert asked in read_runs(rows, {"A": 1e9}).text
    assert asked not in read_runs(rows, {"A": 1e9}, chance={"mmlu_accuracy": 0.25}).text
    assert asked not in read_runs(rows.assign(value=[0.5, 0.6, 0.7]), {"A": 1e9}).text
    assert "--chance" not in read_runs(rows.assign(metric="top1_accuracy"), {"A": 1e9}).text


def test_a_free_column_that_no_float_holds_is_text() -> None:
    rows = [
        {"run": "a", "data": "A", "samples": 10, "metric": "loss", "value": 2.5, "tag": "1" * 400}
    ]
    assert read_runs(pd.DataFrame(rows), {"A": 100}).table["tag"].tolist() == ["1" * 400]
