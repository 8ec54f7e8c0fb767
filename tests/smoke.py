"""What an installed package must be able to do; run by a Python that has it, outside the checkout.

``python smoke.py FOLDER`` works in a new folder FOLDER and ends with 0 if all went well.
"""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path


def run(*words: str, code: int = 0) -> str:
    """Run a command of this interpreter; returns what it prints."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"{words} ended with {done.returncode}, not {code}:\n{done.stderr}")
    return done.stdout


def main(folder: Path) -> None:
    """Import, read, fit, decide, and refuse."""
    folder.mkdir()
    here, qqt = str(folder), ("-m", "qqt_bayes")
    place = run("-W", "error", "-c", "import qqt_bayes; print(qqt_bayes.__file__)").strip()
    assert "site-packages" in Path(place).parts, place  # what was installed, not a checkout
    run("-c", "import pymc, nutpie, matplotlib; from arviz_stats.base import array_stats")
    assert run(*qqt, "--version").strip()
    assert "decide" in run(*qqt, "--help")
    run(*qqt, "new", f"{here}/study")
    run(*qqt, "check", f"{here}/study/runs.csv")
    runs = str(files("qqt_bayes") / "datasets" / "proving_ground" / "runs.csv")
    run(*qqt, "fit", runs, "--metric", "loss", "--upto", "500k", "-o", f"{here}/fit.nc")
    told = json.loads(run(*qqt, "decide", f"{here}/fit.nc", "--budgets", "480k,960k", "--json"))
    assert [row["samples"] for row in told["budgets"]] == [480e3, 960e3]
    run(*qqt, "decide", f"{here}/fit.nc", "--budgets", "nan", code=2)
    print("works")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
