"""What a sample of each pool is worth in each further pass, beside what the prior says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from qqt_bayes.decide.predict import interval
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import BEYOND, COLOURS, COLUMN, GREY, INK, PALE, SIDE_BY_SIDE, SIZE
from qqt_bayes.plots.pools import PRIOR_DRAWS, PROB, prior_half_life

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

PASSES = 32.0  # the last one shown
ROW = 1.05  # inches of a row of panels

__all__ = ["plot_decay", "weight"]


def weight(passes: np.ndarray, half_life: np.ndarray, harm: np.ndarray) -> np.ndarray:
    """Worth of a sample in a pass, the first being 1; dims (sample, pass). Harm takes from it."""
    repeats = passes[None, :] - 1.0
    return (1.0 + harm)[:, None] * np.exp2(-repeats / half_life[:, None]) - harm[:, None]


@paper.style()
def plot_decay(fit: Fit, *, width: float = COLUMN) -> paper.PaperFigure:
    """Worth of each pool's samples against the pass they are seen in, for the pool alone.

    Parameters
    ----------
    fit : Fit
        From :func:`qqt_bayes.fit`.
    width : float
        Inches: two panels in a row at 3.3 (one column), three from 5 inches on.

    Returns
    -------
    paper.PaperFigure
        One panel a pool that can be repeated. Dashed beyond the most epochs that any run made of
        the pool; ``caption`` says what is shown.
    """
    finite = [i for i, size in enumerate(fit.study.pools.sizes) if np.isfinite(size)]
    k = np.geomspace(1.0, PASSES, 120)
    rng = np.random.default_rng(2)
    harm = fit.posterior.priors["harm"].draw(PRIOR_DRAWS, rng)
    before = interval(weight(k, prior_half_life(fit), harm), PROB)
    key: list[Any] = [
        Patch(facecolor=PALE, alpha=0.6, lw=0, label=f"prior, {PROB:.0%} equal-tailed band"),
        Patch(facecolor=COLOURS[0], alpha=0.4, lw=0, label=f"posterior, {PROB:.0%}"),
        Line2D([], [], color=COLOURS[0], ls=BEYOND, lw=1.5, label="beyond the epochs run"),
    ]
    across = min(len(finite), 3 if width >= SIDE_BY_SIDE else 2) or 1
    down = -(-len(finite) // across) or 1
    figure = paper.new_figure(width, 1.0)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for ax in grid.ravel()[len(finite) :]:
        ax.set_axis_off()
    names = paper.shorts(fit.study.pools.names, 20)
    for ax, pool in zip(grid.ravel(), finite, strict=False):
        after = weight(k, fit.posterior.half_lives[:, pool], fit.posterior.harms[:, pool])
        seen = max(fit.study.epochs[:, pool].max(), 1.0)
        draw(ax, k, before, interval(after, PROB), seen)
        ax.set_title(names[pool])
        paper.dress(ax)
        paper.stamp(ax, fit.stamp)
    for column in range(min(across, len(finite))):  # below the last panel of each column
        last = grid[:, column][(len(finite) - 1 - column) // across]
        last.set_xlabel("pass over the pool")
        last.tick_params(labelbottom=True)
        paper.dress(last)
    figure.supylabel("worth of a sample", fontsize=SIZE, color=INK)
    rows = paper.legend(figure, key, width - 0.1)
    figure.set_size_inches(width, down * ROW + 0.4 + 0.16 * rows)
    figure.caption = (
        f"{fit.stamp}Worth of a sample of each pool in each further pass (1 in the first), when "
        f"the pool is trained on alone: posterior (blue: median and {PROB:.0%} equal-tailed band) "
        f"beside the prior (grey), for {fit.study.metric}. Dashed beyond the most epochs of that "
        "pool in any run; below zero a further pass hurts."
    )
    return figure


def draw(ax: Axes, k: np.ndarray, before: np.ndarray, after: np.ndarray, seen: float) -> None:
    """One panel."""
    ax.fill_between(k, *before[1:], color=PALE, alpha=0.6, lw=0, gid="prior")
    ax.fill_between(k, *after[1:], color=COLOURS[0], alpha=0.4, lw=0, gid="posterior")
    inside = k <= seen
    ax.plot(k[inside], after[0, inside], color=COLOURS[0])
    ax.plot(k[~inside], after[0, ~inside], color=COLOURS[0], ls=BEYOND, gid="beyond")
    ax.axhline(0.0, color=GREY, lw=0.6, zorder=0)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator([1, 2, 4, 8, 16, 32, 64]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(k[0], k[-1])
    ax.set_ylim(min(-0.25, float(after[1].min()) - 0.02), 1.04)
