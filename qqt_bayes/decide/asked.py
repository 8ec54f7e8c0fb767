"""A question about shares, read and checked before anything is fitted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes._text import plainly
from qqt_bayes.decide.candidates import parse_budgets
from qqt_bayes.decide.constraints import Constraint, Region, Threshold
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import format_number, parse_number
from qqt_bayes.runs.numbers import count, number_in

if TYPE_CHECKING:
    from qqt_bayes.runs import Pools, Runs

MOST_POOLS = 60
SIGN = re.compile(r"(>=|<=|==|=|>|<)")

__all__ = ["Question", "check_shares", "parse_thresholds", "region_of"]


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

    Arguments as for :func:`qqt_bayes.decide.best_shares`; ``metrics`` are those of the whole table.
    """
    known = runs.pools
    mixtures = np.array([runs.mixtures[d].vector(known) for d in dict.fromkeys(runs.table["data"])])
    names = mixed(known, mixtures, pools)
    if not 0.5 <= p_feasible < 1.0:
        raise UsageError(f"--p-feasible {p_feasible:g} -> give a probability from 0.5 to below 1")
    wanted = parse_budgets(budgets)
    limits: dict[str, Any] = {"max_epochs": max_epochs, "share": share, "near": near}
    regions = tuple(region_of(known, names, float(n), **limits, runs=mixtures) for n in wanted)
    for n, region in zip(wanted, regions, strict=True):
        region.check(f"{format_number(n)} samples")
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
            f"{count(len(names), 'pool')} to mix -> name 2 to {MOST_POOLS} different ones, "
            "--shares A,B"
        )
    return names


def region_of(
    pools: Pools, names: Sequence[str], budget: float, *,
    max_epochs: object = None, share: str | Iterable[str] | None = None,
    near: float | str | None = None, runs: np.ndarray,
) -> Region:  # fmt: skip
    """Read constraints at a budget, beside mixtures that were run, dims (run, pool of the table).

    See :func:`qqt_bayes.decide.best_shares` for how they are written.
    """
    found = [parse_shares(text, pools, names) for text in as_list(share)]
    epochs = parse_epochs(max_epochs, pools, names, budget)
    texts = [c.text for c in found]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise UsageError(f"--share '{twice}' is given twice -> give it once")
    index = [pools.index(name) for name in names]
    others = np.setdiff1d(np.arange(len(pools)), index)
    return Region(
        tuple(names), (*found, *epochs), parse_near(near), runs[:, index],
        runs[:, others].sum(axis=1),
    )  # fmt: skip


def as_list(given: str | Iterable[str] | None) -> list[str]:
    """One text or several, as a list."""
    return [given] if isinstance(given, str) else list(given or [])


def parse_near(near: float | str | None) -> float | None:
    """A distance in shares, above 0 and up to 1."""
    if near is None:
        return None
    value = number_in(near)
    if value is None or not 0.0 < value <= 1.0:
        raise UsageError(
            f"--near {plainly(near)} -> give a distance in shares above 0 and up to 1, such as .2: "
            "then a fifth of the samples may come from other pools than in a run"
        )
    return value


def parse_shares(text: str, pools: Pools, names: Sequence[str]) -> Constraint:
    """``web>=0.3``, ``math=0.05``, ``family:web>=0.5`` or ``A+B<=0.4`` as a constraint."""
    parts = [part.strip() for part in SIGN.split(text)]
    example = f'for example --share "{names[0]}>=0.3" or "{names[-1]}=0.05"'
    if len(parts) != 3 or not parts[0]:
        raise UsageError(f"--share '{text}' -> write POOL, one of >= <= = and a share, {example}")
    who, sign, number = parts
    try:
        value = float(number.removesuffix("%")) / (100.0 if number.endswith("%") else 1.0)
    except ValueError:
        value = np.nan
    if not 0.0 <= value <= 1.0:
        mend = f"write {value / 100:g} or {value:g}%" if 1.0 < value <= 100.0 else example
        raise UsageError(f"--share '{text}': '{number}' is no share from 0 to 1 -> {mend}")
    row = np.array([float(name in members(who, text, pools, names)) for name in names])
    low = -np.inf if "<" in sign else value
    high = np.inf if ">" in sign else value
    clean = f"{who}{ {'>': '>=', '<': '<=', '==': '='}.get(sign, sign) }{number}"
    return Constraint(clean, row[None], np.array([low]), np.array([high]), (who,))


def members(who: str, text: str, pools: Pools, names: Sequence[str]) -> list[str]:
    """Pools that one side of a constraint speaks of."""
    if who.startswith("family:"):
        family = who.removeprefix("family:").strip()
        found = [n for n in names if pools.family[pools.index(n)] == family]
        if found:
            return found
        known = sorted({pools.family[pools.index(n)] for n in names} - {""})
        mend = f"choose from {', '.join(known)}" if known else "add a column 'family' to the pools"
        raise UsageError(f"--share '{text}': no pool of family '{family}' is mixed -> {mend}")
    found = [part.strip() for part in who.split("+")]
    for name in found:
        try:
            pools.index(name)  # an unknown name is told with the nearest one
        except UsageError as error:
            raise UsageError(f"--share '{text}': {error}") from None
        if name not in names:
            raise UsageError(
                f"--share '{text}': '{name}' is not among the pools that are mixed "
                f"-> choose from {', '.join(names)}, or add it to them"
            )
    return found


def parse_epochs(
    given: object, pools: Pools, names: Sequence[str], budget: float
) -> list[Constraint]:
    """Ceilings by epochs at one budget; one constraint for each number of epochs."""
    most: dict[str, float] = {}
    overall: float | None = None
    if given is None:
        return []
    if isinstance(given, Mapping):
        items = [f"{who}={plainly(value)}" for who, value in given.items()]
    elif isinstance(given, Iterable) and not isinstance(given, str):
        items = [plainly(item) for item in given]
    else:
        items = [plainly(given)]
    for item in (part for text in items for part in text.split(",")):
        who, sign, number = (part.strip() for part in item.rpartition("="))
        try:
            value = float(number)
        except ValueError:
            value = np.nan
        if not 0.0 < value < np.inf:
            raise UsageError(
                f"--max-epochs '{item}' -> give a number of epochs above 0, such as 4, or "
                f"{names[0]}=4,{names[-1]}=8"
            )
        if not sign:
            if overall is not None:
                raise UsageError(f"--max-epochs {overall:g} and {value:g} -> give one for all "
                                 f"pools, and others as {names[0]}={value:g}")  # fmt: skip
            overall = value
            continue
        for name in members(who, item, pools, names) if who.startswith("family:") else [who]:
            if not np.isfinite(pools.sizes[pools.index(name)]):
                raise UsageError(f"--max-epochs '{item}': pool '{name}' is unlimited and has no "
                                 "epochs -> leave it out, or give its size")  # fmt: skip
            if name not in names:
                raise UsageError(f"--max-epochs '{item}': '{name}' is not among the pools that "
                                 f"are mixed -> choose from {', '.join(names)}")  # fmt: skip
            most[name] = value
    sizes = {n: float(pools.sizes[pools.index(n)]) for n in names}
    out = []
    rest = [n for n in names if n not in most and np.isfinite(sizes[n])]
    groups = [(f"max epochs {overall:g}", rest, overall)] if overall is not None and rest else []
    groups += [(f"max epochs {name}={value:g}", [name], value) for name, value in most.items()]
    for text, members_, value in groups:
        rows = np.array([[float(n == name) for n in names] for name in members_])
        high = np.array([value * sizes[name] / budget for name in members_])
        out.append(Constraint(text, rows, np.full(len(high), -np.inf), high, tuple(members_)))
    return out


def parse_thresholds(given: str | Iterable[str] | None, metrics: Sequence[str]) -> list[Threshold]:
    """``general_loss<=2.31`` as a threshold on a metric of the table."""
    out = []
    for text in as_list(given):
        parts = [part.strip() for part in SIGN.split(text)]
        try:
            if len(parts) != 3 or parts[1] in ("=", "=="):
                raise UsageError("")
            value = float(parse_number(parts[2]))
        except UsageError:
            raise UsageError(
                f"--subject-to '{text}' -> write METRIC<=VALUE or METRIC>=VALUE, for example "
                f'"{metrics[0]}<=2.31"'
            ) from None
        if parts[0] not in metrics:
            alone = " (a saved fit has its own alone: give the run table)" * (len(metrics) == 1)
            raise UsageError(
                f"--subject-to '{text}': no metric '{parts[0]}' -> choose from "
                f"{', '.join(metrics)}{alone}"
            )
        out.append(Threshold("".join(parts), parts[0], value, parts[1].startswith("<")))
    return out
