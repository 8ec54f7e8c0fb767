"""What a pool is worth in one number: samples of the best pool that one of its samples replaces.

A pool trained on alone for n samples reaches some performance. The best pool alone reaches the
same after n' samples. One sample of the pool is then worth n'/n samples of the best pool, at that
n: what it loses by a low exponent, a bad level and worn repeats together, draw by draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._columns import columns
from qqt_bayes.decide.drawn import keyed
from qqt_bayes.decide.predict import interval
from qqt_bayes.decide.settings import setting_lines
from qqt_bayes.runs import format_number, parse_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

DRAWS = 1000  # more would not show in two figures
LENGTHS = 32  # of runs on the best pool that are looked at
BELOW, BEYOND = 4.0, 4.0  # how far below the smallest run and beyond the budget these go

__all__ = ["describe_fit", "fewest_samples", "pool_worth", "with_worth"]


def pool_worth(fit: Fit, budget: str | float | None = None, prob: float = 0.9) -> pd.DataFrame:
    """How many samples of the best pool one sample of each pool is worth.

    Parameters
    ----------
    fit : Fit
        The fitted study.
    budget : str or number, optional
        Samples that each pool is trained on, alone; by default the largest run's.
    prob : float
        Of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        One row a pool: ``pool, worth, worth_lo, worth_hi, worth_of`` (the best pool) and
        ``worth_at`` (the budget). At the ends of what is looked at the worth is a bound: 0 below
        the shortest run on the best pool, infinite beyond the longest.
    """
    n = float(fit.study.samples.max()) if budget is None else parse_number(budget)
    names = fit.study.pools.names
    every = max(1, len(fit.posterior) // DRAWS)
    goals = alone(fit, np.full(len(names), n), np.eye(len(names)), n, every)
    best = int(np.argmin(np.where(fit.study.used, goals.mean(axis=0), np.inf)))
    lengths = np.geomspace(min(float(fit.study.samples.min()), n) / BELOW, n * BEYOND, LENGTHS)
    shares = np.vstack([np.eye(len(names)), np.eye(len(names))[np.full(LENGTHS, best)]])
    samples = np.concatenate([np.full(len(names), n), lengths])
    both = alone(fit, samples, shares, n, every)  # joint: what is common cancels
    goals, curve = both[:, : len(names)], both[:, len(names) :]
    rows = []
    for i, name in enumerate(names):
        ratio = fewest_samples(curve, lengths, goals[:, i]) / n if i != best else np.ones(1)
        ratio = np.where(ratio <= lengths[0] / n, 0.0, ratio)
        mid, lo, hi = interval(ratio, prob, "inverted_cdf")
        rows.append({"pool": name, "worth": mid, "worth_lo": lo, "worth_hi": hi,
                     "worth_of": names[best], "worth_at": n})  # fmt: skip
    return pd.DataFrame(rows)


def alone(fit: Fit, samples: np.ndarray, shares: np.ndarray, n: float, every: int) -> np.ndarray:
    """Joint draws of runs on single pools, dims (sample, point)."""
    points = fit.posterior.design.points_at(samples, shares)
    return fit.posterior.latent(points, seed=keyed(n), every=every)


def fewest_samples(curve: np.ndarray, grid: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The fewest samples (sample,) at which each curve (sample, length) reaches its goal (sample,).

    The first of the rising grid where that does already, infinite where none do.
    """
    there = curve <= goal[:, None]
    first = np.argmax(there, axis=1)
    draws, logs = np.arange(len(curve)), np.log(grid)
    after, before = curve[draws, first], curve[draws, np.maximum(first - 1, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (before - goal) / (before - after), 0.0)
    step = logs[first] - logs[np.maximum(first - 1, 0)]
    return np.where(there.any(axis=1), np.exp(logs[first] - (1.0 - share) * step), np.inf)


def with_worth(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """The table of pools with what each is worth."""
    return table.merge(pool_worth(fit), on="pool", sort=False)


def describe_fit(fit: Fit) -> str:
    """See :attr:`qqt_bayes.Fit.text`."""
    table = fit.table
    rated, two = "exchange_rate" in table, "{:.2f}".format
    head = ["pool", "worth [90%]", "exponent [90%]", "level [90%]", "half-life, epochs [90%]"]
    cells = [head + (["exchange rate [90%]"] if rated else [])]
    for row in table.to_dict("records"):
        worth = "1, the best" if row["pool"] == row["worth_of"] else told(row, "worth", amount)
        life = (
            "unlimited pool"
            if np.isnan(row["half_life"])
            else told(row, "half_life", "{:.1f}".format)
        )
        line = [row["pool"], worth, told(row, "utility", two), told(row, "level", two), life]
        cells.append(line + ([told(row, "exchange_rate", two)] if rated else []))
    first = table.iloc[0]
    lines = [
        fit.headline,
        "",
        *columns(cells),
        f"worth: samples of {first['worth_of']} that one sample of the pool replaces, each trained "
        f"on alone for {format_number(first['worth_at'])} samples",
    ]
    if "pool_noise" in table:
        seeds = ", ".join(f"{r['pool']} {told(r, 'pool_noise', '{:.2%}'.format)}"
                          for r in table.to_dict("records"))  # fmt: skip
        lines.append(f"spread between seeds, relative to the metric [90%]: {seeds}")
    lines += setting_lines(fit)
    return "\n".join(lines + [f"note: {w}" for w in fit.study.warnings])


def told(row: dict[Any, Any], name: str, shown: Any) -> str:
    """A median with its interval."""
    return f"{shown(row[name])} [{shown(row[f'{name}_lo'])}, {shown(row[f'{name}_hi'])}]"


def amount(value: float) -> str:
    """A worth in two figures; its bounds are those of what was looked at."""
    if value == 0.0:
        return "~0"
    return f"{value:.2g}" if np.isfinite(value) else f">{BEYOND:g}"
