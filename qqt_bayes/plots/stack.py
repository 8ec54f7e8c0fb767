"""Several laws side by side: their weights, and what they would have foreseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLUMN, GREY, INK, SIDE_BY_SIDE, SMALL, PaperFigure
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.stacking import Stack

__all__ = ["plot_stack"]


@paper.style()
def plot_stack(stack: Stack, *, width: float = COLUMN) -> PaperFigure:
    """Weights of the laws, and their mean log scores at each roll-forward origin.

    Parameters
    ----------
    stack : Stack
        From :func:`qqt_bayes.stack`.
    width : float
        Inches: 3.3 for one column (panels under each other), 7 for two (side by side).

    Returns
    -------
    PaperFigure
    """
    beside = width >= SIDE_BY_SIDE
    row = 0.24 * len(stack.fits) + 0.55
    figure = paper.new_figure(width, max(row, 1.9) if beside else row + 1.9)
    tall = None if beside else [row, 1.9]
    axes = figure.subplots(*((1, 2) if beside else (2, 1)), height_ratios=tall)
    draw_weights(axes[0], stack)
    draw_scores(axes[1], stack)
    paper.panel_letters(axes)
    figure.caption = (
        f"{stack.stamp}Stacking weights of {len(stack.fits)} laws for {stack.study.metric}, "
        f"and mean log scores (higher is better) of their forecasts of new runs from "
        f"{len(stack.record.origins)} roll-forward origins. {' '.join(stack.notes)}"
    ).strip()
    return figure


def draw_weights(ax: Axes, stack: Stack) -> None:
    """One bar a law."""
    places = range(len(stack.fits))
    ax.barh(places, stack.weights, color=[paper.look(k).colour for k in places], height=0.6)
    for y, weight in zip(places, stack.weights, strict=True):
        ax.annotate(f"{weight:.2f}", (weight, y), xytext=(3, 0), textcoords="offset points",
                    va="center", fontsize=SMALL, color=INK)  # fmt: skip
    ax.axvline(1.0 / len(places), color=GREY, lw=0.6, ls=":")
    ax.set_yticks(places, paper.shorts(stack.names))
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.set_xlim(0.0, 1.1)
    ax.set_xlabel("weight (dotted: equal)")
    ax.set_title("Weight in the stack")
    paper.dress(ax)
    ax.tick_params(axis="y", length=0)
    paper.stamp(ax, stack.stamp)


def draw_scores(ax: Axes, stack: Stack) -> None:
    """Mean log score of new runs by origin, one line a law."""
    ax.set_title("Forecasts from earlier budgets")
    ax.set_xlabel("fitted up to (samples)")
    ax.set_ylabel("mean log score")
    if stack.record.scores.empty:
        ax.text(0.5, 0.5, "no origin to judge from", transform=ax.transAxes, ha="center",
                fontsize=SMALL, color=GREY)  # fmt: skip
        ax.set(xticks=[], yticks=[])
        return
    levels = stack.record.scores.query("what == 'level'")
    labels = paper.shorts(stack.names)
    for k, name in enumerate(stack.names):
        mean = levels[levels["law"] == name].groupby("origin")["log_score"].mean()
        colour, marker, _ = paper.look(k)
        ax.plot(mean.index, mean, marker=marker, color=colour, label=labels[k])
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(list(stack.record.origins)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: format_number(v)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.legend(loc="best")
    paper.dress(ax)
