"""The package's shape: a one-way flow, short files, a light command line, no pickle."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = "qqt_bayes"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE
FILES = sorted(ROOT.rglob("*.py"))
IDS = [path.relative_to(ROOT).as_posix() for path in FILES]

# Left to right; what stands on one line is level. A module may import its own part and those to its
# left. Private top-level modules (`_names.py`) are helpers at the left end. The package root
# re-exports every part lazily, so importing from it is as good as importing all of them.
FLOW = (
    ("errors",),
    ("limits", "harmless", "files"),
    ("kinds",),
    ("kind_names",),
    ("runs",),
    ("datasets",),
    ("laws",),
    ("model",),
    ("inference",),
    ("fitting",),
    ("store",),
    ("finished", "helper"),
    ("refits",),
    ("decide",),
    ("backtest",),
    ("stacking",),
    ("risk", "buy", "act", "allocation", "tasks"),
    ("calibrate", "datatree"),
    ("plots",),
    ("report",),
    ("cli",),
    ("__main__",),
)
RANK = {name: rank for rank, level in enumerate(FLOW) for name in level}
# Late bindings of methods that hand on: `answer.plot()`, `fit.decide()` and the like may call
# `import_module("qqt_bayes.plots")`.
LATE = ("plots", "decide", "risk", "buy", "act", "store", "datatree")
HEAVY = ("arviz", "matplotlib", "nutpie", "pandas", "pymc")
PICKLES = ("_pickle", "cloudpickle", "dill", "marshal", "pickle", "shelve")
MAX_LINES = 500
MAX_PARAMETERS = 10


def part_of(path: Path) -> str:
    """Name of the part of the package that a file belongs to."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def rank_of(part: str) -> int:
    """Place of a part in the flow; below 0 for private helpers, which share `_text`."""
    if part not in RANK and part.startswith("_"):
        return -2 if part == "_text" else -1
    assert part in RANK, f"{PACKAGE}.{part} has no place in the flow: add it to FLOW"
    return RANK[part]


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import in a file, wherever it stands."""
    package = (PACKAGE, *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else ()
                for alias in names:
                    yield node.lineno, ".".join([*base, *filter(None, [module]), alias.name])
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                called = getattr(function, "attr", getattr(function, "id", ""))
                if called in ("import_module", "__import__"):
                    full = PACKAGE + name if name.startswith(".") else name
                    if full.split(".")[1:2] not in [[name] for name in LATE]:
                        yield node.lineno, full


def test_there_are_files() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_import_to_the_right(path: Path) -> None:
    if path == ROOT / "__init__.py":
        return  # re-exports every part lazily
    here = part_of(path)
    wrong = []
    for line, name in imported(path):
        top, *rest = name.split(".")
        if top != PACKAGE or (rest and rest[0].startswith("__")):
            continue  # third-party, or `from qqt_bayes import __version__`
        part = rest[0] if rest else ""
        is_module = (ROOT / part).is_dir() or (ROOT / f"{part}.py").is_file()
        if not part or not is_module:
            if rank_of(here) < RANK["cli"]:
                wrong.append(f"{path}:{line} imports {name} from the package root, which is last")
        elif part != here and rank_of(part) >= rank_of(here):
            wrong.append(f"{path}:{line} {here} imports {name}, which is not to its left")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{path} has {lines} lines: split it"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_functions_have_few_parameters(path: Path) -> None:
    """Outside the command line, whose functions are its options."""
    if part_of(path) == "cli":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            args = node.args
            count = len([a for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)
                         if a.arg not in ("self", "cls")])  # fmt: skip
            name = f"{path.relative_to(ROOT).as_posix()} {node.name}"
            assert count <= MAX_PARAMETERS, f"{name} has {count} parameters"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_pickle(path: Path) -> None:
    found = [f"{path}:{line}" for line, name in imported(path) if name.split(".")[0] in PICKLES]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node, "attr", None) or getattr(node, "arg", None)
        if isinstance(node, ast.Attribute | ast.keyword) and "pickle" in (name or ""):
            found.append(f"{path}:{getattr(node, 'lineno', 0)} {name}")
    assert not found, found


def test_command_line_starts_light() -> None:
    assert find_spec(PACKAGE) is not None
    code = f"import sys, {PACKAGE}.cli; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT.parent
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], f"importing the command line loads {done.stdout}"


def test_first_answer_loads_nothing_heavy(small_tables: Path) -> None:
    """From a table to bands: what draws pictures, compiles or walks stays unloaded."""
    unwanted = ("arviz", "matplotlib", "nutpie", "pymc", "pytensor", "scipy.optimize",
                "scipy.stats", "xarray")  # fmt: skip
    words = ["decide", "runs.csv", "--metric", "loss", "--upto", "130k", "--budgets", "480k"]
    code = f"""
import sys
from {PACKAGE}.cli import main
try:
    main({words!r})
except SystemExit as stop:
    assert not stop.code, stop.code
print("loaded:", *sorted(set({unwanted!r}) & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=small_tables, env=os.environ | {"PYTHONPATH": str(ROOT.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "P(best)" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded:"
