"""The documents of the repository, and the commands and code that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = {"_build", "generated"}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *(p for p in sorted(DOCS.rglob("*.md")) if not MADE & set(p.relative_to(DOCS).parts)),
]


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str, *, slow: bool = True) -> list[str]:
    """What follows a prompt, without comments; on demand without what takes minutes."""
    lines = [line[2:] for block in blocks(text, "console") for line in block.splitlines()
             if line.startswith("$ ")]  # fmt: skip
    parts = [line.partition("  #") for line in lines]
    return [line.strip() for line, _, comment in parts if slow or "minute" not in comment]


def anchors(text: str) -> set[str]:
    """What a link into a page may name: its headings as GitHub writes them, and its labels."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    plain = (re.sub(r"[^\w\- ]", "", title).strip().lower() for title in headings)
    return {title.replace(" ", "-") for title in plain} | set(
        re.findall(r"^\((.+)\)=$", text, re.M)
    )


def spans(text: str) -> list[str]:
    """Commands written within a sentence."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(found.split()) for found in re.findall(r"`(qqt [^`]+)`", prose)]
