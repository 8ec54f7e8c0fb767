"""A summary of the runs for people, and a hash of their content for the record."""

from __future__ import annotations

import hashlib
from shlex import quote
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes._text import cut
from qqt_bayes.kind_names import choices_of
from qqt_bayes.runs.numbers import count, format_number
from qqt_bayes.runs.outliers import find_outliers
from qqt_bayes.runs.settings import tell_settings
from qqt_bayes.runs.sheet import as_text
from qqt_bayes.runs.untold import untold

if TYPE_CHECKING:
    from qqt_bayes.runs.pools import Pools
    from qqt_bayes.runs.table import Runs

SHOWN = 10
MOST = 1e3  # epochs of a pool: nobody repeats as often
NEAR = 0.1  # an accuracy this close to its chance level feels it


def describe(runs: Runs) -> str:
    """Rows, runs, metrics, budgets, levels, and the pools with their largest epochs."""
    table = runs.table
    budgets = [format_number(b) for b in runs.budgets()]
    lines = [
        f"{runs.source}: {count(table['run'].nunique(), 'run')}, {count(len(table), 'row')}",
        f"  metrics   {', '.join(told(runs, metric) for metric in runs.metrics)}",
        f"  budgets   {_some(budgets)} samples",
        f"  mixtures  {_some([cut(text, 48) for text in runs.mixtures])}",
    ]
    for column in ("seed", "model", "params", "annealed"):
        if column in table:
            values = list(dict.fromkeys(as_text(v) for v in table[column] if as_text(v)))
            lines.append(f"  {column:<9} {_some(values) or 'blank'}")
    epochs = largest_epochs(table, runs)
    lines.append("  pools     with their size and the most epochs of any run:")
    width = max(len(name) for name in runs.pools)
    sizes = [size_text(runs.pools, i) for i in range(len(runs.pools))]
    wide = max(7, *map(len, sizes))
    for i, name in enumerate(runs.pools):
        rank, family = runs.pools.quality_rank[i], runs.pools.family[i]
        known = [f"rank {rank:g}"] * bool(np.isfinite(rank)) + [family] * bool(family)
        used = "no run" if np.isnan(epochs[i]) else f"{epochs[i]:.3g} epochs"
        note = f"   ({', '.join(known)})" if known else ""
        lines.append(f"    {name:<{width}}  {sizes[i]:>{wide}}  {used:>12}{note}")
    if np.nanmax(epochs) > MOST:
        lines.append(
            f"note: up to {np.nanmax(epochs):,.0f} epochs: sizes of pools and samples of runs look "
            "to be in different units -> write both in one, with their k, M or B"
        )
    named = (*runs.notes, *find_outliers(runs)[1], *tell_settings(table))
    lines += [f"note: {note}" for note in (*named, *left_open(runs), *near_chance(runs))]
    return "\n".join(lines)


def left_open(runs: Runs) -> list[str]:
    """What the runs of a metric cannot tell; of several metrics alike, once."""
    found: dict[str, list[str]] = {}
    for metric in runs.metrics:
        rows = runs.table[runs.table["metric"] == metric]
        shares = np.array([runs.mixtures[text].vector(runs.pools) for text in rows["data"]])
        for told in untold(rows["samples"].to_numpy(float), shares, runs.pools):
            found.setdefault(told, []).append(metric)
    every = len(runs.metrics)
    return [t if len(m) == every else f"{_some(m)}: {t}" for t, m in found.items()]


def near_chance(runs: Runs) -> list[str]:
    """Accuracies that come near what guessing reaches, of which nobody said what that is."""
    out = []
    for metric in runs.metrics:
        kind, many = runs.kind_of(metric), choices_of(metric)
        if kind is None or kind.name != "accuracy" or kind.chance or many is None:
            continue
        lowest = float(runs.table.loc[runs.table["metric"] == metric, "value"].min())
        if lowest < 1.0 / many + NEAR:
            out.append(
                f"{metric}: a choice of {many} by its name, and guessing would reach "
                f"{1.0 / many:g} -> --chance {metric}={1.0 / many:g} sets that as its floor"
            )
    return out


def size_text(pools: Pools, i: int) -> str:
    """Size of a pool, or its range: ``1B..20B``."""
    if pools.uncertain[i]:
        return "..".join(format_number(end) for end in pools.size_ranges[i])
    return format_number(pools.sizes[i])


def told(runs: Runs, metric: str) -> str:
    """A metric with its kind, unless its name says that already."""
    kind = runs.kind_of(metric)
    if kind is None:
        return f"{metric} (kind not known: --kind {quote(metric)}=KIND)"
    chance = f", chance {kind.chance:g}" if kind.chance else ""
    named = "" if kind.name in metric.lower() else f"{kind}, "
    return f"{metric} ({named}{kind.better}{chance})"


def largest_epochs(table: pd.DataFrame, runs: Runs) -> np.ndarray:
    """Most epochs any row spends on each pool (pool,): share * samples / size; NaN if unused."""
    epochs = np.full(len(runs.pools), np.nan)
    for text, samples in table.groupby("data")["samples"].max().items():
        for name, share in runs.mixtures[str(text)].shares.items():
            i = runs.pools.index(name)
            epochs[i] = np.fmax(epochs[i], share * samples / runs.pools.sizes[i])
    return epochs


def content_hash(runs: Runs) -> str:
    """SHA-256 over rows and pools, whatever their order, spelling of mixtures or file format."""
    table = runs.table.drop(columns="line")
    table = table.assign(data=[runs.mixtures[text].key for text in table["data"]])
    digest = hashlib.sha256()
    pools = runs.pools
    overlaps = [
        ";".join(sorted(b for b in pools if b != a and pools.overlaps(a, b))) for a in pools
    ]
    for frame in (table, pools.table.assign(overlaps=overlaps)):
        names = sorted(frame.columns)
        cells = zip(*(frame[name] for name in names), strict=True)
        rows = ["\x1f".join(as_text(value) for value in row) for row in cells]
        digest.update("\x1e".join(["\x1f".join(names), *sorted(rows), ""]).encode())
    return digest.hexdigest()


def _some(words: list[str]) -> str:
    if len(words) <= SHOWN:
        return ", ".join(words)
    return f"{', '.join(words[: SHOWN - 1])}, ... {words[-1]} ({len(words)} in all)"
