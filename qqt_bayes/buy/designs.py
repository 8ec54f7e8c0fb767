"""The runs that could be bought: read from a table, or a grid of candidates and budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.limits import LIMITS, no_more
from qqt_bayes.runs import Mixture, Pools
from qqt_bayes.runs.cells import Rule, check_marks, read_numbers
from qqt_bayes.runs.mixture import examine
from qqt_bayes.runs.sheet import Source, read_sheet

if TYPE_CHECKING:
    from qqt_bayes.runs import Study

HEADER = "data,samples,seeds,cost"
SAMPLES = Rule("the samples to train on, e.g. 480k", low=1, low_allowed=True,
               count=True, high=LIMITS["samples"].high)  # fmt: skip
SEEDS = Rule("a whole number of seeds", "or leave it blank for 1", low=1, low_allowed=True,
             suffixes=False, whole=True, count=True, high=LIMITS["seeds"].high)  # fmt: skip
COST = Rule("the cost of all its seeds together", "or leave it blank", high=LIMITS["cost"].high)
STEP = 2.0  # from one generated budget beyond the data to the next
NEAR = 0.1  # budgets this close count as one

__all__ = ["Designs", "generate_designs", "read_designs"]


@dataclass(frozen=True, eq=False)
class Designs:
    """Runs that could be bought."""

    table: pd.DataFrame  # data, samples, seeds, cost (of all seeds together)
    mixtures: tuple[Mixture, ...] = field(repr=False)
    shares: np.ndarray = field(repr=False)  # (design, pool)
    repeatable: bool  # whether a design may be bought several times

    def __len__(self) -> int:
        return len(self.table)

    def some(self, which: np.ndarray) -> Designs:
        """These of the designs, numbered anew."""
        return Designs(
            self.table.iloc[which].reset_index(drop=True),
            tuple(self.mixtures[d] for d in which), self.shares[which], self.repeatable,
        )  # fmt: skip

    @property
    def samples(self) -> np.ndarray:
        """Samples of each run (design,)."""
        return self.table["samples"].to_numpy(float)

    @property
    def seeds(self) -> np.ndarray:
        """Seeds (design,)."""
        return self.table["seeds"].to_numpy(float)

    @property
    def cost(self) -> np.ndarray:
        """Cost of all seeds together (design,)."""
        return self.table["cost"].to_numpy(float)


def price_of(shares: np.ndarray, pools: Pools) -> np.ndarray:
    """Price of a sample of each mixture; 1 where the pool table has no prices (design,)."""
    price = np.asarray(pools.price, float)
    if not np.any(np.isfinite(price)):
        return np.ones(len(shares))
    used = np.any(shares > 0, axis=0)
    missing = [n for n, u, p in zip(pools.names, used, price, strict=True) if u and np.isnan(p)]
    if missing:
        raise UsageError(
            f"no price for pool {', '.join(missing)}, while others have one -> fill in 'price' in "
            "the pool table (per sample), or give 'cost' in the designs"
        )
    each = shares @ np.nan_to_num(price)
    if np.any(each <= 0):
        raise UsageError(
            "a run would cost nothing by the prices of the pool table -> give 'cost' in the designs"
        )
    return each


def assemble(
    mixtures: Sequence[Mixture], samples: ArrayLike, seeds: ArrayLike, cost: ArrayLike,
    pools: Pools, repeatable: bool,
) -> Designs:  # fmt: skip
    """Designs with the costs that are NaN filled in."""
    shares = np.array([m.vector(pools) for m in mixtures])
    filled = np.array(cost, float)
    blank = np.isnan(filled)
    if blank.any():
        number = np.asarray(samples, float)[blank] * np.asarray(seeds, float)[blank]
        filled[blank] = number * price_of(shares[blank], pools)
    table = pd.DataFrame({
        "data": [m.text for m in mixtures], "samples": np.asarray(samples, float),
        "seeds": np.asarray(seeds, int), "cost": filled,
    })  # fmt: skip
    return Designs(table, tuple(mixtures), shares, repeatable)


def read_designs(source: Source, pools: Pools, *, decimal: str | None = None) -> Designs:
    """Read and check a table of designs; each row can be bought once.

    Parameters
    ----------
    source : path or pandas.DataFrame
        Columns ``data, samples`` and optionally ``seeds`` (default 1) and ``cost`` (of all seeds
        together; default samples times seeds, times the price per sample if the pools have one).
    pools : Pools
        The pools that ``data`` names.
    decimal : str, optional
        The mark before decimals in the file, as for :func:`qqt_bayes.read_runs`.

    Returns
    -------
    Designs

    Raises
    ------
    InputError
        Listing every problem: file, line, column, value and mend.
    """
    sheet = read_sheet(source, HEADER, decimal=decimal)
    if not sheet.require(("data", "samples"), {"samples": ("n", "budget", "tokens")}):
        raise InputError(sheet.problems)
    no_more(len(sheet), "designs")
    mixtures = []
    for row, text in enumerate(sheet.column("data")):
        mixture, complaints = examine(text, pools, decimal)
        mixtures.append(mixture)
        for what, mend in complaints:
            sheet.flag(row, "data", what, mend)
    check_marks(sheet, "samples")
    samples = read_numbers(sheet, "samples", SAMPLES, required=True)
    seeds = np.nan_to_num(read_numbers(sheet, "seeds", SEEDS), nan=1.0)
    cost = read_numbers(sheet, "cost", COST)
    first: dict[tuple[str, float, float], int] = {}
    for row, mixture in enumerate(mixtures):
        if mixture is None or np.isnan(samples[row]):
            continue
        key = (mixture.key, samples[row], seeds[row])
        if key in first:
            sheet.flag(row, "data", f"the same design as in {sheet.place(first[key])}",
                       "give each design once (more seeds: raise 'seeds')")  # fmt: skip
        first.setdefault(key, row)
    known = [m for m in mixtures if m is not None]
    if sheet.problems or len(known) < len(mixtures):
        raise InputError(sheet.problems)
    return assemble(known, samples, seeds, cost, pools, repeatable=False)


def generate_designs(
    study: Study, candidates: Sequence[Mixture], targets: np.ndarray, spend: float | None = None
) -> Designs:
    """All candidates at all affordable budgets, one seed each; a design may be bought repeatedly.

    Budgets are those observed and, beyond the largest, doublings of it up to the largest target
    budget; what costs more than ``spend`` is left out.
    """
    budgets = merged(study.samples)
    largest = budgets[-1]
    while budgets[-1] * STEP <= targets.max() * (1.0 + NEAR):
        budgets.append(budgets[-1] * STEP)
    if targets.max() > largest and targets.max() > budgets[-1] * (1.0 + NEAR):
        budgets.append(float(targets.max()))
    mixtures = [m for m in candidates for _ in budgets]
    samples = budgets * len(candidates)
    everything = assemble(
        mixtures, samples, [1.0] * len(samples), [np.nan] * len(samples), study.pools, True
    )
    if spend is None:
        return everything
    keep = np.flatnonzero(everything.cost <= spend)
    if len(keep) == 0:
        raise UsageError(
            f"no run is affordable: the cheapest costs {everything.cost.min():g}, --spend is "
            f"{spend:g} -> raise it, or give cheaper designs"
        )
    return everything.some(keep)


def merged(samples: np.ndarray) -> list[float]:
    """Budgets observed, ascending; those that are nearly the same count as one."""
    out: list[float] = []
    for value in np.unique(samples):
        if not out or value > out[-1] * (1.0 + NEAR):
            out.append(float(value))
    return out
