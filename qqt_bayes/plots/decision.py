"""Figures of a decision: predicted metric, P(best), kept share and differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qqt_bayes.errors import UsageError
from qqt_bayes.plots import paper
from qqt_bayes.plots.beside import name_ends
from qqt_bayes.plots.curves import beyond_key, curves_key, draw_curves
from qqt_bayes.plots.differences import (
    differences_key,
    draw_differences,
    draw_gaps,
    gap_ends,
    rows_needed,
)
from qqt_bayes.plots.kept import draw_kept_share, has_kept_share
from qqt_bayes.plots.paper import COLUMN, INK, SIDE_BY_SIDE, PaperFigure
from qqt_bayes.plots.probability import draw_p_best, name_areas
from qqt_bayes.plots.view import EPOCHS, View
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.runs import Runs

PANELS = {
    "curves": draw_curves, "gaps": draw_gaps, "p_best": draw_p_best, "kept_share": draw_kept_share,
    "differences": draw_differences,
}  # fmt: skip
ROW = 0.155  # inches of a row of a legend

__all__ = ["caption", "plot_decision", "plot_differences", "plot_kept_share", "plot_p_best"]


def plot_decision(
    decision: Decision,
    *,
    width: float = COLUMN,
    panels: Sequence[str] = tuple(PANELS)[:4],
    held_out: Runs | None = None,
) -> PaperFigure:
    """Credible bands on the best data per budget, in a figure.

    Parameters
    ----------
    decision : Decision
        From ``fit.decide``.
    width : float
        Inches: 3.3 for one column (panels under each other), 7 for two (side by side).
    panels : sequence of {'curves', 'gaps', 'p_best', 'kept_share', 'differences'}
        ``gaps`` is left out where there is one candidate, ``kept_share`` where a candidate is
        weighted or unlimited or they are not nested.
    held_out : Runs, optional
        Run table whose runs beyond the largest one fitted are drawn in the curves' panel.

    Returns
    -------
    PaperFigure
        With attribute ``caption``. Saved by its ``savefig``; pyplot does not know it.

    Raises
    ------
    UsageError
        For an unknown panel, or none.
    """
    view = View.of(decision, held_out)
    without = set() if has_kept_share(view) else {"kept_share"}
    without |= set() if len(decision.candidates) > 1 else {"gaps"}
    chosen = [p for p in panels if p not in without]
    unknown = [p for p in chosen if p not in PANELS]
    if unknown or not chosen:
        what = f"unknown panel '{unknown[0]}'" if unknown else "no panel left to draw"
        raise UsageError(f"{what} -> choose from {', '.join(PANELS)}")
    return compose(view, chosen, width)


def plot_p_best(decision: Decision, *, width: float = COLUMN) -> PaperFigure:
    """Probability of being best against budget; parameters as for :func:`plot_decision`."""
    return compose(View.of(decision), ["p_best"], width)


def plot_kept_share(decision: Decision, *, width: float = COLUMN) -> PaperFigure:
    """Share of the widest candidate that the best keeps, median and interval against budget.

    Raises
    ------
    UsageError
        Where a candidate is weighted or unlimited: there is no such share.
    """
    return compose(View.of(decision), ["kept_share"], width)


def plot_differences(decision: Decision, *, width: float = COLUMN) -> PaperFigure:
    """Difference to the best at each budget, beside the level's much wider interval.

    Parameters as for :func:`plot_decision`.
    """
    return compose(View.of(decision), ["differences"], width)


def names(view: View) -> list[Artist]:
    """Legend entries of the candidates in colour."""
    out: list[Artist] = []
    for c in view.main:
        colour, marker, _ = view.look(c)
        out.append(
            Line2D([], [], color=colour, lw=1.4, marker=marker, ms=3.8, mfc="white", mew=0.9,
                   label=view.label(c))
        )  # fmt: skip
    return out


def key(view: View, panels: Sequence[str]) -> list[Artist]:
    """Legend entries that say how to read the panels."""
    out: list[Artist] = []
    if "curves" in panels:
        out += curves_key(view)
    elif "kept_share" in panels:
        out.append(Line2D([], [], color=INK, lw=1.4, label="median"))
        out += curves_key(view)[: 2 if view.extrapolates else 1]
    elif "p_best" in panels and view.extrapolates:
        out.append(beyond_key())
    elif "gaps" in panels:
        out += curves_key(view)[:1]
    if "differences" in panels:
        out += differences_key(view, alone=len(panels) == 1)
    return out


@paper.style()
def compose(view: View, panels: list[str], width: float) -> PaperFigure:
    """A new figure with the panels, the candidates' names above and the reading key below."""
    heights = {"curves": 2.3, "gaps": 1.5, "p_best": 1.2, "kept_share": 1.1}
    heights["differences"] = 0.2 + 0.115 * rows_needed(view)
    beside = width >= SIDE_BY_SIDE and len(panels) > 1
    tall = [heights[p] + 0.2 for p in panels]
    first = (
        min(range(1, len(panels)), key=lambda k: max(sum(tall[:k]), sum(tall[k:])))
        if beside
        else len(panels)
    )
    height = max(2.6 if beside else 0, sum(tall[:first]), sum(tall[first:])) + 0.3
    figure = paper.new_figure(width, height)
    blocks = [panels[:first], panels[first:]] if beside else [panels]
    axes: list[Axes] = []
    outer = figure.add_gridspec(1, len(blocks))
    for side, block in enumerate(blocks):
        inner = outer[0, side].subgridspec(len(block), 1, height_ratios=[heights[p] for p in block])
        added = [figure.add_subplot(inner[i]) for i in range(len(block))]
        for ax, panel in zip(added, block, strict=True):
            PANELS[panel](ax, view)
        share_samples(added, block)
        axes += added
    room = width / len(blocks) - 0.5
    named = [
        name_lines(ax, view, p, (room, heights[p])) for ax, p in zip(axes, panels, strict=True)
    ]
    if len(panels) > 1:
        paper.panel_letters(axes)
    entries = {
        "outside upper center": [] if any(named) or panels == ["kept_share"] else names(view),
        "outside lower center": key(view, panels),
    }
    for place, some in entries.items():
        if some:
            height += 0.06 + ROW * paper.legend(figure, some, width - 0.1, place)
    figure.set_size_inches(width, height)
    if "p_best" in panels:
        figure.draw_without_rendering()  # the room for names is known once it is laid out
        name_areas(axes[panels.index("p_best")], view)
    figure.caption = caption(view.decision)
    return figure


def name_lines(ax: Axes, view: View, panel: str, size: tuple[float, float]) -> bool:
    """Write the candidates' names beside the ends of their lines, if the panel has room."""
    if panel not in ("curves", "gaps") or len(view.samples) == 1:
        return False
    ends = gap_ends(view) if panel == "gaps" else view.levels[0, -1, view.main]
    colours = [view.look(c).colour for c in view.main]
    return name_ends(ax, [view.label(c) for c in view.main], ends, colours, size)


def share_samples(axes: Sequence[Axes], panels: Sequence[str]) -> None:
    """Of panels right under each other with an axis of samples, let only the lowest name it."""
    for ax, panel, below in zip(axes, panels, panels[1:], strict=False):
        if not {"differences", "gaps"} & {panel, below}:
            ax.tick_params(axis="x", labelbottom=False)
            ax.set_xlabel("")


def caption(decision: Decision) -> str:
    """What the figures show: a caption for a paper, or a text alternative."""
    view, study = View.of(decision), decision.fit.study
    trained, largest = study.trained_on, format_number(view.largest)
    parts = [
        f"{study.metric} ({view.direction}) against samples seen, from "
        f"{count(trained['runs'], 'run')} of up to {largest} samples.",
        f"Lines: posterior medians; bands: {view.interval}s of latent performance (uncertainty of "
        "the law, its drift and the mixtures included; noise of seeds and evaluation excluded).",
    ]
    if view.extrapolates:
        parts.append(
            f"Beyond the largest run ({largest}) lines are dashed; only the band of the final "
            "choice is filled there, hatched, and bars are the intervals at the budgets asked."
        )
    if any(np.isfinite(view.epoch(c)) for c in view.main):
        ends = ", ".join(map(str, EPOCHS))
        parts.append(f"Ticks on the curves: ends of epochs {ends} of the most repeated pool.")
    if len(decision.candidates) > 1:
        parts.append(
            f"Differences to {view.label(view.lead)}, the choice at the largest budget, are taken "
            "draw by draw: errors common to both cancel. The shade is the band of the runner-up."
        )
    parts.append("P(best): share of posterior draws in which a candidate is best.")
    return " ".join(filter(None, [view.warning.strip(), *parts]))
