"""Other formats become run tables that the reader takes."""

import json

import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs.importers import read_datacomp, read_wide

POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [1000, 1000]})
LINES = [
    {"key": "imagenet1k", "dataset": "ImageNet 1k", "metrics": {"acc1": 0.31, "acc5": 0.6}},
    {"key": "vtab/caltech101", "dataset": "Caltech-101", "metrics": {"main_metric": 0.7}},
    {"key": "fairness/x", "dataset": "x", "metrics": {"acc1": None}},
]


def write(folder, lines) -> None:
    folder.mkdir()
    (folder / "eval_results.jsonl").write_text("\n".join(json.dumps(x) for x in lines) + "\n")


def test_datacomp(tmp_path) -> None:
    for name in ("A", "B"):
        write(tmp_path / name, LINES)
    table = read_datacomp(tmp_path, samples="12.8M")
    assert list(table["metric"].unique()) == ["imagenet1k_accuracy", "vtab_caltech101_accuracy"]
    runs = qqt.read_runs(table, POOLS)
    assert len(runs) == 4
    assert set(runs.table["samples"]) == {12_800_000}
    one = read_datacomp(tmp_path / "A", data="A+B", tasks=["imagenet1k"])
    assert one.to_dict("records") == [
        {"run": "A", "data": "A+B", "samples": "", "metric": "imagenet1k_accuracy", "value": 0.31}
    ]


def test_datacomp_says_what_is_wrong(tmp_path) -> None:
    write(tmp_path / "A", [*LINES, {"key": 1}, {"key": "a", "metrics": {"acc1": 31}}])
    with pytest.raises(InputError) as error:
        read_datacomp(tmp_path / "A")
    assert [p.line for p in error.value.problems] == [4, 5]
    with pytest.raises(UsageError, match="no eval_results"):
        read_datacomp(tmp_path / "none")
    write(tmp_path / "B", LINES)
    with pytest.raises(UsageError, match="choose from imagenet1k"):
        read_datacomp(tmp_path / "B", tasks=["imagenet"])


def test_wide(tmp_path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(
        "run,data,samples,seed,loss,top1_error,top1_error_se,note\n"
        "r1,A,1000,0,2.5,0.4,0.01,x\nr2,B,2k,0,2.4,,,y\n"
    )
    table = read_wide(path)
    assert list(table["metric"]) == ["loss", "loss", "top1_error"]
    assert list(table["se"]) == ["", "", "0.01"]
    assert qqt.read_runs(table, POOLS).metrics == ("loss", "top1_error")
    assert list(read_wide(path, metrics=["loss"])["run"]) == ["r1", "r2"]
    with pytest.raises(UsageError, match="no column 'x'"):
        read_wide(path, metrics=["x"])
