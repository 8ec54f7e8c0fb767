"""Optimised shares: the best sampling mixture of some pools at each budget, with its band.

Every mixture on a lattice over the shares is a candidate. Its mixture error is smooth in the
shares, so neighbours are nearly the same candidate and a finer lattice does not change the answer:
there is no winner's curse in looking at more of them (tested).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._columns import columns
from qqt_bayes._shown import Shown
from qqt_bayes.decide.candidates import parse_budgets
from qqt_bayes.decide.place import extrapolation
from qqt_bayes.decide.predict import predict
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qqt_bayes.fitting import Fit

MOST_POOLS = 6
MOST_POINTS = 1500
SAMPLES = 1500

__all__ = ["Shares", "best_shares", "lattice"]


def lattice(pools: int, most: int = MOST_POINTS) -> np.ndarray:
    """All shares in multiples of 1/m that sum to one, m as large as ``most`` points allow.

    Returns
    -------
    numpy.ndarray
        Dims (point, pool).
    """
    from math import comb

    steps = 2
    while steps < 100 and comb(steps + pools, pools - 1) <= most:
        steps += 1
    bars = np.array(list(combinations(range(steps + pools - 1), pools - 1)))
    if pools == 1:
        return np.ones((1, 1))
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), steps + pools - 1)])
    return (np.diff(edges, axis=1) - 1) / steps


@dataclass(frozen=True, eq=False, repr=False)
class Shares(Shown):
    """The best shares at each budget; made by ``fit.best_shares``.

    Attributes
    ----------
    pools : tuple of str
        The pools that are mixed.
    budgets : numpy.ndarray
        Dim (budget,), samples.
    draws : numpy.ndarray
        Dims (sample, budget, pool): the draw-wise best shares.
    best : numpy.ndarray
        Dims (budget, pool): the shares of least expected regret.
    performance : numpy.ndarray
        Dims (sample, budget): latent performance of ``best``, as modelled.
    regret : numpy.ndarray
        Dim (budget,): its expected regret, in the metric's unit.
    prob : float
        Probability of the equal-tailed intervals.
    """

    fit: Fit = field(repr=False)
    pools: tuple[str, ...]
    budgets: np.ndarray
    draws: np.ndarray = field(repr=False)
    best: np.ndarray
    performance: np.ndarray = field(repr=False)
    regret: np.ndarray
    prob: float

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and pool: best share, and median and interval of the draw-wise best."""
        tail = 0.5 * (1.0 - self.prob)
        mid, lo, hi = np.quantile(self.draws, [0.5, tail, 1.0 - tail], axis=0)
        return pd.DataFrame(
            [
                {
                    "samples": n, "pool": pool, "best": self.best[b, i], "median": mid[b, i],
                    "lo": lo[b, i], "hi": hi[b, i],
                }
                for b, n in enumerate(self.budgets)
                for i, pool in enumerate(self.pools)
            ]
        )  # fmt: skip

    @property
    def text(self) -> str:
        """The best shares for a terminal."""
        study = self.fit.study
        tail = 0.5 * (1.0 - self.prob)
        lines = [
            f"{self.fit.stamp}best shares of {', '.join(self.pools)} for {study.metric}; "
            f"{self.prob:.0%} equal-tailed intervals"
        ]
        for b, n in enumerate(self.budgets):
            values = study.reported(self.performance[:, b])
            mid, lo, hi = np.quantile(values, [0.5, tail, 1.0 - tail])
            lines.append(
                f"\nAt {format_number(n)} samples{extrapolation(n, study)}: {study.metric} "
                f"{mid:.3f} [{lo:.3f}, {hi:.3f}], expected regret {self.regret[b]:.2g}"
            )
            cells = [("pool", "best share", f"{self.prob:.0%} interval of the best share")]
            for row in self.table[self.table["samples"] == n].itertuples():
                cells.append((row.pool, f"{row.best:.2f}", f"{row.lo:.2f} to {row.hi:.2f}"))
            lines += columns(cells)
        return "\n".join(lines)

    def to_json(self) -> list[dict[str, Any]]:
        """One object a budget: ``samples``, ``best`` and ``shares`` by pool."""
        out = []
        for b, n in enumerate(self.budgets):
            rows = self.table[self.table["samples"] == n]
            out.append(
                {
                    "samples": float(n),
                    "best": {p: float(s) for p, s in zip(self.pools, self.best[b], strict=True)},
                    "shares": {
                        r.pool: {"median": float(r.median), "lo": float(r.lo), "hi": float(r.hi)}
                        for r in rows.itertuples()
                    },
                    "expected_regret": float(self.regret[b]),
                }
            )
        return out

    def plot(self, **options: Any) -> Any:
        """The band of the best shares against budget, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_shares(self, **options)


def best_shares(
    fit: Fit,
    budgets: Any,
    pools: str | Sequence[str] | None = None,
    *,
    prob: float = 0.9,
    most: int = MOST_POINTS,
) -> Shares:
    """Optimise the sampling shares of some pools at each budget.

    Parameters
    ----------
    fit : Fit
        The fitted study.
    budgets : str, number or list
        In samples.
    pools : str or list of str, optional
        ``"A,B"`` or a list; by default all pools that any run drew from.
    prob : float
        Probability of the intervals.
    most : int
        Largest number of mixtures to compare.

    Returns
    -------
    Shares

    Raises
    ------
    UsageError
        For an unknown pool, overlapping ones, fewer than two or more than six.
    """
    known = fit.study.pools
    if pools is None:
        names = [n for n, used in zip(known.names, fit.study.used, strict=True) if used]
    else:
        names = [p.strip() for p in (pools.split(",") if isinstance(pools, str) else pools)]
    for name in names:
        if name not in known:
            raise UsageError(f"unknown pool {name!r} -> choose from {', '.join(known.names)}")
    clash = [(a, b) for a, b in combinations(names, 2) if known.overlaps(a, b)]
    if clash:
        raise UsageError(
            f"pools {clash[0][0]!r} and {clash[0][1]!r} overlap -> name pools that do not share "
            "samples, for example --shares " + ",".join(n for n in names if n != clash[0][1])
        )
    if not 2 <= len(set(names)) == len(names) <= MOST_POOLS:
        raise UsageError(
            f"{len(names)} pools to mix -> name 2 to {MOST_POOLS} different ones, --shares A,B"
        )
    wanted = parse_budgets(budgets)
    index = [known.index(n) for n in names]
    every = max(1, len(fit.posterior) // SAMPLES)
    points = lattice(len(names), most)
    shares = np.zeros((len(points), len(known)))
    shares[:, index] = points
    draws, best, performance, regret = [], [], [], []
    for n in wanted:  # one budget at a time bounds the memory
        latent = predict(fit, np.array([n]), shares, seed=23, every=every).latent[:, 0]
        loss = (latent - latent.min(axis=1, keepdims=True)).mean(axis=0)
        chosen = int(np.argmin(loss))
        draws.append(points[np.argmin(latent, axis=1)])
        best.append(points[chosen])
        performance.append(latent[:, chosen])
        regret.append(loss[chosen])
    return Shares(
        fit, tuple(names), wanted, np.stack(draws, axis=1), np.array(best),
        np.stack(performance, axis=1), np.array(regret), prob,
    )  # fmt: skip
