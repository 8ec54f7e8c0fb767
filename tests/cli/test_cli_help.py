"""Help is quick, and shows how."""

import os
import subprocess
import sys

import pytest
import typer

import qqt_bayes
from qqt_bayes.cli import app

VERBS = sorted(typer.main.get_command(app).commands)
HEAVY = (
    "arviz", "h5netcdf", "matplotlib", "numba", "numpy", "nutpie", "pandas", "pymc", "scipy",
    "xarray",
)  # fmt: skip


def test_there_are_verbs() -> None:
    assert {"check", "decide", "demo", "fit", "new", "priors"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_shows_an_example(qqt, verb: str) -> None:
    said = qqt(verb, "--help")
    assert said.code == 0
    assert f"Example: qqt {verb} " in " ".join(said.out.split())
    assert said.err == ""


def test_help_names_every_verb(qqt) -> None:
    said = qqt("--help")
    assert said.code == 0
    assert all(f" {verb} " in said.out for verb in VERBS)
    assert "Example: qqt decide runs.csv" in said.out
    bare = qqt()  # as does no argument at all
    assert (bare.code, bare.out.split(), bare.err) == (2, said.out.split(), "")


def test_help_has_groups_and_exit_codes(qqt) -> None:
    said = qqt("--help").out
    groups = ("Write down your runs", "Ask", "See how well it works")
    places = [said.index(f" {group} ") for group in groups]
    assert places == sorted(places)
    assert " Commands " not in said  # none is left without a group
    text = " ".join(said.split())
    assert "Exit codes: 0 done; 1 `qqt risk` says FAIL; 2 bad input" in text


SHELLS = {
    "bash": {"COMP_WORDS": "qqt de", "COMP_CWORD": "1"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "qqt de"},
    "fish": {"_TYPER_COMPLETE_ARGS": "qqt de", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(shell: str) -> None:
    asked = SHELLS[shell] | {"_QQT_COMPLETE": f"complete_{shell}"}
    done = subprocess.run(
        [sys.executable, "-m", "qqt_bayes"], env=os.environ | asked, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert "decide" in done.stdout
    assert "demo" in done.stdout
    assert "report" not in done.stdout


def test_completion_is_installed_for_the_command() -> None:
    off = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "qqt_bayes", "--show-completion", "bash"], env=os.environ | off,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "-F _qqt_completion qqt" in done.stdout


def test_version(qqt) -> None:
    assert qqt("--version") == (0, qqt_bayes.__version__ + "\n", "")


@pytest.mark.parametrize("words", [["--help"], ["decide", "--help"], ["--version"], ["decide"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\nfrom qqt_bayes.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print('loaded', *sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "loaded"


def test_module_and_script_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qqt_bayes", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == qqt_bayes.__version__ + "\n"
