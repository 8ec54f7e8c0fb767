"""The pool table: which pools there are, how large, of what rank, and which overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from qqt_bayes._text import nearest, one_of
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.limits import COUNTS, LIMITS
from qqt_bayes.runs.cells import Rule, plain_numbers, read_numbers
from qqt_bayes.runs.mixture import POOL_NAME
from qqt_bayes.runs.sheet import Sheet, Source, read_sheet
from qqt_bayes.runs.sizes import read_sizes

HEADER = "pool,size,quality_rank,family,overlaps,price"
RANK = Rule("a number, 1 = best", "or leave it blank", low=LIMITS["rank"].low, low_allowed=True,
            high=LIMITS["rank"].high, suffixes=False)  # fmt: skip
PRICE = Rule("a price of 0 or more", "or leave it blank", low_allowed=True,
             high=LIMITS["price"].high)  # fmt: skip
_SYNONYMS = {
    "pool": ("name", "data", "source", "dataset"),
    "size": ("n", "samples", "unique", "unique_samples", "tokens", "pool_size"),
}


@dataclass(frozen=True, eq=False)
class Pools:
    """Data pools, in the order of their table.

    Parameters
    ----------
    table
        One row a pool: pool, size and whatever optional columns and covariates were given.
    names
        Pool names.
    sizes
        Unique samples (pool,); may be infinite. Of a range its geometric mean.
    quality_rank
        1 = best (pool,); NaN where not given.
    family
        Family of each pool; ``""`` where not given.
    price
        Price (pool,), in the unit of the table; NaN where not given.
    overlap_pairs
        Pairs of pools that share samples.
    size_ranges
        Between which numbers an uncertain size lies (pool, 2); NaN where the size is exact.
    notes
        What was taken for granted.
    """

    table: pd.DataFrame = field(repr=False)
    names: tuple[str, ...]
    sizes: np.ndarray
    quality_rank: np.ndarray
    family: tuple[str, ...]
    price: np.ndarray
    overlap_pairs: frozenset[frozenset[str]]
    size_ranges: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def index(self, name: str) -> int:
        """Position of a pool."""
        try:
            return self.names.index(name)
        except ValueError:
            raise UsageError(f"unknown pool '{name}' -> {one_of(name, self.names)}") from None

    @property
    def uncertain(self) -> np.ndarray:
        """Whether a size is known as a range only (pool,)."""
        return np.isfinite(self.size_ranges[:, 0])

    def overlaps(self, a: str, b: str) -> bool:
        """Whether two pools share samples."""
        return frozenset((a, b)) in self.overlap_pairs


def read_pools(source: Source | Pools, *, decimal: str | None = None) -> Pools:
    """Read and check a pool table.

    Parameters
    ----------
    source
        Path of a CSV file, or a frame of pandas or polars, with columns ``pool, size`` (unique
        samples: 480000, 480k, 12.8M, inf, a range 1B..20B, or blank) and optionally
        ``quality_rank`` (1 = best), ``family``, ``overlaps`` (pools that share samples with it,
        ``;`` between), ``price`` and any covariate; or a dict ``{"A": 60_000, "B": (1e9, 2e10)}``.
    decimal
        The mark before decimals in the file, as for `read_runs`.

    Returns
    -------
    Pools

    Raises
    ------
    InputError
        Listing every problem of the table.
    """
    if isinstance(source, Pools):
        return source
    sheet = read_sheet(source, HEADER, decimal=decimal)
    pools = check_pools(sheet)
    if sheet.problems or pools is None:
        raise InputError(sheet.problems)
    return pools


def check_pools(sheet: Sheet) -> Pools | None:
    """Check a pool table, noting problems in the sheet.

    Returns what could be read (so that the run table can still be checked against it), or None
    when not even the names and sizes are there.
    """
    if not sheet.require(("pool", "size"), _SYNONYMS):
        return None
    if len(sheet) > COUNTS["pools"]:
        sheet.flag(None, None, f"{len(sheet)} pools, at most {COUNTS['pools']}", "give fewer")
        return None
    rows = _named_rows(sheet)
    names = tuple(sheet.column("pool")[row] for row in rows)
    sizes, ranges = read_sizes(sheet, rows)
    rank = read_numbers(sheet, "quality_rank", RANK, rows)
    price = read_numbers(sheet, "price", PRICE, rows)
    family = tuple(sheet.column("family")[row] for row in rows)
    pairs = _overlaps(sheet, rows, names)
    table = pd.DataFrame({"pool": names, "size": sizes})
    if np.isfinite(ranges).any():
        table["size_lo"], table["size_hi"] = ranges.T
    known = {"quality_rank": rank, "family": family, "price": price}
    for name in sheet.columns:
        if name in known:
            table[name] = known[name]
        elif name not in table.columns:
            cells = [sheet.column(name)[row] for row in rows]
            table[name] = cells if name == "overlaps" else plain_numbers(cells) or cells
    for array in (sizes, rank, price, ranges):
        array.flags.writeable = False
    return Pools(table, names, sizes, rank, family, price, pairs, ranges, tuple(sheet.notes))


def _named_rows(sheet: Sheet) -> list[int]:
    """Rows with a usable name; a duplicate does not count."""
    first: dict[str, int] = {}
    for row, name in enumerate(sheet.column("pool")):
        illegal = "".join(dict.fromkeys(POOL_NAME.sub("", name)))
        if not name:
            sheet.flag(row, "pool", "missing", "name the pool")
        elif illegal:
            mend = "use letters, digits, '.', '_' and '-' only, as in the run table"
            sheet.flag(row, "pool", f"'{illegal}' cannot be part of a pool name", mend)
        elif name in first:
            what = f"the same pool as in {sheet.place(first[name])}"
            sheet.flag(row, "pool", what, "give each pool one row")
        else:
            first[name] = row
    return list(first.values())


type Pairs = frozenset[frozenset[str]]


def _overlaps(sheet: Sheet, rows: list[int], names: tuple[str, ...]) -> Pairs:
    pairs = set()
    for row, pool in zip(rows, names, strict=True):
        parts = (part.strip() for part in sheet.column("overlaps")[row].split(";"))
        for other in filter(None, parts):
            if other == pool:
                sheet.flag(row, "overlaps", "a pool that overlaps itself", "name other pools only")
            elif other not in names:
                near = nearest(other, names)
                hint = f"write '{near}'" if near else "name pools of this table"
                mend = "put ';' between pools" if "," in other else hint
                sheet.flag(row, "overlaps", f"unknown pool '{other}'", mend)
            else:
                pairs.add(frozenset((pool, other)))
    return frozenset(pairs)
