"""Simulation-based calibration: a truth drawn from the prior is like a draw from its posterior.

Data are drawn from truths; the rank of each truth among the posterior draws must be uniform, for
parameters, predictions, decision quantities and the log likelihood (which finds errors that ranks
of parameters miss: Modrák et al., arXiv 2211.02383). The empirical distribution of the ranks is
held against a band that is simultaneous over all ranks (Säilynoja et al., arXiv 2103.10522), and
p-values are adjusted for the number of quantities (Holm).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._json import plain
from qqt_bayes._shown import Shown
from qqt_bayes.calibrate.replicate import RANKS, Replications

PROB = 0.95
BINS = 20
NULL = 20_000  # sets of uniform ranks that the band and its p-values are computed from
PER_PAGE = 4  # quantities in a row of the figure
HIDDEN = ("level", "harm", "new run")  # groups that the figure leaves out

__all__ = ["SBC", "ecdf_band", "ecdf_p_value"]


@dataclass(frozen=True, eq=False, repr=False)
class SBC(Shown):
    """Simulation-based calibration of one specification."""

    replications: Replications = field(repr=False)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a quantity.

        ``ecdf_p`` and ``chi2_p`` are p-values of uniform ranks; ``holm_p`` is ``ecdf_p`` adjusted
        for the number of quantities; ``inside`` says whether the empirical distribution lies
        within the 95% simultaneous band of one quantity; ``z_mean`` and ``z_spread`` are in
        standard errors: ranks too high (z_mean > 0) mean a posterior too low, ranks spread too
        far (z_spread > 0) a posterior too narrow.
        """
        from scipy.stats import chi2

        r = self.replications
        rank, count = r.rank, len(r)
        expected = count / BINS
        rows = []
        for j, (name, group) in enumerate(zip(r.names, r.groups, strict=True)):
            statistic = float(np.sum((histogram(rank[:, j]) - expected) ** 2) / expected)
            share = (rank[:, j] + 0.5) / (RANKS + 1)
            p = ecdf_p_value(rank[:, j])
            rows.append({
                "quantity": name, "group": group, "ecdf_p": p, "inside": p > 1.0 - PROB,
                "chi2_p": float(chi2.sf(statistic, BINS - 1)),
                "z_mean": float((share.mean() - 0.5) * np.sqrt(12.0 * count)),
                # the variance of (u - 1/2)^2 is 1/180
                "z_spread": float((np.mean((share - 0.5) ** 2) - 1 / 12) * np.sqrt(180.0 * count)),
            })  # fmt: skip
        table = pd.DataFrame(rows)
        table["holm_p"] = holm(table["ecdf_p"].to_numpy())
        return table

    @property
    def passed(self) -> bool:
        """Whether no quantity is out of line, adjusted for their number, at the 5% level."""
        return bool(self.table["holm_p"].min() > 1.0 - PROB)

    @property
    def text(self) -> str:
        """One line a group of quantities, those furthest from uniform, and what went wrong."""
        r, table = self.replications, self.table
        lines = [
            f"simulation-based calibration of {r.spec} ({r.kind}): {len(r)} replications, "
            f"{'group':<16}{'quantities':>10}{'outside 95% band':>18}{'smallest p':>12}"
            f"{'adjusted':>10}",
        ]
        for group, rows in table.groupby("group", sort=False):
            lines.append(
                f"{group:<16}{len(rows):>10}{int((~rows['inside']).sum()):>18}"
                f"{rows['ecdf_p'].min():>12.4f}{rows['holm_p'].min():>10.3f}"
            )
        for row in table.nsmallest(5, "ecdf_p").itertuples():
            lines.append(
                f"  {row.quantity}: p {row.ecdf_p:.4f} (chi-square {row.chi2_p:.4f}), "
                f"mean {row.z_mean:+.1f} and spread {row.z_spread:+.1f} standard errors"
            )
        runs = r.runs
        lines.append(
            f"not converged {int((~runs['converged']).sum())}, "
            f"drawn again: {int(runs['excluded'].sum())} with a truth that noise rules out, "
            f"{int(runs['redrawn'].sum())} with values out of range; "
            f"{runs['seconds'].median():.1f} s a refit"
        )
        lines.append(
            "all ranks are uniform" if self.passed else
            "NOT uniform: " + ", ".join(table.loc[table["holm_p"] <= 1 - PROB, "quantity"])
        )  # fmt: skip
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Settings, failures, and of each quantity its p-values and the histogram of its ranks."""
        r = self.replications
        keep = ["quantity", "group", "ecdf_p", "chi2_p", "holm_p", "z_mean", "z_spread", "inside"]
        counts = [histogram(rank).tolist() for rank in r.rank.T]
        rows = plain(self.table[keep].assign(histogram=counts), 5)
        return {
            "schema": 1, "spec": r.spec, "kind": r.kind,
            "replications": len(r), "seed": r.seed, "ranks": RANKS, "passed": self.passed,
            "not_converged": int((~r.runs["converged"]).sum()),
            "excluded": int(r.runs["excluded"].sum()),
            "redrawn": int(r.runs["redrawn"].sum()),
            "seconds_per_refit": round(float(r.runs["seconds"].median()), 2),
            "quantities": rows,
        }  # fmt: skip

    def plot(self) -> Any:
        """Empirical distribution of the ranks less the uniform one, with its band: a figure."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        shown = [j for j, g in enumerate(self.replications.groups) if g not in HIDDEN]
        count = len(self.replications)
        at, low, high = ecdf_band(count)
        pages = -(-len(shown) // PER_PAGE)
        figure = Figure(figsize=(7.0, 1.3 * pages), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(pages, PER_PAGE, sharex=True, sharey=True, squeeze=False).ravel()
        for ax, j in zip(axes, shown, strict=False):
            inside = bool(self.table["inside"].iloc[j])
            below = counts_below(self.replications.rank[:, j]) / count
            ax.fill_between(at, low - at, high - at, step="mid", color="#C8C8C8", linewidth=0)
            ax.step(at, below - at, where="mid", color="#0072B2" if inside else "#D55E00", lw=1)
            ax.set_title(self.replications.names[j], fontsize=6)
            ax.tick_params(labelsize=6)
        for ax in axes[len(shown) :]:
            ax.set_axis_off()
        figure.supxlabel("rank of the truth among posterior draws (share)", fontsize=7)
        figure.supylabel("empirical less uniform distribution, 95% band", fontsize=7)
        return figure


def histogram(rank: np.ndarray) -> np.ndarray:
    """How many ranks fall into each of the bins."""
    return np.bincount(rank * BINS // (RANKS + 1), minlength=BINS)


def counts_below(rank: np.ndarray) -> np.ndarray:
    """How many ranks are below 1, 2, ... :data:`RANKS`."""
    return np.cumsum(np.bincount(rank, minlength=RANKS + 1))[:-1]


@cache
def null_distribution(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise two-sided p-values (point, count + 1), and their smallest under null.

    These are the smallest over the points, of simulated sets of uniform ranks, sorted.
    """
    from scipy.stats import binom

    at = np.arange(1, RANKS + 1) / (RANKS + 1)
    counts = np.arange(count + 1)
    under = binom.cdf(counts, count, at[:, None])
    over = binom.sf(counts - 1, count, at[:, None])
    pointwise = np.minimum(2.0 * np.minimum(under, over), 1.0)
    rng = np.random.default_rng(0)
    uniform = np.full(RANKS + 1, 1.0 / (RANKS + 1))
    below = np.cumsum(rng.multinomial(count, uniform, size=NULL), axis=1)[:, :-1]
    smallest = pointwise[np.arange(RANKS), below].min(axis=1)
    return pointwise, np.sort(smallest)


def ecdf_p_value(rank: np.ndarray) -> float:
    """p-value of uniform ranks, simultaneous over all points of their distribution."""
    pointwise, smallest = null_distribution(len(rank))
    seen = pointwise[np.arange(RANKS), counts_below(rank)].min()
    # rounding must not set equal statistics apart
    beyond = np.searchsorted(smallest, seen * (1.0 + 1e-9), side="right")
    return float((beyond + 1) / (NULL + 1))


def ecdf_band(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simultaneous band of so many uniform ranks: share of the ranks, and its ends there."""
    pointwise, smallest = null_distribution(count)
    level = np.quantile(smallest, 1.0 - PROB)
    inside = pointwise > level
    low = inside.argmax(axis=1)
    high = count - inside[:, ::-1].argmax(axis=1)
    return np.arange(1, RANKS + 1) / (RANKS + 1), low / count, high / count


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjustment of p-values for their number."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1.0)
    return out
