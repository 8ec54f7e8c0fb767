"""From which budget on one candidate stays ahead of another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Crossover", "crossover", "handovers"]


@dataclass(frozen=True)
class Crossover:
    """Budget from which candidate ``to`` stays ahead of candidate ``origin``."""

    origin: int
    to: int
    draws: np.ndarray  # (sample,): samples; infinite where it never happens on the grid

    def quantile(self, prob: float) -> float | None:
        """Inverted-CDF quantile; None where it is infinite."""
        value = float(np.quantile(self.draws, prob, method="inverted_cdf"))
        return value if np.isfinite(value) else None


def handovers(regret: np.ndarray) -> list[tuple[int, int]]:
    """From which candidate to which the least expected regret goes along the grid.

    Two candidates that take turns, as near equal ones do, are told once: their last change. Regret
    has dims (budget, candidate).
    """
    best = [int(b) for b in np.argmin(regret, axis=1)]
    last: dict[frozenset[int], tuple[int, int]] = {}
    for pair in pairwise(best):
        if len(set(pair)) == 2:
            last.pop(frozenset(pair), None)
            last[frozenset(pair)] = pair
    return list(last.values())


def crossover(latent: np.ndarray, budgets: np.ndarray, origin: int, to: int) -> Crossover:
    """Draw-wise budget from which ``to`` stays ahead to the end of the grid of rising budgets.

    Latent performance has dims (sample, budget, candidate), lower is better.
    """
    lead = latent[:, :, origin] - latent[:, :, to]
    behind = lead <= 0
    last = len(budgets) - 1 - np.argmax(behind[:, ::-1], axis=1)  # last point where it is behind
    out = np.full(len(lead), budgets[0])
    some = behind.any(axis=1)
    out[some & (last == len(budgets) - 1)] = np.inf
    inner = np.flatnonzero(some & (last < len(budgets) - 1))
    k = last[inner]
    before, after = lead[inner, k], lead[inner, k + 1]
    share = -before / (after - before)
    logs = np.log(budgets)
    out[inner] = np.exp(logs[k] + share * (logs[k + 1] - logs[k]))
    return Crossover(origin, to, out)
