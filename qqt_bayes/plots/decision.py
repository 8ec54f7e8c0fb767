"""Figures of a decision: predicted metric, P(best), kept share and differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from qqt_bayes.errors import UsageError
from qqt_bayes.plots.beside import name_ends
from qqt_bayes.plots.curves import beyond_key, curves_key, draw_curves
from qqt_bayes.plots.differences import differences_key, draw_differences, rows_needed
from qqt_bayes.plots.gaps import draw_gaps, gap_ends
from qqt_bayes.plots.kept import draw_kept_share, has_kept_share
from qqt_bayes.plots.probability import draw_p_best, name_areas
from qqt_bayes.plots.style import (
    COLUMN,
    INK,
    SIDE_BY_SIDE,
    PaperFigure,
    columns,
    new_figure,
    panel_letters,
    style,
)  # fmt: skip
from qqt_bayes.plots.view import EPOCHS, LIMIT, View
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.runs import Runs

PANELS = ("curves", "gaps", "p_best", "kept_share", "differences")
ROW = 0.155  # inches of a row of a legend

__all__ = [
    "caption", "plot_curves", "plot_decision", "plot_differences", "plot_gaps", "plot_kept_share",
    "plot_p_best",
]  # fmt: skip


def plot_decision(
    decision: Decision,
    *,
    width: float = COLUMN,
    ax: Sequence[Axes] | None = None,
    panels: Sequence[str] = PANELS[:4],
    limit: int = LIMIT,
    held_out: Runs | None = None,
) -> Figure:
    """Credible bands on the best data per budget, in a figure.

    Parameters
    ----------
    decision : Decision
        From ``fit.decide``.
    width : float
        Inches: 3.3 for one column (panels under each other), 7 for two (side by side).
    ax : sequence of Axes, optional
        Axes to draw in, one a panel, in place of a new figure.
    panels : sequence of {'curves', 'gaps', 'p_best', 'kept_share', 'differences'}
        ``gaps`` is left out where there is one candidate, ``kept_share`` where a candidate is
        weighted or unlimited or they are not nested.
    limit : int
        How many candidates are shown in colour; the others are grey.
    held_out : Runs, optional
        Run table whose runs beyond the largest one fitted are drawn in the curves' panel.

    Returns
    -------
    Figure
        With attribute ``caption``. Saved by its ``savefig``; pyplot does not know it.

    Raises
    ------
    UsageError
        For an unknown panel, none, or too few axes.
    """
    view = View.of(decision, limit)
    without = set() if has_kept_share(view) else {"kept_share"}
    without |= set() if len(decision.candidates) > 1 else {"gaps"}
    chosen = [p for p in panels if p not in without]
    unknown = [p for p in chosen if p not in PANELS]
    if unknown or not chosen:
        what = f"unknown panel '{unknown[0]}'" if unknown else "no panel left to draw"
        raise UsageError(f"{what} -> choose from {', '.join(PANELS)}")
    with style():
        if ax is not None:
            return draw_in(list(ax), view, chosen, held_out)
        return compose(view, chosen, width, held_out)


def plot_curves(
    decision: Decision,
    *,
    width: float = COLUMN,
    ax: Axes | None = None,
    limit: int = LIMIT,
    held_out: Runs | None = None,
) -> Figure:
    """Predicted metric against samples seen; parameters as for :func:`plot_decision`."""
    return single(decision, "curves", width, ax, limit, held_out)


def plot_gaps(
    decision: Decision, *, width: float = COLUMN, ax: Axes | None = None, limit: int = LIMIT
) -> Figure:
    """Difference of each candidate to the final choice, draw by draw, against budget.

    Parameters as for :func:`plot_decision`.
    """
    return single(decision, "gaps", width, ax, limit)


def plot_p_best(
    decision: Decision, *, width: float = COLUMN, ax: Axes | None = None, limit: int = LIMIT
) -> Figure:
    """Probability of being best against budget; parameters as for :func:`plot_decision`."""
    return single(decision, "p_best", width, ax, limit)


def plot_kept_share(decision: Decision, *, width: float = COLUMN, ax: Axes | None = None) -> Figure:
    """Share of the widest candidate that the best keeps, median and interval against budget.

    Raises
    ------
    UsageError
        Where a candidate is weighted or unlimited: there is no such share.
    """
    return single(decision, "kept_share", width, ax, LIMIT)


def plot_differences(
    decision: Decision, *, width: float = COLUMN, ax: Axes | None = None, limit: int = LIMIT
) -> Figure:
    """Difference to the best at each budget, beside the level's much wider interval.

    Parameters as for :func:`plot_decision`.
    """
    return single(decision, "differences", width, ax, limit)


def single(
    decision: Decision,
    panel: str,
    width: float,
    ax: Axes | None,
    limit: int,
    held_out: Runs | None = None,
) -> Figure:
    """One panel, in its own figure or in an axes."""
    view = View.of(decision, limit)
    with style():
        if ax is not None:
            return draw_in([ax], view, [panel], held_out)
        return compose(view, [panel], width, held_out)


def draw(ax: Axes, view: View, panel: str, held_out: Runs | None) -> None:
    """Draw one panel."""
    if panel == "curves":
        draw_curves(ax, view, held_out)
        return
    drawers: dict[str, Callable[[Axes, View], None]] = {
        "gaps": draw_gaps,
        "p_best": draw_p_best,
        "kept_share": draw_kept_share,
        "differences": draw_differences,
    }
    drawers[panel](ax, view)


def draw_in(axes: list[Axes], view: View, panels: list[str], held_out: Runs | None) -> Figure:
    """Draw in given axes, each with its own legend."""
    if len(axes) < len(panels):
        raise UsageError(f"{len(axes)} axes for {len(panels)} panels -> give one a panel")
    for ax, panel in zip(axes, panels, strict=False):
        draw(ax, view, panel, held_out)
        entries = key(view, [panel], held_out)
        if panel in ("curves", "gaps", "differences"):
            entries = names(view) + entries[:2]
        elif panel == "p_best":
            name_areas(ax, view)
            entries = names(view) if len(panels) == 1 else []
        if entries:
            ax.legend(handles=entries, loc="best", frameon=panel == "p_best")
    figure = axes[0].get_figure(root=True)
    assert figure is not None
    return figure


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


def key(view: View, panels: Sequence[str], held_out: Runs | None) -> list[Artist]:
    """Legend entries that say how to read the panels."""
    out: list[Artist] = []
    if "curves" in panels:
        out += curves_key(view, held_out is not None)
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


def compose(view: View, panels: list[str], width: float, held_out: Runs | None) -> PaperFigure:
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
    figure = new_figure(width, height)
    blocks = [panels[:first], panels[first:]] if beside else [panels]
    axes: list[Axes] = []
    outer = figure.add_gridspec(1, len(blocks))
    for side, block in enumerate(blocks):
        inner = outer[0, side].subgridspec(len(block), 1, height_ratios=[heights[p] for p in block])
        added = [figure.add_subplot(inner[i]) for i in range(len(block))]
        for ax, panel in zip(added, block, strict=True):
            draw(ax, view, panel, held_out)
        share_samples(added, block)
        axes += added
    room = width / len(blocks) - 0.5
    named = [
        name_lines(ax, view, p, (room, heights[p])) for ax, p in zip(axes, panels, strict=True)
    ]
    if len(panels) > 1:
        panel_letters(axes)
    entries = {
        "outside upper center": [] if any(named) or panels == ["kept_share"] else names(view),
        "outside lower center": key(view, panels, held_out),
    }
    for place, some in entries.items():
        if some:
            ncols = columns([str(e.get_label()) for e in some], width - 0.1)
            height += 0.06 + ROW * -(-len(some) // ncols)
            where: Any = place  # "outside" places have no type of their own
            figure.legend(handles=some, loc=where, ncols=ncols)
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
        f"{int(trained['runs'])} runs of up to {largest} samples.",
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
