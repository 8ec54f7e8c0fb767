"""Tables as people have them: sizes not known, mixtures with zeros, units mixed, seeds diverged."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import parse_number, read_pools, read_runs
from qqt_bayes.runs.select import left_out, parse_where, tell_where
from qqt_bayes.runs.summary import size_text

POOLS = {"A": 60_000, "B": 60_000}


def table(**columns) -> pd.DataFrame:
    """Give one mixture at four budgets with three seeds, with some columns changed or added."""
    budgets = np.repeat([30e3, 60e3, 120e3, 240e3], 3)
    noise = np.tile([0.0, 0.004, -0.003], 4)
    base = {
        "run": [f"r{i}" for i in range(12)], "data": "A", "samples": budgets, "metric": "loss",
        "value": 2 + 8 * budgets**-0.28 + noise,
    }  # fmt: skip
    return pd.DataFrame(base | columns)


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", ["1B..20B", "1e9 .. 2e10", "1B to 20B", "1B–20B", "1B…20B", "1B-20B", (1e9, 2e10)]
)
def test_a_size_may_be_a_range(size) -> None:
    pools = read_pools({"A": 5e9, "B": size})
    assert pools.uncertain.tolist() == [False, True]
    np.testing.assert_array_equal(pools.size_ranges, [[np.nan, np.nan], [1e9, 2e10]])
    assert pools.sizes[1] == pytest.approx(np.sqrt(1e9 * 2e10))
    assert pools.notes == ()
    with pytest.raises(ValueError, match="read-only"):
        pools.size_ranges[0, 0] = 1


def test_a_range_survives_the_table() -> None:
    pools = read_pools({"A": 5e9, "B": "1B..20B", "C": "inf"})
    again = read_pools(pd.DataFrame(pools.table.map(str).replace("nan", "")))
    np.testing.assert_array_equal(again.size_ranges, pools.size_ranges)
    np.testing.assert_allclose(again.sizes, pools.sizes, rtol=1e-12)
    exact = read_pools(POOLS)
    assert list(exact.table.columns) == ["pool", "size"]
    assert not exact.uncertain.any()


@pytest.mark.parametrize("size", ["", "?", "unknown", "NA", None, np.nan])
def test_a_size_may_be_unknown(size) -> None:
    pools = read_pools({"A": 14e6, "B": 128e6, "C": size, "D": np.inf})
    # four of five further draws of a normal known from two log sizes and a prior of its spread
    centre, freedom = np.log([14e6, 128e6]).mean(), 3
    spread = (2 * np.log(3.0) ** 2 + 0.5 * np.log(128 / 14) ** 2) / freedom * 1.5
    reach = student.ppf(0.9, freedom) * np.sqrt(spread)
    np.testing.assert_allclose(np.log(pools.size_ranges[2]), [centre - reach, centre + reach])
    (note,) = pools.notes
    assert "pool 'C' has no size: taken to be one more like the others, between " in note
    runs = read_runs(table(data="C"), pools)
    assert runs.notes == pools.notes
    assert note in runs.text
    assert size_text(pools, 2) in runs.text
    assert note in runs.study("loss").warnings


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ("20B..1B", "write the smaller end first"), ("1B..inf", "both finite"),
        ("0..5", "zero -> give the number"), ("1B..x", "not a number"), ("5..5", "smaller end"),
        ("~60M", r"say how far it may be off by a range, such as 40M\.\.90M"),
        ("about 60M", r"such as 40M\.\.90M"), ("30.000", "30 or 30 thousand"),
        ("30.000..60.000", "30 or 30 thousand"),
    ],
)  # fmt: skip
def test_a_range_that_is_none(size: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_pools({"A": 5e9, "B": size})


def test_nothing_known_of_any_size() -> None:
    with pytest.raises(InputError, match="missing, and no other pool's size to judge by"):
        read_pools({"A": None, "B": np.inf})


# --- mixtures -------------------------------------------------------------------------------------


def test_mixtures_are_dicts_and_zeros_take_no_part() -> None:
    data = [{"A": 0.7, "B": 0.3}, {"A": 1.0, "B": 0.0}, {"B": 0.3, "A": 0.7}, {"A": 1, "Q": None}]
    runs = read_runs(table().head(4).assign(data=data), POOLS)
    assert runs.table["data"].tolist() == ["A:0.7+B:0.3", "A", "A:0.7+B:0.3", "A"]
    assert runs.notes == ()


def test_rounded_shares_are_one_note() -> None:
    data = [f"A:{a / 1000}+B:{(999 - a) / 1000}" for a in range(100, 800)]
    rows = pd.concat([table().head(1)] * 700).assign(data=data, run=range(700))
    runs = read_runs(rows, POOLS)
    assert runs.notes == (
        "shares of 700 of 700 mixtures sum to 0.999, as by rounding: rescaled to 1",
    )
    assert runs.study("loss").shares.sum(axis=1) == pytest.approx(1)
    with pytest.raises(InputError, match=r"A:33\+B:67.*sum to 100 \(given as percent\?\)"):
        read_runs(table(data="A:33+B:67"), POOLS)


# --- frames ---------------------------------------------------------------------------------------


def test_frames_of_any_kind() -> None:
    polars = pytest.importorskip("polars")
    frame = table()
    like = read_runs(frame, POOLS).sha256
    two = pd.concat({"x": frame}, axis=1)
    kinds = [frame.set_index("run"), frame.to_dict("records"), frame.to_dict("list"), two,
             polars.DataFrame(frame.to_dict("list"))]  # fmt: skip
    for kind in kinds:
        assert read_runs(kind, POOLS).sha256 == like
    for pools in (pd.Series(POOLS), {name: {"size": size} for name, size in POOLS.items()}):
        assert read_runs(frame, pools).sha256 == like
    shares = polars.DataFrame(frame.assign(data=[{"A": 0.5, "B": 0.5}] * 12).to_dict("list"))
    assert read_runs(shares, POOLS).table["data"][0] == "A:0.5+B:0.5"


@pytest.mark.parametrize("source", [3, None, [1, 2], {"a": [1], "b": [1, 2]}])
def test_what_is_no_table(source) -> None:
    with pytest.raises(UsageError, match="not a table"):
        read_runs(source, POOLS)


@pytest.mark.parametrize(
    "cell", [np.arange(3), {"A": np.nan}, {1: {2: 3}}, 10**400, 1j, pd.NaT, b"x", object(), [None]]
)
def test_strange_cells_are_refused_in_words(cell) -> None:
    for column in ("data", "samples", "value", "run"):
        frame = table().astype(object)
        frame.at[0, column] = cell
        with contextlib.suppress(InputError):
            assert len(read_runs(frame, POOLS)) == 12


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.280.000", ",", 1.28e6), ("30.000", ",", 30_000), ("2,893", ",", 2.893),
        ("1.234,5", ",", 1234.5), ("1,5M", ",", 1.5e6), ("60000.0", ",", 60_000),
        ("1,200,000,000", ".", 1.2e9), ("30,000", ".", 30_000), ("30.000", ".", 30),
        ("480 000", ".", 480_000), ("1'200'000,5", ",", 1_200_000.5), ("-1.200", ",", -1200),
    ],
)  # fmt: skip
def test_marks_by_request(text: str, decimal: str, value: float) -> None:
    assert parse_number(text, decimal=decimal) == value


@pytest.mark.parametrize(
    "text", ["1e1000000", "-1e9999999", "1e999999999999999999", "9" * 20_000 + "x", "1,00,000"]
)
def test_numbers_beyond_all_bounds_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_number(text)


@pytest.mark.parametrize("text", ["0e99999999", "1e-99999999", "0e-5"])
def test_tiny_numbers_are_zero(text: str) -> None:
    assert parse_number(text) == 0


def test_counts_with_separators_are_asked_for(tmp_path) -> None:
    (tmp_path / "pools.csv").write_text("pool,size\nA,60k\n")
    text = "run,data,samples,metric,value\n" + "".join(
        f'r{i},A,"{i + 1},200,000,000",loss,2.{i}\n' for i in range(46)
    )
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(InputError, match=r"--decimal , or --decimal \.") as caught:
        read_runs(tmp_path / "runs.csv")
    assert len(str(caught.value).split("\n")) == 2
    runs = read_runs(tmp_path / "runs.csv", decimal=".")
    assert runs.table["samples"][0] == 1_200_000_000


def test_semicolons_and_decimal_commas(tmp_path) -> None:
    text = "run;data;samples;metric;value\na;A;30.000;loss;2,893\nb;A;60.000;loss;2,6\n"
    (tmp_path / "runs.csv").write_text(text)
    (tmp_path / "pools.csv").write_text("pool;size\nA;60.000\n")
    with pytest.raises(InputError, match="separated by semicolons"):
        read_runs(tmp_path / "runs.csv")
    runs = read_runs(tmp_path / "runs.csv", decimal=",")
    assert runs.table["samples"].tolist() == [30_000, 60_000]
    assert runs.table["value"].tolist() == [2.893, 2.6]
    assert runs.pools.sizes.tolist() == [60_000]
    (tmp_path / "runs.csv").write_text(text.replace("2,893", "2.893"))
    with pytest.raises(InputError, match=r"a point before three digits.*write 2,893 or 2893"):
        read_runs(tmp_path / "runs.csv", decimal=",")


@pytest.mark.parametrize("samples", [[30e3, 60e3, 120, 240], [480, 960, 480e3, 960e3]])
def test_units_mixed_within_a_run(samples) -> None:
    value = [2.9, 2.8, 2.7, 2.6] if samples[0] > 1e3 else [2.6, 2.5, 2.61, 2.49]
    frame = table().head(4).assign(run="a", samples=samples, value=value)
    with pytest.raises(InputError, match=r"times as many samples in .*count samples in one unit"):
        read_runs(frame, POOLS)


@pytest.mark.parametrize("order", [1, -1])
def test_checkpoints_far_apart_are_one_unit(order: int) -> None:
    frame = table().head(4).assign(run="a", samples=[1, 512, 1e6, 1e7], value=[9, 7, 3, 2.9])
    assert len(read_runs(frame[::order], POOLS)) == 4


# --- rows that are far off, and rows left out -----------------------------------------------------


def test_a_diverged_seed_is_named_and_can_be_left_out(tmp_path) -> None:
    frame = table()
    frame.loc[11, "value"] = 7.3
    runs = read_runs(frame, POOLS)
    (named,) = [note for note in runs.study("loss").warnings if "diverged" in note]
    assert named.startswith("run 'r11' (line 11): loss 7.3, while its 2 replicates lie at 2.2")
    assert "set aside" in named
    assert named in runs.text
    assert "diverged" not in runs.select(where={"run": "!=r11"}).text
    less = read_runs(frame, POOLS, leave_out=["r11"])
    assert less.notes == ("left out by name: r11 (1 row)",)
    assert len(less.study("loss", where={"run": "!=r11"})) == 11  # said twice, by file and rows
    with pytest.raises(UsageError, match="no run 'r99' to leave out -> choose from r9"):
        read_runs(frame, POOLS, leave_out=["r99"])


@pytest.mark.parametrize("factor", [0.1, 0.5, 2, 10])
def test_a_slip_without_replicates_is_named(factor: float) -> None:
    frame = table()[::3].reset_index(drop=True)
    frame = pd.concat([frame, frame.assign(data="B", run=[f"b{i}" for i in range(4)])])
    frame = frame.reset_index(drop=True)
    frame.loc[2, "value"] *= factor
    (named,) = [note for note in read_runs(frame, POOLS).study("loss").warnings if "slip" in note]
    assert "run 'r6'" in named
    assert "other budgets lead to about 2.3" in named


def test_one_value_on_another_scale_is_refused_by_name() -> None:
    frame = table()
    frame.loc[11, "value"] = 18869.58
    with pytest.raises(InputError, match=r"run 'r11' is on another scale .*--leave-out r11"):
        read_runs(frame, POOLS)
    assert len(read_runs(frame, POOLS, leave_out=["r11"])) == 11


def test_what_is_usual_is_not_named() -> None:
    assert not any("diverged" in note for note in read_runs(table(), POOLS).study("loss").warnings)
    wild = table(value=np.exp(np.random.default_rng(1).normal(0.8, 0.05, 12)))
    assert not any("diverged" in note for note in read_runs(wild, POOLS).study("loss").warnings)


def test_parse_where() -> None:
    parsed = parse_where(
        ["model=B-32", "step<10000", "step >= 100", "seed!=3", "lr in 1e-3,2e-3", "note=a=b"]
    )
    assert parsed == {
        "model": "B-32", "step": "<10000 & >=100", "seed": "!=3", "lr": "in 1e-3,2e-3",
        "note": "a=b",
    }  # fmt: skip
    assert tell_where(parsed) == (
        "model=B-32, step<10000, step>=100, seed!=3, lr in 1e-3,2e-3, note=a=b"
    )
    assert tell_where({"seed": [0, 1]}) == "seed in 0,1"
    assert left_out(parse_where(["run!=a", "run!=b"])) == ["a", "b"]
    with pytest.raises(UsageError, match="write COLUMN=VALUE"):
        parse_where(["seed"])


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ({"step": "<3"}, 3), ({"step": "<=3"}, 4), ({"step": ">3 & <=5"}, 2), ({"step": "!=3"}, 11),
        ({"step": ">10k"}, 0), ({"seed": "in 0,2"}, 8), ({"seed": [0, 2]}, 8),
        ({"seed": "<2"}, 8), ({"run": "!=r3 & !=r4"}, 10), ({"samples": ">=120k"}, 6),
        ({"data": "!=B"}, 12), ({"seed": "=1"}, 4),
    ],
)  # fmt: skip
def test_conditions(where, rows: int) -> None:
    other = table().head(1).assign(data="B", run="b", step=-1, seed="9")
    frame = table(step=range(12), seed=["0", "1", "2"] * 4)
    runs = read_runs(pd.concat([frame, other]), POOLS).select(where={"seed": "!=9"})
    if where == {"data": "!=B"}:
        runs = read_runs(pd.concat([frame, other]), POOLS)
    if rows == 0:
        with pytest.raises(UsageError, match="no row has step>10k together"):
            runs.select(where=where)
    else:
        assert len(runs.select(where=where)) == rows


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"run": "!=r99"}, "no row with run=r99 -> write 'r9', or choose from"),
        ({"seed": "in 0,7"}, "no row with seed=7"), ({"run": "<3"}, "compares numbers"),
        ({"step": "<x"}, "compares numbers"), ({"stp": "<3"}, "unknown column 'stp'"),
    ],
)  # fmt: skip
def test_conditions_that_cannot_be(where, told: str) -> None:
    runs = read_runs(table(step=range(12), seed=["0", "1", "2"] * 4), POOLS)
    with pytest.raises(UsageError, match=told):
        runs.select(where=where)


def test_pools_of_any_model_are_run() -> None:
    frame = pd.concat([table(model="small"), table(model="large", samples=1e9, data="B").head(1)
                       .assign(run="x")])  # fmt: skip
    told = read_runs(frame, POOLS).text
    assert "no run" not in told
    assert "4 epochs" in told


def test_a_wide_table_is_told_to_be_imported(tmp_path) -> None:
    (tmp_path / "pools.csv").write_text("pool,size\nA,60k\n")
    (tmp_path / "runs.csv").write_text("run,data,samples,val_loss\na,A,9,2\n")
    with pytest.raises(InputError) as caught:
        read_runs(tmp_path / "runs.csv")
    (problem,) = caught.value.problems
    assert "one column a metric (val_loss)" in problem.what
    assert "qqt import runs.csv" in problem.mend


def test_marks_in_numbers_are_one_message_however_they_are_wrong() -> None:
    samples = ["30,000", "30.000", "1.280.000", "120 000"]
    wrong = table().iloc[:4].assign(samples=samples)
    with pytest.raises(InputError) as caught:
        read_runs(wrong, POOLS)
    assert len(caught.value.problems) == 4
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "(4 in all), column 'samples', '30,000' and 3 other values" in lines[1]
    assert lines[1].count("--decimal ,") == 1


# --- words, dicts as text, short floats -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 billion", 1.5e9), ("1.5bn", 1.5e9), ("3 million tokens", 3e6), ("2B tokens", 2e9),
        ("4.5 Mrd.", 4.5e9), ("12 Mio", 12e6), ("2 milliards", 2e9), ("7 trillion", 7e12),
        ("5 thousand samples", 5e3), ("unlimited", np.inf), ("∞", np.inf),
    ],
)  # fmt: skip
def test_numbers_in_words(text: str, value: float) -> None:
    assert parse_number(text) == value
    assert read_pools({"A": 1e9, "B": text}).sizes[1] == value


@pytest.mark.parametrize("text", ["1.5 billiards", "billion", "1.5 b n", "2 tokens of 3", "2 Mr"])
def test_words_that_are_no_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="is not a number -> "):
        parse_number(text)


def test_sizes_that_are_told_wrongly_each_say_their_own_mend() -> None:
    with pytest.raises(InputError) as caught:
        read_pools({"A": 1e9, "B": "≈3e9", "C": "1,2 Mrd", "D": "lots"})
    told = str(caught.value)
    assert "'≈3e9': only about a number -> say how far it may be off by a range" in told
    assert "'1,2 Mrd': not a number -> write it without separators" in told
    assert "'lots': not a number -> give the number of unique samples" in told


@pytest.mark.parametrize(
    "cell",
    ['{"A": 0.3, "B": 0.7}', "{'A': 0.3, 'B': 0.7}", '{"A": 0.3, "B": 0.7, "C": null}',
     "A:30%+B:70%", {"A": np.float32(0.3), "B": np.float32(0.7)}, pd.Series({"A": 0.3, "B": 0.7})],
    ids=str,
)  # fmt: skip
def test_mixtures_as_dicts_are_written(cell) -> None:
    runs = read_runs(table(data=[cell] * 12), POOLS)
    (mixture,) = runs.mixtures.values()
    assert mixture.key == "A:0.3+B:0.7"
    assert "{" not in mixture.text


def test_a_dict_that_cannot_be_read() -> None:
    with pytest.raises(InputError, match=r"not readable as shares -> write e\.g\. A:0\.7\+B:0\.3"):
        read_runs(table(data="{'A': 0.3, 'B'"), POOLS)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_short_floats_have_the_digits_that_they_show(dtype: str) -> None:
    frame = table(value=[2.89, 2.5] * 6).astype({"value": dtype})
    assert read_runs(frame, POOLS).table["value"].tolist() == [2.89, 2.5] * 6


@pytest.mark.parametrize("size", [[1e9, 2e10], np.array([1e9, 2e10])])
def test_a_range_may_be_a_list(size) -> None:
    np.testing.assert_array_equal(read_pools({"A": 1e9, "B": size}).size_ranges[1], [1e9, 2e10])


def test_names_in_mends_are_written_as_a_shell_takes_them() -> None:
    study = read_runs(table(metric="test-other WER"), POOLS).study("test-other WER")
    assert any("--kind 'test-other WER'=KIND" in note for note in study.warnings)
    with pytest.raises(UsageError, match="pass --kind 'my score x'=KIND"):
        read_runs(table(metric="my score x"), POOLS).study("my score x")
    told = read_runs(table(metric="my score x"), POOLS).text
    assert "--kind 'my score x'=KIND" in told


def test_a_kind_that_was_given_is_not_told_as_a_guess() -> None:
    runs = read_runs(table(metric="quality"), POOLS, kinds={"quality": "loss"})
    assert not any("is taken for" in note for note in runs.study("quality").warnings)


@pytest.mark.parametrize("name", ["size (B)", "Size [M]", "size_b"])
def test_a_column_with_a_unit_is_not_only_renamed(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_pools(pd.DataFrame({"pool": ["A"], name: [6]}))
    assert f"rename column '{name}', and write its unit into its cells (6B)" in str(caught.value)
    with pytest.raises(InputError, match=r"rename column 'tokens'$"):
        read_pools(pd.DataFrame({"pool": ["A"], "tokens": [6]}))
