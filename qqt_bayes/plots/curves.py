"""The predicted metric against samples seen, with its band, the runs and the ends of epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import BEYOND, GREY, PALE
from qqt_bayes.plots.view import EPOCHS, View, split
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.runs import Runs

__all__ = ["beyond_key", "curves_key", "draw_curves"]


def draw_curves(ax: Axes, view: View) -> None:
    """Draw the panel; see :func:`qqt_bayes.plots.plot_decision`."""
    for c in view.others:
        (n, y), (n2, y2) = split(view.samples, view.levels[0, :, c], view.largest)
        ax.plot(n, y, color=PALE, lw=0.6, zorder=1)
        ax.plot(n2, y2, color=PALE, lw=0.6, ls=BEYOND, zorder=1)
    for c in view.main:
        draw_band(ax, view, c)
        draw_line(ax, view, c)
        draw_epochs(ax, view, c)
    draw_runs(ax, view)
    extra = np.empty(0) if view.held_out is None else draw_held_out(ax, view, view.held_out)
    ax.set_ylim(*limits(view, extra))
    ax.set_ylabel(view.metric + view.unit)
    ax.set_title(f"Predicted, {view.direction}")
    view.samples_axis(ax)
    paper.stamp(ax, view.warning)


def limits(view: View, extra: np.ndarray) -> tuple[float, float]:
    """Limits of the metric's axis.

    The band of a candidate that cannot be best beyond the largest run may leave the axes, if
    showing all of it would squeeze the rest.
    """
    shown = [extra, view.levels[0, :, view.main].ravel()]
    shown += [observed(view, c)[1] for c in view.main]
    for c in view.main:
        seen = view.samples <= (np.inf if c in view.rivals else view.largest)
        shown.append(view.levels[1:, seen, c].ravel())
    values = np.concatenate(shown)
    everything = np.append(values, view.levels[1:, :, view.main])
    if np.ptp(everything) < 1.4 * np.ptp(values):
        values = everything
    pad = 0.04 * np.ptp(values) or 0.01 * abs(values.max())
    return float(values.min() - pad), float(values.max() + pad)


def draw_band(ax: Axes, view: View, candidate: int) -> None:
    """The interval: filled inside the runs; beyond them a bar at each budget asked.

    Beyond, fans would merge into one: only that of the final choice is filled, and hatched.
    """
    colour, _, hatch = view.look(candidate)
    if len(view.samples) == 1:
        _, lo, hi = view.levels[:, 0, candidate]
        ax.vlines(view.samples, lo, hi, color=colour, lw=2, alpha=0.4)
        return
    within, beyond = split(view.samples, view.levels[1:, :, candidate], view.largest)
    ax.fill_between(within[0], *within[1], color=colour, alpha=0.22, lw=0, zorder=2)
    if candidate == view.lead and len(beyond[0]):
        ax.fill_between(
            beyond[0], *beyond[1], facecolor=(colour, 0.07), edgecolor=(colour, 0.45),
            hatch=hatch, lw=0.35, zorder=2, gid="extrapolated band",
        )  # fmt: skip
    asked = far(view)
    if asked.any():
        _, lo, hi = view.levels[:, asked, candidate]
        ax.vlines(view.samples[asked] * view.aside(candidate), lo, hi, color=colour, lw=1.1,
                  zorder=6, gid="extrapolated interval")  # fmt: skip


def far(view: View) -> np.ndarray:
    """Which of the view's budgets are asked and lie beyond the largest run, dim (budget,)."""
    return np.isin(view.samples, view.decision.budgets) & (view.samples > view.largest)


def draw_line(ax: Axes, view: View, candidate: int) -> None:
    """The median: solid within the data, dashed beyond; open markers at the budgets asked."""
    colour, marker, _ = view.look(candidate)
    within, beyond = split(view.samples, view.levels[0, :, candidate], view.largest)
    ax.plot(*within, color=colour, zorder=3, gid="median")
    ax.plot(*beyond, color=colour, ls=BEYOND, zorder=3, gid="extrapolated median")
    asked = np.isin(view.samples, view.decision.budgets)
    place = np.where(far(view), view.samples * view.aside(candidate), view.samples)
    ax.plot(
        place[asked], view.levels[0, asked, candidate], ls="", marker=marker, ms=3.8,
        mfc="white", mec=colour, mew=0.9, zorder=7, gid="budgets asked",
    )  # fmt: skip


def draw_epochs(ax: Axes, view: View, candidate: int) -> None:
    """Ticks on the curve where the candidate's most repeated pool completes an epoch."""
    ends = np.array(EPOCHS) * view.epoch(candidate)
    ends = ends[(ends >= view.samples[0]) & (ends <= view.samples[-1])]
    if len(ends):
        height = np.interp(np.log(ends), np.log(view.samples), view.levels[0, :, candidate])
        ax.plot(ends, height, ls="", marker="|", ms=5.5, mew=0.9, color=view.look(candidate).colour,
                zorder=5, gid="epochs")  # fmt: skip


def observed(view: View, candidate: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples and values, in the metric's own unit, of the runs on a candidate."""
    study = view.decision.fit.study
    key = view.decision.candidates[candidate].key
    rows = np.array([study.mixtures[text].key == key for text in study.data])
    return study.samples[rows], study.observed[rows]


def draw_runs(ax: Axes, view: View) -> None:
    """The runs fitted."""
    for c in view.others:
        ax.plot(*observed(view, c), ls="", marker=".", ms=3, mew=0, color=PALE, zorder=1)
    for c in view.main:
        colour, marker, _ = view.look(c)
        ax.plot(*observed(view, c), ls="", marker=marker, ms=2.8, mew=0, color=colour, alpha=0.75,
                zorder=6, gid="runs")  # fmt: skip


def draw_held_out(ax: Axes, view: View, held_out: Runs) -> np.ndarray:
    """Draw runs beyond the largest one fitted: what came of it. Returns their values."""
    fit = view.decision.fit
    table = held_out.select(fit.study.metric, fit.selection["where"] or None).table
    table = table[table["samples"] > view.largest]
    keys = np.array([held_out.mixtures[text].key for text in table["data"]], dtype=object)
    values = []
    for c in view.main:
        rows = table[keys == view.decision.candidates[c].key]
        colour, marker, _ = view.look(c)
        ax.plot(rows["samples"], rows["value"], ls="", marker=marker, ms=2.6, mfc="none",
                mec=colour, mew=0.6, zorder=6, gid="held out")  # fmt: skip
        values.append(rows["value"].to_numpy(float))
    return np.concatenate(values)


def beyond_key() -> Artist:
    """Legend entry of what lies beyond the largest run."""
    return Patch(facecolor=(GREY, 0.1), edgecolor=GREY, hatch="////", lw=0.4, ls=BEYOND,
                 label="beyond largest run")  # fmt: skip


def curves_key(view: View) -> list[Artist]:
    """Legend entries that say how to read the panel."""
    entries: list[Artist] = [Patch(color=GREY, alpha=0.35, lw=0, label=view.interval)]
    if view.extrapolates:
        entries.append(beyond_key())
    entries += [
        Line2D([], [], ls="", marker="o", ms=2.6, mew=0, color=GREY, label="run"),
        Line2D([], [], ls="", marker="o", ms=3.8, mfc="white", mec=GREY, mew=0.9,
               label="median, budgets asked"),
    ]  # fmt: skip
    if view.held_out is not None:
        entries.append(
            Line2D([], [], ls="", marker="o", ms=2.6, mfc="none", mec=GREY, mew=0.6,
                   label="run held out")
        )  # fmt: skip
    if any(np.isfinite(view.epoch(c)) for c in view.main):
        ends = ", ".join(map(str, EPOCHS[:2]))
        entries.append(
            Line2D([], [], ls="", marker="|", ms=5.5, mew=0.9, color=GREY,
                   label=f"ends of epochs {ends} ... {EPOCHS[-1]}")
        )  # fmt: skip
    if view.others:
        entries.append(Line2D([], [], color=PALE, lw=0.8, label=count(len(view.others), "other")))
    return entries
