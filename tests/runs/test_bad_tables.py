"""Bad input never becomes a wrong answer: every problem names its place, its value and its mend."""

import pytest

from qqt_bayes.errors import InputError, Problem
from qqt_bayes.runs import read_runs

HEAD = "run,data,samples,metric,value"
GOOD = "g,A,1000,loss,2.5"
POOLS = "pool,size,overlaps\nA,60k,\nB,60k,B4\nB4,60k,\nWeb,inf,\n"


def rows(*lines: str, head: str = HEAD) -> str:
    """Give a table whose first bad row is on line 2, after the header."""
    return "\n".join([head, *lines]) + "\n"


# name -> run table, line, column, value, part of `what`, part of `mend`
RUNS = {
    "unknown pool": (rows("a,Q,9,loss,1"), 2, "data", "Q", "unknown pool 'Q'", "choose from A, B"),
    "near pool": (rows("a,web,9,loss,1"), 2, "data", "web", "unknown pool", "write 'Web'"),
    "pool in mixture": (
        rows(GOOD, "a,A+Q,9,loss,1"), 3, "data", "A+Q", "unknown pool 'Q'", "or add"),
    "share sum": (
        rows("a,A:0.7+B:0.2,9,loss,1"), 2, "data", "A:0.7+B:0.2", "shares sum to 0.9", "sum to 1"),
    "share percent": (
        rows("a,A:70+B:30,9,loss,1"), 2, "data", "A:70+B:30", "percent", "A:0.7+B:0.3"),
    "share missing": (rows("a,A:0.7+B,9,loss,1"), 2, "data", "A:0.7+B", "no share for 'B'", "none"),
    "overlap union": (
        rows("a,B+B4,9,loss,1"), 2, "data", "B+B4", "overlapping pools", "larger one"),
    "unlimited union": (rows("a,A+Web,9,loss,1"), 2, "data", "A+Web", "unlimited pool", "shares"),
    "malformed mixture": (rows("a,A++B,9,loss,1"), 2, "data", "A++B", "without a pool", "A+B"),
    "comma mixture": (rows('a,"A,B",9,loss,1'), 2, "data", "A,B", "cannot be part", "join pools"),
    "missing mixture": (rows("a,,9,loss,1"), 2, "data", None, "missing", "give the pool"),
    "missing run": (rows(",A,9,loss,1"), 2, "run", None, "missing", "run's name"),
    "missing metric": (rows("a,A,9,,1"), 2, "metric", None, "missing", "metric's name"),
    "text samples": (rows("a,A,many,loss,1"), 2, "samples", "many", "not a number", "480k"),
    "comma samples": (rows('a,A,"480,000",loss,1'), 2, "samples", "480,000", "not", "separators"),
    "negative samples": (rows("a,A,-9,loss,1"), 2, "samples", "-9", "negative", "480k"),
    "zero samples": (rows("a,A,0,loss,1"), 2, "samples", "0", "zero", "480k"),
    "samples in billions": (rows("a,A,0.48,loss,1"), 2, "samples", "0.48", "below 1", "1.28B"),
    "nan samples": (rows("a,A,nan,loss,1"), 2, "samples", "nan", "not a number", "480k"),
    "infinite samples": (rows("a,A,inf,loss,1"), 2, "samples", "inf", "infinite", "480k"),
    "missing samples": (rows("a,A,,loss,1"), 2, "samples", None, "missing", "480k"),
    "missing value": (rows("a,A,9,loss,"), 2, "value", None, "missing", "metric's value"),
    "nan value": (rows(GOOD, "a,A,9,loss,NaN"), 3, "value", "NaN", "not a number", "drop the row"),
    "infinite value": (rows("a,A,9,loss,inf"), 2, "value", "inf", "infinite", "drop the row"),
    "decimal comma": (rows('a,A,9,loss,"2,5"'), 2, "value", "2,5", "not a number", "decimal point"),
    "percent sign": (rows("a,A,9,x_error,12%"), 2, "value", "12%", "not a number", "fraction"),
    "suffix in value": (rows("a,A,9,loss,2k"), 2, "value", "2k", "not a number", "2.31"),
    "negative loss": (rows("a,A,9,loss,-1"), 2, "value", "-1", "negative loss", "above 0"),
    "zero loss": (rows("a,A,9,val_loss,0"), 2, "value", "0", "zero loss", "above 0"),
    "negative error": (rows("a,A,9,error,-.1"), 2, "value", "-.1", "negative error", "[0, 1]"),
    "negative rate": (rows("a,A,9,wer,-1"), 2, "value", "-1", "negative rate", "above 0"),
    "percent accuracy": (
        rows("a,A,9,accuracy,87.2"), 2, "value", "87.2", "(given as percent?)", "divide by 100"),
    "percent error": (
        rows("a,A,9,error,40", "b,A,9,error,39"), 2, "value", "40",
        "in 2 of 2 rows", "divide by 100"),
    "mixed units": (
        rows("a,A,9,error,0.4", "b,A,9,error,39"), 3, "value", "39", "mixed units", "[0, 1]"),
    "two scales": (
        rows("a,A,9,loss,2.4", "b,B,9,loss,2400"), 3, "value", "2400", "two scales", "one unit"),
    "two spellings": (
        rows("a,A,9,val_loss,2.4", "b,A,9,Val loss,2"), 3, "metric", "Val loss",
        "line 2", "one name"),
    "duplicate": (
        rows("a,A,9k,loss,2.4", GOOD, "a,A,9000,loss,2.4"), 4, "run", "a",
        "(the same value is in line 2)", "remove one"),
    "duplicate differs": (
        rows("a,A,9k,loss,2.4", "a,A,9k,loss,2.5"), 3, "run", "a", "another value", "another seed"),
    "two mixtures": (
        rows("a,A,9,loss,2.4", GOOD, "a,B,9,loss,2"), 4, "data", "B", "('A') in line 2", "own"),
    "two seeds": (
        rows("a,A,9,loss,2.4,0", "a,A,9,loss,2,1", head=HEAD + ",seed"), 3, "seed", "1",
        "another seed ('0') in line 2", "own"),
    "sample units": (
        rows("a,A,480000,loss,2.4", "a,A,480,error,0.5"), 3, "samples", "480",
        "1000 times as many samples in line 2", "one unit"),
    "n_eval fraction": (
        rows(GOOD + ",2.5", head=HEAD + ",n_eval"), 2, "n_eval", "2.5", "whole", "50k"),
    "n_eval zero": (rows(GOOD + ",0", head=HEAD + ",n_eval"), 2, "n_eval", "0", "zero", "50k"),
    "n_eval text": (rows(GOOD + ",all", head=HEAD + ",n_eval"), 2, "n_eval", "all", "not", "50k"),
    "se negative": (rows(GOOD + ",-1", head=HEAD + ",se"), 2, "se", "-1", "negative", "0 or more"),
    "params zero": (rows(GOOD + ",0", head=HEAD + ",params"), 2, "params", "0", "zero", "124M"),
    "cost text": (rows(GOOD + ",$5", head=HEAD + ",cost"), 2, "cost", "$5", "not a number", "480k"),
    "annealed": (
        rows(GOOD + ",done", head=HEAD + ",annealed"), 2, "annealed", "done",
        "neither true", "1/0"),
    "tuned": (rows(GOOD + ",2", head=HEAD + ",tuned"), 2, "tuned", "2", "neither true", "1/0"),
    "missing column": (rows("a,A,9,1", head="run,data,samples,value"), 1, "metric", None,
                       "missing column 'metric'", "has: run, data, samples, value"),
    "capital column": (rows(GOOD, head="run,data,samples,metric,Value"), 1, "value", None,
                       "missing column", "rename column 'Value'"),
    "synonym column": (rows(GOOD, head="run,data,tokens,metric,value"), 1, "samples", None,
                       "missing column", "rename column 'tokens'"),
    "misspelled column": (rows(GOOD, head="run,data,sampels,metric,value"), 1, "samples", None,
                          "missing column", "rename column 'sampels'"),
    "twice a column": (
        rows(GOOD + ",1", head=HEAD + ",run"), 1, "run", None, "two columns", "rename"),
    "unnamed column": (
        rows("0," + GOOD, head="," + HEAD), 1, None, None, "has no name", "index=False"),
    "semicolons": (rows("a;A;9;loss;1", head=HEAD.replace(",", ";")), None, None,
                   "run;data;samples;metric;value", "separated by semicolons", "commas"),
    "tabs": (rows("a", head=HEAD.replace(",", "\t")), None, None, "run data samples metric value",
             "separated by tabs", "commas"),
    "short row": (
        rows(GOOD, "", "a,A,9,loss"), 4, None, None, "4 cells where the header has 5", "one"),
    "long row": (rows("a,A,480,000,loss,1"), 2, None, None, "6 cells", '"quotes"'),
    "open quote": (
        rows(GOOD, 'a,"A,9,loss,1', GOOD), 3, None, None, "not readable as CSV", "close"),
    "empty file": ("", None, None, None, "empty file", HEAD),
    "header only": (HEAD + "\n", None, None, None, "no rows",
                    "add at least one row, with its run, data, samples, metric, value"),
    "utf-16": (rows(GOOD).encode("utf-16"), None, None, None, "UTF-16", "CSV UTF-8"),
    "latin-1": (
        rows(GOOD, "é,A,9,loss,1").encode("latin-1"), 3, None, None, "byte 0xe9", "CSV UTF-8"),
    "spreadsheet": (b"PK\x03\x04\0\0", None, None, None, "not a text file", "CSV UTF-8"),
}  # fmt: skip

# name -> pool table, line, column, value, part of `what`, part of `mend`
POOL_TABLES = {
    "duplicate pool": (
        "pool,size\nA,5\nA,6\n", 3, "pool", "A", "same pool as in line 2", "one row"),
    "zero size": ("pool,size\nA,0\n", 2, "size", "0", "zero", "12.8M, a range"),
    "negative size": ("pool,size\nA,-5\n", 2, "size", "-5", "negative", "inf"),
    "missing size": ("pool,size\nA,\n", 2, "size", None, "missing, and no other", "12.8M, a range"),
    "text size": ("pool,size\nA,plenty\n", 2, "size", "plenty", "not a number", "or inf"),
    "missing size column": ("pool,tokens\nA,5\n", 1, "size", None, "missing column", "'tokens'"),
    "self overlap": ("pool,size,overlaps\nA,5,A\n", 2, "overlaps", "A", "itself", "other pools"),
    "unknown overlap": (
        "pool,size,overlaps\nA,5,Q\n", 2, "overlaps", "Q", "unknown pool 'Q'", "this table"),
    "comma overlap": (
        'pool,size,overlaps\nA,5,"B,C"\nB,5,\nC,5,\n', 2, "overlaps", "B,C", "unknown pool", "';'"),
    "text rank": (
        "pool,size,quality_rank\nA,5,best\n", 2, "quality_rank", "best", "not a number", "number"),
    "negative price": ("pool,size,price\nA,5,-1\n", 2, "price", "-1", "negative", "0 or more"),
    "illegal name": ("pool,size\nA,5\nA+B,6\n", 3, "pool", "A+B", "'+' cannot be part", "letters"),
    "blank in name": ("pool,size\nA,5\nA B,6\n", 3, "pool", "A B", "' ' cannot be part", "letters"),
    "no name": ("pool,size\nA,5\n,6\n", 3, "pool", None, "missing", "name the pool"),
    "empty": ("", None, None, None, "empty file", "pool,size"),
}  # fmt: skip


def problems(folder, runs: str | bytes, pools: str) -> tuple[Problem, ...]:
    (folder / "runs.csv").write_bytes(runs if isinstance(runs, bytes) else runs.encode())
    (folder / "pools.csv").write_text(pools)
    with pytest.raises(InputError) as caught:
        read_runs(folder / "runs.csv")
    told = str(caught.value)
    assert all(problem.mend in told for problem in caught.value.problems[:1])
    return caught.value.problems


def check(problem: Problem, file: str, line, column, value, what: str, mend: str) -> None:
    assert (problem.file, problem.line, problem.column) == (file, line, column), str(problem)
    assert problem.value == value, str(problem)
    assert what in problem.what
    assert mend in problem.mend
    told = str(problem)
    assert told.startswith(f"{file}:{line}" if line else file)
    assert f": {problem.what} -> {problem.mend}" in told
    assert value is None or f"'{value}'" in told


@pytest.mark.parametrize("name", RUNS)
def test_run_table(tmp_path, name: str) -> None:
    text, *expected = RUNS[name]
    (problem,) = problems(tmp_path, text, POOLS)
    check(problem, "runs.csv", *expected)


@pytest.mark.parametrize("name", POOL_TABLES)
def test_pool_table(tmp_path, name: str) -> None:
    text, *expected = POOL_TABLES[name]
    (problem,) = problems(tmp_path, rows("g,A,1000,loss,2.5"), text)
    check(problem, "pools.csv", *expected)


def test_all_problems_of_both_files_at_once(tmp_path) -> None:
    runs = rows("a,Q,9,loss,1", "b,A,x,loss,-1", "c,A,9,loss", "d,A,9,accuracy,50")
    found = problems(tmp_path, runs, "pool,size,price\nA,5,\nB,-5,x\n")
    places = {(p.file, p.line, p.column) for p in found}
    assert places == {
        ("runs.csv", 2, "data"), ("runs.csv", 3, "samples"), ("runs.csv", 3, "value"),
        ("runs.csv", 4, None), ("runs.csv", 5, "value"),
        ("pools.csv", 3, "size"), ("pools.csv", 3, "price"),
    }  # fmt: skip


def test_one_mixture_is_told_once(tmp_path) -> None:
    found = problems(tmp_path, rows(*(f"r{i},Q,9,loss,1" for i in range(9))), POOLS)
    assert [problem.line for problem in found] == list(range(2, 11))
    _, told = str(InputError(found)).split("\n")
    assert told.startswith(
        "  runs.csv, lines 2, 3, 4, 5, 6, ... (9 in all), column 'data', 'Q': unknown pool 'Q' -> "
    )


def test_a_line_with_two_mistakes_of_a_kind_is_named_once(tmp_path) -> None:
    found = problems(tmp_path, rows("a,Q+R,9,loss,1", "b,Q,9,loss,1", "c,S,9,loss,1"), POOLS)
    assert [problem.line for problem in found] == [2, 2, 3, 4]
    assert "runs.csv, lines 2, 3, 4 (3 in all), column 'data'" in str(InputError(found))


def test_one_mistake_in_many_rows_is_one_line(tmp_path) -> None:
    runs = rows(*(f'r{i},A+P{i % 9},"{i + 1},000",loss,1' for i in range(700)))
    lines = str(InputError(problems(tmp_path, runs, POOLS))).split("\n")
    assert len(lines) == 3
    assert "(700 in all), column 'samples', '1,000' and 699 other values: not a number" in lines[1]
    assert "unknown pool 'P0'; unknown pool 'P1'" in lines[2]
    assert lines[2].endswith("; ... -> choose from A, B, B4, Web, or add it to the pool table")


def test_long_lists_are_cut(tmp_path) -> None:
    files = [Problem(f"{i}.csv", 2, "value", "x", "not a number", "mend it") for i in range(45)]
    told = str(InputError(files)).split("\n")
    assert told[0] == "45 problems in the input:"
    assert told[-1] == "  and 15 more lines like these"


def test_file_not_found(tmp_path) -> None:
    (tmp_path / "runs.csv").write_text(rows(GOOD))
    with pytest.raises(
        InputError, match=r"file not found -> check the path \(there is: runs.csv\)"
    ):
        read_runs(tmp_path / "run.csv", tmp_path / "runs.csv")
    with pytest.raises(InputError, match="a folder, not a file -> give the path"):
        read_runs(tmp_path, tmp_path / "runs.csv")
