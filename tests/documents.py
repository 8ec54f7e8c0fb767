"""The documents of the repository, and the commands and code that they show."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("how_to/*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str, *, slow: bool = True) -> list[str]:
    """What follows a prompt, without comments; on demand without what takes minutes."""
    lines = [line[2:] for block in blocks(text, "console") for line in block.splitlines()
             if line.startswith("$ ")]  # fmt: skip
    parts = [line.partition("  #") for line in lines]
    return [line.strip() for line, _, comment in parts if slow or "minute" not in comment]


def spans(text: str) -> list[str]:
    """Commands written within a sentence."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(found.split()) for found in re.findall(r"`(qqt [^`]+)`", prose)]
