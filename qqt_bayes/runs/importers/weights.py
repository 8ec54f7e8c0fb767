"""Sampling shares given as one column a pool."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from qqt_bayes._text import listed
from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers.roles import bare, counts, find_roles, numeric
from qqt_bayes.runs.mixture import POOL_NAME
from qqt_bayes.runs.numbers import number_in

SUM = 0.02  # how far the shares of a row may be from 1
MOSTLY = 0.9  # of the rows
ROWS = 100  # so many rows tell which columns sum to 1
EXACT = 1e-5  # of the solver
_SAID = re.compile(r"(^|[/_.:-])(mix(ture)?|shares?|weights?|proportions?)[/_.:-]", re.IGNORECASE)
_SETTING = re.compile(
    r"(^|_)(lr|rate|wd|decay|warmup|cooldown|dropout|momentum|beta\d?|adam\w*|eps(ilon)?|clip\w*|"
    r"temp(erature)?|smoothing|seed|id|uid|idx|index|trial|rank|batch|size|epochs?|steps?|layers?|"
    r"heads?|depth|width|dim|gpus?|hours|time|ratio|flops)(_|$)"
)


def find_weights(
    table: pd.DataFrame, taken: Collection[str] = (), samples: str = "", place: str = "the table"
) -> tuple[dict[str, str], list[str]]:
    """Column -> pool, and the mixture of each row; nothing where no columns are shares.

    Shares are columns whose numbers sum to 1, to 100 or to the samples in nearly every row, even if
    settings and numbers of rows stand beside them. Where several sets do, the user is asked.
    """
    role = find_roles(table.columns).get("samples")
    free = [c for c in table if c not in taken and c != role and numeric(table[c])]
    cells = table[free].map(_share).to_numpy(float).reshape(len(table), len(free))
    seen = counts(table, role) if role else [samples] * len(table)
    totals = [1.0, 100.0, [[number_in(cell) or np.inf] for cell in seen]]
    with np.errstate(all="ignore"):  # numbers without end, or no samples, are no shares
        found = [
            ([free[k] for k in columns], (cells / total)[:, columns])
            for total in totals
            for columns in _sets(free, cells, np.minimum(cells / total, 2.0))
        ]
    if len(found) > 1:
        sets = " or ".join(listed(names, 8) for names, _ in found[:2])
        raise UsageError(
            f"{place}: which columns are the shares of pools, {sets}? Both sum to 1 -> call each "
            "share mix/POOL, or remove the columns that are none"
        )
    if not found:
        return {}, [""] * len(table)
    names, shares = found[0]
    start = _common(names)
    rest = {name: name[len(start) :] or name for name in names}
    pools = {name: "_".join(POOL_NAME.findall(pool)) or pool for name, pool in rest.items()}
    return pools, [_mixture(pools.values(), row) for row in shares]


def _sets(names: list[str], cells: np.ndarray, shares: np.ndarray) -> list[list[int]]:
    """Positions of the columns that sum to 1: one set, none, or two where more than one does."""
    setting = np.array([_SETTING.search(bare(name)) is not None for name in names], bool)
    said = [k for k, name in enumerate(names) if _SAID.search(name) and not setting[k]]
    if len(said) > 1 and _fits(shares[:, said]):
        return [said]
    if len(cells) > 2:
        setting |= (np.diff(cells, axis=0) == 1).all(0)  # numbers of rows
    able = ((shares > 0).any(0)) & (shares >= 0).all(0) & ((shares <= 1 + SUM).mean(0) >= MOSTLY)
    odd = setting | (shares == shares[:1]).all(0)
    if not (able & ~odd).any():  # nothing varies by which shares could be told from settings
        rest = np.flatnonzero(able & ~setting)
        return [rest.tolist()] if len(rest) > 1 and _fits(shares[:, rest]) else []
    if np.mean(shares[:, able].sum(1) >= 1 - SUM) < MOSTLY:
        return []  # not even all of them reach 1
    alone = np.flatnonzero(able & ~odd)
    weights, _, _, spread = np.linalg.lstsq(shares[:, alone], np.ones(len(shares)), rcond=None)
    chosen = alone[weights > 0.5]
    near = 2 * np.sqrt(np.mean((shares[:, chosen].sum(1) - 1) ** 2)) + EXACT
    sure = len(alone) <= len(shares) and spread[-1] > 2 * near * len(shares) ** 0.5
    if sure and len(chosen) > 1 and _fits(shares[:, chosen]):
        return [chosen.tolist()]  # columns that leave no other choice
    shares, odd, known = shares[:, able], odd[able], np.flatnonzero(able)
    rows = np.unique(shares, axis=0)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int)]
    best = _solve(rows, ~odd)
    if best is None or not _fits(shares[:, best]):
        return []
    missed = np.abs(rows[:, best].sum(1) - 1)
    rows, near = rows[missed <= SUM], 2 * missed[missed <= SUM].mean() + EXACT
    chosen = _solve(rows, ~odd, near, odd)
    chosen = best if chosen is None else chosen
    other = _solve(rows, ~odd, near, apart=np.where(chosen, -1, ~odd))
    return [known[columns].tolist() for columns in (chosen, other) if columns is not None]


def _solve(
    rows: np.ndarray,
    needed: np.ndarray,
    near: float = np.inf,
    cost: np.ndarray | float = 0.0,
    apart: np.ndarray | None = None,
) -> np.ndarray | None:
    """The columns (a mask) whose rows miss 1 least; of those that do `near`, of the least cost.

    One of those `needed` is among them, and two that matter. `apart` is -1 for the columns of
    a set that is known, of which one must be missing, or one be there that has 1.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    count, width = rows.shape
    miss, none = np.full(count, 1 / count), np.zeros(count)  # by how much each row misses 1
    rules = [
        LinearConstraint(np.c_[rows, np.eye(count)], lb=1),
        LinearConstraint(np.c_[rows, -np.eye(count)], ub=1),
        LinearConstraint(np.r_[np.zeros(width), miss], ub=near),
        LinearConstraint(np.r_[rows.max(0) > SUM, none], lb=2),
        LinearConstraint(np.r_[needed, none], lb=1),
    ]
    if apart is not None:
        rules.append(LinearConstraint(np.r_[apart, none], lb=1 - (apart < 0).sum()))
    chosen = np.r_[np.ones(width), none]
    most = Bounds(0, np.where(chosen, 1, np.inf))
    goal = np.r_[np.broadcast_to(cost, width), miss]
    found = milp(goal, integrality=chosen, bounds=most, constraints=rules)
    return None if found.x is None else found.x[:width] > 0.5


def _fits(shares: np.ndarray) -> bool:
    """Whether nearly all rows sum to 1."""
    return bool(np.mean(np.abs(shares.sum(1) - 1.0) <= SUM) >= MOSTLY)


def _common(names: list[str]) -> str:
    """What all names begin with, up to a separator."""
    first, last = min(names), max(names)
    same = [a == b for a, b in zip(first, last, strict=False)]
    alike = first[: same.index(False) if False in same else len(same)]
    found = re.match(r".*[/_.:-]", alike)
    return found[0] if found else ""


def _share(cell: str) -> float:
    number = number_in(cell.removesuffix("%"))
    return number if number is not None and np.isfinite(number) else 0.0


def _mixture(pools: Iterable[str], shares: np.ndarray) -> str:
    """Shares as a mixture expression."""
    kept = {pool: share for pool, share in zip(pools, shares, strict=True) if share}
    if len(kept) == 1:
        return next(iter(kept))
    return "+".join(f"{pool}:{share:.10g}" for pool, share in kept.items())
