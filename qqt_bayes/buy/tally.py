"""Averages over draws of the parameters, and their error: a jackknife over groups of draws.

A value rests on the simulated worlds and on the draws of the parameters that explain them. Both are
left out together, a group at a time, so that the standard error holds what other draws of the same
posterior would change. Groups are consecutive draws: of chains the correlated ones leave together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

GROUPS = 16

type Gain = Callable[[np.ndarray, np.ndarray], np.ndarray]

__all__ = ["GROUPS", "Gain", "Tally", "Value", "group_draws", "jackknife"]


@dataclass(frozen=True)
class Value:
    """Value of a set of runs."""

    by_budget: np.ndarray
    total: float  # weighted over the budgets
    se: float  # of the simulated outcomes and of the posterior draws
    # the total without each group of draws (group,)
    partial: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)

    def gain(self, other: Value) -> tuple[float, float]:
        """How much more this is worth than another value of the same worlds, and the s.e. of that.

        What both share cancels, so the error is that of the difference.
        """
        return self.total - other.total, spread_of(self.partial - other.partial)


@dataclass(frozen=True, eq=False)
class Tally:
    """Weighted sums over the draws in each world, kept apart by groups of draws."""

    sums: np.ndarray  # (world, group, budget, candidate)
    total: np.ndarray  # (world, group): sums of the weights
    group: np.ndarray  # (world,): of the draw that a world comes from; -1 for one of all draws

    @classmethod
    def of(cls, found: np.ndarray, group: np.ndarray) -> Tally:
        """Of worlds in which all is known, dims (world, budget, candidate)."""
        return cls(found[:, None], np.ones((len(found), 1)), group)

    def mean(self, without: int | None = None) -> np.ndarray:
        """Averages (world, budget, candidate), of all draws or of those outside a group.

        Without a group, its worlds are left out too.
        """
        sums, total = self.sums.sum(axis=1), self.total.sum(axis=1)
        if without is None:
            return np.asarray(sums / total[:, None, None])
        keep = self.group != without
        sums, total = sums[keep], total[keep]
        if self.sums.shape[1] > 1:
            less = total - self.total[keep, without]
            usable = less > 1e-9 * total  # else only that group explains the outcome
            sums = np.where(usable[:, None, None], sums - self.sums[keep, without], sums)
            total = np.where(usable, less, total)
        return np.asarray(sums / total[:, None, None])


def group_draws(draws: int) -> np.ndarray:
    """Group of each draw: consecutive ones together, dim (draw,)."""
    return np.arange(draws) * min(GROUPS, draws) // draws


def jackknife(found: Tally, now: Tally, gain: Gain, weights: np.ndarray) -> Value:
    """Mean gain over the worlds that would be found, with its standard error.

    ``now`` is a single world. ``gain`` turns averages of ``found`` (world, budget, candidate) and
    of ``now`` (budget, candidate) into contributions (world, budget).
    """
    by_budget = gain(found.mean(), now.mean()[0]).mean(axis=0)
    groups = range(int(found.group.max()) + 1)
    partial = np.array([gain(found.mean(g), now.mean(g)[0]).mean(axis=0) @ weights for g in groups])
    return Value(by_budget, float(by_budget @ weights), spread_of(partial), partial)


def spread_of(partial: np.ndarray) -> float:
    """Standard error from what leaving out each group gives."""
    off = partial - partial.mean()
    return float(np.sqrt((len(partial) - 1) / len(partial) * (off @ off)))
