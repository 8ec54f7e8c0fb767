"""Actions on the data: what each changes, and the price up to which it pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import INK, SIDE_BY_SIDE, SMALL, WIDE, PaperFigure
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.act import ActionDecision

ROW, APART = 0.15, 0.62  # inches an interval; how far those of one action spread
LEAST, MOST = -0.25, 1.0  # shares of the budget beyond which a price is only hinted at

__all__ = ["plot_actions"]


@paper.style()
def plot_actions(d: ActionDecision, *, width: float = WIDE) -> PaperFigure:
    """Change against leaving the data as they are, and break-even price, by action and budget.

    Parameters
    ----------
    d : ActionDecision
        From ``fit.act``.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
        With attribute ``caption``.
    """
    beside = width >= SIDE_BY_SIDE
    height = ROW * (len(d.actions) - 1) * max(len(d.budgets), 2)
    figure = paper.new_figure(width, (height if beside else 2.0 * height + 0.5) + 1.3)
    axes: Any = figure.subplots(*((1, 2) if beside else (2, 1)), sharey=True)
    draw_changes(axes[0], d)
    draw_prices(axes[1], d)
    paper.panel_letters(axes)
    paper.key_below(figure, keys(d))
    figure.caption = caption(d)
    return figure


def place(d: ActionDecision, budget: int, action: int) -> float:
    """Height of an interval: one row an action, within it one a budget."""
    count = len(d.budgets)
    return action - 1 + (APART * (budget / (count - 1) - 0.5) if count > 1 else 0.0)


def names(ax: Axes, d: ActionDecision) -> None:
    """Actions as the names of rows, first on top."""
    ax.set_yticks(range(len(d.actions) - 1), paper.shorts(d.names[1:]))
    ax.set_ylim(len(d.actions) - 1.5, -0.5)
    ax.axvline(0.0, color=INK, lw=0.8, zorder=1)
    paper.dress(ax)
    ax.tick_params(axis="y", length=0)
    paper.stamp(ax, d.fit.stamp)


def draw_changes(ax: Axes, d: ActionDecision) -> None:
    """Change of the metric at equal samples."""
    found = d.quantiles(d.change)
    for b in range(len(d.budgets)):
        colour, marker, _ = paper.look(b)
        for k in range(1, len(d.actions)):
            mid, lo, hi = found[:, b, k]
            y = place(d, b, k)
            ax.plot([lo, hi], [y, y], color=colour, lw=1.1)
            ax.plot(mid, y, marker, color=colour, ms=3.5)
    better = "better to the right" if d.fit.study.direction == "max" else "better to the left"
    ax.set_xlabel(f"change of {paper.short(d.fit.study.metric, 20)}\nat equal samples\n({better})")
    ax.set_title("What it changes")
    names(ax, d)


def draw_prices(ax: Axes, d: ActionDecision) -> None:
    """Break-even price and cost, as shares of what the budget costs."""
    found = d.quantiles(d.compared.break_even) / (d.price * d.budgets[:, None])
    for b, n in enumerate(d.budgets):
        colour, marker, _ = paper.look(b)
        for k in range(1, len(d.actions)):
            mid, lo, hi = np.clip(found[:, b, k], LEAST, MOST)
            y = place(d, b, k)
            ax.plot([lo, hi], [y, y], color=colour, lw=1.1)
            if lo == LEAST:
                ax.plot(lo, y, marker="<", color=colour, ms=3.5)
            if hi == MOST:
                ax.plot(hi, y, marker=">", color=colour, ms=3.5)
            if LEAST < mid < MOST:
                ax.plot(mid, y, marker, color=colour, ms=3.5)
            elif mid == LEAST:  # at the right, where neither the interval nor the cost is
                ax.annotate("not worth it, even if free", (0.99, y), va="center", ha="right",
                            xycoords=ax.get_yaxis_transform(), fontsize=SMALL - 1,
                            color=colour, gid="not worth it")  # fmt: skip
            ax.plot(d.actions[k].cost / (d.price * n), y, "|", color=INK, ms=6, mew=1.2, zorder=4)
    costs = [a.cost / (d.price * n) for a in d.actions[1:] for n in d.budgets]
    right = min(MOST, max(1.15 * float(np.max(found[2])), 1.15 * max(costs), 0.3))
    ax.set_xlim(LEAST - 0.03, right + 0.03)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:.0%}")
    ax.set_xlabel("price, share of the budget")
    ax.set_title("Break-even price, and cost")
    names(ax, d)


def keys(d: ActionDecision) -> list[Line2D]:
    """What the marks mean."""
    out = [
        Line2D([], [], color=paper.look(b).colour, marker=paper.look(b).marker, lw=1.1, ms=3.5,
               label=f"{format_number(n)} samples")
        for b, n in enumerate(d.budgets)
    ]  # fmt: skip
    return [*out, Line2D([], [], color=INK, marker="|", ls="", ms=6, mew=1.2, label="cost")]


def caption(d: ActionDecision) -> str:
    """What the figure shows."""
    chosen = "; ".join(
        f"{d.names[k]} at {format_number(n)}" for n, k in zip(d.budgets, d.best, strict=True)
    )
    return (
        f"What {len(d.actions) - 1} actions change in {d.fit.study.metric} against "
        f"{d.actions[0].data.text} as it is, and the price up to which each pays, as a share of "
        f"the budget; medians and {d.prob:.0%} equal-tailed intervals over the posterior, an arrow "
        f"where the interval goes on. The mark is the cost. Least expected regret: {chosen}."
    )
