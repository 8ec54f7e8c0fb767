"""How the program ends: the right code, one clear message, nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qqt_bayes.cli import opening
from qqt_bayes.cli.main import TRACEBACK
from qqt_bayes.store import load_fit

DECIDE = ("decide", "runs.csv", "--metric", "loss", "--budgets")
CALLS = {
    "negative seed": ((*DECIDE, "1M", "--seed", "-1"), "'--seed'"),
    "huge seed": ((*DECIDE, "1M", "--seed", "99999999999"), "'--seed'"),
    "a folder for a table": (("decide", ".", "--budgets", "1M"), "a folder, not a file"),
    "huge budget": ((*DECIDE, "1e308"), "budget '1e308' is out of range -> give 1 to 1e18"),
    "overflow": ((*DECIDE, "1e1000000"), "budget '1e1000000' is too large"),
    "tiny budget": ((*DECIDE, "1e-300"), "budget '1e-300' is out of range"),
    "nan budget": ((*DECIDE, "nan"), "budget 'nan' is not a number"),
    "one number": ((*DECIDE, "1,200,000"), "one number with separators -> write 1200000"),
    "many budgets": ((*DECIDE, ",".join(map(str, range(1, 300)))), "at most 200"),
    "nan margin": ((*DECIDE, "1M", "--margin", "nan"), "--margin 'nan' -> give a"),
    "negative margin": ((*DECIDE, "1M", "--margin", "-1"), "--margin '-1' -> give a regret"),
    "percent margin": ((*DECIDE, "1M", "--margin", "1%"), "such as 0.02 for 1%"),
    "risk margin": (("risk", *DECIDE[1:], "1M", "--margin", "nan"), "--margin 'nan' -> give a"),
    "latin spec": ((*DECIDE, "1M", "--spec", "latin.toml"), "latin.toml is not UTF-8 (byte 0xe9)"),
    "own base": ((*DECIDE, "1M", "--spec", "own.toml"), "own.toml is a base of itself"),
    "json and csv": ((*DECIDE, "1M", "--json", "--csv"), "leave one of them out"),
    "output is input": ((*DECIDE, "1M", "-o", "runs.csv"), "is an input of this command"),
    "output is foreign": ((*DECIDE, "1M", "-o", "pools.csv"), "add --force"),
    "output folder": ((*DECIDE, "1M", "-o", "no/a.csv"), "no such folder: no"),
    "resume": (("sbc", "--resume", "a.csv"), "ends in .jsonl"),
    "resume elsewhere": (("sbc", "--resume", "no/a.jsonl"), "no such folder: no"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_bad_input_is_2_and_one_message(qqt, small_tables: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(small_tables)
    monkeypatch.setattr("qqt_bayes.fitting.sample_posterior", raising(AssertionError("sampled")))
    Path("latin.toml").write_bytes('schema = 1\nname = "café"\n'.encode("latin-1"))
    Path("own.toml").write_text('schema = 1\nname = "own"\nbase = "own.toml"\n')
    before = {path: path.read_bytes() for path in Path().iterdir()}
    words, told = CALLS[name]
    said = qqt(*words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert said.err.startswith("qqt: ")
    assert said.err.count("qqt: ") == 1
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_two_pools_without_a_sum(qqt, small_tables: Path) -> None:
    (small_tables / "pools.csv").write_text("pool,size\nA,1e308\nB,1e308\nC,1\n")
    said = qqt("check", small_tables / "runs.csv")
    assert said.code == 2
    assert "above 1e18" in said.err


def raising(error: BaseException):
    def raise_it(*_args, **_options):
        raise error

    return raise_it


def test_a_fault_is_70(qqt, small_tables: Path, monkeypatch) -> None:
    monkeypatch.setattr(opening, "load_runs", raising(ZeroDivisionError("a\x1b[31mb")))
    said = qqt("check", small_tables / "runs.csv")
    assert (said.code, said.out) == (70, "")
    assert said.err.count("\n") == 1
    assert "ZeroDivisionError: a\\x1b[31mb" in said.err
    assert TRACEBACK in said.err
    monkeypatch.setattr(opening, "load_runs", raising(MemoryError()))
    assert qqt("check", small_tables / "runs.csv").err.startswith("qqt: not enough memory")


def test_its_traceback_on_demand(small_tables: Path, capsys, monkeypatch) -> None:
    from qqt_bayes.cli import main

    monkeypatch.setattr(opening, "load_runs", raising(ZeroDivisionError("why")))
    with pytest.raises(SystemExit) as stop:
        main(["check", str(small_tables / "runs.csv"), TRACEBACK])
    assert stop.value.code == 70
    assert capsys.readouterr().err.rstrip().endswith("ZeroDivisionError: why")


def test_stopped_is_130(qqt, small_tables: Path, monkeypatch) -> None:
    monkeypatch.setattr(opening, "load_runs", raising(KeyboardInterrupt()))
    assert qqt("check", small_tables / "runs.csv") == (130, "", "qqt: stopped\n")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_whatever_became_of_it(
    qqt, small_tables: Path, monkeypatch, name: str, error: type[BaseException]
) -> None:
    number = getattr(signal, name)

    def swallow(*_args, **_options):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
            pytest.fail("was not interrupted")
        except KeyboardInterrupt:
            raise error("a library says") from None

    before, begun = signal.getsignal(number), time.monotonic()
    monkeypatch.setattr(opening, "load_runs", swallow)
    assert qqt("check", small_tables / "runs.csv") == (128 + number, "", "qqt: stopped\n")
    assert signal.getsignal(number) == before
    assert time.monotonic() - begun < 4


def test_arithmetic_is_not_told_as_a_warning(qqt, small_tables: Path, monkeypatch) -> None:
    import warnings

    def warn(*_args, **_options):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("overflow encountered in exp", RuntimeWarning, stacklevel=1)
            warnings.warn("mind the \x1b gap", UserWarning, stacklevel=1)
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "load_runs", warn)
    said = qqt("check", small_tables / "runs.csv")
    assert said.err == "warning: mind the \\x1b gap\nqqt: stopped\n"


def test_names_cannot_write_on_the_terminal(qqt, small_tables: Path) -> None:
    path = small_tables / "runs.csv"
    text = path.read_text(encoding="utf-8").replace(",loss,", ",loss\x1b[2J\u202e,")
    path.write_text(text, encoding="utf-8")
    said = qqt("check", path)
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)
    assert "\\x1b[2J\\u202e" in said.out + said.err


def test_a_reader_that_has_seen_enough(small_tables: Path) -> None:
    """`qqt ... | head -1` ends quietly."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-m", "qqt_bayes", "check", str(small_tables / "runs.csv")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
    ) as done:  # fmt: skip
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.close()
        told = done.stderr.read().decode()
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    assert done.returncode in (0, 141)


def test_ctrl_c_in_a_fit(small_tables: Path) -> None:
    """At any second: a word and no file or, the work being done, the whole file."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "qqt_bayes", "fit", "runs.csv", "--metric", "loss", "-o", "f.nc"]
    before = sorted(small_tables.iterdir())
    for wait in (1.0, 2.5, 4.0):
        with subprocess.Popen(words, cwd=small_tables, env=env, stderr=subprocess.PIPE) as fit:
            time.sleep(wait)
            fit.send_signal(signal.SIGINT)
            _, told = fit.communicate(timeout=60)
        assert b"Traceback" not in told
        if (small_tables / "f.nc").exists():  # a machine that fits sooner
            load_fit(small_tables / "f.nc")
            assert fit.returncode in (0, 130)
            return
        assert fit.returncode == 130
        assert sorted(small_tables.iterdir()) == before


LOST = """
import signal, time, weakref
from qqt_bayes.cli.main import stopping
class Thing: pass
thing = Thing()
dying = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
with stopping() as came:
    try:
        del thing
        time.sleep(30)
    except KeyboardInterrupt:
        print("stopped", came[0])
"""


def test_ctrl_c_where_python_drops_it() -> None:
    """What is raised in a callback of a weak reference is dropped, as while modules load."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", LOST], env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (f"stopped {int(signal.SIGINT)}\n", "")


def test_ctrl_c_when_all_is_told(small_tables: Path) -> None:
    """While the interpreter goes, the work is done: never an end by a signal."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "qqt_bayes", "check", "runs.csv"]
    for wait in (0.0, 0.02, 0.05, 0.1):
        with subprocess.Popen(
            words, cwd=small_tables, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as done:
            assert done.stdout is not None
            done.stdout.readline()
            time.sleep(wait)
            done.send_signal(signal.SIGINT)
            _, told = done.communicate(timeout=60)
        assert done.returncode in (0, 130)
        assert b"Traceback" not in told
