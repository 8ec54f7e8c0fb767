"""Runs to buy: what they are worth against what they cost, and how they would narrow the bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import (
    COLOURS,
    COLUMN,
    GREY,
    INK,
    PALE,
    SIDE_BY_SIDE,
    SMALL,
    WIDE,
    PaperFigure,
)
from qqt_bayes.runs import format_number, parse_number

if TYPE_CHECKING:
    import pandas as pd

    from qqt_bayes.buy import Plan

NAMED = 5  # data shown in colour: those of the most valuable designs
ROW, FRAME = 0.22, 0.95  # inches: a candidate's bands, and everything around them
ASPECT, TALLEST = 0.78, 3.2  # height over width, and at most so many inches
DODGE = 1.06  # of designs at one cost, so that none hides another
HEADROOM = 2.5  # how far above the best run the ceiling may lie to be drawn to scale
UNITS = {
    "regret": "drop in expected regret",
    "variance": "drop in predictive variance",
    "p_best": "rise in P(right choice)",
    "crossover": "drop in variance of log crossover",
}

__all__ = ["plot_plan", "plot_preposterior"]


@paper.style()
def plot_plan(plan: Plan, *, width: float = COLUMN) -> PaperFigure:
    """Value against cost of each design and of the batch, under the ceiling.

    Parameters
    ----------
    plan : Plan
        From ``fit.buy``.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
        With attribute ``caption``.
    """
    figure = paper.new_figure(width, min(width * ASPECT, TALLEST))
    paper.key_below(figure, draw_values(figure.subplots(), plan))
    figure.caption = caption(plan)
    return figure


@paper.style()
def plot_preposterior(
    plan: Plan, *, budget: str | float | None = None, width: float = WIDE
) -> PaperFigure:
    """Bands of each candidate now and as expected after the batch, for levels and differences.

    Parameters
    ----------
    plan : Plan
        From ``fit.buy``.
    budget : str or float, optional
        One of the plan's budgets; the largest by default.
    width : float
        Inches; from 5 on the panels stand beside each other.

    Returns
    -------
    PaperFigure
        With attribute ``caption``.
    """
    at = float(plan.budgets.max()) if budget is None else parse_number(budget)
    nearest = plan.budgets[np.argmin(np.abs(np.log(plan.budgets / at)))]
    table = plan.bands[plan.bands["samples"] == nearest]
    rows = ROW * len(plan.question.candidates)
    beside = width >= SIDE_BY_SIDE
    figure = paper.new_figure(width, FRAME + (rows if beside else 2.0 * rows + 0.6))
    axes = figure.subplots(*((1, 2) if beside else (2, 1)))
    for ax, of in zip(axes, ("level", "difference"), strict=True):
        draw_bands(ax, plan, table[table["of"] == of])
    key = [
        Line2D([], [], color=PALE, lw=5.0, solid_capstyle="butt", label="now"),
        Line2D([], [], color=COLOURS[0], lw=1.8, marker="o", label="expected after the runs"),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=2)
    paper.stamp(axes[0], plan.fit.stamp)
    figure.caption = bands_caption(plan, float(nearest), table)
    return figure


def draw_values(ax: Axes, plan: Plan) -> list[Line2D]:
    """Draw the panel; returns its legend entries."""
    table = plan.table.sort_values("evsi", ascending=False, kind="stable")
    some = table["evsi"] > 2.0 * table["se"]
    nothing, table = int((~some).sum()), table[some]
    named = list(dict.fromkeys(table["data"]))[:NAMED]
    labels, handles = paper.shorts(named, 36), []
    for i, data in reversed(list(enumerate([*named, None]))):
        rows = table[~table["data"].isin(named)] if data is None else table[table["data"] == data]
        if not len(rows):
            continue
        colour, marker = (GREY, ".") if data is None else paper.look(i)[:2]
        aside = 1.0 if data is None else DODGE ** (i - 0.5 * (len(named) - 1))
        ax.errorbar(
            rows["cost"] * aside, rows["evsi"], yerr=2.0 * rows["se"], fmt=marker, color=colour,
            ms=3.2, elinewidth=0.6, lw=0, alpha=0.5 if data is None else 0.95,
            zorder=2 if data is None else 3,
        )  # fmt: skip
        label = "other data" if data is None else labels[i]
        handles.append(Line2D([], [], color=colour, marker=marker, ls="", label=label))
    handles.reverse()
    batch = plan.batch
    if len(batch):
        low, high = (batch["evsi"] + sign * 2.0 * batch["se"] for sign in (-1, 1))
        ax.fill_between(batch["spent"], low, high, color=INK, alpha=0.12, lw=0, zorder=0)
        ax.plot(batch["spent"], batch["evsi"], ".-", color=INK, lw=1.1, ms=3, zorder=4)
        spread = batch[batch["for_spread"]]
        name = "batch" if len(spread) else "best batch"
        handles.append(Line2D([], [], color=INK, lw=1.1, marker=".", ms=3, label=name))
        if len(spread):  # bought for what it tells of the model, not for what it is worth
            ax.plot(spread["spent"], spread["evsi"], ls="", marker="o", ms=3.6, mfc="white",
                    mec=INK, zorder=5, gid="for spread")  # fmt: skip
            handles.append(Line2D([], [], ls="", marker="o", ms=3.6, mfc="white", mec=INK,
                                  label="its part for spread"))  # fmt: skip
    draw_ceiling(ax, plan, table)
    if nothing and len(table):  # in the legend, where it covers nothing
        handles.append(Line2D([], [], ls="", label=f"{nothing} more runs are worth nothing"))
    elif nothing:
        told = f"none of {nothing} runs would change the choice"
        ax.text(0.5, 0.45, told, transform=ax.transAxes, fontsize=SMALL, ha="center", color=INK)
    paper.log_axis(ax.xaxis)
    if not len(table):
        ax.set_xlim(0.8 * float(plan.table["cost"].min()), 1.25 * float(plan.table["cost"].max()))
    ax.set_xlabel("cost" if plan.spend is None else "cost (of the batch: spent so far)")
    ax.set_ylabel(UNITS[plan.objective])
    ax.set_title("What runs are worth")
    paper.dress(ax)
    paper.stamp(ax, plan.fit.stamp)
    return handles


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
    spread = int(plan.batch["for_spread"].sum())
    batch = "; line: the batch, by what has been spent" if len(plan.batch) else ""
    batch += f", of which the first {spread} (hollow) are for spread" if spread else ""
    return (
        f"Value of {len(plan.designs)} possible runs ({UNITS[plan.objective]} at {places} samples) "
        f"against their cost (moved apart a little). Bars and shade: two Monte Carlo standard "
        f"errors; dashed: perfect information, "
        f"which no runs can exceed{batch}. The best single run is worth {share:.0%} of it."
    )


def draw_bands(ax: Axes, plan: Plan, table: pd.DataFrame) -> None:
    """One panel: a row a candidate, best on top."""
    study = plan.fit.study
    up, level = study.kind.higher_is_better, bool((table["of"] == "level").all())
    table = table.sort_values("median", kind="stable")
    for y, row in enumerate(table.itertuples()):
        mid, lo, hi = (
            float(study.reported(v)) if level else -v if up else v
            for v in (row.median, row.lo, row.hi)
        )
        ax.plot([lo, hi], [y, y], color=PALE, lw=5.0, solid_capstyle="butt", zorder=1, gid="now")
        ends = [mid + row.share * (end - mid) for end in (lo, hi)]
        ax.plot(ends, [y, y], color=COLOURS[0], lw=1.8, solid_capstyle="butt", zorder=2,
                gid="expected")  # fmt: skip
        ax.plot(mid, y, "o", ms=3.0, color=COLOURS[0], zorder=3)
    ax.set_yticks(range(len(table)), paper.shorts(list(table["data"])))
    ax.set_ylim(len(table) - 0.4, -0.6)
    if not level:
        ax.axvline(0.0, color=GREY, lw=0.8, zorder=0)
    metric = paper.short(study.metric)
    ax.set_xlabel(metric if level else f"{metric}\nminus that of the best now")
    ax.set_title("Level" if level else "Difference")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    paper.dress(ax)


def bands_caption(plan: Plan, budget: float, table: pd.DataFrame) -> str:
    """What the figure of the bands shows."""
    cost = float(plan.designs.cost[list(plan.bought)].sum())
    runs = f"{len(plan.bought)} purchase{'s' if len(plan.bought) > 1 else ''}"
    best = plan.question.candidates[0].text
    level = table[table["of"] == "level"].sort_values("median")
    if len(level):
        best = str(level["data"].iloc[0])
    share = float(level["share"].iloc[0])
    return (
        f"90% bands (equal-tailed) of the candidates at {format_number(budget)} samples now, and "
        f"their expected width about the same median after {runs} that cost {format_number(cost)}: "
        f"the band of {best} is expected to keep {share:.0%} of its width. Where a run would come "
        "out cannot be known, so only widths are foretold."
    )
