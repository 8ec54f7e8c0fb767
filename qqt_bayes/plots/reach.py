"""Samples that candidates need to reach a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qqt_bayes.plots.style import (
    COLUMN,
    GREY,
    SMALL,
    dress,
    log_axis,
    look,
    new_figure,
    plain,
    stamp,
    style,
)

if TYPE_CHECKING:
    from qqt_bayes.decide.reach import Reach

MOST = 20  # candidates drawn

__all__ = ["plot_reach"]


def plot_reach(found: Reach, *, width: float = COLUMN, ax: Axes | None = None) -> Figure:
    """Draw median and interval of the samples each candidate needs, fewest on top.

    An arrow at the right end: with that much probability it takes more than was searched.

    Parameters
    ----------
    found : Reach
        From ``fit.reach``.
    width : float
        Inches; 3.3 fits a column of a paper.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table, (start, end) = found.table.head(MOST), found.searched
    study = found.fit.study
    with style():
        height = 0.75 + 0.22 * len(table)
        figure = new_figure(width, height) if ax is None else cast(Figure, ax.get_figure(root=True))
        axes = figure.add_subplot() if ax is None else ax
        for y, row in enumerate(table.itertuples()):
            colour, marker, _ = look(y)
            lo, hi = min(row.lo, end), min(row.hi, end)
            axes.plot([lo, hi], [y, y], color=colour, lw=1.2, gid="interval")
            if not np.isfinite(row.hi):
                axes.plot(end, y, ">", color=colour, ms=4, clip_on=False, gid="beyond")
            if np.isfinite(row.median):
                axes.plot(row.median, y, marker, color=colour, ms=4, gid="median")
            axes.annotate(
                f"P(not by then) {row.p_never:.2f}", (1.0, y), xycoords=("axes fraction", "data"),
                xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL,
                color=GREY, annotation_clip=False,
            )  # fmt: skip
        largest = study.trained_on["max_samples"]
        if start < largest < end:
            axes.axvline(largest, color=GREY, lw=0.9, ls=":")
        axes.set_xlim(start, end)
        log_axis(axes.xaxis)
        axes.set_yticks(range(len(table)), [plain(str(d)) for d in table["data"]])
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlabel("samples needed (dotted: largest run)")
        axes.set_title(f"{plain(study.metric)} reaches {found.value:g}")
        dress(axes)
        stamp(axes, found.fit.stamp)
    return figure
