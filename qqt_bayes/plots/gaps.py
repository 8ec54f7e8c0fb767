"""Each candidate's difference to the final choice against the budget: what the levels hide."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from qqt_bayes.plots.style import BEYOND, INK, PALE, stamp
from qqt_bayes.plots.view import View, split

BACK = 8.0  # how far below the largest run it begins, in factors of samples

__all__ = ["draw_gaps", "gap_ends"]


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
    tail = 0.5 * (1.0 - d.prob)
    return np.quantile(gap, [0.5, tail, 1.0 - tail], axis=0)


def gap_ends(view: View) -> np.ndarray:
    """Median differences of the main candidates at the last budget."""
    return quantiles(view)[1][0, -1, view.main]


def runner_up(view: View) -> int:
    """The candidate of second least expected regret at the largest budget."""
    d = view.decision
    order = np.argsort(d.expected_regret[int(np.argmax(d.budgets))], kind="stable")
    return int(next(c for c in order if c != view.lead))


def draw_gaps(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_gaps`.

    Bands over the same place would merge: only the runner-up's is filled, and each candidate has a
    bar at the budgets asked.
    """
    samples, found = quantiles(view)
    asked, bars = view.decision.budgets, bands(view, view.decision.latent)
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
            if c == runner_up(view):
                ax.fill_between(n, lo, hi, color=colour, alpha=0.16, lw=0, zorder=2)
    ax.set_ylim(*limits(view, samples, found))
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    unit = view.metric.removeprefix(view.metric.split(" (")[0]).strip()
    ax.set_ylabel(f"difference {unit}".strip())
    ax.set_title(f"Difference to {view.label(view.lead)}")
    view.samples_axis(ax, name_line=False, ends=(samples[0], samples[-1]))
    ax.axhline(0.0, color=INK, lw=0.3, zorder=1)
    stamp(ax, view.warning)


def limits(view: View, samples: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Limits of the axis: bands of those that may be best, medians of the others in colour."""
    near = samples >= view.largest * 0.5 if (samples >= view.largest * 0.5).any() else samples > 0
    rivals = sorted(view.rivals | {view.lead})
    shown = np.concatenate(
        [found[1:, near][:, :, rivals].ravel(), found[0, near][:, view.main].ravel()]
    )
    pad = 0.06 * np.ptp(shown) or 0.01
    return float(shown.min() - pad), float(shown.max() + pad)
