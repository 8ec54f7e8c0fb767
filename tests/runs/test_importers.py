"""What other tools write becomes a run table that the reader takes."""

import json

import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs.importers import IMPORTERS, NAMES, import_runs
from qqt_bayes.runs.importers.finish import advice
from qqt_bayes.runs.importers.roles import find_roles, is_metric

POOLS = {"A": 60_000, "B": 60_000}
LINES = [
    {"key": "imagenet1k", "dataset": "ImageNet 1k", "metrics": {"acc1": 0.31, "acc5": 0.6}},
    {"key": "vtab/caltech101", "dataset": "Caltech-101", "metrics": {"main_metric": 0.7}},
    {"key": "error_detection", "dataset": "x", "metrics": {"acc1": None}},
]


def write(folder, name: str, content) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def records(found, *columns: str) -> list[tuple]:
    return list(found.table[list(columns)].itertuples(index=False, name=None))


def test_formats_have_names_of_their_own() -> None:
    assert len(set(NAMES)) == len(IMPORTERS) >= 9
    assert all(importer.WHAT and importer.read.__doc__ for importer in IMPORTERS)


# --- wide tables and exports of W&B --------------------------------------------------------------

WIDE = """\
Run Name,Mixture,Tokens Seen,seed,val_loss,val_loss_stderr,top1 accuracy,top1 accuracy_n_eval,lr
r1,A,1000,0,2.5,0.1,40%,100,3e-4
r2,A+B,2k,0,2.4,,,,3e-4
r3,A+B,4k,0,NaN,,0.5,,3e-4
"""


def test_wide(tmp_path) -> None:
    found = import_runs(write(tmp_path, "w.csv", WIDE))
    assert records(found, "run", "data", "samples", "metric", "value") == [
        ("r1", "A", "1000", "val_loss", "2.5"), ("r2", "A+B", "2k", "val_loss", "2.4"),
        ("r1", "A", "1000", "top1 accuracy", "0.4"), ("r3", "A+B", "4k", "top1 accuracy", "0.5"),
    ]  # fmt: skip
    assert found.table["se"].tolist() == ["0.1", "", "", ""]
    assert found.table["n_eval"].tolist() == ["", "", "100", ""]
    assert found.taken["Tokens Seen"] == "samples"
    told = " ".join(found.left_out)
    assert "values that are no number: 1 (runs r3)" in told
    assert "lr" in told
    assert "percentages" in told
    assert qqt.read_runs(found.table, POOLS).metrics == ("top1 accuracy", "val_loss")
    one = import_runs(str(tmp_path / "w.csv"), metrics=["val_loss"])
    assert set(one.table["metric"]) == {"val_loss"}
    with pytest.raises(UsageError, match="no column 'x' -> there are Run Name"):
        import_runs(str(tmp_path / "w.csv"), metrics=["x"])


def test_wide_from_a_frame_with_shares_in_columns() -> None:
    frame = pd.DataFrame(
        {"name": ["a", "b"], "mix/A": [0.7, 0.0], "mix/B": [0.3, 1.0], "tokens": [10, 20],
         "loss": [2.0, 2.1]}
    )  # fmt: skip
    found = import_runs(frame)
    assert records(found, "data", "samples") == [("A:0.7+B:0.3", "10"), ("B", "20")]
    assert found.taken["mix/A"] == "share of pool A"
    percents = import_runs(frame.assign(**{"mix/A": [70, 0], "mix/B": [30, 100]}))
    assert percents.table["data"].tolist() == ["A:0.7+B:0.3", "B"]


def test_metrics_of_other_names_and_pools_without_a_prefix() -> None:
    frame = pd.DataFrame(
        {"exp": ["a", "b"], "_step": [100, 100], "web": [60, 0], "code": [40, 100],
         "tastiness": [2.0, 2.1]}
    )  # fmt: skip
    with pytest.raises(UsageError, match="not a format that is known by its look"):
        import_runs(frame, per_step=10)
    found = import_runs(frame, per_step=10, metrics=["tastiness"])
    assert records(found, "data", "samples", "metric") == [
        ("web:0.6+code:0.4", "1000", "tastiness"), ("code", "1000", "tastiness")
    ]  # fmt: skip


WANDB = """\
Name,State,Notes,User,Tags,Created,Runtime,Sweep,data.mixture,seed,train/tokens_seen,val/loss
"A-30","finished","-","me","","2025-01-01T10:00:00Z","12","","A","0","30000","2.86"
"A-60","crashed","-","me","","2025-01-01T10:00:00Z","2","","A","0","1024","9.1"
"""


def test_wandb_table(tmp_path) -> None:
    found = import_runs(write(tmp_path, "export.csv", WANDB))
    assert records(found, "run", "data", "samples", "metric", "value", "seed") == [
        ("A-30", "A", "30000", "val/loss", "2.86", "0")
    ]
    assert "rows whose State is crashed: 1" in found.left_out


CHART = """\
"Step","A-480k - val/loss","A-480k - val/loss__MIN","A-480k - val/loss__MAX","a - b - val/loss"
"0","9","9","9",""
"60","2.7","2.7","2.7","2.6"
"120","2.6","2.6","2.6",""
"""


def test_wandb_chart(tmp_path) -> None:
    path = write(tmp_path, "chart.csv", CHART)
    with pytest.raises(UsageError, match="'Step' counts steps, not samples -> pass --per-step"):
        import_runs(path)
    found = import_runs(path, per_step="1k")
    assert records(found, "run", "samples", "metric", "value") == [
        ("A-480k", "60000", "val/loss", "2.7"), ("A-480k", "120000", "val/loss", "2.6"),
        ("a - b", "60000", "val/loss", "2.6"),
    ]  # fmt: skip
    tokens = import_runs(write(tmp_path, "t.csv", CHART.replace("Step", "train/tokens")))
    assert tokens.table["samples"].tolist() == ["60", "120", "60"]
    brief = CHART.replace("Step", "train/tokens").replace('"60"', '"60k"')
    found = import_runs(write(tmp_path, "k.csv", brief))
    assert found.table["samples"].tolist() == ["60k", "120", "60k"]
    with pytest.raises(UsageError, match="x axis 'Relative Time' is neither steps nor samples"):
        import_runs(write(tmp_path, "r.csv", CHART.replace("Step", "Relative Time")))
    with pytest.raises(UsageError, match="no metric 'x' -> choose from val/loss"):
        import_runs(path, per_step=1, metrics=["x"])


def test_names_tell_data_and_samples() -> None:
    frame = pd.DataFrame({"run": ["A-2B-s1", "AB-0.5-4B-s2"], "loss": [2.0, 1.9]})
    found = import_runs(frame)
    assert "say it by --data" in advice(found.table)
    found = import_runs(frame, name="{data}-{samples}-s{seed}", data={"AB-0.5": "A:0.5+B:0.5"})
    assert records(found, "data", "samples", "seed") == [
        ("A", "2B", "1"), ("A:0.5+B:0.5", "4B", "2")
    ]  # fmt: skip
    assert advice(found.table) is None
    short = pd.DataFrame({"run": ["A-2B"], "loss": [2.0]})
    assert '--name "{data}-{samples}"' in advice(import_runs(short).table)
    for pattern, told in (
        ("{data}_{samples}", "does not fit run 'A-2B' "), ("{dat}", "no field {dat}"),
        ("x", "no field"), ("{data}{data}", "twice"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            import_runs(short, name=pattern)
    with pytest.raises(UsageError, match=r"--data X=...: no such name -> choose from A-2B"):
        import_runs(short, data={"X": "A"})
    everything = import_runs(short, data="A", samples="2B")
    assert records(everything, "data", "samples") == [("A", "2000000000")]


# --- swarms ---------------------------------------------------------------------------------------

SHARES = "index,train_web,train_code\n1,0.7,0.3\n2,0.0,1.0\n3,0.333,0.666\n4,1,0\n"
LOSSES = "index,metric/web_val_loss\n1,3.1\n2,3.4\n3,3.2\n9,3.3\n"


@pytest.mark.parametrize("order", [1, -1])
def test_swarm(tmp_path, order: int) -> None:
    files = [write(tmp_path, "mix.csv", SHARES), write(tmp_path, "loss.csv", LOSSES)][::order]
    found = import_runs(files, samples="1B")
    assert records(found, "run", "data", "samples", "value") == [
        ("1", "web:0.7+code:0.3", "1000000000", "3.1"), ("2", "code", "1000000000", "3.4"),
        ("3", "web:0.333+code:0.666", "1000000000", "3.2"),
    ]  # fmt: skip
    assert any("1 rows of loss.csv without shares" in told for told in found.left_out)
    assert any("1 rows of mix.csv without metrics" in told for told in found.left_out)
    runs = qqt.read_runs(found.table, {"web": 1e9, "code": 1e9})
    assert runs.notes == ("shares of 1 of 3 mixtures sum to 0.999, as by rounding: rescaled to 1",)


def test_swarm_needs_a_common_column(tmp_path) -> None:
    files = [write(tmp_path, "mix.csv", SHARES.replace("index", "id")),
             write(tmp_path, "loss.csv", LOSSES)]  # fmt: skip
    with pytest.raises(UsageError, match="no column in common -> name the run in both"):
        import_runs(files, "swarm")
    double = write(tmp_path, "twice.csv", SHARES.replace("\n2,", "\n1,"))
    with pytest.raises(UsageError, match="two rows for index 1 -> give each one row"):
        import_runs([double, files[1]])


# --- results and logs -----------------------------------------------------------------------------


def harness(folder, run: str, name: str = "results_1.json", acc: float = 0.31) -> None:
    task = {"alias": "h", "acc,none": acc, "acc_stderr,none": 0.005, "acc_norm,none": 0.4,
            "acc_norm_stderr,none": "N/A"}  # fmt: skip
    wiki = {"word_perplexity,none": 48.5, "bits_per_byte,none": 1.2, "byte_perplexity,none": "N/A"}
    gsm = {"exact_match,strict-match": 0.1, "exact_match,flexible-extract": 0.2}
    write(folder / run, name, {
        "results": {"hellaswag": task, "wikitext": wiki, "gsm8k": gsm},
        "n-samples": {"hellaswag": {"original": 10, "effective": 10042}},
        "config": {"model": "hf", "model_args": f"pretrained=ckpt/{run},dtype=float32"},
    })  # fmt: skip


def test_lm_eval(tmp_path) -> None:
    harness(tmp_path, "A-2B")
    harness(tmp_path, "AB-2B")
    found = import_runs(tmp_path, name="{data}-{samples}", data={"AB": "A+B"})
    assert set(found.table["metric"]) == {
        "hellaswag_accuracy", "hellaswag_accuracy_norm", "wikitext_word_perplexity",
        "wikitext_bits_per_byte", "gsm8k_exact_match_strict-match",
        "gsm8k_exact_match_flexible-extract",
    }  # fmt: skip
    first = found.table.iloc[0]
    assert first[["run", "data", "samples", "value", "se", "n_eval"]].tolist() == [
        "A-2B", "A", "2B", "0.31", "0.005", "10042"
    ]  # fmt: skip
    assert found.kinds["wikitext_word_perplexity"] == "perplexity"
    assert found.kinds["wikitext_bits_per_byte"] == "bpb"
    assert found.kinds["gsm8k_exact_match_strict-match"] == "accuracy"
    told = found.table.get("kind", pd.Series(dtype=str))  # only where the name does not tell
    assert set(told) <= {"", "perplexity", "bpb", "accuracy"}
    assert "values that are no number (N/A): 2" in found.left_out
    assert set(import_runs(tmp_path, metrics=["hellaswag"]).table["metric"]) == {
        "hellaswag_accuracy", "hellaswag_accuracy_norm"
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"no metric 'mmlu' .* choose from hellaswag_accuracy"):
        import_runs(tmp_path, metrics=["mmlu"])


def test_lm_eval_takes_the_last_of_several_files(tmp_path) -> None:
    harness(tmp_path, "A-2B", "results_2025-01-01.json", 0.1)
    harness(tmp_path, "A-2B", "results_2025-02-01.json", 0.2)
    found = import_runs(tmp_path, metrics=["acc"])
    assert found.table["value"].tolist() == ["0.2"]
    assert found.left_out == ["1 earlier files of the same runs: the last by name is taken"]


def test_datacomp(tmp_path) -> None:
    lines = "\n".join(json.dumps(line) for line in LINES) + "\n"
    for name in ("A", "B"):
        write(tmp_path, f"{name}/eval_results.jsonl", lines)
    found = import_runs(tmp_path, samples="12.8M")
    assert list(found.table["metric"].unique()) == ["imagenet1k_accuracy",
                                                    "vtab_caltech101_accuracy"]  # fmt: skip
    assert len(qqt.read_runs(found.table, POOLS)) == 4
    one = import_runs(tmp_path / "A", data="A+B", metrics=["imagenet1k"])
    assert records(one, "run", "data", "samples", "value") == [("A", "A+B", "", "0.31")]
    with pytest.raises(UsageError, match="choose from imagenet1k"):
        import_runs(tmp_path, metrics=["imagenet"])


def test_datacomp_says_what_is_wrong(tmp_path) -> None:
    lines = [*LINES, {"key": 1}, {"key": "a", "metrics": {"acc1": 31}}]
    path = write(tmp_path, "A/eval_results.jsonl", "\n".join(map(json.dumps, lines)))
    with pytest.raises(InputError) as error:
        import_runs(path)
    assert [p.line for p in error.value.problems] == [4, 5]


def test_hf_trainer(tmp_path) -> None:
    def state(steps: int, **more) -> dict:
        log = []
        for step in range(100, steps + 1, 100):
            log.append({"step": step, "loss": 3.0, "learning_rate": 1e-4, "grad_norm": 1.0})
            log.append({"step": step, "eval_loss": 2.0 + 1 / step, "eval_runtime": 3.0,
                        "eval_samples_per_second": 9.0, "epoch": 0.1})  # fmt: skip
        return {"global_step": steps, "max_steps": 300, "log_history": log, **more}

    for steps in (200, 300):
        write(tmp_path / f"A-1B/checkpoint-{steps}", "trainer_state.json", state(steps))
    with pytest.raises(UsageError, match="counts steps, not samples -> pass --per-step"):
        import_runs(tmp_path)
    found = import_runs(tmp_path, per_step=512, data="A")
    assert records(found, "run", "samples", "metric", "annealed") == [
        ("A-1B", "51200", "eval_loss", "false"), ("A-1B", "102400", "eval_loss", "false"),
        ("A-1B", "153600", "eval_loss", "true"),
    ]  # fmt: skip
    assert len(qqt.read_runs(found.table, {"A": 1e9})) == 3
    both = import_runs(tmp_path, per_step=1, metrics=["loss"])
    assert set(both.table["metric"]) == {"train_loss"}


def test_steps_and_tokens_that_are_no_numbers(tmp_path) -> None:
    huge = 10**400
    log = [
        {"step": 10, "num_tokens": huge, "eval_loss": 2.5}, {"step": None, "eval_loss": 2.4},
        {"step": huge, "eval_loss": 2.3}, {"step": 40, "eval_loss": huge},
    ]  # fmt: skip
    path = write(tmp_path, "t.json", {"log_history": log, "global_step": huge})
    found = import_runs(path, per_step=10)
    assert records(found, "samples", "value") == [("100", "2.5"), ("", "2.4"), ("", "2.3")]
    table = "run,data,step,val_loss\na,A,1k,2.5\na,A,2e3,2.4\na,A,late,2.3\na,A,,2.2\n"
    found = import_runs(write(tmp_path, "w.csv", table), per_step="0.5k")
    assert found.table["samples"].tolist() == ["500000", "1000000", "late", ""]
    with pytest.raises(InputError, match="'late': not a number"):
        qqt.read_runs(found.table, POOLS)


def test_lm_eval_with_whole_numbers_that_no_float_holds(tmp_path) -> None:
    huge = 10**400
    results = {"arc": {"acc,none": 0.31, "acc_stderr,none": huge, "f1,none": huge}}
    found = import_runs(
        write(tmp_path, "r.json", {"results": results, "n-samples": {"arc": {"effective": huge}}})
    )
    assert records(found, "metric", "value", "se", "n_eval") == [("arc_accuracy", "0.31", "", "")]
    assert "values that are no number (N/A): 1" in found.left_out


CONSOLE = """\
some other line
[epoch=1][batch=10/100]:
\t Train time/token: 20480
\t Train loss/train/total: 3.5
[Eval batch=3/3] Eval on eval data:
\t Eval metrics/eval/LanguageCrossEntropy: 3.2
[epoch=1][batch=20/100]:
\t Train time/token: 40960
\t Train loss/train/total: 3.1
[Eval batch=3/3] Eval on eval data:
\t Eval metrics/eval/LanguageCrossEntropy: 3.0
"""
LOGGED = """\
[hyperparameter]: seed: 3
[metric][batch=10]: time/token: 20480
[metric][batch=10]: metrics/eval/LanguageCrossEntropy: 3.2
[metric][batch=20]: time/token: 40960
[metric][batch=20]: metrics/eval/LanguageCrossEntropy: 3.0
"""


@pytest.mark.parametrize("log", [CONSOLE, LOGGED])
def test_composer(tmp_path, log: str) -> None:
    path = write(tmp_path, "my-run/logs-rank0.txt", log)
    found = import_runs(path, data="A")
    assert records(found, "run", "samples", "value") == [
        ("my-run", "20480", "3.2"), ("my-run", "40960", "3.0")
    ]  # fmt: skip
    assert found.kinds == {"metrics/eval/LanguageCrossEntropy": "loss"}
    without = write(tmp_path, "other.log", log.replace("time/token", "time/other"))
    with pytest.raises(UsageError, match="'batch' counts steps"):
        import_runs(without)
    assert import_runs(without, per_step=10).table["samples"].tolist() == ["100", "200"]


# --- spreadsheets and other containers ------------------------------------------------------------

LONG = [
    ("a1", "A", "30.000", "2,893"),
    ("a2", "A", "1.280.000", "2,5"),
    ("a3", "A+B", "60.000", "3"),
]


def german(separator: str = ";") -> str:
    rows = ["run;data;samples;metric;value", *(f"{r};{d};{s};val_loss;{v}" for r, d, s, v in LONG)]
    return "\n".join(rows).replace(";", separator) + "\n"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(tmp_path, separator: str) -> None:
    found = import_runs(write(tmp_path, "de.csv", german(separator)))
    assert found.table["samples"].tolist() == ["30000", "1280000", "60000"]
    assert found.table["value"].tolist() == ["2.893", "2.5", "3"]
    assert "commas are read as the mark before decimals" in found.left_out[0]


@pytest.mark.parametrize(
    ("text", "decimal", "told"),
    [
        ("run,data,samples,metric,value\na,A,30.000,loss,2.893\n", None, "30 or 30 thousand"),
        ("run,data,samples,metric,value\na,A,30.000,loss,2.893\n", ",", "write 2,893 or 2893"),
        ('run,data,samples,metric,value\na,A,"1,200,000",loss,2\n', None, "--decimal ,"),
        (
            'run,data,samples,metric,value\na,A,"3,000",loss,2\nb,A,3.000,loss,2\n',
            ",",
            "points and",
        ),
        (
            'run,data,samples,metric,value\na,A,"3,000",loss,2\nb,A,3.000,loss,2\n',
            ".",
            "points and",
        ),
    ],
)
def test_numbers_that_may_be_two_things_are_asked_for(tmp_path, text, decimal, told) -> None:
    with pytest.raises((InputError, UsageError), match=told):
        import_runs(write(tmp_path, "x.csv", text), decimal=decimal)


def test_thousands_by_request(tmp_path) -> None:
    text = 'run,data,samples,metric,value\na,A,"1,200,000",loss,2.893\n'
    found = import_runs(write(tmp_path, "x.csv", text), decimal=".")
    assert records(found, "samples", "value") == [("1200000", "2.893")]


def test_excel_parquet_and_json(tmp_path) -> None:
    frame = pd.DataFrame({"Run": ["a", "b"], "Data": ["A", "B"], "Tokens": [3e4, 12e4],
                          "Metric": "loss", "Score": [2.5, None]})  # fmt: skip
    frame.to_excel(tmp_path / "x.xlsx", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    frame.to_json(tmp_path / "x.json", orient="records")
    for name in ("x.xlsx", "x.parquet", "x.jsonl", "x.json"):
        found = import_runs(tmp_path / name)
        assert records(found, "run", "data", "samples", "metric", "value") == [
            ("a", "A", "30000", "loss", "2.5")
        ]  # fmt: skip
        assert found.taken["Tokens"] == "samples"
    rows = [{"run": "a", "mixture": {"A": 0.7, "B": 0.3}, "tokens": 10, "eval": {"val_loss": 2.5}}]
    nested = write(tmp_path, "n.jsonl", "\n".join(map(json.dumps, rows)))
    assert records(import_runs(nested), "data", "metric", "value") == [
        ("A:0.7+B:0.3", "eval.val_loss", "2.5")
    ]


def test_utf_16_of_spreadsheets(tmp_path) -> None:
    (tmp_path / "u.csv").write_bytes(german("\t").encode("utf-16"))
    assert len(import_runs(tmp_path / "u.csv").table) == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.csv", b"a,b\n1,2\n", "not a format that is known by its look -> name metrics"),
        ("x.csv", b"run,loss\na\n", "1 cells where the header has 2"),
        ("x.csv", b"run,data,data,loss\na,A,B,2\n", "two columns of one name"),
        ("x.csv", b"run,loss\n", "no rows below the header"),
        ("x.csv", b"", "empty file"),
        ("x.csv", b"run,loss\n\xff\xfa,2\n", "not UTF-8"),
        ("x.json", b"[" * 100_000, "nested too deeply|not JSON"),
        ("x.jsonl", b'{"key": 1}\n{"key"', ":2: not JSON"),
        ("x.json", b"3", "not a format"),
        ("x.xlsx", b"PK\x03\x04junk", "cannot be read"),
        ("x.parquet", b"PAR1junk", "cannot be read"),
        ("x.csv", b"run,data,samples,loss\na,A,9,nan\n", "no row is left"),
        ("run,data,loss,x.csv", b"run,data,samples,loss\na,A,9,2,\nb,A,9,2,\n", "5 cells where"),
    ],
)
def test_broken_files(tmp_path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((UsageError, InputError), match=told):
        import_runs(tmp_path / name)


def test_bad_arguments(tmp_path) -> None:
    path = write(tmp_path, "w.csv", WIDE)
    for arguments, told in (
        ({"files": tmp_path / "no.csv"}, "no such file"), ({"files": []}, "no files"),
        ({"files": path, "format": "x"}, "unknown format 'x' -> choose from datacomp"),
        ({"files": path, "format": "swarm"}, "a swarm is two tables"),
        ({"files": path, "format": "wandb-chart"}, "RUN - METRIC"),
        ({"files": path, "decimal": ";"}, "give , or ."), ({"files": 3}, "not a table"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told):
            import_runs(**arguments)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no eval_results.jsonl or .* -> give the files"):
        import_runs(tmp_path / "empty")


def test_roles() -> None:
    columns = ["_step", "config/seed", "train/consumed_tokens", "Name", "name", "data.mixture"]
    assert find_roles(columns) == {
        "step": "_step", "seed": "config/seed", "samples": "train/consumed_tokens", "run": "Name",
        "data": "data.mixture",
    }  # fmt: skip
    assert all(map(is_metric, ["val_loss", "eval/acc", "metrics/eval/x", "top1_error"]))
    assert not any(map(is_metric, ["eval_runtime", "val_loss_stderr", "lr", "eval/steps", "seed"]))
