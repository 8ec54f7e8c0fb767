"""Draw the pictures of the documentation anew: ``python docs/figures.py [NAME ...]``.

The gallery's page is the only source: its Python blocks run one after the other, and a block below
a picture makes that picture's ``figure``. Without names all are drawn (two minutes).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
DPI = 200
PART = re.compile(
    r"^!\[[^\]]*\]\((?:\.\./)?_static/(\w+)\.png\)|^```python\n(.*?)^```", re.S | re.M
)


def blocks(page: str) -> Iterator[tuple[str | None, str]]:
    """Name of the picture (None: no picture) and code of each block of a page."""
    name = None
    for found in PART.finditer(page):
        if found[1]:
            name = found[1]
        else:
            yield name, found[2]
            name = None


def main(names: list[str], out: Path = HERE / "_static") -> None:
    """Draw the pictures named, or all of them."""
    page = (HERE / "reference" / "gallery.md").read_text(encoding="utf-8")
    pictures = [name for name, _ in blocks(page) if name]
    unknown = set(names) - set(pictures)
    if unknown:
        sys.exit(f"no picture {', '.join(sorted(unknown))} -> choose from {', '.join(pictures)}")
    space: dict = {}
    for name, code in blocks(page):
        if name and names and name not in names:
            continue
        exec(compile(code, f"gallery.md, {name or 'start'}", "exec"), space)
        if name:
            part = out / f".{name}.png"
            space["figure"].savefig(part, dpi=DPI)
            part.replace(out / f"{name}.png")
            print(out / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
