"""Tables as tools and spreadsheets write them: an index, titles, comments, units in headers."""

import json

import pandas as pd
import pytest

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs import import_runs, read_runs

POOLS = {"A": 60_000, "B": 60_000}
LONG = "run,data,samples,metric,value\nr1,A,30000,val_loss,2.893\nr2,A,60000,val_loss,2.671\n"


def write(folder, name: str, text: str, encoding: str = "utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def cells(found, *columns: str) -> list[tuple]:
    return list(found.table[list(columns)].itertuples(index=False, name=None))


# --- before and beside the table ------------------------------------------------------------------


@pytest.mark.parametrize("before", ["# from our tracker, May\n", "#exported\n# by me\n\n", "\n"])
def test_comments_before_a_header(tmp_path, before: str) -> None:
    path = write(tmp_path, "runs.csv", before + LONG)
    runs = read_runs(path, POOLS)
    assert runs.table["value"].tolist() == [2.893, 2.671]
    assert runs.table["line"].tolist() == [2 + before.count("\n"), 3 + before.count("\n")]
    assert cells(import_runs(path), "run", "samples") == [("r1", "30000"), ("r2", "60000")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_excel_says_its_separator(tmp_path, first: str) -> None:
    table = LONG.replace(",", ";").replace(".", ",")
    path = write(tmp_path, "de.csv", f"{first}\n{table}", "utf-8-sig")
    assert cells(import_runs(path), "value") == [("2.893",), ("2.671",)]
    assert read_runs(path, POOLS, decimal=",").table["line"].tolist() == [3, 4]


def test_an_index_that_pandas_wrote(tmp_path) -> None:
    counting = pd.DataFrame({"run": ["r1", "r2"], "web": [0.7, 0.1], "code": [0.3, 0.9],
                             "tokens": [10, 20], "val_loss": [2.0, 2.1]})  # fmt: skip
    counting.to_csv(tmp_path / "a.csv")
    found = import_runs(tmp_path / "a.csv")
    assert cells(found, "run", "data") == [("r1", "web:0.7+code:0.3"), ("r2", "web:0.1+code:0.9")]
    counting.set_index("run").rename_axis(None).to_csv(tmp_path / "b.csv", sep=";")
    assert cells(import_runs(tmp_path / "b.csv"), "run") == [("r1",), ("r2",)]
    counting.to_csv(tmp_path / "c.csv")
    pd.read_csv(tmp_path / "c.csv").to_csv(tmp_path / "d.csv", index=False)  # "Unnamed: 0" now
    assert cells(import_runs(tmp_path / "d.csv"), "run") == [("r1",), ("r2",)]


def test_a_sheet_with_a_title(tmp_path) -> None:
    pytest.importorskip("openpyxl")
    cols = {"Run": ["r1", "r2"], "Data": ["A", "B"], "Tokens": [1000, 2000], "Loss": [2.5, 2.4]}
    sheet = pd.DataFrame(cols)
    with pd.ExcelWriter(tmp_path / "t.xlsx") as file:
        sheet.to_excel(file, index=False, startrow=2, startcol=1)
        file.book.active["A1"] = "Our runs"
    assert cells(import_runs(tmp_path / "t.xlsx"), "run", "data", "samples", "value") == [
        ("r1", "A", "1000", "2.5"), ("r2", "B", "2000", "2.4")
    ]  # fmt: skip


def test_commas_of_counts_alone_do_not_say_what_stands_before_decimals(tmp_path) -> None:
    text = LONG.replace(",", "\t").replace("30000", "30,000").replace("60000", "60,000")
    path = write(tmp_path, "us.csv", text, "utf-16")
    with pytest.raises(InputError, match=r"'30,000': not a number -> .* say which mark"):
        import_runs(path)
    assert cells(import_runs(path, decimal="."), "samples", "value") == [
        ("30000", "2.893"), ("60000", "2.671")
    ]  # fmt: skip


# --- wide tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Tokens (B)", "tokens_b", "Train tokens (billions)", "tokens [B]"]
)
def test_a_unit_in_the_name_of_a_column(name: str) -> None:
    wide = pd.DataFrame({"run": ["a", "b", "c"], "data": "A", name: [1, 2.5, "4e9"],
                         "params_M": 124, "val_loss": [3.0, 2.9, 2.8]})  # fmt: skip
    wide.loc[2, name] = "4000M"
    for frame in (wide, wide.melt(["run", "data", name, "params_M"], var_name="metric")):
        found = import_runs(frame)
        assert found.taken[name] == "samples"
        runs = read_runs(found.table, POOLS)
        assert runs.table["samples"].tolist() == [1e9, 2.5e9, 4e9]
        assert set(runs.table["params"]) == {124e6}


def test_spreads_are_no_metrics() -> None:
    frame = pd.DataFrame({"run": ["a"], "data": "A", "tokens": 10, "val_loss_mean": 2.0,
                          "val_loss_std": 0.1, "eval/acc std": 0.2, "test_count": 3})  # fmt: skip
    found = import_runs(frame)
    assert set(found.table["metric"]) == {"val_loss_mean"}
    assert "columns not needed: val_loss_std, eval/acc std, test_count" in found.left_out


def test_a_word_among_the_values_does_not_lose_the_metric() -> None:
    frame = pd.DataFrame({"run": list("abcd"), "data": "A", "tokens": 10, "val_loss":
                          [2.0, "OOM", "-", 1.9], "acc": [0.1, 0.2, 0.3, 0.4]})  # fmt: skip
    found = import_runs(frame)
    assert "values that are no number: 1 (runs c)" in found.left_out
    with pytest.raises(InputError, match=r"'OOM': not a number -> give the metric's value"):
        read_runs(found.table, POOLS)
    with pytest.raises(UsageError, match=r"does not hold numbers, but such as .2\.1±0\.1."):
        import_runs(frame.drop(columns="acc").assign(val_loss="2.1±0.1"))


def test_a_history_without_a_run_is_one_run(tmp_path) -> None:
    steps = "_step,tokens,val/loss\n1,10,3.0\n2,20,2.8\n3,30,2.7\n"
    found = import_runs(write(tmp_path, "mix-a.csv", steps), data="A")
    assert cells(found, "run", "samples") == [("mix-a", "10"), ("mix-a", "20"), ("mix-a", "30")]
    apart = "step,data,tokens,val/loss\n100,A,10,3.0\n200,B,20,2.8\n"  # two runs that ended so
    found = import_runs(write(tmp_path, "end.csv", apart))
    assert cells(found, "run") == [("end-0",), ("end-1",)]


def test_a_chart_grouped_by_a_column_repeats_its_axis(tmp_path) -> None:
    chart = (
        '"Step","data: A - _step","data: A - val/loss","data: A - val/loss__MAX"\n"2",2,3.1,3.2\n'
    )
    found = import_runs(write(tmp_path, "c.csv", chart), per_step=10, name="data: {data}")
    assert cells(found, "data", "samples", "metric", "value") == [("A", "20", "val/loss", "3.1")]


def test_a_long_history_counts_steps(tmp_path) -> None:
    long = "run_id,key,value,step,timestamp\na,val_loss,3.0,100,17\na,val_loss,2.9,200,18\n"
    found = import_runs(write(tmp_path, "h.csv", long), per_step="1k", data="A")
    assert cells(found, "run", "samples", "value") == [
        ("a", "100000", "3.0"), ("a", "200000", "2.9")
    ]  # fmt: skip


# --- results and logs -----------------------------------------------------------------------------


def result(folder, name: str, **model_args: str):
    told = {"results": {"piqa": {"acc,none": 0.6}}, "config": {"model_args": model_args}}
    return write(folder, name, json.dumps(told))


def test_models_of_one_last_folder_stay_apart(tmp_path) -> None:
    for data in ("A", "B"):
        for step in (100, 200):
            result(
                tmp_path, f"results_{data}{step}.json", pretrained=f"out/{data}/checkpoint-{step}"
            )
    found = import_runs(tmp_path, name="{data}/checkpoint-{step}", per_step="1k")
    assert cells(found, "run", "data", "samples") == [
        (f"{data}/checkpoint-*", data, f"{step}000") for data in "AB" for step in (100, 200)
    ]
    assert len(read_runs(found.table, POOLS)) == 4


def test_revisions_of_a_model_stay_apart(tmp_path) -> None:
    paths = [
        result(tmp_path, f"r{step}.json", pretrained="hub/pythia", revision=f"step{step}")
        for step in (1000, 2000)
    ]
    assert cells(import_runs(paths), "run") == [("pythia/step1000",), ("pythia/step2000",)]
    assert cells(import_runs(paths, name="{}step{step}", per_step=10), "run", "samples") == [
        ("pythia/step*", "10000"), ("pythia/step*", "20000")
    ]  # fmt: skip


def test_the_mean_training_loss_at_the_end_is_no_value(tmp_path) -> None:
    log = [{"step": 5, "loss": 3.0}, {"step": 5, "eval_loss": 3.1},
           {"step": 5, "train_loss": 4.0, "train_runtime": 9.0}]  # fmt: skip
    path = write(tmp_path, "a/trainer_state.json", json.dumps({"log_history": log}))
    assert cells(import_runs(path, per_step=1), "metric", "value") == [("eval_loss", "3.1")]
    both = import_runs(path, per_step=1, metrics=["loss", "eval_loss"])
    assert cells(both, "metric", "value") == [("train_loss", "3.0"), ("eval_loss", "3.1")]
