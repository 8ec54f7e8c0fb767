"""The band of the best shares against budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qqt_bayes.plots.style import (
    BEYOND,
    COLUMN,
    GREY,
    SMALL,
    dress,
    look,
    new_figure,
    stamp,
    style,
)
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Shares

__all__ = ["plot_shares"]


def plot_shares(shares: Shares, *, width: float = COLUMN, ax: Axes | None = None) -> Figure:
    """Draw the best share of each pool against budget.

    The line is the share of least expected regret; the band holds the draw-wise best share with
    the stated probability. Beyond the largest run the line is dashed and the band lighter.

    Parameters
    ----------
    shares : Shares
        From ``fit.best_shares``, at two or more budgets.
    width : float
        Inches; 3.3 fits a column of a paper.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    order = np.argsort(shares.budgets)
    n = shares.budgets[order]
    largest = shares.fit.study.trained_on["max_samples"]
    tail = 0.5 * (1.0 - shares.prob)
    lo, hi = np.quantile(shares.draws[:, order], [tail, 1.0 - tail], axis=0)
    with style():
        figure = (
            new_figure(width, 0.7 * width) if ax is None else cast(Figure, ax.get_figure(root=True))
        )
        axes = figure.add_subplot() if ax is None else ax
        # with two pools one share says it all
        shown = range(len(shares.pools) if len(shares.pools) > 2 else 1)
        for i in shown:
            colour = look(i).colour
            best = shares.best[order, i]
            for inside in (True, False):
                part = np.flatnonzero(n <= largest * 1.02 if inside else n > largest * 1.02)
                if not inside and len(part) and part[0] > 0:
                    part = np.insert(part, 0, part[0] - 1)
                if len(part) == 0:
                    continue
                axes.fill_between(n[part], lo[part, i], hi[part, i], color=colour, lw=0,
                                  alpha=0.3 if inside else 0.15)  # fmt: skip
                axes.plot(n[part], best[part], color=colour, marker="o", ms=3,
                          ls="-" if inside else BEYOND,
                          label=shares.pools[i] if inside or n[0] > largest else None)  # fmt: skip
        if n[-1] > largest:
            axes.axvline(largest, color=GREY, lw=0.9, ls=":")
            axes.annotate("largest run", (largest, 1.0), xycoords=("data", "axes fraction"),
                          xytext=(-3, -2), textcoords="offset points", ha="right", va="top",
                          fontsize=SMALL, color=GREY)  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(n, [format_number(v) for v in n])
        axes.minorticks_off()
        axes.margins(x=0.07)
        axes.set_xlabel("samples seen")
        name = "best share" if len(shares.pools) > 2 else f"best share of {shares.pools[0]}"
        axes.set_ylabel(name)
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(f"Best share and {shares.prob:.0%} equal-tailed band")
        if len(shares.pools) > 2:
            axes.legend()
        dress(axes)
        stamp(axes, shares.fit.stamp)
    return figure
