"""A question about shares, read and checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.candidates import parse_budgets
from qqt_bayes.decide.constraint_text import parse_thresholds, region_of, told_budget
from qqt_bayes.decide.constraints import Region, Threshold
from qqt_bayes.errors import UsageError

if TYPE_CHECKING:
    from qqt_bayes.runs import Pools, Runs

MOST_POOLS = 60

__all__ = ["Question", "check_shares"]


@dataclass(frozen=True, eq=False)
class Question:
    """What was asked, read and checked before anything is fitted."""

    names: tuple[str, ...]
    budgets: np.ndarray
    regions: tuple[Region, ...]
    thresholds: tuple[Threshold, ...]
    notes: tuple[str, ...]


def check_shares(
    runs: Runs, budgets: Any, pools: str | Sequence[str] | None = None, *,
    max_epochs: object = None, share: str | Iterable[str] | None = None,
    near: float | str | None = None, subject_to: str | Iterable[str] | None = None,
    p_feasible: float = 0.9, metrics: Sequence[str] | None = None,
) -> Question:  # fmt: skip
    """Read a question about shares and see that it can be answered; nothing is fitted.

    Parameters
    ----------
    runs : Runs
        Those of the metric.
    budgets, pools, max_epochs, share, near, subject_to, p_feasible
        As for :func:`best_shares`.
    metrics : list of str, optional
        Those of the whole table; by default of the runs.

    Raises
    ------
    UsageError
        For what cannot be read, and for constraints that no shares meet.
    """
    known = runs.pools
    mixtures = np.array([runs.mixtures[d].vector(known) for d in dict.fromkeys(runs.table["data"])])
    names = mixed(known, mixtures, pools)
    if not 0.5 <= p_feasible < 1.0:
        raise UsageError(f"--p-feasible {p_feasible:g} -> give a probability from 0.5 to below 1")
    wanted = parse_budgets(budgets)
    regions = tuple(
        region_of(
            known, names, float(n), max_epochs=max_epochs, share=share, near=near, runs=mixtures
        )
        for n in wanted
    )
    for n, region in zip(wanted, regions, strict=True):
        region.check(told_budget(n))
    thresholds = tuple(parse_thresholds(subject_to, metrics or runs.metrics))
    notes = [
        f"{a} and {b} share samples: the epochs of what they share add up"
        for a, b in combinations(names, 2) if known.overlaps(a, b)
    ]  # fmt: skip
    return Question(tuple(names), wanted, regions, thresholds, tuple(notes))


def mixed(known: Pools, runs: np.ndarray, pools: str | Sequence[str] | None) -> list[str]:
    """Names of the pools to mix: as given, else all that any run drew from."""
    if pools is None or pools == "all":
        names = [n for n, used in zip(known.names, runs.any(axis=0), strict=True) if used]
    else:
        given = pools.split(",") if isinstance(pools, str) else pools
        names = [p.strip() for p in given if p.strip()]
    for name in names:
        known.index(name)  # an unknown name is told with the nearest one
    used = runs > 0
    clash = [
        (a, b) for a, b in combinations(names, 2)
        if known.overlaps(a, b) and not (used[:, known.index(a)] & used[:, known.index(b)]).any()
    ]  # fmt: skip
    if clash:
        raise UsageError(
            f"pools {clash[0][0]!r} and {clash[0][1]!r} overlap, and no run draws from both "
            "-> name pools that do not share samples, for example --shares "
            + ",".join(n for n in names if n != clash[0][1])
        )
    if not 2 <= len(set(names)) == len(names) <= MOST_POOLS:
        raise UsageError(
            f"{len(names)} pools to mix -> name 2 to {MOST_POOLS} different ones, --shares A,B"
        )
    return names
