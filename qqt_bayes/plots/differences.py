"""Each candidate's difference to the best at each budget, beside what is known of its level."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from qqt_bayes.plots.style import BEYOND, GREY, PALE, SMALL, dress, stamp
from qqt_bayes.plots.view import View
from qqt_bayes.runs import format_number

GAP = 0.9  # between the groups of two budgets, in rows

__all__ = ["differences_key", "draw_differences", "rows_needed"]


def rows_needed(view: View) -> float:
    """Height of the panel in rows."""
    return len(view.decision.budgets) * (len(view.main) + GAP)


def draw_differences(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_differences`."""
    d = view.decision
    tail = 0.5 * (1.0 - d.prob)
    spans = np.quantile(d.difference, [0.5, tail, 1.0 - tail], axis=0)
    levels = d.interval(d.latent)
    names, places, top = [], [], 0.0
    side = blended_transform_factory(ax.transAxes, ax.transData)
    for b in np.argsort(d.budgets):
        beyond = d.budgets[b] > view.largest * 1.02
        best = int(d.best[b])
        for k, c in enumerate(view.main):
            y = top + k
            colour, marker, _ = view.look(c)
            level = levels[1:, b, c] - levels[0, b, best]
            ax.plot(level, [y, y], color=PALE, lw=3.2, solid_capstyle="butt", zorder=1, gid="level")
            mid, lo, hi = spans[:, b, c]
            if c != best:
                ax.plot([lo, hi], [y, y], color=colour, lw=1.6, ls=BEYOND if beyond else "-",
                        dash_capstyle="butt", solid_capstyle="butt", zorder=3,
                        gid="extrapolated difference" if beyond else "difference")  # fmt: skip
            ax.plot(mid, y, ls="", marker=marker, ms=3.2, color=colour, zorder=4,
                    mfc="white" if beyond else colour, mew=0.9)  # fmt: skip
        names.append(f"{format_number(d.budgets[b])}\nsamples")
        places.append(top + 0.5 * (len(view.main) - 1))
        top += len(view.main) + GAP
        if b != np.argsort(d.budgets)[-1]:
            ax.plot([0, 1], [top - 0.5 - 0.5 * GAP] * 2, transform=side, color=PALE, lw=0.4)
    ax.axvline(0, color=GREY, lw=0.8, zorder=2)
    ax.set_ylim(top - GAP - 0.2, -0.8)
    ax.set_yticks(places, names)
    unit = view.metric.removeprefix(view.metric.split(" (")[0]).strip()
    ax.set_xlabel(f"{view.metric.split(' (')[0]} minus that of the best {unit}".strip())
    ax.set_title(f"Difference to the best, {view.direction}")
    ax.margins(x=0.04)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    dress(ax)
    ax.tick_params(axis="y", length=0, labelsize=SMALL)
    stamp(ax, view.warning)


def differences_key(view: View, alone: bool) -> list[Artist]:
    """Legend entries that say how to read the panel; alone, they state the interval."""
    what = f"difference, {view.interval}" if alone else "difference to the best"
    return [
        Line2D([], [], color=GREY, lw=1.6, marker="o", ms=3.2, label=what),
        Line2D(
            [], [], color=PALE, lw=3.2, solid_capstyle="butt", label="level minus best's median"
        ),
    ]
