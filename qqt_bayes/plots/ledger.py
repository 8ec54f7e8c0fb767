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
NAME = 16  # letters of a candidate, two of which stand in a panel's height
# A part's colour is that of its first; noise is pale, and what the law cannot know is hatched.
PAINT = {
    "noise": (PALE, ""), "parameters": (COLOURS[0], ""), "mixture error": (COLOURS[2], ""),
    "pool drift": (COLOURS[1], "////"), "common drift": (COLOURS[3], "\\\\\\\\"),
    "law disagreement": (COLOURS[4], "||||"),  # dots would be 250 kB of an SVG
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
        add up to it. Verdicts stand at the budgets asked, beside the pair that leads there; what
        is drawn around is of that pair, up to halfway to the next budget asked.
    """
    d = made.decision
    largest = made.fit.study.trained_on["max_samples"]
    low = min(float(d.budgets.min()), float(largest) / 4.0)
    high = max(float(d.budgets.max()), float(largest) * 1.5)
    order = np.argsort(d.budgets)
    asked = d.budgets[order]
    ends = [low, *np.sqrt(asked[1:] * asked[:-1]), high]
    some = max(BUDGETS // len(asked), 3)
    grid = [
        np.union1d(np.geomspace(start, stop, some), n)
        for start, stop, n in zip(ends[:-1], ends[1:], asked, strict=True)
    ]
    found = made.ledger_at(np.concatenate(grid), np.repeat(order, [len(part) for part in grid]))
    pairs = [paper.shorts(a.pair, NAME) for a in made.assessments]
    both = len(d.candidates) > 1
    beside = width >= SIDE_BY_SIDE or not both
    figure = paper.new_figure(width, 2.9 if beside else 5.4)
    shape = (1, 1 + both) if beside else (2, 1)
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    drawn = [grouped(found.levels)] + ([grouped(found.differences)] if both else [])
    told = [f"{a.verdict}: {pair[0]}" for a, pair in zip(made.assessments, pairs, strict=True)]
    draw(axes[0], found, drawn[0], made, told)
    axes[0].set_title("A new run on the best")
    axes[0].set_ylabel("share of variance")
    if both:
        draw(axes[1], found, drawn[1], made, [" less ".join(pair) for pair in pairs])
        if not beside:
            axes[0].set_xlabel("")
            axes[1].set_ylabel("share of variance")
            paper.dress(axes[1])
        axes[1].set_title("The best less the runner-up")
        paper.panel_letters(list(axes))
    names = list(dict.fromkeys(name for some in drawn for name, _ in some if name != "rest"))
    handles = [
        Patch(facecolor=paint(n)[0], hatch=paint(n)[1], edgecolor="white", lw=0.4, label=n)
        for n in names
    ]
    paper.key_below(figure, handles)
    figure.caption = (
        f"Shares of the variance of the log reducible {made.fit.study.metric}, for a new run on "
        "the best candidate" + (" and for its difference to the runner-up" if both else "") + ", "
        f"by source, against samples seen: {pairs_told(made)}. The dashed line marks the largest "
        f"run ({format_number(float(largest))} samples): beyond it everything is extrapolated."
    )
    return figure


def pairs_told(made: Risk) -> str:
    """Which candidates lead at each budget asked."""
    return "; ".join(
        f"{' less '.join(a.pair)} at {format_number(a.samples)}" for a in made.assessments
    )


def paint(name: str) -> tuple[str, str]:
    """Colour and hatch of a part; one of the user's own effects is grey."""
    return PAINT.get(name, (GREY, ""))


def draw(
    ax: Axes, found: Ledger, parts: list[tuple[str, np.ndarray]], made: Risk, told: list[str]
) -> None:
    """Stack the parts, which are none of them negative; what is ``told`` stands at its budget."""
    largest = float(made.fit.study.trained_on["max_samples"])
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
    for a, text in zip(made.assessments, told, strict=True):
        ax.axvline(a.samples, color=GREY, lw=0.5)
        first = a.samples == found.budgets[0]  # to its left are the numbers of the axis
        ax.annotate(
            text, (a.samples, 1.0), xycoords=("data", "axes fraction"),
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
