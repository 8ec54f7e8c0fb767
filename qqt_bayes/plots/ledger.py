"""Where the uncertainty comes from: shares of the variance against the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLOURS, GREY, INK, PALE, SIDE_BY_SIDE, SMALL, WIDE, PaperFigure
from qqt_bayes.risk.ledger import grouped
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.risk import Ledger, Risk

BUDGETS = 16
# A part's colour is that of its first; noise is pale, and what the law cannot know is hatched.
PAINT = {
    "noise": (PALE, ""), "parameters": (COLOURS[0], ""), "mixture error": (COLOURS[2], ""),
    "pool drift": (COLOURS[1], "////"), "common drift": (COLOURS[3], "\\\\\\\\"),
    "law disagreement": (COLOURS[4], "...."),
}  # fmt: skip

__all__ = ["plot_ledger"]


@paper.style()
def plot_ledger(made: Risk, *, width: float = WIDE) -> PaperFigure:
    """Plot the variance ledger against the budget, for levels and for differences.

    Parameters
    ----------
    made : Risk
        From ``fit.risk``.
    width : float
        Inches: 7 for two columns (panels side by side), 3.3 for one (under each other).

    Returns
    -------
    PaperFigure
        First the variance of a new run on the best candidate, then that of the difference
        between it and the runner-up, on the log-reducible scale; each divided into parts that
        add up to it. Verdicts stand above the budgets asked.
    """
    d = made.decision
    largest = made.fit.study.trained_on["max_samples"]
    low = min(float(d.budgets.min()), float(largest) / 4.0)
    high = max(float(d.budgets.max()), float(largest) * 1.5)
    found = made.ledger_at(np.geomspace(low, high, BUDGETS))
    order = d.order[int(np.argmax(d.budgets))]
    best = d.candidates[order[0]].text
    both = len(d.candidates) > 1
    beside = width >= SIDE_BY_SIDE or not both
    figure = paper.new_figure(width, 2.9 if beside else 4.4)
    shape = (1, 1 + both) if beside else (2, 1)
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    drawn = [grouped(found.levels)] + ([grouped(found.differences)] if both else [])
    draw(axes[0], found, drawn[0], made, float(largest))
    axes[0].set_title(f"A new run on {best}")
    axes[0].set_ylabel("share of variance")
    if both:
        draw(axes[1], found, drawn[1], made, float(largest))
        if not beside:
            axes[0].set_xlabel("")
            axes[1].set_ylabel("share of variance")
            paper.dress(axes[1])
        axes[1].set_title(f"{best} less {d.candidates[order[1]].text}")
        paper.panel_letters(list(axes))
    names = list(dict.fromkeys(name for some in drawn for name, _ in some if name != "rest"))
    handles = [
        Patch(facecolor=paint(n)[0], hatch=paint(n)[1], edgecolor="white", lw=0.4, label=n)
        for n in names
    ]
    paper.key_below(figure, handles)
    figure.caption = (
        f"Shares of the variance of the log reducible {made.fit.study.metric}, for a new run on "
        f"{best}" + (" and for its difference to the runner-up" if both else "") + ", by source, "
        "against samples seen. The dashed line marks the largest run "
        f"({format_number(float(largest))} samples): beyond it everything is extrapolated."
    )
    return figure


def paint(name: str) -> tuple[str, str]:
    """Colour and hatch of a part; one of the user's own effects is grey."""
    return PAINT.get(name, (GREY, ""))


def draw(
    ax: Axes, found: Ledger, parts: list[tuple[str, np.ndarray]], made: Risk, largest: float
) -> None:
    """Stack the parts, which are none of them negative."""
    low = np.zeros(len(found.budgets))
    whole = np.sum([shares for name, shares in parts if name != "rest"], axis=0)
    for name, shares in parts:
        if name == "rest":
            continue
        colour, hatch = paint(name)
        top = low + shares / whole
        ax.fill_between(found.budgets, low, top, facecolor=colour, hatch=hatch, edgecolor="white",
                        lw=0.4, alpha=0.85)  # fmt: skip
        low = top
    ax.set_ylim(0.0, 1.0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.axvline(largest, color=INK, lw=0.8, ls=(0, (3, 2)))
    for a in made.assessments:
        ax.axvline(a.samples, color=GREY, lw=0.5)
        first = a.samples == found.budgets[0]  # to its left are the numbers of the axis
        ax.annotate(
            a.verdict, (a.samples, 1.0), xycoords=("data", "axes fraction"),
            xytext=(2 if first else -2, -2), textcoords="offset points", rotation=90,
            ha="left" if first else "right", va="top", fontsize=SMALL,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(found.budgets[0], found.budgets[-1])
    ticks = np.array([found.budgets[0], largest, *(a.samples for a in made.assessments)])
    ax.set_xticks(np.unique(ticks), [format_number(t) for t in np.unique(ticks)])
    ax.minorticks_off()
    ax.set_xlabel("samples seen")
    paper.dress(ax)
    paper.stamp(ax, made.fit.stamp)
