"""Names from a table made harmless for where they are shown: one function a place.

A name may hold markup, commands of LaTeX, formulas of a spreadsheet, escape sequences of a terminal
or marks that turn the direction of writing. None of it may act; all of it stays readable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Control characters but tab and line feed; marks that set the direction of writing, that are
# invisible, or that end a line for some programs only; halves of characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~$@&])")
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "×": r"$\times$",
    "−": "$-$", "–": "--", "∞": r"$\infty$", "≤": r"$\leq$", "≥": r"$\geq$", "…": r"\ldots{}",
    "[": "{[}", "]": "{]}",  # an optional argument of \\ otherwise
}  # fmt: skip
_SPECIAL = re.compile("|".join(map(re.escape, _LATEX)))

__all__ = ["cell", "csv_text", "latex", "markdown", "markdown_code", "one_line", "visible"]


def visible(text: str) -> str:
    r"""Text whose hidden characters are spelled out: for a terminal, and before all other places.

    Examples
    --------
    >>> visible("red \x1b[31m")
    'red \\x1b[31m'
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """The same on one line, as a name or a sentence is."""
    return visible(" ".join(str(text).split()))


def latex(text: str) -> str:
    """Text as LaTeX prints it literally."""
    return _SPECIAL.sub(lambda found: _LATEX[found[0]], one_line(text))


def markdown(text: str) -> str:
    """Text as Markdown prints it literally, whatever its dialect."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_code(text: str) -> str:
    """Text as Markdown prints it within a sentence, in type of fixed width."""
    shown = one_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def cell(value: Any) -> Any:
    """A cell that a spreadsheet shows and does not work out; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    shown = visible(value)
    return f"'{shown}" if shown.startswith(_FORMULA) and not _NUMBER.fullmatch(shown) else shown


def csv_text(table: pd.DataFrame) -> str:
    """A table as comma-separated values, its texts harmless in a spreadsheet."""
    safe = table.copy()
    for position in range(len(table.columns)):
        if table.dtypes.iloc[position].kind not in "biufc":
            safe.isetitem(position, [cell(value) for value in table.iloc[:, position]])
    safe.columns = [cell(str(name)) for name in table.columns]
    return str(safe.to_csv(index=False, lineterminator="\n"))
