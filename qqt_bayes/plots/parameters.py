"""Every sampled parameter: the posterior beside its prior, and which the runs do not identify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Patch

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLOURS, INK, PALE, SMALL, WIDE, PaperFigure

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

PRIOR_DRAWS = 20_000
BINS = 40
KEY = {"prior": PALE, "posterior": COLOURS[0]}
PANEL = 1.8  # inches, at least

__all__ = ["plot_parameters"]


@paper.style()
def plot_parameters(fit: Fit, *, width: float = WIDE) -> PaperFigure:
    """Posterior of each sampled scalar beside its prior.

    Parameters
    ----------
    fit : Fit
        From :func:`qqt_bayes.fit`.
    width : float
        Inches.

    Returns
    -------
    PaperFigure
        One panel a parameter, with the spread of the posterior over that of the prior
        (interquartile ranges). Where it is near one the runs have told nothing: those panels are
        marked "not identified", and what rests on them rests on the prior.
    """
    from qqt_bayes.risk.power import contraction
    from qqt_bayes.risk.thresholds import NOT_IDENTIFIED

    ratio, rng = contraction(fit.posterior), np.random.default_rng(0)
    drawn = fit.posterior.scalars()
    across = max(1, int(width / PANEL))
    down = -(-len(drawn) // across)
    figure = paper.new_figure(width, 1.25 * down + 0.25)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for ax, (name, values) in zip(axes, drawn.items(), strict=False):
        before = fit.posterior.priors[name].draw(PRIOR_DRAWS, rng)
        low = min(np.quantile(before, 0.01), values.min())
        high = max(np.quantile(before, 0.95), np.quantile(values, 0.995))
        edges = np.linspace(low, high, BINS + 1)
        for what, sample, colour in zip(KEY, (before, values), KEY.values(), strict=True):
            inside = np.histogram(sample, edges)[0] / (len(sample) * np.diff(edges))
            ax.stairs(inside, edges, fill=True, color=colour, alpha=0.6, gid=what)
        vague = ratio[name] >= NOT_IDENTIFIED
        told = f"spread {ratio[name]:.2f} of prior's" + (", not identified" if vague else "")
        ax.set_title(paper.short(name.replace("_", " ")))
        ax.set_xlabel(told)
        ax.set_yticks([])
        paper.dress(ax)
        ax.xaxis.label.set(size=SMALL, color=COLOURS[3] if vague else INK)
        ax.spines["left"].set_visible(False)
        paper.stamp(ax, fit.stamp)
    for ax in axes[len(drawn) :]:
        ax.set_axis_off()
    key = [Patch(facecolor=colour, alpha=0.6, lw=0, label=what) for what, colour in KEY.items()]
    figure.legend(handles=key, loc="outside lower center", ncols=2)
    unknown = [name.replace("_", " ") for name in drawn if ratio[name] >= NOT_IDENTIFIED]
    figure.caption = (
        f"{fit.stamp}Posterior (blue) of each sampled parameter of {fit.study.metric} beside its "
        "prior (grey), with the ratio of their interquartile ranges. "
        + (f"Not identified by these runs: {', '.join(unknown)}." if unknown else
           "These runs inform every one of them.")
    )  # fmt: skip
    return figure
