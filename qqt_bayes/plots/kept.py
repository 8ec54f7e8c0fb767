"""How much of the widest candidate the best data keeps, against the budget."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from qqt_bayes.decide.candidates import kept_sizes
from qqt_bayes.errors import UsageError
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import BEYOND, GREY, INK
from qqt_bayes.plots.view import View

TICKS = 6

__all__ = ["draw_kept_share", "has_kept_share"]


def has_kept_share(view: View) -> bool:
    """Whether a kept share means something: candidates are nested, none weighted or unlimited.

    Of pools that are not nested one is not a part of another that is kept.
    """
    d = view.decision
    if kept_sizes(d.candidates, d.fit.study.pools) is None:
        return False
    parts = sorted((set(c.shares) for c in d.candidates), key=len)
    return all(few <= more for few, more in pairwise(parts))


def draw_kept_share(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_kept_share`."""
    d = view.decision
    sizes = kept_sizes(d.candidates, d.fit.study.pools)
    kept = d.kept_share(d.grid_latent)
    if sizes is None or kept is None or not has_kept_share(view):
        raise UsageError(
            "a kept share means nothing where a candidate is weighted or unlimited, or one is no "
            "part of another -> plot P(best) instead, or give nested unions: A;A+B;A+B+C"
        )
    edges = step_edges(d.grid)
    largest = view.largest if view.extrapolates else np.inf
    cut = int(np.searchsorted(edges, largest))
    for within in (True, False):
        # a step function is cut between its steps
        x = edges[edges < largest] if within else edges[edges > largest]
        y = kept[:, :cut] if within else kept[:, max(cut - 1, 0) :]
        x = np.append(x, largest) if within and cut < len(edges) else x
        x = np.insert(x, 0, largest) if not within and 0 < cut < len(edges) else x
        if len(x) < 2:
            continue
        y = np.append(y[:, : len(x) - 1], y[:, [len(x) - 2]], axis=1)
        if within:
            ax.fill_between(x, y[1], y[2], step="post", color=INK, alpha=0.2, lw=0)
        else:
            ax.fill_between(x, y[1], y[2], step="post", facecolor=(INK, 0.07), lw=0.35,
                            edgecolor=(INK, 0.55), hatch="////",
                            gid="extrapolated band")  # fmt: skip
        ax.plot(x, y[0], drawstyle="steps-post", color=INK, ls="-" if within else BEYOND,
                lw=1.4, gid="median" if within else "extrapolated median")  # fmt: skip
    steps = np.unique(np.round(sizes, 6))
    if len(steps) <= TICKS and np.all(np.diff(steps) > 0.12):
        ax.set_yticks(steps)
        ax.grid(axis="y", color=GREY, alpha=0.25, lw=0.4)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylim(0, 1.05)
    ax.set_ylabel("kept share")
    ax.set_title("Share of the widest candidate kept")
    view.samples_axis(ax, name_line=False)
    paper.stamp(ax, view.warning)


def step_edges(grid: np.ndarray) -> np.ndarray:
    """Edges between budgets, geometric; dim (budget + 1,)."""
    if len(grid) == 1:
        return np.array([grid[0] / 1.4, grid[0] * 1.4])
    middle = np.sqrt(grid[1:] * grid[:-1])
    return np.concatenate([grid[:1], middle, grid[-1:]])
