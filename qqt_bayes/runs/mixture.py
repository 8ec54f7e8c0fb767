"""Mixture expressions: ``A``, ``A+B`` (union), ``A:0.7+B:0.3`` (sampling shares)."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from qqt_bayes._text import one_of
from qqt_bayes.errors import UsageError
from qqt_bayes.runs.cells import CellError
from qqt_bayes.runs.frames import as_text
from qqt_bayes.runs.numbers import parse_number

if TYPE_CHECKING:
    from qqt_bayes.runs.pools import Pools

type Complaint = tuple[str, str]  # what is wrong, how to mend it

POOL_NAME = re.compile(r"[\w.-]+")
SUM_TOLERANCE = 1e-6
ROUNDING = 0.01  # shares that miss 1 by no more were rounded
DECIMAL = 0.0005  # shares are told to three decimals


@dataclass(frozen=True)
class Mixture:
    """What a run was trained on. Two spellings of one mixture are equal: ``A+B == B+A``.

    So are a union and the shares it has, to three decimals: ``A+B == A:0.5+B:0.5`` of equal pools.

    Parameters
    ----------
    text
        The expression as given, but for pools of share 0.
    shares
        Pool name -> sampling share in (0, 1], in the order of the pool table; they sum to 1.
    kind
        ``single``, ``union`` (sampled in proportion to size) or ``weighted``.
    key
        The canonical spelling, by which mixtures are compared.
    total
        What the shares summed to as given; they are rescaled to 1.
    """

    text: str = field(compare=False)
    shares: dict[str, float] = field(compare=False)
    kind: Literal["single", "union", "weighted"] = field(compare=False)
    key: str
    total: float = field(default=1.0, compare=False)

    def vector(self, pools: Pools) -> np.ndarray:
        """Sampling shares as an array (pool,), zero for pools that take no part."""
        shares = np.zeros(len(pools))
        for name, share in self.shares.items():
            shares[pools.index(name)] = share
        return shares

    def unique_samples(self, pools: Pools) -> float:
        """Sum of the sizes of the pools it draws from, in samples (infinite if one is unlimited).

        An upper bound when pools of a weighted mixture overlap.
        """
        return float(sum(pools.sizes[pools.index(name)] for name in self.shares))

    def __str__(self) -> str:
        return self.text


def parse_mixture(text: str, pools: Pools) -> Mixture:
    """Read a mixture expression.

    Parameters
    ----------
    text
        ``A``; ``A+B``, a union sampled in proportion to size; ``A:0.7+B:0.3``, sampling shares.
    pools
        The pools the expression may name.

    Returns
    -------
    Mixture

    Raises
    ------
    UsageError
        Listing everything wrong with the expression and how to mend it.
    """
    mixture, complaints = examine(text, pools)
    if mixture is None:
        told = "; ".join(f"{what} -> {mend}" for what, mend in complaints)
        raise UsageError(f"mixture '{text}': {told}")
    return mixture


def examine(
    text: str, pools: Pools, decimal: str | None = None
) -> tuple[Mixture | None, list[Complaint]]:
    """Read a mixture expression; on failure return None and every complaint about it.

    Pools of share 0 take no part, whatever they are called; shares that miss 1 by rounding are
    rescaled. `decimal` is the mark before decimals.
    """
    if not text.strip():
        return None, [("empty mixture", "name a pool, e.g. A, A+B or A:0.7+B:0.3")]
    if text.lstrip().startswith("{"):  # a dict, as JSON or Python writes it
        try:
            text = as_text(json.loads(text.replace("'", '"')))
        except (ValueError, RecursionError):
            return None, [("not readable as shares", "write e.g. A:0.7+B:0.3")]
    terms = text.split("+")
    shares, kept, complaints = _read_terms(terms, pools, decimal)
    if complaints:
        return None, complaints
    if not shares:
        return None, [("all shares are 0", "give at least one pool a share, e.g. A:0.7+B:0.3")]
    if len(kept) < len(terms):
        text = "+".join(kept) if len(kept) > 1 else next(iter(shares))
    given = {name: share for name, share in shares.items() if share is not None}
    if given and len(given) < len(shares):
        bare = ", ".join(f"'{name}'" for name in shares if name not in given)
        return None, [(f"no share for {bare}", "give every pool a share, or none of them")]
    complaints = _sum_complaints(given) if given else _union_complaints(list(shares), pools)
    return (None, complaints) if complaints else (_build(text, list(shares), given, pools), [])


def _read_terms(
    terms: list[str], pools: Pools, decimal: str | None
) -> tuple[dict[str, float | None], list[str], list[Complaint]]:
    """Shares of the pools, None where not given; terms of a share above 0; all complaints."""
    shares: dict[str, float | None] = {}
    kept: list[str] = []
    complaints: list[Complaint] = []
    for term in terms:
        name, colon, share = (part.strip() for part in term.partition(":"))
        own: float | None = None
        if colon:
            try:
                own = _read_share(name, share, decimal)
            except CellError as error:
                complaints.append((error.what, error.mend))
        if own == 0 and name and POOL_NAME.fullmatch(name):
            continue
        complaint = _name_complaint(name, pools)
        if complaint is None and name in shares:
            complaint = (f"pool '{name}' twice", "name each pool once")
        if complaint is not None:
            complaints.append(complaint)
            continue
        shares[name] = own
        kept.append(term.strip())
    return shares, kept, complaints


def _name_complaint(name: str, pools: Pools) -> Complaint | None:
    if not name:
        return "a '+' or ':' without a pool name", "write e.g. A+B or A:0.7+B:0.3"
    if name in pools.names:
        return None
    illegal = "".join(dict.fromkeys(POOL_NAME.sub("", name)))
    if illegal:
        return (
            f"'{illegal}' cannot be part of a pool name (in '{name}')",
            "join pools by '+', e.g. A+B; names hold letters, digits, '.', '_' and '-'",
        )
    return f"unknown pool '{name}'", f"{one_of(name, pools.names)}, or add it to the pool table"


def _read_share(name: str, text: str, decimal: str | None) -> float:
    if decimal == "," and "," not in text:
        decimal = None  # a share is below 1: its point cannot stand between thousands
    number = text.removesuffix("%")
    try:
        share = parse_number(number, suffixes=False, decimal=decimal)
    except UsageError:
        raise CellError(
            f"share '{text}' of '{name}' is not a number", f"write e.g. {name}:0.7"
        ) from None
    if not 0 <= share < math.inf:
        raise CellError(
            f"share {text} of '{name}' is not a number from 0 to 1",
            "leave the pool out or give it a share",
        )
    return share if number == text else share / 100


def _sum_complaints(shares: dict[str, float]) -> list[Complaint]:
    total = math.fsum(shares.values())
    if abs(total - 1) <= ROUNDING + SUM_TOLERANCE:
        return []
    scaled = "+".join(f"{name}:{share / total:.8g}" for name, share in shares.items())
    percent = " (given as percent?)" if abs(total - 100) < 1 else ""
    return [(f"shares sum to {total:.8g}{percent}", f"make them sum to 1, e.g. {scaled}")]


def _union_complaints(names: list[str], pools: Pools) -> list[Complaint]:
    if len(names) == 1:
        return []
    example = "+".join(f"{name}:{1 / len(names):.3g}" for name in names[:2])
    complaints: list[Complaint] = [
        (
            f"union with the unlimited pool '{name}'",
            f"a union samples in proportion to size: give shares, e.g. {example}",
        )
        for name in names
        if np.isinf(pools.sizes[pools.index(name)])
    ]
    complaints += [
        (
            f"union of the overlapping pools '{a}' and '{b}'",
            "name the larger one alone if it holds the other, or split them into disjoint pools",
        )
        for a, b in itertools.combinations(names, 2)
        if pools.overlaps(a, b)
    ]
    return complaints


def _build(text: str, names: list[str], given: dict[str, float], pools: Pools) -> Mixture:
    names = sorted(names, key=pools.index)
    given_total = math.fsum(given.values()) if given else 1.0
    if len(names) == 1:
        return Mixture(text, {names[0]: 1.0}, "single", names[0], given_total)
    union = scaled({name: float(pools.sizes[pools.index(name)]) for name in names})
    if not given:
        return Mixture(text, union, "union", "+".join(names))
    shares = scaled({name: given[name] for name in names})
    near = all(abs(shares[n] - union[n]) < min(DECIMAL, ROUNDING * union[n]) for n in names)
    if near and not _union_complaints(names, pools):
        return Mixture(text, shares, "weighted", "+".join(names), given_total)
    key = "+".join(f"{name}:{shares[name]:.10g}" for name in names)
    return Mixture(text, shares, "weighted", key, given_total)


def scaled(weights: dict[str, float]) -> dict[str, float]:
    """Weights as shares, which sum to 1."""
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
