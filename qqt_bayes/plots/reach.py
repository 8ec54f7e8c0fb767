"""Samples that candidates need to reach a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLUMN, GREY, SMALL, PaperFigure

if TYPE_CHECKING:
    from qqt_bayes.decide.reach import Reach

MOST = 20  # candidates drawn

__all__ = ["plot_reach"]


@paper.style()
def plot_reach(found: Reach, *, width: float = COLUMN) -> PaperFigure:
    """Draw median and interval of the samples each candidate needs, fewest on top.

    An arrow at the right end: with that much probability it takes more than was searched.

    Parameters
    ----------
    found : Reach
        From ``fit.reach``.
    width : float
        Inches; 3.3 fits a column of a paper.

    Returns
    -------
    PaperFigure
    """
    table, (start, end) = found.table.head(MOST), found.searched
    study = found.fit.study
    figure = paper.new_figure(width, 0.87 + 0.22 * len(table))
    ax = figure.add_subplot()
    for y, row in enumerate(table.itertuples()):
        colour, marker, _ = paper.look(y)
        lo, hi = min(row.lo, end), min(row.hi, end)
        ax.plot([lo, hi], [y, y], color=colour, lw=1.2, gid="interval")
        if not np.isfinite(row.hi):
            ax.plot(end, y, ">", color=colour, ms=4, clip_on=False, gid="beyond")
        if np.isfinite(row.median):
            ax.plot(row.median, y, marker, color=colour, ms=4, gid="median")
        ax.annotate(
            f"{row.p_never:.2f}", (1.0, y), xycoords=("axes fraction", "data"),
            xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL,
            color=GREY, annotation_clip=False,
        )  # fmt: skip
    largest = study.trained_on["max_samples"]
    if start < largest < end:
        ax.axvline(largest, color=GREY, lw=0.9, ls=":")
    ax.set_xlim(start, end)
    paper.log_axis(ax.xaxis)
    ax.set_yticks(range(len(table)), paper.shorts(list(table["data"])))
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlabel("samples needed (dotted: largest run)\nright: P(not by then)")
    ax.set_title(f"{paper.short(study.metric, 16)} reaches {found.value:g}")
    paper.dress(ax)
    paper.stamp(ax, found.fit.stamp)
    return figure
