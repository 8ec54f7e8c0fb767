"""Each pool's utility and half-life: the posterior beside its prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from qqt_bayes.decide.predict import interval
from qqt_bayes.decide.worth import amount, told
from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import COLOURS, COLUMN, GREY, INK, PALE, SIDE_BY_SIDE, SMALL, PaperFigure
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

PRIOR_DRAWS = 20_000
LEAST, MOST = 0.01, 10.0  # worths beyond these are drawn at the edge
PROB = 0.9
HEIGHT = 0.82  # of a density, in rows

__all__ = ["plot_pools", "prior_half_life"]


def prior_utility(fit: Fit) -> np.ndarray:
    """Draws from each pool's marginal prior of the utility, dims (draw, pool).

    The population's mean, its spread and the effect of quality are drawn from their priors, then
    the pools given them.
    """
    rng = np.random.default_rng(0)
    priors, setting = fit.posterior.priors, fit.posterior.design.setting
    mean, spread, slope = (
        priors[name].draw(PRIOR_DRAWS, rng)[:, None]
        for name in ("utility", "utility_spread", "quality_effect")
    )
    own = rng.normal(size=(PRIOR_DRAWS, len(setting.sizes)))
    pools = own @ np.linalg.cholesky(setting.likeness).T
    return np.asarray(mean * (1.0 + slope * setting.quality + spread * pools))


def prior_half_life(fit: Fit) -> np.ndarray:
    """Draws from the marginal prior of any finite pool's half-life in epochs, dim (draw,)."""
    rng = np.random.default_rng(1)
    names = ("half_life", "half_life_spread")
    median, spread = (fit.posterior.priors[name].draw(PRIOR_DRAWS, rng) for name in names)
    return np.asarray(median * np.exp(spread * rng.normal(size=PRIOR_DRAWS)))


def prior_exchange_rate(fit: Fit) -> np.ndarray:
    """Draws from each pool's prior of the exchange rate, dims (draw, pool)."""
    factor, prior = fit.posterior.design.setting.rate_factor, fit.posterior.priors["exchange_rate"]
    free = np.random.default_rng(2).normal(size=(PRIOR_DRAWS, factor.shape[1]))
    return np.asarray(np.exp(prior.pair[1] * free @ factor.T))


@paper.style()
def plot_pools(fit: Fit, *, width: float = COLUMN) -> PaperFigure:
    """Worth of each pool's samples, and its utility and half-life beside their priors.

    For a law with exchange rates these take the place of the utility, which all pools share.

    Parameters
    ----------
    fit : Fit
        From :func:`qqt_bayes.fit`.
    width : float
        Inches: 3.3 for one column (panels under each other), 7 for two (side by side).

    Returns
    -------
    PaperFigure
    """
    key: list[Artist] = [
        Patch(facecolor=PALE, alpha=0.7, lw=0, label="prior"),
        Patch(facecolor=COLOURS[0], alpha=0.5, lw=0, label="posterior"),
        Line2D([], [], color=COLOURS[0], marker="o", ms=3.5, lw=1.6,
               label=f"median, {PROB:.0%} equal-tailed interval"),
    ]  # fmt: skip
    beside = width >= SIDE_BY_SIDE
    figure = paper.new_figure(width, 1.0)
    axes = list(figure.subplots(*((1, 3) if beside else (3, 1))))
    draw_worth(axes[0], fit)
    draw_pools(axes[1:], fit)
    for other in axes[1:] if beside else []:
        other.tick_params(labelleft=False)
    paper.panel_letters(axes)
    tall = (0.28 * len(fit.study.pools) + 0.55) * (1 if beside else 3)
    rows = paper.legend(figure, key, width - 0.1)
    figure.set_size_inches(width, tall + 0.16 * rows + 0.1)
    rates = fit.posterior.exchange_rates
    figure.caption = (
        f"{fit.stamp}How many samples of {fit.table['worth_of'].iloc[0]} one sample of each "
        "pool replaces, each trained on alone for "
        f"{format_number(fit.table['worth_at'].iloc[0])} samples; and the "
        f"posterior (blue: median and {PROB:.0%} equal-tailed interval) of each pool's "
        f"{'utility' if rates is None else 'exchange rate'} and half-life beside its marginal "
        "prior (grey), "
        f"for {fit.study.metric}. A half-life means nothing for an unlimited pool."
    )
    return figure


def pool_names(fit: Fit) -> list[str]:
    """Names of the rows."""
    every = zip(paper.shorts(fit.study.pools.names), fit.study.used, strict=True)
    return [name + ("" if used else " (no run)") for name, used in every]


def draw_worth(ax: Axes, fit: Fit) -> None:
    """One row a pool: what one of its samples is worth, in samples of the best pool."""
    table, names = fit.table, pool_names(fit)
    low, high = LEAST, max(1.5, float(np.minimum(table["worth_hi"], MOST).max()))
    for y, row in enumerate(table.to_dict("records")):
        mid, lo, hi = np.clip([row["worth"], row["worth_lo"], row["worth_hi"]], low, high)
        best = row["pool"] == row["worth_of"]
        ax.plot([lo, hi], [y, y], color=COLOURS[0], lw=1.6, solid_capstyle="butt")
        ax.plot(mid, y, "o", color=COLOURS[0], ms=3.5, mec="white", mew=0.5, zorder=5)
        said = "1" if best else told(row, "worth", amount)
        if best:
            ax.set_xlabel(f"samples of {names[y]}")
        ax.annotate(said, (1.0, y), xycoords=("axes fraction", "data"), xytext=(3, 0),
                    textcoords="offset points", va="center", fontsize=SMALL - 0.5,
                    color=INK)  # fmt: skip
    ax.axvline(1.0, color=GREY, lw=0.6, zorder=0)
    paper.log_axis(ax.xaxis, (1.0, 2.0, 5.0), "{:g}".format)
    ax.set_xlim(0.9 * max(low, float(table["worth_lo"].min())), 1.1 * high)
    ax.set_yticks(range(len(table)), names)
    ax.set_ylim(len(table) - 0.5, -0.7)
    ax.set_title("Worth of a sample")
    paper.dress(ax)
    ax.tick_params(axis="y", length=0)
    paper.stamp(ax, fit.stamp)


def draw_pools(axes: Sequence[Axes], fit: Fit) -> None:
    """Draw both panels."""
    pools = len(fit.study.pools)
    rates = fit.posterior.exchange_rates
    if rates is not None:
        draw_panel(axes[0], fit, list(rates.T), list(prior_exchange_rate(fit).T), log=True)
        axes[0].set_xlabel("worth of a sample (exchange rate)")
        axes[0].set_title("Exchange rate between pools")
        axes[0].axvline(1, color=GREY, lw=0.6, zorder=0)
    else:
        utility = fit.posterior.fitted.utility
        draw_panel(axes[0], fit, list(utility.T), list(prior_utility(fit).T), log=False)
        axes[0].set_xlabel("utility (exponent of samples)")
        axes[0].set_title("Utility, higher learns faster")
        axes[0].axvline(0, color=GREY, lw=0.6, zorder=0)
    lives = fit.posterior.half_lives
    draw_panel(axes[1], fit, list(lives.T), [prior_half_life(fit)] * pools, log=True)
    axes[1].set_xlabel("half-life (epochs)")
    axes[1].set_title("Half-life under repetition")


def draw_panel(
    ax: Axes, fit: Fit, posterior: list[np.ndarray], prior: list[np.ndarray], *, log: bool
) -> None:
    """One row a pool: prior, posterior, median and interval, and the figures at the right."""
    known = [v for v in posterior if np.all(np.isfinite(v))]
    ends = [np.quantile(v, [0.002, 0.998]) for v in known]
    ends = ends or [np.array([1.0, 10.0])]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    # as much of the prior as leaves the posterior a third of the axis or more
    start, stop = np.quantile(np.concatenate(prior), [0.02, 0.95]) if known else (low, high)
    if log:
        low, high = max(min(start, low), low**2 / high), min(max(stop, high), high**2 / low)
    else:
        reach = high - low
        low, high = max(min(start, low), low - reach), min(max(stop, high), high + reach)
    x = np.geomspace(low, high, 240) if log else np.linspace(low, high, 240)
    for y, (draws, before) in enumerate(zip(posterior, prior, strict=True)):
        if not np.all(np.isfinite(draws)):
            ax.text(0.01, y + 0.1, "unlimited: never repeated", transform=ax.get_yaxis_transform(),
                    va="center", fontsize=SMALL, color=GREY)  # fmt: skip
            continue
        base = y + 0.32
        shapes = np.array([density(before, x, log), density(draws, x, log)])
        shapes *= HEIGHT / (shapes.max() or 1.0)  # equal areas
        for shape, colour, alpha, what in zip(
            shapes, (PALE, COLOURS[0]), (0.7, 0.5), ("prior", "posterior"), strict=True
        ):
            ax.fill_between(x, base, base - shape, color=colour, alpha=alpha, lw=0, gid=what,
                            zorder=2 + y * 0.01)  # fmt: skip
        mid, lo, hi = interval(draws, PROB)
        ax.plot([lo, hi], [base, base], color=COLOURS[0], lw=1.6, zorder=4, solid_capstyle="butt")
        ax.plot(mid, base, "o", color=COLOURS[0], ms=3.5, mec="white", mew=0.5, zorder=5)
        digits = 1 if log else 2
        ax.annotate(
            f"{mid:.{digits}f} [{lo:.{digits}f}, {hi:.{digits}f}]", (1.0, y + 0.1),
            xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
            va="center", fontsize=SMALL - 0.5, color=INK,
        )  # fmt: skip
    if log:
        paper.log_axis(ax.xaxis, told="{:g}".format)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlim(low, high)
    ax.set_ylim(len(posterior) - 0.5, -0.75)
    ax.set_yticks(np.arange(len(posterior)) + 0.1, pool_names(fit))
    paper.dress(ax)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    paper.stamp(ax, fit.stamp)


def density(draws: np.ndarray, x: np.ndarray, log: bool) -> np.ndarray:
    """Density of the draws at `x`; on a log axis, of their logs."""
    from scipy.stats import gaussian_kde

    values, places = (np.log(draws), np.log(x)) if log else (draws, x)
    low, high = np.quantile(values, [0.005, 0.995])
    inside = values[(values >= low) & (values <= high)][:4000]
    if len(inside) < 3 or np.ptp(inside) == 0:
        return np.zeros(len(x))
    return np.asarray(gaussian_kde(inside)(places))
