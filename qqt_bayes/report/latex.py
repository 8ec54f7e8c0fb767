"""LaTeX: tables."""

from __future__ import annotations

from collections.abc import Sequence

from qqt_bayes.harmless import latex

__all__ = ["tabular"]


def tabular(
    header: Sequence[str],
    align: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    label: str,
) -> str:
    """A table environment for booktabs; a column is ``l``, ``r`` or ``p``, for running text."""
    spec = "".join(r"p{0.42\linewidth}" if a == "p" else a for a in align)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}[t]",
        r"  \centering\footnotesize\setlength{\tabcolsep}{4pt}",
        f"  \\caption{{{latex(caption)}}}",
        f"  \\label{{{label}}}",
        f"  \\begin{{tabular}}{{@{{}}{spec}@{{}}}}",
        r"    \toprule",
        "    " + " & ".join(map(latex, header)) + r" \\",
        r"    \midrule",
        *("    " + " & ".join(map(latex, row)) + r" \\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
