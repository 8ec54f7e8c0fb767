"""The scripts that made the stored results still fit the package."""

from __future__ import annotations

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_script_imports_exists(file: Path) -> None:
    names = {other.stem for other in FILES}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("qqt_bayes"):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):  # perhaps a module
                    importlib.import_module(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            head = str(node.module).split(".")[0]
            assert head in {*names, "sklearn"} or find_spec(head), head  # sklearn: for one script
