"""Each candidate's probability of being best, against the budget."""

from __future__ import annotations

import matplotlib.colors as mcolors
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from qqt_bayes.decide.drawn import share_best
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import INK, PALE, SMALL
from qqt_bayes.plots.view import View, in_order, split

NEEDED = 0.14  # inches of height for a name

__all__ = ["draw_p_best", "name_areas"]


def areas(view: View) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Budgets (budget,), and each candidate with the ends of its area (2, budget)."""
    d = view.decision
    grid, p = d.grid, share_best(d.grid_latent).T
    if len(grid) == 1:  # one budget: a column
        grid, p = grid * np.array([0.7, 1.4]), np.repeat(p, 2, axis=1)
    tops = np.cumsum([p[c] for c in in_order(d)], axis=0)
    return grid, [(c, np.stack([t - p[c], t])) for c, t in zip(in_order(d), tops, strict=True)]


def colour_of(view: View, candidate: int) -> str:
    """Colour of an area."""
    return view.look(candidate).colour if candidate in view.main else PALE


def draw_p_best(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_p_best`. Names come last, by `name_areas`."""
    grid, stack = areas(view)
    for c, ends in stack:
        colour = colour_of(view, c)
        within, beyond = split(grid, ends, view.largest if view.extrapolates else np.inf)
        ax.fill_between(within[0], *within[1], facecolor=colour, edgecolor="white", lw=0.4)
        ax.fill_between(
            beyond[0], *beyond[1], facecolor=(colour, 0.65), edgecolor="white", lw=0.4,
            hatch="////", gid="extrapolated",
        )  # fmt: skip
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1])
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylabel("P(best)")
    ax.set_title("Probability of being best")
    view.samples_axis(ax, name_line=False)
    paper.stamp(ax, view.warning)


def name_areas(ax: Axes, view: View) -> None:
    """Name each area that has room, in an axes that has its final size."""
    grid, stack = areas(view)
    for c, ends in stack:
        if (ends[1] - ends[0]).max() > 0.03:
            name_area(ax, view, c, grid, ends)


def name_area(ax: Axes, view: View, candidate: int, grid: np.ndarray, ends: np.ndarray) -> None:
    """Write the candidate's name where its area has room, else its marker, else nothing."""
    colour = colour_of(view, candidate)
    dark = luminance(colour) < 0.45
    figure = ax.get_figure(root=True)
    assert figure is not None
    box = ax.get_position()
    wide, high = box.width * figure.get_figwidth(), box.height * figure.get_figheight()
    left, right = np.log(ax.get_xlim())
    x = np.linspace(np.log(grid[0]), np.log(grid[-1]), 200)
    step = (x[1] - x[0]) / (right - left) * wide
    low, top = (np.interp(x, np.log(grid), row) for row in ends)
    text = view.label(candidate)
    span = int(np.ceil((paper.text_width(text) + 0.1) / step))
    if span < len(x):
        slide = np.lib.stride_tricks.sliding_window_view
        floor, ceiling = slide(low, span).max(axis=1), slide(top, span).min(axis=1)
        room = (ceiling - floor) * high
        first, last = x[: len(room)], x[span - 1 :]
        cut = np.log(view.largest) if view.extrapolates else np.inf
        room = np.where((first < cut) & (last > cut), 0.0, room)
        if room.max() > NEEDED:
            # of the places with ample room the most central one, within the data if there is one
            ample = np.flatnonzero(room >= min(room.max(), 2 * NEEDED))
            within = ample[last[ample] <= cut]
            choice = within if len(within) else ample
            k = int(choice[len(choice) // 2])
            ink = "white" if dark and first[k] < cut else INK  # areas beyond the cut are lighter
            ax.text(
                np.exp(x[k + span // 2]), 0.5 * (floor[k] + ceiling[k]), text, ha="center",
                va="center_baseline", fontsize=SMALL, color=ink, zorder=6,
            )  # fmt: skip
            return
    thick = (top - low) * high
    thick[[0, 1, 2, -3, -2, -1]] = 0
    k = int(np.argmax(thick))
    if candidate in view.main and thick[k] > 0.1:
        ax.plot(np.exp(x[k]), 0.5 * (low[k] + top[k]), marker=view.look(candidate).marker, ms=3.8,
                mfc="white", mec=INK, mew=0.7, zorder=6, gid="name")  # fmt: skip


def luminance(colour: str) -> float:
    """How light a colour is, from 0 to 1."""
    red, green, blue = mcolors.to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
