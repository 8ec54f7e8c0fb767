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
    SIDE_BY_SIDE,
    dress,
    look,
    new_figure,
    plain,
    stamp,
    style,
)
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Shares

MOST = 6  # pools drawn
ASIDE = 1.06  # of intervals in one axes, so that none hides another

__all__ = ["plot_shares"]


def plot_shares(shares: Shares, *, width: float = COLUMN, ax: Axes | None = None) -> Figure:
    """Draw the best share of each pool against budget, one panel a pool.

    The line is the share of least expected regret; the band holds the draw-wise best share with
    the stated probability. Beyond the largest run the line is dashed and the band lighter.

    Parameters
    ----------
    shares : Shares
        From ``fit.best_shares``, at two or more budgets.
    width : float
        Inches; 3.3 fits a column of a paper.
    ax : matplotlib.axes.Axes, optional
        Where to draw all of them as intervals; by default a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = most_used(shares)
    with style():
        if ax is not None:
            draw_bars(ax, shares, shown)
            return cast(Figure, ax.get_figure(root=True))
        across = min(len(shown), 3 if width >= SIDE_BY_SIDE else 1)
        down = -(-len(shown) // across)
        own = new_figure(width, (1.9 if down == 1 else 1.15 * down) + 0.4)
        grid = own.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
        for k, i in enumerate(shown):
            draw_band(grid[k], shares, i, look(k).colour)
            grid[k].set_title(f"{plain(shares.pools[i])}", color=look(k).colour)
            if k % across == 0:
                grid[k].set_ylabel("best share")
            if k >= len(shown) - across:
                grid[k].set_xlabel("samples seen")
                grid[k].tick_params(labelbottom=True)
            dress(grid[k])
        for empty in grid[len(shown) :]:
            empty.set_axis_off()
        largest = format_number(shares.fit.study.trained_on["max_samples"])
        left = len(shares.pools) - len(shown)
        own.caption = (
            f"{shares.fit.stamp}Best sampling share of each pool against the budget, with the "
            f"{shares.prob:.0%} equal-tailed interval of the best share; dashed and lighter beyond "
            f"the largest run ({largest} samples)."
            + (" The other pool has the rest." if len(shares.pools) == 2 else "")
            + (f" {left} pools of smaller shares are not shown." if left > 1 else "")
        )
    return own


def most_used(shares: Shares) -> list[int]:
    """Pools that are drawn: one of two, else those of the largest shares, in their own order."""
    if len(shares.pools) == 2:
        return [0]
    order = np.argsort(-shares.best.max(axis=0), kind="stable")
    return sorted(int(i) for i in order[:MOST])


def bands(shares: Shares) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Budgets in order (budget,), and best, lo and hi by pool (budget, pool)."""
    order = np.argsort(shares.budgets)
    tail = 0.5 * (1.0 - shares.prob)
    lo, hi = np.quantile(shares.draws[:, order], [tail, 1.0 - tail], axis=0)
    return shares.budgets[order], shares.best[order], lo, hi


def draw_band(ax: Axes, shares: Shares, pool: int, colour: str) -> None:
    """Share of one pool: line, and band of the draw-wise best."""
    n, best, lo, hi = bands(shares)
    largest = shares.fit.study.trained_on["max_samples"]
    for inside in (True, False):
        part = np.flatnonzero(n <= largest * 1.02 if inside else n > largest * 1.02)
        if not inside and len(part) and part[0] > 0:
            part = np.insert(part, 0, part[0] - 1)
        if len(part):
            ax.fill_between(n[part], lo[part, pool], hi[part, pool], color=colour, lw=0,
                            alpha=0.3 if inside else 0.15)  # fmt: skip
            ax.plot(n[part], best[part, pool], color=colour, marker="o", ms=3,
                    ls="-" if inside else BEYOND)  # fmt: skip
    if len(n) == 1:
        ax.vlines(n, lo[:, pool], hi[:, pool], color=colour, lw=1.6)
    axis(ax, shares, n)


def draw_bars(ax: Axes, shares: Shares, shown: list[int]) -> None:
    """Shares of several pools in one axes: intervals side by side."""
    n, best, lo, hi = bands(shares)
    for k, i in enumerate(shown):
        colour, marker, _ = look(k)
        x = n * ASIDE ** (k - 0.5 * (len(shown) - 1))
        ax.vlines(x, lo[:, i], hi[:, i], color=colour, lw=1.2)
        ax.plot(x, best[:, i], marker, color=colour, ms=3.5, label=plain(shares.pools[i]))
    axis(ax, shares, n)
    ax.set_xlabel("samples seen")
    ax.set_ylabel("best share")
    ax.set_title(f"Best share and its {shares.prob:.0%} interval")
    ax.legend()
    dress(ax)


def axis(ax: Axes, shares: Shares, n: np.ndarray) -> None:
    """Budgets below, shares from 0 to 1, and the largest run."""
    largest = shares.fit.study.trained_on["max_samples"]
    ax.set_xscale("log")
    ax.set_xticks(n, [format_number(v) for v in n])
    ax.minorticks_off()
    ax.margins(x=0.09)
    ax.set_ylim(-0.02, 1.02)
    if n[0] < largest < n[-1]:
        ax.axvline(largest, color=GREY, lw=0.9, ls=":", gid="largest run")
    stamp(ax, shares.fit.stamp)
