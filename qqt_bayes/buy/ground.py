"""A complete run table as a place to try policies: what can be bought, and what is true."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from qqt_bayes.buy.designs import Designs, assemble, price_of
from qqt_bayes.errors import UsageError
from qqt_bayes.kinds import Kind
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs import Mixture, Runs, format_number, parse_number

NEAR = 0.1
FIRST = 2  # cheapest budgets of every pool that one starts with

__all__ = ["Ground", "Held", "build_ground"]


@dataclass(frozen=True)
class Cell:
    """Runs of one data at one budget that can be bought."""

    mixture: Mixture
    level: int
    samples: float
    cost: float
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Ground:
    """A complete table."""

    runs: Runs  # rows of the metric
    metric: str
    kind: Kind
    target: float  # budget, in samples
    candidates: tuple[Mixture, ...]  # what was run at the target
    truth: np.ndarray  # (candidate,): mean there, in the metric's unit, lower is better
    replicates: np.ndarray  # (candidate,): of how many runs
    cells: tuple[Cell, ...]  # below the target, cheapest first
    start: tuple[int, ...]  # cells to start with
    target_cost: float

    @cached_property
    def cost(self) -> np.ndarray:
        """Dim (cell,)."""
        return np.array([c.cost for c in self.cells])

    @cached_property
    def levels(self) -> np.ndarray:
        """Budget of each cell, counted from the smallest (cell,)."""
        return np.array([c.level for c in self.cells])

    @cached_property
    def candidate(self) -> np.ndarray:
        """Which candidate each cell is a run of, -1 if none (cell,)."""
        place = {c.key: i for i, c in enumerate(self.candidates)}
        return np.array([place.get(c.mixture.key, -1) for c in self.cells])

    def table_of(self, rows: list[int]) -> Runs:
        """These rows as a run table."""
        table = self.runs.table.iloc[rows].reset_index(drop=True)
        used = {text: self.runs.mixtures[text] for text in dict.fromkeys(table["data"])}
        return replace(self.runs, table=table, mixtures=used)

    def designs(self, cells: np.ndarray) -> Designs:
        """Some cells as designs of one seed."""
        some = [self.cells[i] for i in cells]
        return assemble(
            [c.mixture for c in some], [c.samples for c in some], [1.0] * len(some),
            [c.cost for c in some], self.runs.pools, repeatable=False,
        )  # fmt: skip


class Held:
    """What has been bought in one replay: at first a run of each starting cell, which is free."""

    def __init__(self, ground: Ground, rng: np.random.Generator) -> None:
        self.ground = ground
        # rows of each cell in the order in which they are handed out
        self.order = [rng.permutation(c.rows).tolist() for c in ground.cells]
        self.taken = np.zeros(len(self.order), int)
        self.rows: list[int] = []
        self.spent = self.for_spread = 0.0
        for cell in ground.start:
            self.take(cell)
        self.spent = 0.0

    def copy(self) -> Held:
        """The same holdings, to go on from separately."""
        other = copy(self)
        other.taken, other.rows = self.taken.copy(), list(self.rows)
        return other

    def take(self, cell: int) -> None:
        """Buy the next run of a cell."""
        self.rows.append(self.order[cell][self.taken[cell]])
        self.taken[cell] += 1
        self.spent += self.ground.cells[cell].cost

    def affordable(self, spend: float) -> np.ndarray:
        """Cells with runs left that can be paid for out of a total."""
        left = np.array([len(o) for o in self.order]) > self.taken
        return np.flatnonzero(left & (self.ground.cost <= (spend - self.spent) * (1 + 1e-12)))


def build_ground(runs: Runs, metric: str, target: str | float) -> Ground:
    """Lay out a complete table; refused without two candidates at the target, or runs below."""
    chosen = runs.select(metric)
    study = chosen.study(metric)
    budgets = chosen.budgets(metric)
    wanted = LIMITS["samples"].check(f"target '{target}'", parse_number(target))
    near = np.flatnonzero(np.abs(np.log(budgets / wanted)) < NEAR)
    if len(near) == 0:
        there = ", ".join(format_number(b) for b in budgets)
        raise UsageError(
            f"no runs at a target of {format_number(wanted)} samples -> choose from {there}"
        )
    level = np.searchsorted(budgets, study.samples)
    top = int(near[np.argmin(np.abs(np.log(budgets[near] / wanted)))])
    data = np.array([study.mixtures[d].key for d in study.data])
    mixtures = {m.key: m for m in study.mixtures.values()}
    at = level == top
    names = list(dict.fromkeys(data[at]))
    if len(names) < 2 or top < FIRST:
        raise UsageError(
            f"at {format_number(budgets[top])} samples {len(names)} data were run, and there are "
            f"{top} budgets below -> choose a target with at least 2 of each"
        )
    paid = costs(chosen, study.samples, study.shares)
    cells = []
    for key, k in sorted(set(zip(data[level < top], level[level < top], strict=True))):
        rows = np.flatnonzero((data == key) & (level == k))
        cells.append(
            Cell(mixtures[key], int(k), float(study.samples[rows].mean()),
                 float(paid[rows].mean()), tuple(int(r) for r in rows))
        )  # fmt: skip
    cells.sort(key=lambda c: (c.cost, c.mixture.key))
    return Ground(
        chosen.with_kind(metric, study.kind), metric, study.kind, float(study.samples[at].mean()),
        tuple(mixtures[n] for n in names),
        np.array([study.kind.to_unit(study.value[at & (data == n)]).mean() for n in names]),
        np.array([float(np.sum(at & (data == n))) for n in names]),
        tuple(cells), starting(cells, runs), float(paid[at].mean()),
    )  # fmt: skip


def costs(runs: Runs, samples: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Cost of every run: as recorded, or else samples times price."""
    if "cost" in runs.table:
        recorded = np.asarray(runs.table["cost"].to_numpy(float, na_value=np.nan))
        if np.all(np.isfinite(recorded)) and np.all(recorded > 0):
            return recorded
    return samples * price_of(shares, runs.pools)


def starting(cells: list[Cell], runs: Runs) -> tuple[int, ...]:
    """The two cheapest budgets of every pool: run alone, or where it has its largest share."""
    out: list[int] = []
    for pool in runs.pools:
        shares: dict[str, float] = {}
        for cell in cells:
            if pool in cell.mixture.shares:
                shares[cell.mixture.key] = cell.mixture.shares[pool]
        if not shares:
            continue
        key = max(shares, key=lambda k: (shares[k], k))
        own = [i for i, c in enumerate(cells) if c.mixture.key == key]
        out += own[:FIRST]
    return tuple(dict.fromkeys(out))
