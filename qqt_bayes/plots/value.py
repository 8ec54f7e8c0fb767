"""What runs are worth against what they cost: single designs, the batch, and the ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from qqt_bayes.plots.style import (
    COLUMN,
    GREY,
    INK,
    SMALL,
    columns,
    dress,
    key_below,
    log_axis,
    look,
    new_figure,
    plain,
    stamp,
    style,
)  # fmt: skip
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    import pandas as pd

    from qqt_bayes.buy import Plan

NAMED = 5  # data shown in colour: those of the most valuable designs
ASPECT, TALLEST = 0.78, 3.2  # height over width, and at most so many inches
DODGE = 1.06  # of designs at one cost, so that none hides another
HEADROOM = 2.5  # how far above the best run the ceiling may lie to be drawn to scale
UNITS = {
    "regret": "drop in expected regret",
    "variance": "drop in predictive variance",
    "p_best": "rise in P(right choice)",
    "crossover": "drop in variance of log crossover",
}

__all__ = ["plot_plan"]


def plot_plan(plan: Plan, *, width: float = COLUMN, ax: Axes | None = None) -> Figure:
    """Value against cost of each design and of the best batch, under the ceiling.

    Parameters
    ----------
    plan : Plan
        From ``fit.buy``.
    width : float
        Inches.
    ax : Axes, optional
        Axes to draw in, in place of a new figure.

    Returns
    -------
    Figure
        With attribute ``caption`` when it is a new one.
    """
    with style():
        if ax is not None:
            draw_values(ax, plan)
            return ax.figure.get_figure(root=True)
        figure = new_figure(width, min(width * ASPECT, TALLEST))
        draw_values(figure.subplots(), plan)
        figure.caption = caption(plan)
        return figure


def draw_values(ax: Axes, plan: Plan) -> None:
    """Draw the panel; see :func:`plot_plan`."""
    table = plan.table.sort_values("evsi", ascending=False, kind="stable")
    some = table["evsi"] > 2.0 * table["se"]
    nothing, table = int((~some).sum()), table[some]
    named = list(dict.fromkeys(table["data"]))[:NAMED]
    handles = []
    for i, data in reversed(list(enumerate([*named, None]))):
        rows = table[~table["data"].isin(named)] if data is None else table[table["data"] == data]
        if not len(rows):
            continue
        colour, marker = (GREY, ".") if data is None else look(i)[:2]
        aside = 1.0 if data is None else DODGE ** (i - 0.5 * (len(named) - 1))
        ax.errorbar(
            rows["cost"] * aside, rows["evsi"], yerr=2.0 * rows["se"], fmt=marker, color=colour,
            ms=3.2, elinewidth=0.6, lw=0, alpha=0.5 if data is None else 0.95,
            zorder=2 if data is None else 3,
        )  # fmt: skip
        label = "other data" if data is None else plain(str(data))
        handles.append(Line2D([], [], color=colour, marker=marker, ls="", label=label))
    handles.reverse()
    batch = plan.batch
    if len(batch):
        low, high = (batch["evsi"] + sign * 2.0 * batch["se"] for sign in (-1, 1))
        ax.fill_between(batch["spent"], low, high, color=INK, alpha=0.12, lw=0, zorder=0)
        ax.plot(batch["spent"], batch["evsi"], ".-", color=INK, lw=1.1, ms=3, zorder=4)
        handles.append(Line2D([], [], color=INK, lw=1.1, marker=".", ms=3, label="best batch"))
    draw_ceiling(ax, plan, table)
    if nothing:
        if len(table):
            place, what = (0.99, 0.02, "right"), f"{nothing} more runs are worth nothing"
        else:
            place, what = (0.5, 0.45, "center"), f"none of {nothing} runs would change the choice"
        x, y, side = place
        ax.text(x, y, what, transform=ax.transAxes, fontsize=SMALL, va="bottom", ha=side, color=INK)
    log_axis(ax.xaxis)
    if not len(table):
        ax.set_xlim(0.8 * float(plan.table["cost"].min()), 1.25 * float(plan.table["cost"].max()))
    ax.set_xlabel("cost" if plan.spend is None else "cost (of the batch: spent so far)")
    ax.set_ylabel(UNITS[plan.objective])
    ax.set_title("What runs are worth")
    dress(ax)
    figure = ax.figure.get_figure(root=True)
    if len(figure.axes) == 1:
        key_below(figure, handles)
    else:
        ncols = columns([str(h.get_label()) for h in handles], figure.get_figwidth() * 0.95)
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=ncols)
    stamp(ax, plan.fit.stamp)


def draw_ceiling(ax: Axes, plan: Plan, table: pd.DataFrame) -> None:
    """Perfect information: a line where it is near, an arrow where it would squeeze the rest."""
    ends = [float(t["evsi"].max() + 2.0 * t["se"].max()) for t in (table, plan.batch) if len(t)]
    top = max([*ends, 0.0])
    near = not top > 0.0 or plan.evpi < HEADROOM * top
    limit = max(1.12 * (plan.evpi if near else 1.25 * top), 1e-12)
    ax.set_ylim(0.0, limit)
    share = "" if near else f": {plan.evpi:.2g}, above"
    if near:
        ax.axhline(plan.evpi, color=INK, lw=0.8, ls=(0, (4, 2)), zorder=1)
    ax.text(
        0.01, plan.evpi if near else 0.97 * limit, f"perfect information{share}",
        transform=ax.get_yaxis_transform(), fontsize=SMALL, va="bottom" if near else "top",
        ha="left", color=INK,
    )  # fmt: skip


def caption(plan: Plan) -> str:
    """What the figure shows."""
    places = ", ".join(format_number(n) for n in plan.budgets)
    share = float(np.max([v.total for v in plan.values])) / plan.evpi if plan.evpi > 0 else 0.0
    batch = "; line: the best batch, by what has been spent" if len(plan.batch) else ""
    return (
        f"Value of {len(plan.designs)} possible runs ({UNITS[plan.objective]} at {places} samples) "
        f"against their cost (moved apart a little). Bars and shade: two Monte Carlo standard "
        f"errors; dashed: perfect information, "
        f"which no runs can exceed{batch}. The best single run is worth {share:.0%} of it."
    )
