"""Columns of text that stay in line whatever the length of a name."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from qqt_bayes._text import cut

LONGEST = 60  # letters of a name in a table

__all__ = ["columns", "short", "wide"]


def wide(text: str) -> int:
    """Places that a text takes in a terminal: two for a Chinese, Japanese or Korean letter."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def short(names: list[str]) -> list[str]:
    """Names short enough for a line, if that leaves them apart."""
    shown = [cut(name, LONGEST) for name in names]
    return shown if len(set(shown)) == len(set(names)) else names


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell; the first row is its head.

    So many columns stand to the left, their names cut where they are long; the others are numbers.
    """
    for k in range(left):
        names = short([row[k] for row in rows])
        rows = [(*row[:k], name, *row[k + 1 :]) for row, name in zip(rows, names, strict=True)]
    widths = [max(map(wide, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        spaces = [" " * (width - wide(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [c + s if k < left else s + c
                 for k, (c, s) in enumerate(zip(row, spaces, strict=True))]  # fmt: skip
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines
