"""Where the uncertainty comes from: shares of the variance against the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from qqt_bayes.plots.style import (
    COLOURS,
    GREY,
    INK,
    PALE,
    SIDE_BY_SIDE,
    SMALL,
    WIDE,
    PaperFigure,
    columns,
    dress,
    new_figure,
    panel_letters,
    stamp,
    style,
)  # fmt: skip
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.risk import Ledger, Risk

BUDGETS = 16
# Warm colours for what the model does not know of itself, cool ones for what it does.
PAINT = (PALE, COLOURS[5], COLOURS[2], COLOURS[1], COLOURS[3], COLOURS[4])
HATCH = ("", "", "", "////", "\\\\\\\\", "....")

__all__ = ["plot_ledger"]


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
    last = int(np.argmax(d.budgets))
    order = np.argsort(d.expected_regret[last], kind="stable")
    best = d.candidates[order[0]].text
    both = len(d.candidates) > 1
    with style():
        beside = width >= SIDE_BY_SIDE or not both
        figure = new_figure(width, 2.9 if beside else 4.4)
        shape = (1, 1 + both) if beside else (2, 1)
        axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
        draw(axes[0], found, found.levels, made, float(largest))
        axes[0].set_title(f"A new run on {best}")
        axes[0].set_ylabel("share of variance")
        if both:
            draw(axes[1], found, found.differences, made, float(largest))
            if not beside:
                axes[0].set_xlabel("")
                axes[1].set_ylabel("share of variance")
                dress(axes[1])
            axes[1].set_title(f"{best} less {d.candidates[order[1]].text}")
            panel_letters(list(axes))
        names = parts(found)
        handles = [
            Patch(facecolor=PAINT[i], hatch=HATCH[i], edgecolor="white", lw=0.4, label=name)
            for i, name in names
        ]
        figure.legend(
            handles=handles, loc="outside lower center",
            ncols=columns([name for _, name in names], width * 0.95),
        )  # fmt: skip
    figure.caption = (
        f"Shares of the variance of the log reducible {made.fit.study.metric}, for a new run on "
        f"{best}" + (" and for its difference to the runner-up" if both else "") + ", by source, "
        "against samples seen; parts below zero cancel others. The dashed line marks the largest "
        f"run ({format_number(float(largest))} samples): beyond it everything is extrapolated."
    )
    return figure


def parts(found: Ledger) -> list[tuple[int, str]]:
    """The parts that are anywhere worth a colour."""
    from qqt_bayes.risk.ledger import NAMES

    both = np.nan_to_num(np.concatenate([found.levels, found.differences]))
    return [(i, n) for i, n in enumerate(NAMES) if np.abs(both[:, i]).max() > 0.005]


def draw(ax: Axes, found: Ledger, shares: np.ndarray, made: Risk, largest: float) -> None:
    """Stack the parts: those above zero upwards, those below zero downwards."""
    up, down = np.zeros(len(shares)), np.zeros(len(shares))
    for i in range(shares.shape[1]):
        above, below = np.maximum(shares[:, i], 0.0), np.minimum(shares[:, i], 0.0)
        for base, part in ((up, above), (down, below)):
            if np.any(part != 0.0):
                ax.fill_between(
                    found.budgets, base, base + part, facecolor=PAINT[i], hatch=HATCH[i],
                    edgecolor="white", lw=0.4,
                )  # fmt: skip
        up, down = up + above, down + below
    ax.axhline(0.0, color=INK, lw=0.5)
    ax.axvline(largest, color=INK, lw=0.8, ls=(0, (3, 2)))
    for a in made.assessments:
        ax.axvline(a.samples, color=GREY, lw=0.5)
        ax.annotate(
            a.verdict, (a.samples, 1.0), xycoords=("data", "axes fraction"), xytext=(-2, -2),
            textcoords="offset points", rotation=90, ha="right", va="top", fontsize=SMALL,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(found.budgets[0], found.budgets[-1])
    ticks = np.array([found.budgets[0], largest, *(a.samples for a in made.assessments)])
    ax.set_xticks(np.unique(ticks), [format_number(t) for t in np.unique(ticks)])
    ax.minorticks_off()
    ax.set_xlabel("samples seen")
    dress(ax)
    stamp(ax, made.fit.stamp)
