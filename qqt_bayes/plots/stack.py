"""Several laws side by side: their weights, and what they would have foreseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from qqt_bayes.plots.style import (
    COLUMN,
    GREY,
    INK,
    SIDE_BY_SIDE,
    SMALL,
    dress,
    look,
    new_figure,
    panel_letters,
    plain,
    stamp,
    style,
)
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.stacking import Stack

__all__ = ["plot_stack"]


def plot_stack(stack: Stack, *, width: float = COLUMN) -> Figure:
    """Weights of the laws, and their mean log scores at each roll-forward origin.

    Parameters
    ----------
    stack : Stack
        From :func:`qqt_bayes.stack`.
    width : float
        Inches: 3.3 for one column (panels under each other), 7 for two (side by side).

    Returns
    -------
    Figure
    """
    with style():
        beside = width >= SIDE_BY_SIDE
        row = 0.24 * len(stack.fits) + 0.55
        own = new_figure(width, max(row, 1.9) if beside else row + 1.9)
        heights = None if beside else [row, 1.9]
        grid: Any = own.subplots(
            1 if beside else 2, 2 if beside else 1,
            gridspec_kw=None if beside else {"height_ratios": heights},
        )  # fmt: skip
        axes = list(grid)
        draw_weights(axes[0], stack)
        draw_scores(axes[1], stack)
        panel_letters(axes)
        own.caption = (
            f"{stack.stamp}Stacking weights of {len(stack.fits)} laws for {stack.study.metric}, "
            f"and mean log scores (higher is better) of their forecasts of new runs from "
            f"{len(stack.record.origins)} roll-forward origins. {' '.join(stack.notes)}"
        ).strip()
        return own


def draw_weights(ax: Axes, stack: Stack) -> None:
    """One bar a law."""
    places = range(len(stack.fits))
    ax.barh(places, stack.weights, color=[look(k).colour for k in places], height=0.6)
    for y, weight in zip(places, stack.weights, strict=True):
        ax.annotate(f"{weight:.2f}", (weight, y), xytext=(3, 0), textcoords="offset points",
                    va="center", fontsize=SMALL, color=INK)  # fmt: skip
    ax.axvline(1.0 / len(places), color=GREY, lw=0.6, ls=":")
    ax.set_yticks(places, [plain(name) for name in stack.names])
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.set_xlim(0.0, 1.1)
    ax.set_xlabel("weight (dotted: equal)")
    ax.set_title("Weight in the stack")
    dress(ax)
    ax.tick_params(axis="y", length=0)
    stamp(ax, stack.stamp)


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
    for k, name in enumerate(stack.names):
        mean = levels[levels["law"] == name].groupby("origin")["log_score"].mean()
        colour, marker, _ = look(k)
        ax.plot(mean.index, mean, marker=marker, color=colour, label=plain(name))
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(list(stack.record.origins)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: format_number(v)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.legend(loc="best")
    dress(ax)
