"""What the commands print, where, and with which exit code."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qqt_bayes
from qqt_bayes.cli import opening

FEW = ("--draws", "1600")


def test_check(qqt, small_tables: Path) -> None:
    said = qqt("check", small_tables / "runs.csv")
    assert said.code == 0
    assert said.err.startswith(f"to fit them: qqt fit {small_tables / 'runs.csv'} --metric ")
    assert "KIND" not in said.err
    assert said.out.startswith("runs.csv: 75 runs, 150 rows\n")
    assert "8 epochs" in said.out


def test_check_asks_for_a_kind_that_no_name_tells(qqt, tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    rows = "".join(f"r{i},A,{10**i},CORE,{0.1 * i}\n" for i in range(4, 8))
    table.write_text("run,data,samples,metric,value\n" + rows)
    (tmp_path / "pools.csv").write_text("pool,size\nA,1B\n")
    assert "--metric CORE --kind CORE=KIND -o fit.nc" in qqt("check", table).err


def test_check_offers_a_fit_of_rows_that_may_be_pooled(qqt, tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    rows = "".join(
        f"{model}{i}{end},A,{10**i},loss,{3 - 0.1 * i},{model},{end}\n"
        for model in ("big one", "small") for i in range(4, 8) for end in ("true", "false")
    )  # fmt: skip
    table.write_text("run,data,samples,metric,value,model,annealed\n" + rows)
    (tmp_path / "pools.csv").write_text("pool,size\nA,1B\n")
    command = "--metric loss --where 'model=big one' --where annealed=true -o fit.nc"
    assert command in qqt("check", table).err
    runs = qqt_bayes.read_runs(table)
    assert len(runs.study("loss", {"model": "big one", "annealed": "true"})) == 4
    assert (
        "--where model=small --where annealed=true"
        in qqt("check", table, "--where", "model=small").err
    )


def test_a_note_is_told_once(qqt, small_tables: Path, tmp_path: Path) -> None:
    """Where the answer tells it, it does not go to stderr too."""
    runs = pd.read_csv(small_tables / "runs.csv").query("metric == 'loss'")
    runs["lr"] = np.where(np.arange(len(runs)) % 2, 0.1, 0.2)
    runs.to_csv(tmp_path / "runs.csv", index=False)
    (tmp_path / "pools.csv").write_bytes((small_tables / "pools.csv").read_bytes())
    options = ("decide", tmp_path / "runs.csv", "--budgets", "480k", *FEW)
    for more in ((), ("--csv",), ("--reach", "2.4")):
        said = qqt(*options, *more)
        assert (said.out + said.err).count("runs differ in lr") == 1


def test_new_is_a_study_to_start_from(qqt, tmp_path: Path) -> None:
    said = qqt("new", tmp_path / "mine")
    assert said.code == 0
    assert f"Then: qqt check {tmp_path / 'mine' / 'runs.csv'}" in said.out
    assert qqt("check", tmp_path / "mine" / "runs.csv").code == 0
    study = qqt_bayes.read_runs(tmp_path / "mine" / "runs.csv").study("loss")
    assert len(study) == 6
    assert qqt("new", tmp_path / "mine").code == 2


@pytest.mark.parametrize("kind", ["loss", "error", "accuracy"])
def test_priors(qqt, kind: str) -> None:
    said = qqt("priors", "--kind", kind)
    assert said.code == 0
    for name in qqt_bayes.load_spec("effective_utility").priors(kind):
        assert name in said.out


def test_decide_from_a_saved_fit(qqt, saved, small_fit) -> None:
    said = qqt("decide", saved, "--budgets", "480k,960k")
    assert (said.code, said.err) == (0, "")
    assert said.out == small_fit.decide("480k,960k").text + "\n"


def test_json_is_one_object_and_nothing_else(qqt, saved, small_fit) -> None:
    said = qqt(
        "decide", saved, "--budgets", "960k,480k", "--candidates", "A; A+B", "--prob", "0.8",
        "--margin", "0.02", "--json",
    )  # fmt: skip
    assert (said.code, said.err) == (0, "")
    made = json.loads(said.out)
    assert made == small_fit.decide("960k,480k", "A;A+B", prob=0.8, margin=0.02).to_json()
    assert made["prob"] == 0.8
    assert [b["samples"] for b in made["budgets"]] == [960e3, 480e3]
    assert "NaN" not in said.out
    assert "Infinity" not in said.out


def test_fit_then_decide_is_fit_and_decide(qqt, small_tables: Path) -> None:
    """In one go or in two: the same answer. Notes go to stderr, the object alone to stdout."""
    study = (small_tables / "runs.csv", "--metric", "loss", "--where", "data=A", *FEW)
    made = qqt("fit", *study, "--upto", "240k", "-o", small_tables / "fit.nc")
    assert made.code == 0
    assert "12 rows, largest 240k samples" in made.out
    assert "converged: Pareto k of the weights 0." in made.out
    ask_it = f"qqt decide {small_tables / 'fit.nc'} --budgets 958k"
    assert made.err.endswith(f"saved {small_tables / 'fit.nc'}; to ask it: {ask_it}\n")
    assert made.out.count("note: no run draws from B, C: known from other pools only") == 1
    assert "note:" not in made.err  # a note is told once
    ask = ("--budgets", "480k", "--candidates", "A;A+B", "--json")
    two = qqt("decide", small_tables / "fit.nc", *ask)
    one = qqt("decide", *study, "--upto", "240k", *ask)
    assert (one.code, two.code) == (0, 0)
    assert json.loads(one.out) == json.loads(two.out)
    assert json.loads(one.out)["trained_on"]["max_samples"] == 239_616
    assert "note: no run draws from B, C" in one.err


def test_plot(qqt, saved, tmp_path: Path) -> None:
    pytest.importorskip("qqt_bayes.plots")
    said = qqt("decide", saved, "--budgets", "480k", "--json", "--plot", tmp_path / "bands.png")
    assert said.code == 0
    assert (tmp_path / "bands.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads(said.out)["schema"] == 1
    assert said.err == f"drew {tmp_path / 'bands.png'}\n"


def test_each_answer_has_a_picture(qqt, saved, tmp_path: Path) -> None:
    """Two answers are two files, both said; neither replaces what is not ours."""
    ask = ("decide", saved, "--budgets", "480k,960k", "--plot", tmp_path / "a.png")
    said = qqt(*ask, "--shares", "A,B", "--reach", "0.5")
    names = ["a.png", "a-reach.png", "a-shares.png"]
    assert [f"drew {tmp_path / name}" for name in names] == said.err.splitlines()[-3:]
    assert len({(tmp_path / name).read_bytes() for name in names}) == 3
    (tmp_path / "a-shares.png").write_text("mine", encoding="utf-8")
    said = qqt(*ask, "--shares", "A,B")
    assert said.code == 2
    assert "a-shares.png is there already" in said.err


def test_a_fit_is_known_by_its_content(qqt, saved, tmp_path: Path) -> None:
    (tmp_path / "fit.netcdf").write_bytes(saved.read_bytes())
    assert qqt("decide", tmp_path / "fit.netcdf", "--budgets", "480k").code == 0


# --- the gate ------------------------------------------------------------------------------------


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that nothing passes."""
    monkeypatch.setattr("qqt_bayes.inference.gate.ESS", 1e9)


def test_a_fit_that_does_not_converge_is_exit_code_3(qqt, small_tables: Path, strict) -> None:
    study = (small_tables / "runs.csv", "--metric", "loss", "--where", "data=A", "--draws", "100")
    for said in (
        qqt("fit", *study, "-o", small_tables / "fit.nc"),
        qqt("decide", *study, "--budgets", "480k", "--json"),
    ):
        assert said.code == 3
        assert said.out == ""
        assert "qqt: the fit did not pass its convergence gate:" in said.err
        assert "Try more draws (--draws 8000) or another --seed" in said.err
    assert not (small_tables / "fit.nc").exists()


@pytest.mark.filterwarnings("always:the fit did not pass:UserWarning")
def test_going_on_regardless_stamps_every_output(qqt, small_tables: Path, strict) -> None:
    study = (small_tables / "runs.csv", "--metric", "loss", "--where", "data=A", "--draws", "100")
    fit = small_tables / "fit.nc"
    made = qqt("fit", *study, "--on-fail", "warn", "-o", fit)
    assert made.code == 0
    assert made.out.startswith("NOT CONVERGED: do not rely on this.")
    assert "warning: the fit did not pass its convergence gate" in made.err
    said = qqt("decide", fit, "--budgets", "480k", "--json")  # a reload keeps the stamp
    assert said.code == 0
    assert json.loads(said.out)["warning"].startswith("NOT CONVERGED")
    assert qqt("decide", fit, "--budgets", "480k").out.startswith("NOT CONVERGED")


def test_a_decision_that_does_not_converge_is_exit_code_3(qqt, saved, monkeypatch) -> None:
    assert qqt_bayes.load_fit(saved).converged
    passed = qqt_bayes.load_fit(saved).posterior.gate
    monkeypatch.setattr("qqt_bayes.inference.posterior.Posterior.gate", passed)
    monkeypatch.setattr("qqt_bayes.inference.posterior.Posterior.check", refuse_draws)
    said = qqt("decide", saved, "--budgets", "480k", "--json")
    assert (said.code, said.out) == (3, "")
    assert "A at 480k: no good" in said.err


def refuse_draws(_posterior, names, draws):
    from qqt_bayes.inference.gate import GateReport

    assert len(names) == len(draws)
    return GateReport((), (f"{names[0]}: no good",), {"r_hat": 2.0, "ess": 1.0})


def test_interrupted(qqt, saved, monkeypatch) -> None:
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(opening.Fitting, "open", interrupt)
    assert qqt("decide", saved, "--budgets", "480k") == (130, "", "qqt: stopped\n")


@pytest.mark.slow
def test_demo(qqt, tmp_path: Path) -> None:
    said = qqt("demo", "-o", tmp_path / "out")
    assert said.code == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"bands.png", "fit.nc", "report.txt"} <= names
    for budget in ("240k", "480k", "960k", "1.92M"):
        assert budget in said.out
    assert len(said.out.splitlines()) < 45  # one screen
    assert max(map(len, said.out.split("The picture:")[0].splitlines())) <= 100
