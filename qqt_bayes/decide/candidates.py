"""Which data to choose from, and at which budgets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes._text import plainly
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS, no_more
from qqt_bayes.runs import Mixture, Pools, parse_mixture, parse_number

if TYPE_CHECKING:
    from qqt_bayes.runs import Study

THOUSANDS = re.compile(r"\d{1,3}(,\d{3})*,0{3}")  # 1,200,000: no list of budgets has one of 0
DECIMAL = re.compile(r"(?<![\d.])(\d{1,3}),(\d+\s*[kMBT])", re.IGNORECASE)  # 1,5B
PLAIN = re.compile(r"[\d.]+(e\d+)?[kMBT]?", re.IGNORECASE)

__all__ = [
    "candidates_of", "default_candidates", "kept_sizes", "parse_budgets", "parse_candidates",
]  # fmt: skip


def parse_budgets(budgets: str | float | Iterable[str | float]) -> np.ndarray:
    """Budgets in samples, as given: ``"480k,1.92M"``, a number, or a list of either."""
    items: list[str | float]
    if isinstance(budgets, str):
        if THOUSANDS.fullmatch(budgets.strip()):
            whole = budgets.replace(",", "").strip()
            raise UsageError(
                f"budgets '{budgets}' look like one number with separators -> write {whole}"
            )
        comma = DECIMAL.search(budgets)
        if comma and parse_number(comma[2]) >= 1000 * float(comma[1]):  # 500,1k are two
            raise UsageError(
                f"budgets '{budgets}': is {comma[0]} one number or two? -> write "
                f"{comma[1]}.{comma[2]} or {comma[1]}, {comma[2]}"
            )
        items = [part for part in budgets.split(",") if part.strip()]
    elif isinstance(budgets, Iterable):
        items = list(budgets)
    else:
        items = [budgets]
    if not items:
        raise UsageError("no budgets given -> pass some, for example --budgets 480k,1.92M")
    no_more(len(items), "budgets")
    values: list[float] = []
    for item in items:
        try:
            value = parse_number(item)
        except UsageError as error:
            parts = re.split(r"\s*[;|]\s*|\s+", plainly(item).strip())
            mend = f"put commas between: {','.join(parts)}"
            several = len(parts) > 1 and all(PLAIN.fullmatch(part) for part in parts)
            raise UsageError(
                f"'{item}' are {len(parts)} budgets -> {mend}" if several else f"budget {error}"
            ) from None
        told = f"budget '{plainly(item)}'"
        if not (np.isfinite(value) and value > 0):
            raise UsageError(f"{told} is not a positive number of samples -> give one, e.g. 480k")
        LIMITS["samples"].check(told, value)
        if value in values:
            raise UsageError(f"budget '{item}' is given twice -> give each once")
        values.append(value)
    return np.array(values)


def parse_candidates(candidates: str | Sequence[str], pools: Pools) -> list[Mixture]:
    """Candidates as given: ``"A;A+B;A:0.7+B:0.3"`` or a list of expressions."""
    single = isinstance(candidates, str) or not isinstance(candidates, Iterable)
    items = str(candidates).split(";") if single else list(candidates)
    if odd := [item for item in items if not isinstance(item, str)]:
        raise UsageError(f"candidate {odd[0]!r} -> write it as text, such as A+B or A:0.7+B:0.3")
    items = [item.strip() for item in items if item.strip()]
    if not items:
        raise UsageError('no candidates given -> pass some, for example --candidates "A;A+B"')
    no_more(len(items), "candidates")
    seen: dict[str, Mixture] = {}
    for item in items:
        try:
            mixture = parse_mixture(item, pools)
        except UsageError as error:
            raise UsageError(
                listed(item, pools) or str(error).replace("mixture", "candidate", 1)
            ) from None
        if mixture.key in seen:
            first = seen[mixture.key].text
            raise UsageError(f"candidates '{first}' and '{item}' are the same data -> give it once")
        seen[mixture.key] = mixture
    return list(seen.values())


def listed(item: str, pools: Pools) -> str:
    """What to say of several candidates with another sign than ``;`` between; else empty."""
    parts = [part for part in re.split(r"[,|\s]+", item) if part]
    try:
        for part in parts:
            parse_mixture(part, pools)
    except UsageError:
        return ""
    return f"'{item}' are {len(parts)} candidates -> put ';' between: \"{';'.join(parts)}\""


def candidates_of(study: Study, given: str | Sequence[str] | None) -> list[Mixture]:
    """Candidates as given, else those by default."""
    return default_candidates(study) if given is None else parse_candidates(given, study.pools)


def default_candidates(study: Study) -> list[Mixture]:
    """Every mixture observed, and nested unions of ranked pools.

    The unions take the observed pools by quality rank, best first, leaving out unlimited pools,
    pools without a rank of their own and pools that overlap one already in. Where families share
    ranks each has a ranking of its own (every filter ranks the samples anew), and the unions are
    within families.
    """
    pools = study.pools
    found: dict[str, Mixture] = {}
    for text in dict.fromkeys(study.data):
        found.setdefault(study.mixtures[text].key, study.mixtures[text])
    for group in ranked_groups(study):
        taken: list[str] = []
        for i in group:
            name = pools.names[i]
            if any(pools.overlaps(name, other) for other in taken):
                continue
            taken.append(name)
            union = parse_mixture("+".join(taken), pools)
            found.setdefault(union.key, union)
    return list(found.values())


def ranked_groups(study: Study) -> list[list[int]]:
    """Pools to be nested, best first: all of them, or each family's where families share ranks."""
    pools = study.pools
    rank = np.asarray(pools.quality_rank, float)
    usable = [
        int(i)
        for i in np.argsort(rank, kind="stable")
        if np.isfinite(rank[i]) and np.isfinite(pools.sizes[i]) and study.used[i]
    ]
    families: dict[str, list[int]] = {}
    for i in usable:
        families.setdefault(pools.family[i], []).append(i)
    ranks = [{rank[i] for i in group} for group in families.values()]
    own = "" not in families and len(set().union(*ranks)) < sum(map(len, ranks))
    if not own:
        return [[i for i in usable if np.sum(rank == rank[i]) == 1]]
    same = np.array([[a == b for b in pools.family] for a in pools.family])
    return [
        [i for i in group if np.sum(same[i] & (rank == rank[i])) == 1]
        for group in families.values()
    ]


def kept_sizes(candidates: Sequence[Mixture], pools: Pools) -> np.ndarray | None:
    """Size of each candidate over that of the widest; None if that means nothing.

    It means nothing where a candidate is weighted (part of a pool may go unused) or unlimited.
    """
    sizes = np.array([c.unique_samples(pools) for c in candidates])
    if any(c.kind == "weighted" for c in candidates) or not np.all(np.isfinite(sizes)):
        return None
    return sizes / sizes.max()
