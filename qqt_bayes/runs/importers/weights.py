"""Sampling shares given as one column a pool."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection

import numpy as np
import pandas as pd

from qqt_bayes.runs.importers.roles import numeric
from qqt_bayes.runs.mixture import POOL_NAME
from qqt_bayes.runs.numbers import number_in

SUM = 0.02  # how far the shares of a row may be from 1
MOSTLY = 0.9  # of the rows


def find_weights(table: pd.DataFrame, taken: Collection[str] = ()) -> dict[str, str]:
    """Column -> pool, of columns whose numbers sum to 1 (or 100) in nearly every row.

    Columns of one prefix (``train_web``, ``mixture/web``) are tried first, then all that are free.
    """
    free = [name for name in table.columns if name not in taken and numeric(table[name])]
    groups: dict[str, list[str]] = defaultdict(list)
    for name in free:
        for match in re.finditer(r"[/_.:-]", name):
            groups[name[: match.end()]].append(name)
    tried = sorted(groups.items(), key=lambda item: (-len(item[1]), -len(item[0])))
    for prefix, names in [*tried, ("", free)]:
        if len(names) >= 2 and _total(table[names]) is not None:
            common = prefix or _common(names)
            rest = {name: name[len(common) :] or name for name in names}
            return {name: "_".join(POOL_NAME.findall(pool)) or pool for name, pool in rest.items()}
    return {}


def _common(names: list[str]) -> str:
    """What all names begin with, up to a separator."""
    first, last = min(names), max(names)
    same = [a == b for a, b in zip(first, last, strict=False)]
    alike = first[: same.index(False) if False in same else len(same)]
    found = re.match(r".*[/_.:-]", alike)
    return found[0] if found else ""


def _total(shares: pd.DataFrame) -> float | None:
    """What rows sum to, 1 or 100; None if they do not."""
    numbers = shares.map(_share).to_numpy(float)
    if np.nanmin(numbers) < 0:
        return None
    with np.errstate(over="ignore"):
        sums = np.nansum(numbers, axis=1)
    for total in (1.0, 100.0):
        if np.mean(np.abs(sums / total - 1) <= SUM) >= MOSTLY:
            return total
    return None


def _share(cell: str) -> float:
    if not cell or cell[-1] not in "0123456789.%":
        return 0.0
    return number_in(cell.removesuffix("%")) or 0.0


def mixtures(table: pd.DataFrame, pools: dict[str, str]) -> list[str]:
    """Mixture expression of each row; percentages become shares."""
    total = _total(table[list(pools)]) or 1.0
    rows = []
    for cells in table[list(pools)].itertuples(index=False):
        shares = {pool: _share(cell) for pool, cell in zip(pools.values(), cells, strict=True)}
        kept = {pool: share / total for pool, share in shares.items() if share}
        rows.append(
            next(iter(kept))
            if len(kept) == 1
            else "+".join(f"{pool}:{share:.10g}" for pool, share in kept.items())
        )
    return rows
