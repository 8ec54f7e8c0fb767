"""What a row of an action table does to the data that would be trained on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from qqt_bayes._text import nearest, one_of
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs import Mixture, Pools, format_number, parse_mixture, parse_number
from qqt_bayes.runs.cells import CellError

# What can be written in the column `changes`, with an example of each.
VERBS = {
    "pool": "pool=B4",
    "rank": "rank=1.5",
    "utility": "utility=1.05..1.3",
    "size": "size=120k",
    "add": "add",
    "drop": "drop",
    "data": "data=A:0.7+B4:0.3",
}

SYNONYMS = {"quality": "rank", "quality_rank": "rank", "replace": "pool", "swap": "pool",
            "buy": "size", "grow": "size", "gain": "utility", "remove": "drop"}  # fmt: skip

__all__ = ["VERBS", "Data", "apply", "parse_changes"]


@dataclass(frozen=True)
class Data:
    """Data that could be trained on, some of its pools changed."""

    pools: Pools = field(repr=False)
    names: tuple[str, ...]
    given: dict[str, float]  # sampling shares by pool; empty for a union
    growth: dict[str, float] = field(default_factory=dict)  # factor of unique samples
    rank: dict[str, float] = field(default_factory=dict)  # what it is improved to
    # ends of the 90% interval of the factor of utility
    utility: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, mixture: Mixture, pools: Pools) -> Data:
        """A mixture as it is."""
        weighted = mixture.shares if mixture.kind == "weighted" else {}
        return cls(pools, tuple(mixture.shares), dict(weighted))

    @property
    def expression(self) -> str:
        """The mixture expression, whatever was done to its pools."""
        return "+".join(f"{n}:{self.given[n]:.6g}" if self.given else n for n in self.names)

    @property
    def text(self) -> str:
        """The mixture expression, with what was done to a pool in brackets."""
        return "+".join(
            part + (f"({', '.join(told)})" if (told := self.told(name)) else "")
            for name, part in zip(self.names, self.expression.split("+"), strict=True)
        )

    def told(self, name: str) -> list[str]:
        """What was done to a pool, in words."""
        out = []
        if name in self.growth:
            out.append(format_number(self.size(name)))
        if name in self.rank:
            out.append(f"rank {self.rank[name]:g}")
        if name in self.utility:
            lo, hi = self.utility[name]
            out.append(f"utility x {lo:g} to {hi:g}")
        return out

    def size(self, name: str) -> float:
        """Unique samples of a pool, as changed."""
        return float(self.pools.sizes[self.pools.index(name)]) * self.growth.get(name, 1.0)

    def shares(self) -> np.ndarray:
        """Sampling shares (pool,): a union draws in proportion to the sizes as changed."""
        mixture = parse_mixture(self.expression, self.pools)
        if mixture.kind == "weighted" or len(self.names) == 1:
            return mixture.vector(self.pools)
        out = np.zeros(len(self.pools))
        for name in self.names:
            out[self.pools.index(name)] = self.size(name)
        return out / out.sum()

    def factors(self) -> np.ndarray:
        """Growth of every pool (pool,)."""
        return np.array([self.growth.get(name, 1.0) for name in self.pools])


def parse_changes(text: str) -> list[tuple[str, str]]:
    """``"pool=B4;size=60k"`` as (verb, value) pairs; CellError for what is not one of VERBS."""
    out = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        verb, equals, value = (p.strip() for p in part.partition("="))
        if verb not in VERBS:
            near = SYNONYMS.get(verb) or nearest(verb, VERBS, 0.6)
            mend = VERBS[near] if near else f"one of {', '.join(VERBS.values())}"
            raise CellError(f"unknown change '{verb}'", f"write {mend}")
        if bool(value) != ("=" in VERBS[verb]) or bool(equals) != bool(value):
            raise CellError(f"not the way to write '{verb}'", f"write for example {VERBS[verb]}")
        out.append((verb, value))
    if not out:
        raise CellError("missing", f"write one of {', '.join(VERBS.values())}")
    verbs = [verb for verb, _ in out]
    alone = next((v for v in ("add", "drop", "data") if v in verbs and len(verbs) > 1), None)
    if alone or len(set(verbs)) < len(verbs) or {"rank", "utility"} <= set(verbs):
        raise CellError(
            f"changes that do not go together: {', '.join(verbs)}",
            "give 'add', 'drop' and 'data' rows of their own, each other change once, and rank or "
            "utility but not both",
        )
    return sorted(out, key=lambda item: list(VERBS).index(item[0]))  # a pool is swapped first


def apply(data: Data, pool: str, changes: list[tuple[str, str]]) -> tuple[Data, float]:
    """Apply the changes of one row; CellError for what cannot be done.

    Returns the data, and the samples that a cost per sample is paid for: those of the pool that is
    improved, swapped, added or dropped, or those by which it grows; NaN for a change of the whole
    mixture.
    """
    pools = data.pools
    verbs = dict(changes)
    if "data" in verbs:
        if pool:
            raise CellError("a change of the whole mixture, beside a pool", "leave 'pool' blank")
        return _mixture(verbs["data"], pools), np.nan
    if not pool:
        raise CellError("no pool that it is done to", "name it in the column 'pool'")
    if pool not in pools:
        raise CellError(f"unknown pool '{pool}'", one_of(pool, pools.names))
    if "add" in verbs or "drop" in verbs:
        made = _add(data, pool) if "add" in verbs else _drop(data, pool)
        return made, float(pools.sizes[pools.index(pool)])
    if pool not in data.names:
        raise CellError(
            f"pool '{pool}' is not part of the data ({data.text})",
            f"choose from {', '.join(data.names)}, or add it in a row before",
        )
    touched = data.size(pool)
    if "pool" in verbs:
        data, pool = _swap(data, pool, verbs["pool"]), verbs["pool"]
    if "rank" in verbs:
        data = replace(data, rank=data.rank | {pool: _rank(verbs["rank"], pool, pools)})
    if "utility" in verbs:
        data = replace(data, utility=data.utility | {pool: _interval(verbs["utility"])})
    if "size" in verbs:
        before = data.size(pool)
        size = _size(verbs["size"], before)
        own = float(pools.sizes[pools.index(pool)])
        data = replace(data, growth=data.growth | {pool: size / own})
        if set(verbs) == {"size"}:
            touched = size - before
    return _checked(data), touched


def _checked(data: Data) -> Data:
    try:
        data.shares()
    except UsageError as error:
        raise refused(error) from None
    return data


def _mixture(text: str, pools: Pools) -> Data:
    try:
        return Data.of(parse_mixture(text, pools), pools)
    except UsageError as error:
        raise refused(error) from None


def refused(error: UsageError) -> CellError:
    """What is wrong with a mixture, as a problem of the cell it stands in."""
    what, _, mend = str(error).partition(" -> ")
    return CellError(what.removeprefix("mixture "), mend)


def _add(data: Data, pool: str) -> Data:
    if pool in data.names:
        raise CellError(f"pool '{pool}' is in the data already ({data.text})", "drop the row")
    if data.given:
        raise CellError(
            f"a pool added to a mixture with shares ({data.text})",
            "say what shares it then has: data=A:0.6+B:0.3+C:0.1, with 'pool' blank",
        )
    twin = next((n for n in data.names if data.pools.overlaps(n, pool)), None)
    if twin:
        raise CellError(
            f"pool '{pool}' shares samples with '{twin}', which is in the data",
            f"have it in place of '{twin}': pool={pool}, with '{twin}' in the column 'pool'",
        )
    return _checked(replace(data, names=(*data.names, pool)))


def _drop(data: Data, pool: str) -> Data:
    if pool not in data.names or len(data.names) == 1 or data.given:
        raise CellError(
            f"pool '{pool}' cannot be dropped from {data.text}",
            "name one of several pools of a union, or write data=... for another mixture",
        )
    return replace(data, names=tuple(n for n in data.names if n != pool))


def _swap(data: Data, pool: str, other: str) -> Data:
    if other not in data.pools or other in data.names:
        there = "is in the data already" if other in data.names else "is not in the pool table"
        free = [n for n in data.pools if n not in data.names]
        near = nearest(other, free)
        mend = f"write pool={near}" if near else "name another pool of the pool table"
        raise CellError(f"pool '{other}' {there}", f"{mend}, or say rank=... or utility=...")
    if pool in data.growth or pool in data.rank or pool in data.utility:
        raise CellError(f"pool '{pool}' was changed in a row before", "swap it first")
    names = tuple(other if n == pool else n for n in data.names)
    given = {other if n == pool else n: w for n, w in data.given.items()}
    return replace(data, names=names, given=given)


def _number(text: str, verb: str) -> float:
    try:
        value = parse_number(text)
    except UsageError:
        value = np.nan
    if not np.isfinite(value):
        raise CellError(f"'{text}' is not a number", f"write for example {VERBS[verb]}")
    return value


def _within(limit: str, text: str, value: float) -> float:
    """The number, if its meaning allows it."""
    if not LIMITS[limit].holds(value):
        raise CellError(f"{limit} {text} is out of range", f"give {LIMITS[limit].text}")
    return value


def _rank(text: str, pool: str, pools: Pools) -> float:
    value, rank = _number(text, "rank"), np.asarray(pools.quality_rank, float)
    if np.isnan(rank[pools.index(pool)]) or len(set(rank[np.isfinite(rank)])) < 2:
        raise CellError(
            f"no quality rank of '{pool}' to improve on",
            "fill in 'quality_rank' of this pool and of others in the pool table, or say "
            + VERBS["utility"],
        )
    return _within("rank", text, value)


def _interval(text: str) -> tuple[float, float]:
    first, dots, last = (p.strip() for p in text.partition(".."))
    mend = "give the ends of a 90% interval of the factor of its utility, as in utility=1.05..1.3"
    if not dots:
        raise CellError("no interval", mend)
    lo, hi = (_within("factor of utility", p, _number(p, "utility")) for p in (first, last))
    if not 0.0 < lo < hi:
        raise CellError("not two factors above 0 in rising order", mend)
    return lo, hi


def _size(text: str, now: float) -> float:
    if np.isinf(now):
        raise CellError("an unlimited pool cannot grow", "leave the row out")
    if text.lower().endswith("x"):
        size = _number(text[:-1], "size") * now
    else:
        size = _number(text, "size") + (now if text.startswith("+") else 0.0)
    if not size > now:
        raise CellError(
            f"not more than the {format_number(now)} samples it has",
            "give the size after buying (size=120k), what is bought (size=+60k) or a factor "
            "(size=2x); to keep less, make the part that is kept a pool of its own",
        )
    return _within("size", text, size)
