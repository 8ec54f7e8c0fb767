"""Write the outputs that pages show: ``python docs/outputs.py [PAGE ...]``.

A block below ``<!-- output -->`` holds what the last command above it prints;
``<!-- output: PATTERN -->`` keeps the lines that match. The commands of a page run one after the
other, in a folder with the tables of `DATA`. A test holds the pages against a fresh run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = {"README.md": "web", "docs/tutorial.md": "web"}
COMMANDS = re.compile(r"^```console\n(?P<block>.*?)^```", re.S | re.M)
OUTPUT = re.compile(r"<!-- output(?:: (?P<keep>[^>]+))? -->\n```text\n(?P<shown>.*?)```", re.S)


def prepare(page: str, folder: Path) -> None:
    """Copy the tables that a page starts from."""
    for name in ("runs.csv", "pools.csv"):
        shutil.copy(ROOT / "qqt_bayes" / "datasets" / DATA[page] / name, folder)


def commands(text: str) -> list[str]:
    """The qqt commands of some text, without comments."""
    lines = "".join(found["block"] for found in COMMANDS.finditer(text)).splitlines()
    typed = (line[2:].partition("  #")[0] for line in lines if line.startswith("$ "))
    return [line for line in typed if line.startswith("qqt ")]


def fill(page: str, text: str) -> str:
    """A page with its outputs written anew."""
    done, made = 0, []
    with tempfile.TemporaryDirectory() as folder:
        prepare(page, Path(folder))
        for place in OUTPUT.finditer(text):
            said = ""
            for line in commands(text[done : place.start()]):
                words = [sys.executable, "-m", "qqt_bayes", *shlex.split(line)[1:]]
                said = subprocess.run(
                    words, cwd=folder, check=True, capture_output=True, encoding="utf-8"
                ).stdout
            if place["keep"]:
                said = "\n".join(x for x in said.splitlines() if re.search(place["keep"], x))
            made.append(text[done : place.start("shown")] + said.strip("\n") + "\n")
            done = place.end("shown")
    return "".join(made) + text[done:]


def main(pages: list[str]) -> None:
    """Write the pages named, or all that show outputs."""
    for page in pages or DATA:
        path = ROOT / page
        part = path.with_suffix(".part")
        part.write_text(fill(page, path.read_text(encoding="utf-8")), encoding="utf-8")
        part.replace(path)
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
