"""Roll-forward back-tests: fit up to a budget, predict the runs beyond it.

Every origin the data allow is used. Targets are grouped by how far they lie beyond the origin
(up to 2x, 4x, 8x); several targets of one origin and budget share their errors and are resampled
together wherever a rate is given an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from qqt_bayes.model.covariates import most_common, values_of
from qqt_bayes.runs import Runs, Study

FACTORS = (2.0, 4.0, 8.0)
SLACK = 1.1  # a nominal 2x counts as 2x
MIN_ROWS = 4

# (train, samples, shares, seed) -> draws of new runs (draw, target), or None where inapplicable
Forecast = Callable[[Study, np.ndarray, np.ndarray, int], np.ndarray | None]

__all__ = [
    "FACTORS", "Forecast", "Origin", "factor_group", "groups", "joined", "origins", "spread_out",
]  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """One split: what is fitted, and the cells beyond it that are to be predicted."""

    train: Study
    upto: float  # largest number of samples fitted
    runs: Runs  # the rows fitted, for methods that need the table
    # one row a run beyond: data, samples, value (as modelled), budget (nominal), factor group
    targets: pd.DataFrame
    shares: np.ndarray  # (target, pool)


def origins(
    runs: Runs,
    metric: str,
    keep: Callable[[str], bool] | None = None,
    first: int = 2,
    covariates: Mapping[str, float | None] = MappingProxyType({}),
) -> Iterator[Origin]:
    """Every origin with at least ``first`` budgets and four rows behind it and a target ahead.

    Runs below an origin are fitted, those above are targets. ``keep`` says which data expressions
    may be fitted; all are predicted. Of covariates of the model the values are given that answers
    are for: targets are runs that have them.
    """
    chosen, levels = runs.select(metric), tuple(covariates)
    budgets = chosen.budgets(metric)
    full = chosen.study(metric, spec_levels=levels)
    chosen = chosen.with_kind(metric, full.kind)  # one scale for all origins
    asked = answered(full, covariates)
    for k in range(first - 1, len(budgets) - 1):
        behind = chosen.select(upto=float(budgets[k]))
        if keep is not None:
            kept = behind.table["data"].map(keep)
            if not kept.any():
                continue
            behind = behind.replace(behind.table[kept])
        if len(behind) < MIN_ROWS or len(behind.budgets(metric)) < first:
            continue
        train = behind.study(metric, spec_levels=levels)
        reach = train.samples.max()
        factor = full.samples / reach
        ahead = (full.samples > budgets[k]) & (factor <= FACTORS[-1] * SLACK) & asked
        if not ahead.any():
            continue
        nominal = np.searchsorted(budgets, full.samples[ahead])
        targets = pd.DataFrame({
            "data": np.array(full.data)[ahead], "samples": full.samples[ahead],
            "value": full.value[ahead], "budget": budgets[nominal],
            "factor": np.array(FACTORS)[factor_group(factor[ahead])],
        })  # fmt: skip
        yield Origin(train, float(budgets[k]), behind, targets, full.shares[ahead])


def factor_group(factor: np.ndarray) -> np.ndarray:
    """Number of the group of each factor beyond the data; the number of groups if beyond all."""
    return np.searchsorted(np.array(FACTORS) * SLACK, factor)


def spread_out[Item](items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of them, evenly, the last one always."""
    places = np.linspace(len(items) - 1, 0, min(most, len(items))).round().astype(int)
    return [items[i] for i in sorted(set(places.tolist()))]


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of several; empty of none."""
    some = [f for f in frames if not f.empty]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()


def groups(scores: pd.DataFrame) -> np.ndarray:
    """The group of each target: those of one origin and budget share their errors."""
    return (scores["origin"].astype(str) + "/" + scores["budget"].astype(str)).to_numpy()


def answered(study: Study, covariates: Mapping[str, float | None]) -> np.ndarray:
    """Rows that have the values of the covariates that answers are for, dim (row,)."""
    out = np.ones(len(study), bool)
    for name, at in covariates.items():
        wanted = most_common(study, name) if at is None else at
        out &= np.isclose(values_of(study, name), wanted, rtol=1e-9, atol=0.0)
    return out
