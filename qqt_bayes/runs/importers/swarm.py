"""A swarm as two tables: the shares of each run, and its metrics (RegMix's layout)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs.importers import wide
from qqt_bayes.runs.importers.base import File, Found, Given
from qqt_bayes.runs.importers.roles import find_roles, is_metric
from qqt_bayes.runs.importers.weights import find_weights

NAME = "swarm"
WHAT = "two tables, shares and metrics, with a column in common"


def sniff(files: Sequence[File]) -> bool:
    """Two tables, one of which holds shares that sum to 1."""
    return len(files) == 2 and _parts(files) is not None


def _parts(files: Sequence[File]) -> tuple[File, File, dict[str, str], list[str]] | None:
    """The table of shares, that of metrics, column -> pool, and the mixture of each row."""
    for one, other in ((files[0], files[1]), (files[1], files[0])):
        if one.table is None or other.table is None or any(map(is_metric, one.table)):
            continue
        key = _key(one.table, other.table) or ""
        pools, mixtures = find_weights(one.table, [key, "seed"], place=str(one.path))
        if pools and any(is_metric(name) or name not in one.table for name in other.table.columns):
            return one, other, pools, mixtures
    return None


def _key(shares: pd.DataFrame, metrics: pd.DataFrame) -> str | None:
    """The column by which rows of the two belong together."""
    common = [name for name in shares.columns if name in set(metrics.columns)]
    run = find_roles(common).get("run")
    return run or (common[0] if common else None)


def read(files: Sequence[File], given: Given) -> Found:
    """Shares as mixtures beside the metrics of the same run."""
    found = _parts(files) if len(files) == 2 else None
    if found is None:
        raise UsageError(
            "a swarm is two tables, one with shares that sum to 1 and one with metrics -> give both"
        )
    one, other, pools, mixtures = found
    assert one.table is not None
    assert other.table is not None
    shares, metrics = one.table, other.table
    key = _key(shares, metrics)
    if key is None:
        raise UsageError(
            f"{one.path.name} and {other.path.name} have no column in common -> name the run in "
            "both (such as 'index')"
        )
    double = shares[key][shares[key].duplicated()]
    if len(double):
        raise UsageError(
            f"{one.path.name}: two rows for {key} {double.iloc[0]} -> give each one row"
        )
    expressions = dict(zip(shares[key], mixtures, strict=True))
    known = metrics[key].isin(list(expressions))
    if not known.any():
        raise UsageError(f"no {key} of {other.path.name} is in {one.path.name} -> check both files")
    more = [name for name in shares if name != key and name not in pools and name not in metrics]
    table = metrics[known].merge(shares[[key, *more]], on=key, how="left")
    table = table.rename(columns={key: "run"}) if "run" not in table else table
    table["data"] = [expressions[run] for run in metrics[key][known]]
    if not given.metrics and not any(map(is_metric, metrics.columns)):
        others = tuple(name for name in metrics.columns if name != key)
        given = replace(given, metrics=others)
    out = wide.read_table(File(other.path, table), given)
    out.taken = {key: "run"} | {c: r for c, r in out.taken.items() if r not in ("run", "data")}
    out.taken |= {column: f"share of pool {pool}" for column, pool in pools.items()}
    unused = set(expressions) - set(metrics[key])
    if (~known).any():
        out.left_out.append(f"{int((~known).sum())} rows of {other.path.name} without shares")
    if unused:
        out.left_out.append(f"{len(unused)} rows of {one.path.name} without metrics")
    return out
