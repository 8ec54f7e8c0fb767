"""What is shipped: built, installed elsewhere and run; lower bounds that were really run."""

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pinned() -> dict[str, str]:
    """Package to version in tests/oldest.txt."""
    lines = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_bound_is_one_that_is_run() -> None:
    bounds = dict(text.split(">=") for text in PROJECT["dependencies"])
    assert set(bounds) == set(pinned())
    for name, bound in bounds.items():
        assert f"{pinned()[name]}.".startswith(f"{bound}."), name


def test_importing_warns_of_nothing() -> None:
    words = [sys.executable, "-W", "error", "-c", "import qqt_bayes, qqt_bayes.cli"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_built_and_run_elsewhere(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("build")
    words = [sys.executable, "-m", "build", f"--{kind}", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    built = next(path for path in tmp_path.iterdir() if path.suffix in (".whl", ".gz"))
    # dependencies from the environment that runs the tests, the package from what was built
    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    packages = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    (packages / "outside.pth").write_text(next(p for p in sys.path if p.endswith("site-packages")))
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", built]
    subprocess.run(install, check=True, capture_output=True)
    script = tmp_path / "smoke.py"
    script.write_text((ROOT / "tests" / "smoke.py").read_text(encoding="utf-8"))
    done = subprocess.run(
        [python, "-P", script, tmp_path / "work"], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={"PATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "works\n"), done.stderr
