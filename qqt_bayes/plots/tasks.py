"""Several tasks: which data each would choose, and what pooling does to their estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLUMN, GREY, INK, SIZE, SMALL, PaperFigure
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.tasks import TaskDecision, Tasks
    from qqt_bayes.tasks.new_size import SizeDecision

MOST = 10  # candidates shown, by P(best) for any task

__all__ = ["plot_size_decision", "plot_task_decision", "plot_tasks"]


@paper.style()
def plot_task_decision(d: TaskDecision, *, width: float = COLUMN) -> PaperFigure:
    """P(best) of each candidate at the largest budget: a row a task, one for the weighted mean.

    Parameters
    ----------
    d : TaskDecision
        From ``tasks.decide``.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
    """
    b = int(np.argmax(d.budgets))
    values = np.vstack([d.p_best[b], d.task_p_best[:, b]])
    shown = np.sort(np.argsort(-values.max(axis=0), kind="stable")[:MOST])
    names = ["together", *d.tasks.names]
    figure = paper.new_figure(width, 0.24 * len(names) + 1.5)
    ax = figure.subplots()
    image = ax.imshow(values[:, shown], cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for r in range(len(names)):
        for c, k in enumerate(shown):
            p = values[r, k]
            if p >= 0.005:
                ax.text(c, r, f"{p:.2f}"[1:] if p < 0.995 else "1", ha="center", va="center",
                        fontsize=SMALL, color="white" if p > 0.55 else INK)  # fmt: skip
    ax.set_xticks(
        range(len(shown)), paper.shorts([d.candidates[k].text for k in shown]), rotation=40,
        ha="right", rotation_mode="anchor",
    )  # fmt: skip
    ax.set_yticks(range(len(names)), paper.shorts(names))
    ax.axhline(0.5, color=GREY, lw=0.8)
    ax.tick_params(length=0)
    ax.set_title(f"P(best) at {format_number(d.budgets[b])} samples")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    figure.caption = (
        f"Probability that each candidate is best at {format_number(d.budgets[b])} samples, "
        f"for each of {d.size} tasks and for their weighted mean."
    )
    return figure


@paper.style()
def plot_tasks(tasks: Tasks, *, width: float = COLUMN) -> PaperFigure:
    """Utilities by task and pool: alone (hollow) and pooled (filled), 90% equal-tailed intervals.

    Parameters
    ----------
    tasks : Tasks
        From :func:`qqt_bayes.fit_tasks`.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
    """
    table = tasks.table
    pools = list(dict.fromkeys(table["pool"]))
    figure = paper.new_figure(width, 0.2 * len(pools) * len(tasks.names) + 1.3)
    axes: Any = figure.subplots(1, 2, sharey=True)
    for ax, what, label in zip(
        axes, ("utility", "half_life"), ("Utility", "Half-life"), strict=True
    ):
        draw_estimates(ax, tasks, pools, what)
        ax.set_title(label)
    paper.log_axis(axes[1].xaxis, told="{:g}".format)
    axes[1].set_xlabel("epochs")
    height = len(tasks.names) + 1
    axes[0].set_yticks([p * height + (height - 2) / 2 for p in range(len(pools))],
                       paper.shorts(pools))  # fmt: skip
    axes[0].invert_yaxis()
    paper.key_below(figure, axes[0].get_legend_handles_labels()[0])
    figure.caption = (
        "Utility and half-life of each pool by task: fitted alone (hollow) and with what the "
        "tasks share (filled); medians and 90% equal-tailed intervals."
    )
    return figure


@paper.style()
def plot_size_decision(d: SizeDecision, *, width: float = COLUMN) -> PaperFigure:
    """Gap of each candidate to the best, one panel a budget, for a model size not run.

    Parameters
    ----------
    d : SizeDecision
        From ``tasks.decide_size``.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
    """
    shown = np.sort(np.argsort(-d.p_best.max(axis=0), kind="stable")[:MOST])
    names = [d.names[c] for c in shown]
    order = np.argsort(d.budgets)
    figure = paper.new_figure(width, 0.26 * len(names) + 1.2)
    axes: Any = figure.subplots(1, len(order), sharey=True, squeeze=False)[0]
    for ax, b in zip(axes, order, strict=True):
        rows = d.rows(b).set_index("data")
        for y, name in enumerate(names):
            mid, lo, hi = (100 * rows.loc[name, f"difference{e}"] for e in ("", "_lo", "_hi"))
            colour, marker, _ = paper.look(y)
            ax.plot([lo, hi], [y, y], color=colour, lw=1.4)
            ax.plot(mid, y, ls="", marker=marker, ms=3.6, mfc="white", mec=colour)
            ax.annotate(
                f"P {rows.loc[name, 'p_best']:.2f}", (1.0, y), xytext=(4, 0), fontsize=SMALL,
                va="center", xycoords=("axes fraction", "data"), textcoords="offset points",
            )  # fmt: skip
        ax.axvline(0.0, color=GREY, lw=0.8, zorder=0)
        ax.set_title(f"{format_number(d.budgets[b])} samples")
        ax.margins(x=0.08)
        paper.dress(ax)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(names)), paper.shorts(names))
    axes[0].set_ylim(len(names) - 0.4, -0.7)
    figure.supxlabel("% of the reducible error", fontsize=SIZE, color=INK)
    figure.caption = (
        f"Gap of each candidate to the best for a model of {format_number(d.params)} "
        f"parameters, which was not run: medians and {100 * d.prob:g}% equal-tailed intervals, "
        "in percent of the reducible error, with the probability of being best."
    )
    return figure


def draw_estimates(ax: Axes, tasks: Tasks, pools: list[str], what: str) -> None:
    """One pair of intervals a task and pool."""
    table, height, labels = tasks.table, len(tasks.names) + 1, paper.shorts(tasks.names)
    for t, name in enumerate(tasks.names):
        colour, marker, _ = paper.look(t)
        own = table[table["task"] == name].set_index("pool")
        for p, pool in enumerate(pools):
            y = p * height + t
            for shift, prefix, fill in ((-0.2, "alone_", "white"), (0.2, "", colour)):
                mid, lo, hi = (own.loc[pool, f"{prefix}{what}{end}"] for end in ("", "_lo", "_hi"))
                if not np.isfinite(mid):
                    continue
                ax.plot([lo, hi], [y + shift] * 2, color=colour, lw=0.9)
                label = labels[t] if p == 0 and prefix == "" else None
                ax.plot(mid, y + shift, marker=marker, ms=3, mfc=fill, mec=colour, ls="",
                        label=label)  # fmt: skip
    paper.dress(ax)
    ax.tick_params(axis="y", length=0)
