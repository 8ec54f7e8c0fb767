"""Model size and data: losses along equal compute, and where the optimum lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from qqt_bayes.allocation.sizes import FLOPS
from qqt_bayes.decide.predict import interval
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import INK, WIDE, PaperFigure

if TYPE_CHECKING:
    from qqt_bayes.allocation import Allocation

NAMED = 5  # candidates that are drawn: those of least regret
REACH = 2.2  # e-folds of size to each side of the optima
NEAR = 0.1  # runs count as of a budget when their compute is within this share

__all__ = ["plot_allocation"]


@paper.style()
def plot_allocation(answer: Allocation, *, width: float = WIDE, budget: int = -1) -> PaperFigure:
    """Loss over model size at one compute, and the optimal size over compute.

    Parameters
    ----------
    answer : Allocation
        From :func:`qqt_bayes.allocate`.
    width : float
        Inches.
    budget : int
        Position of the compute whose losses are shown; by default the last.

    Returns
    -------
    PaperFigure
        With attribute ``caption``.
    """
    shown = list(np.argsort(answer.regret.mean(axis=0), kind="stable")[:NAMED])
    beside = width >= paper.SIDE_BY_SIDE
    figure = paper.new_figure(width, 1.0)
    left, right = figure.subplots(*((1, 2) if beside else (2, 1)))
    draw_losses(left, answer, shown, range(len(answer.compute))[budget])
    draw_sizes(right, answer, shown)
    paper.panel_letters([left, right])
    handles = [
        Line2D([], [], color=paper.look(i).colour, marker=paper.look(i).marker,
               label=label)
        for i, label in enumerate(paper.shorts([answer.candidates[c].text for c in shown], 36))
    ]  # fmt: skip
    rows = paper.legend(figure, handles, width - 0.1)
    figure.set_size_inches(width, (0.36 * width if beside else 4.0) + 0.16 * rows)
    paper.stamp(left, answer.fit.stamp)
    figure.caption = caption(answer, range(len(answer.compute))[budget])
    return figure


def draw_losses(ax: Axes, answer: Allocation, shown: list[int], b: int) -> None:
    """Loss over parameters at one compute: bands, optima, and the runs made there."""
    sizes, bounds = answer.fit.sizes, []
    for i, c in enumerate(shown):
        colour, marker, _ = paper.look(i)
        logs = answer.grid.log_params[b, c]
        near = np.abs(logs - np.log(answer.plan[b, c])) < REACH
        params, loss = np.exp(logs[near]), answer.grid.loss[:, b, c][:, near]
        mid, low, high = interval(loss, answer.prob)
        ax.fill_between(params, low, high, color=colour, alpha=0.15, lw=0)
        ax.plot(params, mid, color=colour)
        planned = np.median(answer.draws["loss"][:, b, c])
        ax.plot(answer.plan[b, c], planned, marker, color=colour, mec="white")
        bounds += [low.min(), mid.max()]
        at = runs_near(answer, c, answer.compute[b])
        ax.plot(sizes.params[at], np.asarray(sizes.study.value)[at], marker, color=colour,
                mfc="none", ms=3, lw=0)  # fmt: skip
    pad = 0.08 * (max(bounds) - min(bounds))
    ax.set_ylim(min(bounds) - pad, max(bounds) + pad)
    paper.log_axis(ax.xaxis)
    ax.set_xlabel("parameters")
    ax.set_ylabel(paper.short(sizes.study.metric))
    ax.set_title(f"Loss at {answer.compute[b]:.3g} operations")
    paper.dress(ax)


def draw_sizes(ax: Axes, answer: Allocation, shown: list[int]) -> None:
    """Optimal parameters over compute with intervals, side by side."""
    for i, c in enumerate(shown):
        colour, marker, _ = paper.look(i)
        rows = answer.table[answer.table["data"] == answer.candidates[c].text]
        aside = np.exp(0.08 * (i - 0.5 * (len(shown) - 1)))
        mid = rows["params"].to_numpy()
        bars = [mid - rows["params_lo"].to_numpy(), rows["params_hi"].to_numpy() - mid]
        ax.errorbar(rows["compute"] * aside, mid, yerr=bars, color=colour, fmt=marker, ls="-",
                    elinewidth=0.9)  # fmt: skip
    largest = float(np.max(answer.compute / answer.extrapolation))
    if answer.compute[0] / 3 < largest < answer.compute[-1] * 1.02:
        ax.axvline(largest, color=INK, lw=0.7, ls=":")
    ax.set_xscale("log")
    paper.log_axis(ax.yaxis)
    ax.set_xlabel("compute (operations)")
    ax.set_ylabel("optimal parameters")
    ax.set_title("Optimal size")
    paper.dress(ax)


def runs_near(answer: Allocation, candidate: int, compute: float) -> np.ndarray:
    """Rows of a candidate's runs with about this compute."""
    sizes = answer.fit.sizes
    used = FLOPS * sizes.params * np.asarray(sizes.study.samples, float)
    mine = np.array(
        [sizes.study.mixtures[t] == answer.candidates[candidate] for t in sizes.study.data]
    )
    return np.flatnonzero(mine & (np.abs(used / compute - 1.0) < NEAR))


def caption(answer: Allocation, b: int) -> str:
    """What the figure shows."""
    return (
        f"a: {answer.fit.sizes.study.metric} against parameters at {answer.compute[b]:.3g} "
        f"operations: medians with {answer.prob:.0%} equal-tailed credible bands, the misfit of "
        "the law included; filled markers: what to train; open markers: runs within "
        f"{NEAR:.0%} of that compute. "
        f"b: optimal parameters with {answer.prob:.0%} intervals; dotted: the largest run."
    )
