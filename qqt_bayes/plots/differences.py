"""Differences between candidates: to the final choice by budget, and to the best at each budget."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from qqt_bayes.decide.predict import interval
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import BEYOND, GREY, INK, PALE, SMALL
from qqt_bayes.plots.view import View, split
from qqt_bayes.runs import format_number

BACK = 8.0  # how far below the largest run the differences by budget begin, in factors of samples
GAP = 0.9  # between the groups of two budgets, in rows

__all__ = ["differences_key", "draw_differences", "draw_gaps", "gap_ends", "rows_needed"]


def rows_needed(view: View) -> float:
    """Height of the panel in rows."""
    return len(view.decision.budgets) * (len(view.main) + GAP)


def draw_differences(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_differences`."""
    d = view.decision
    spans = interval(d.difference, d.prob)
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
    ax.set_xlabel(f"{view.metric} minus that of the best{view.unit}")
    ax.set_title(f"Difference to the best, {view.direction}")
    ax.margins(x=0.04)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    paper.dress(ax)
    ax.tick_params(axis="y", length=0, labelsize=SMALL)
    paper.stamp(ax, view.warning)


def differences_key(view: View, alone: bool) -> list[Artist]:
    """Legend entries that say how to read the panel; alone, they state the interval."""
    what = f"difference, {view.interval}" if alone else "difference to the best"
    return [
        Line2D([], [], color=GREY, lw=1.6, marker="o", ms=3.2, label=what),
        Line2D(
            [], [], color=PALE, lw=3.2, solid_capstyle="butt", label="level minus best's median"
        ),
    ]


def quantiles(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Budgets (budget,) and median, lo, hi of the differences (3, budget, candidate)."""
    d = view.decision
    shown = d.grid >= min(view.largest, d.budgets.min()) / BACK
    return d.grid[shown], bands(view, d.grid_latent[:, shown])


def bands(view: View, latent: np.ndarray) -> np.ndarray:
    """Median, lo, hi of the differences of some draws, in the metric's direction."""
    d = view.decision
    sign = -1.0 if d.fit.study.kind.higher_is_better else 1.0
    gap = sign * (latent - latent[:, :, [view.lead]]) + 0.0
    return interval(gap, d.prob)


def gap_ends(view: View) -> np.ndarray:
    """Median differences of the main candidates at the last budget."""
    return quantiles(view)[1][0, -1, view.main]


def draw_gaps(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_decision`.

    Bands over the same place would merge: only the runner-up's is filled, and each candidate has a
    bar at the budgets asked.
    """
    samples, found = quantiles(view)
    d = view.decision
    asked, bars = d.budgets, bands(view, d.latent)
    second = d.runner_up(int(np.argmax(d.budgets)))
    for c in view.others:
        ax.plot(samples, found[0, :, c], color=PALE, lw=0.6, zorder=1)
    for c in view.main:
        colour, marker, _ = view.look(c)
        if c == view.lead:
            ax.axhline(0.0, color=colour, lw=1.4, zorder=4, gid="the choice")
            continue
        place = asked * view.aside(c)
        ax.vlines(place, *bars[1:, :, c], color=colour, lw=1.1, zorder=5, gid="gap interval")
        ax.plot(place, bars[0, :, c], ls="", marker=marker, ms=3.4, mfc="white", mec=colour,
                mew=0.9, zorder=6)  # fmt: skip
        if len(samples) == 1:
            continue
        within, beyond = split(samples, found[:, :, c], view.largest)
        for (n, (mid, lo, hi)), dash in ((within, "-"), (beyond, BEYOND)):
            ax.plot(n, mid, color=colour, ls=dash, zorder=3, gid="gap")
            if c == second:
                ax.fill_between(n, lo, hi, color=colour, alpha=0.16, lw=0, zorder=2)
    ax.set_ylim(*limits(view, samples, found, bars[0]))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_ylabel(f"difference{view.unit}")
    names = paper.shorts([c.text for c in d.candidates])
    ax.set_title(f"Difference to {names[view.lead]}")
    view.samples_axis(ax, name_line=False, ends=(samples[0], samples[-1]))
    ax.axhline(0.0, color=INK, lw=0.3, zorder=1)
    paper.stamp(ax, view.warning)


def limits(
    view: View, samples: np.ndarray, found: np.ndarray, asked: np.ndarray
) -> tuple[float, float]:
    """Limits of the axis: bands of those that may be best, medians of the others in colour.

    The medians at the budgets ``asked`` are all seen.
    """
    near = samples >= view.largest * 0.5 if (samples >= view.largest * 0.5).any() else samples > 0
    rivals = sorted(view.rivals | {view.lead})
    shown = np.concatenate(
        [
            found[1:, near][:, :, rivals].ravel(),
            found[0, near][:, view.main].ravel(),
            asked[:, view.main].ravel(),
        ]
    )
    pad = 0.06 * np.ptp(shown) or 0.01
    return float(shown.min() - pad), float(shown.max() + pad)
