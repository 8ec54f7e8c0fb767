"""How runs would narrow what is known of the candidates, before any is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from qqt_bayes.plots.style import (
    COLOURS,
    GREY,
    PALE,
    SIDE_BY_SIDE,
    WIDE,
    dress,
    new_figure,
    plain,
    stamp,
    style,
)  # fmt: skip
from qqt_bayes.runs import format_number, parse_number

if TYPE_CHECKING:
    import pandas as pd

    from qqt_bayes.buy import Plan

ROW, FRAME = 0.22, 0.95  # inches: a candidate, and everything around them

__all__ = ["plot_preposterior"]


def plot_preposterior(
    plan: Plan, *, budget: str | float | None = None, width: float = WIDE
) -> Figure:
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
    Figure
        With attribute ``caption``.
    """
    at = float(plan.budgets.max()) if budget is None else parse_number(budget)
    nearest = plan.budgets[np.argmin(np.abs(np.log(plan.budgets / at)))]
    table = plan.bands[plan.bands["samples"] == nearest]
    beside = width >= SIDE_BY_SIDE
    with style():
        height = FRAME + ROW * len(plan.contested) * (1 if beside else 2) + (0 if beside else 0.6)
        figure = new_figure(width, height)
        axes = figure.subplots(*((1, 2) if beside else (2, 1)))
        for ax, of in zip(axes, ("level", "difference"), strict=True):
            draw_bands(ax, plan, table[table["of"] == of])
        figure.legend(handles=key(), loc="outside lower center", ncols=2)
        stamp(axes[0], plan.fit.stamp)
        figure.caption = caption(plan, float(nearest), table)
        return figure


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
    ax.set_yticks(range(len(table)), [plain(str(d)) for d in table["data"]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    if not level:
        ax.axvline(0.0, color=GREY, lw=0.8, zorder=0)
    ax.set_xlabel(study.metric if level else f"{study.metric} minus that of the best now")
    ax.set_title("Level" if level else "Difference")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    dress(ax)


def key() -> list[Line2D]:
    """What the two bars are."""
    return [
        Line2D([], [], color=PALE, lw=5.0, solid_capstyle="butt", label="now"),
        Line2D([], [], color=COLOURS[0], lw=1.8, marker="o", label="expected after the runs"),
    ]


def caption(plan: Plan, budget: float, table: pd.DataFrame) -> str:
    """What the figure shows."""
    cost = float(plan.designs.cost[list(plan.bought)].sum())
    runs = f"{len(plan.bought)} purchase{'s' if len(plan.bought) > 1 else ''}"
    best = str(plan.contested[0])
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
