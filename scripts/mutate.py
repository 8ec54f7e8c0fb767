"""Whether a part's tests notice a slip: `python scripts/mutate.py laws 75 1` (part, slips, seed).

Each slip changes one operator, comparison or number of one file of the part. The part's tests run
on a copy of the package; what they do not notice is printed.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.USub: ast.UAdd,
}  # fmt: skip


def slips(tree: ast.AST) -> list[tuple[ast.AST, str, object]]:
    """Every node of a file that can be changed: the node, its field, and what it would be."""
    found: list[tuple[ast.AST, str, object]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp) and type(node.op) in OTHER:
            found.append((node, "op", OTHER[type(node.op)]()))
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
            found.append((node, "ops", [OTHER[type(node.ops[0])](), *node.ops[1:]]))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            value = node.value
            found.append((node, "value", not value if isinstance(value, bool) else value + 1))
    return found


def main(part: str, count: int, seed: int) -> None:
    """Try some slips of a part."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("qqt_bayes", "models", "tests", "docs", "pyproject.toml"):
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("_build"))
            else:
                shutil.copy(ROOT / name, copy / name)
        paths = sorted((copy / "qqt_bayes" / part).rglob("*.py"))
        places = [(p, k) for p in paths for k in range(len(slips(ast.parse(p.read_text()))))]
        words = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", f"tests/{part}"]
        env = os.environ | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}

        def passes() -> bool:
            return subprocess.run(words, cwd=folder, env=env, capture_output=True).returncode == 0

        if not passes():  # or every slip would seem to be noticed
            sys.exit(f"the tests of {part} fail without any slip")
        missed = 0
        for path, k in random.Random(seed).sample(places, min(count, len(places))):
            text = path.read_text()
            tree = ast.parse(text)
            node, field, value = slips(tree)[k]
            before, line = ast.unparse(node), getattr(node, "lineno", 0)
            setattr(node, field, value)
            path.write_text(ast.unparse(tree))
            if passes():
                missed += 1
                place = f"{path.relative_to(copy)}:{line}"
                print(f"{place}: {before} -> {ast.unparse(node)}", flush=True)
            path.write_text(text)
        print(f"{part}: {missed} of {min(count, len(places))} slips not noticed, of {len(places)}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
