"""LaTeX: text with its special characters escaped, and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["escape", "tabular"]

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "×": r"$\times$",
    "−": "$-$", "–": "--", "∞": r"$\infty$", "≤": r"$\leq$", "≥": r"$\geq$", "…": r"\ldots{}",
    "[": "{[}", "]": "{]}",  # an optional argument of \\ otherwise
}  # fmt: skip
PATTERN = re.compile("|".join(map(re.escape, SPECIAL)))


def escape(text: str) -> str:
    """Text as LaTeX prints it literally."""
    return PATTERN.sub(lambda found: SPECIAL[found[0]], " ".join(str(text).split()))


def tabular(
    header: Sequence[str],
    align: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    label: str,
) -> str:
    """A table environment for booktabs.

    Parameters
    ----------
    header, align : sequence of str
        Heads of the columns, and ``l``, ``r`` or ``p``, for a column of running text.
    rows : sequence of sequence of str
        Cells, not escaped.
    caption, label : str
        The caption, not escaped, and the name to refer to.
    """
    spec = "".join(r"p{0.42\linewidth}" if a == "p" else a for a in align)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        f"  \\caption{{{escape(caption)}}}",
        f"  \\label{{{label}}}",
        f"  \\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
        r"    \toprule",
        "    " + " & ".join(map(escape, header)) + r" \\",
        r"    \midrule",
        *("    " + " & ".join(map(escape, row)) + r" \\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
