"""The band of the best shares against budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import BEYOND, COLUMN, GREY, SIDE_BY_SIDE, PaperFigure
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Shares

MOST = 6  # pools drawn

__all__ = ["plot_shares"]


@paper.style()
def plot_shares(shares: Shares, *, width: float = COLUMN) -> PaperFigure:
    """Draw the best share of each pool against budget, one panel a pool.

    The line is the share of least expected regret; the band holds the draw-wise best share with
    the stated probability. Beyond the largest run the line is dashed and the band lighter.

    Parameters
    ----------
    shares : Shares
        From ``fit.best_shares``, at two or more budgets.
    width : float
        Inches; 3.3 fits a column of a paper.

    Returns
    -------
    PaperFigure
    """
    shown = most_used(shares)
    across = min(len(shown), 3 if width >= SIDE_BY_SIDE else 1)
    down = -(-len(shown) // across)
    figure = paper.new_figure(width, (1.9 if down == 1 else 1.15 * down) + 0.4)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    names = paper.shorts(shares.pools)
    for k, i in enumerate(shown):
        colour = paper.look(k).colour
        draw_band(grid[k], shares, i, colour)
        grid[k].set_title(names[i], color=colour)
        if k % across == 0:
            grid[k].set_ylabel("best share")
        if k >= len(shown) - across:
            grid[k].set_xlabel("samples seen")
            grid[k].tick_params(labelbottom=True)
        paper.dress(grid[k])
    for empty in grid[len(shown) :]:
        empty.set_axis_off()
    largest = format_number(shares.fit.study.trained_on["max_samples"])
    left = len(shares.pools) - len(shown)
    figure.caption = (
        f"{shares.fit.stamp}Best sampling share of each pool against the budget, with the "
        f"{shares.prob:.0%} equal-tailed interval of the best share; dashed and lighter beyond "
        f"the largest run ({largest} samples)."
        + (" The other pool has the rest." if len(shares.pools) == 2 else "")
        + (f" {left} pools of smaller shares are not shown." if left > 1 else "")
    )
    return figure


def most_used(shares: Shares) -> list[int]:
    """Pools that are drawn: one of two, else those of the largest shares, in their own order."""
    if len(shares.pools) == 2:
        return [0]
    order = np.argsort(-shares.best.max(axis=0), kind="stable")
    return sorted(int(i) for i in order[:MOST])


def draw_band(ax: Axes, shares: Shares, pool: int, colour: str) -> None:
    """Share of one pool: line, band of the draw-wise best, and the largest run."""
    order = np.argsort(shares.budgets)
    n, best = shares.budgets[order], shares.best[order, pool]
    _, lo, hi = shares.interval(shares.draws[:, order, pool])
    largest = shares.fit.study.trained_on["max_samples"]
    for inside in (True, False):
        part = np.flatnonzero(n <= largest * 1.02 if inside else n > largest * 1.02)
        if not inside and len(part) and part[0] > 0:
            part = np.insert(part, 0, part[0] - 1)
        if len(part):
            ax.fill_between(n[part], lo[part], hi[part], color=colour, lw=0,
                            alpha=0.3 if inside else 0.15)  # fmt: skip
            ax.plot(n[part], best[part], color=colour, marker="o", ms=3,
                    ls="-" if inside else BEYOND)  # fmt: skip
    if len(n) == 1:
        ax.vlines(n, lo, hi, color=colour, lw=1.6)
    ax.set_xscale("log")
    ax.set_xticks(n, [format_number(v) for v in n])
    ax.minorticks_off()
    ax.margins(x=0.09)
    ax.set_ylim(-0.02, 1.02)
    if n[0] < largest < n[-1]:
        ax.axvline(largest, color=GREY, lw=0.9, ls=":", gid="largest run")
    paper.stamp(ax, shares.fit.stamp)
