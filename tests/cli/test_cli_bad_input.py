"""Bad input: exit code 2, where and how to mend it, no traceback, and nothing written."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from qqt_bayes.fitting import fit

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("tables", HERE.parent / "runs/test_bad_tables.py")
assert _spec is not None
assert _spec.loader is not None
tables = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tables)

RUNS, POOL_TABLES = tables.RUNS, tables.POOL_TABLES


@pytest.fixture(autouse=True)
def never_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every slip here is found before any time is spent on a fit."""

    def refuse(*_args, **_options):
        raise AssertionError("went on to sample")

    monkeypatch.setattr("qqt_bayes.fitting.sample_posterior", refuse)
    assert fit is not None


def write(folder: Path, runs: str | bytes, pools: str) -> None:
    (folder / "runs.csv").write_bytes(runs if isinstance(runs, bytes) else runs.encode())
    (folder / "pools.csv").write_text(pools)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_are_many() -> None:
    assert len(RUNS) + len(POOL_TABLES) >= 25


def check(qqt, folder: Path, file: str, line, what: str, mend: str) -> None:
    words = [
        ["check", folder / "runs.csv"],
        ["fit", folder / "runs.csv", "--metric", "loss", "-o", folder / "fit.nc"],
        ["decide", folder / "runs.csv", "--metric", "loss", "--budgets", "1M", "--json"],
    ]
    for argv in words:
        said = qqt(*argv)
        assert said.code == 2
        assert said.out == ""
        assert said.err.startswith("qqt: 1 problem in the input:\n  ")
        assert f"{file}:{line}" in said.err if line else f"{file}" in said.err
        assert what in said.err
        assert mend in said.err.split(" -> ", 1)[1]
    assert files(folder) == ["pools.csv", "runs.csv"]


@pytest.mark.parametrize("name", RUNS)
def test_malformed_run_table(qqt, tmp_path: Path, name: str) -> None:
    text, line, _column, _value, what, mend = RUNS[name]
    write(tmp_path, text, tables.POOLS)
    check(qqt, tmp_path, "runs.csv", line, what, mend)


@pytest.mark.parametrize("name", POOL_TABLES)
def test_malformed_pool_table(qqt, tmp_path: Path, name: str) -> None:
    text, line, _column, _value, what, mend = POOL_TABLES[name]
    write(tmp_path, tables.rows(tables.GOOD), text)
    check(qqt, tmp_path, "pools.csv", line, what, mend)


FIT = "fit runs.csv --metric loss -o fit.nc "
DECIDE = "decide runs.csv --metric loss "
CALLS = {
    "no such table": ("check nowhere.csv", "nowhere.csv", "check the path"),
    "no such pool table": ("check runs.csv --pools nowhere.csv", "nowhere.csv", "check the path"),
    "no such fit": ("decide nowhere.nc --budgets 1M", "no such file", "make one with"),
    "a table for a fit": ("decide text.nc --budgets 1M", "not a fit saved by", "make one with"),
    "unknown metric": (FIT.replace("loss", "los"), "no metric 'los'", "choose from error, loss"),
    "no metric": ("fit runs.csv -o fit.nc", "several metrics", "choose one with --metric"),
    "unknown spec": (FIT + "--spec nope", "unknown spec 'nope'", "Valid: chinchilla,"),
    "no such spec file": (FIT + "--spec nope.toml", "no such spec file", "nope.toml"),
    "bad kind": (FIT + "--kind tasty", "unknown kind 'tasty'", "choose from loss, bpb"),
    "where without =": (FIT + "--where seed", "--where 'seed'", "write COLUMN=VALUE"),
    "unknown column": (FIT + "--where sed=0", "unknown column 'sed'", "write 'seed'"),
    "unknown value": (FIT + "--where seed=7", "no row with seed=7", "choose from 0, 1, 2"),
    "no row left": (FIT + "--where seed=0 --where data=Q", "no row with data=Q", "choose from A"),
    "upto too low": (FIT + "--upto 10", "no rows up to 10", "raise --upto"),
    "upto not a number": (FIT + "--upto many", "'many' is not a number", "480k"),
    "too few draws": (FIT + "--draws 5", "Invalid value for '--draws'", "--help"),
    "on-fail": (FIT + "--on-fail maybe", "--on-fail 'maybe'", "give raise or warn"),
    "no output": ("fit runs.csv --metric loss", "Missing option '-o'", "see qqt fit --help"),
    "no output, what to type": ("fit runs.csv", "for example: qqt fit runs.csv", "-o fit.nc; see"),
    "no value": ("tasks runs.csv --params --budgets 1M", "'--budgets' -> --params has no value",
                 "it took '--budgets' for it"),
    "budgets by semicolon": (
        "decide runs.csv --metric loss --budgets 60k;120k", "are 2 budgets", ": 60k,120k",
    ),
    "candidates by comma": (
        "decide runs.csv --metric loss --budgets 60k --candidates A,A:0.5+B:0.5",
        "are 2 candidates", '"A;A:0.5+B:0.5"',
    ),
    "no output folder": (FIT.replace("fit.nc", "no/fit.nc"), "no such folder: no", "make it first"),
    "output not .nc": (FIT.replace("fit.nc", "fit.csv"), "'fit.csv'", "ends in .nc"),
    "no budgets": (DECIDE, "no budgets given", "--budgets 480k,1.92M"),
    "empty budgets": (DECIDE + "--budgets=", "no budgets given", "--budgets 480k,1.92M"),
    "budgets": (DECIDE + "--budgets 480k,lots", "budget 'lots' is not a number", "480k, 1.28B"),
    "negative budget": (DECIDE + "--budgets=-1", "budget '-1' is not a positive", "480k"),
    "repeated budget": (DECIDE + "--budgets 1M,1e6", "budget '1e6' is given twice", "each once"),
    "misspelled option": (DECIDE + "--budget 1M", "No such option", "see qqt decide --help"),
    "candidates": (DECIDE + "--budgets 1M --candidates A;Q", "unknown pool 'Q'", "choose from A"),
    "same candidates": (DECIDE + "--budgets 1M --candidates A+B;B+A", "same data", "give it once"),
    "prob": (DECIDE + "--budgets 1M --prob 90", "prob is 90", "between 0 and 1"),
    "plot format": (DECIDE + "--budgets 1M --plot a.doc", "'a.doc'", "ends in .png or .pdf"),
    "plot folder": (DECIDE + "--budgets 1M --plot no/a.png", "no such folder: no", "make it"),
    "unknown verb": ("chek runs.csv", "No such command 'chek'", "--help"),
    "priors of no spec": ("priors nope", "unknown spec 'nope'", "Valid: chinchilla,"),
    "priors of no kind": ("priors --kind tasty", "unknown kind 'tasty'", "choose from loss, bpb"),
    "new below a file": ("new runs.csv/mine", "Not a directory", "runs.csv/mine"),
    "new over old": ("new .", "runs.csv and pools.csv would be overwritten", "another folder"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_bad_call(qqt, small_tables: Path, monkeypatch, name: str) -> None:
    call, what, mend = CALLS[name]
    monkeypatch.chdir(small_tables)
    Path("text.nc").write_text("run,data\n")
    before = files(small_tables)
    said = qqt(*call.split())
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("qqt: ")
    assert what in said.err
    assert mend in said.err
    assert files(small_tables) == before


@pytest.mark.parametrize("column", ["model", "params"])
def test_several_models_and_no_where(qqt, small_tables: Path, column: str) -> None:
    path = small_tables / "runs.csv"
    rows = pd.read_csv(path)
    rows[column] = (rows["seed"] + 1) * 1000
    rows.to_csv(path, index=False)
    said = qqt("fit", path, "--metric", "loss", "-o", small_tables / "fit.nc")
    assert said.code == 2
    assert f"runs.csv, column '{column}', '1000, 2000, 3000': 3 values in one study" in said.err
    assert f"choose one: --where {column}=1000" in said.err
    assert files(small_tables) == ["pools.csv", "runs.csv"]


def test_annealed_and_not(qqt, small_tables: Path) -> None:
    path = small_tables / "runs.csv"
    rows = pd.read_csv(path)
    rows.assign(annealed=rows["seed"] > 0).to_csv(path, index=False)
    said = qqt("decide", path, "--metric", "loss", "--budgets", "1M")
    assert said.code == 2
    assert "annealed and unannealed rows in one study -> choose one: --where annealed" in said.err


def test_a_metric_of_unknown_kind(qqt, small_tables: Path) -> None:
    path = small_tables / "runs.csv"
    path.write_text(path.read_text().replace(",loss,", ",bits,"))
    said = qqt("decide", path, "--metric", "bits", "--budgets", "1M")
    assert said.code == 2
    assert "the kind of metric 'bits' is not in its name -> pass --kind bits=KIND" in said.err


def test_options_of_a_fit_cannot_change_a_saved_one(qqt, saved) -> None:
    said = qqt("decide", saved, "--budgets", "1M", "--metric", "loss", "--upto", "500k")
    assert said.code == 2
    assert "is a saved fit: --metric, --upto would change it -> give the run table" in said.err


def test_a_bad_spec_file_names_every_problem(qqt, small_tables: Path, monkeypatch) -> None:
    monkeypatch.chdir(small_tables)
    Path("my.toml").write_text('schema = 1\nname = "my"\nlaw = "x"\n[priors.utilty]\nmu = 1\n')
    said = qqt("fit", "runs.csv", "--metric", "loss", "--spec", "my.toml", "-o", "fit.nc")
    assert said.code == 2
    assert "my.toml is not a valid specification:" in said.err
    assert "did you mean 'utility'?" in said.err
    Path("my.toml").write_text("schema = ")
    said = qqt("fit", "runs.csv", "--metric", "loss", "--spec", "my.toml", "-o", "fit.nc")
    assert said.code == 2
    assert "my.toml is not valid TOML" in said.err
    assert not Path("fit.nc").exists()


@pytest.mark.parametrize("words", [
    ("--seed", "1" * 100_000), ("--metric", "x y " * 30_000), ("--budgets", "9" * 100_000),
])  # fmt: skip
def test_a_message_is_of_sensible_length(qqt, small_tables: Path, words: tuple[str, str]) -> None:
    said = qqt("decide", small_tables / "runs.csv", "--budgets", "1M", *words)
    assert said.code == 2
    assert 0 < len(said.err) < 5_000
