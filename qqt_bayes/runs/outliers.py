"""Rows so far from their kin that something broke: a diverged seed, a slip of the pen.

All are named. One that other runs contradict is also set aside, as no noise that the model knows
explains it: a replicate, budgets below and above, or at its budget the other mixtures lie where
they lead. At the end of a curve a strange value may be what happens there, and is kept: an error
or accuracy that jumps, a pool that wears out. Two comparisons, both robust: with replicates of the
same mixture and budget, against the spread of replicates; and with the same mixture at other
budgets, against the spread around a robust line in log samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.runs.numbers import format_number
from qqt_bayes.runs.sheet import as_text

if TYPE_CHECKING:
    from qqt_bayes.runs.table import Runs

SAME = 0.02  # budgets this close (in logs) are one
SPREADS = 15.0  # from its replicates, in robust sd of replicates
LEAST = 0.25  # and so much of its value
OFF_CURVE = 12.0  # from the line through its mixture's budgets, in robust sd around lines
LEAST_LOG = float(np.log(1.4))  # and by a factor of 1.4
FEW = 6  # deviations that tell the spread of one mixture
BUDGETS = 4  # that make a line
FRESH = 4.0  # epochs that wear out little
WORN = 3.0  # times the value expected: more than repetition does from one budget to the next
SHOWN = 3
WITHIN = ("metric", "model", "params", "annealed", "tuned")


def find_outliers(runs: Runs, apart: Sequence[str] = ()) -> tuple[np.ndarray, list[str]]:
    """Rows to set aside (dim row), and one line for each row far from its kin, at most a few.

    Rows of different values in the columns `apart` are no kin.
    """
    table, found = runs.table, dict[int, str]()
    kept, aside = pd.Series(False, table.index), set[int]()
    if "keep" in table:  # where true, the row is meant
        kept = table["keep"].fillna(False).astype(bool)
    keys = [table[name].map(as_text) for name in (*WITHIN, *apart) if name in table]
    for _, rows in table.groupby(keys, sort=False):
        for row, why in (*_off_replicates(rows), *_off_curve(rows)):
            found.setdefault(row, why)
        aside |= {row for row in rows.index.intersection(list(found))
                  if not kept[row] and _contradicted(runs, rows, row, found)}  # fmt: skip
    lines = [_line(table, row, why, row in aside, kept[row])
             for row, why in list(found.items())[:SHOWN]]  # fmt: skip
    if len(found) > SHOWN:
        names = ", ".join(str(table.loc[row, "run"]) for row in list(found)[SHOWN : 3 * SHOWN])
        lines.append(f"{len(found) - SHOWN} more rows are as far from their kin: {names}")
    return table.index.isin(list(aside)), lines


def _contradicted(runs: Runs, rows: pd.DataFrame, row: Any, found: dict[int, str]) -> bool:
    """Whether a replicate, budgets on both sides, or other mixtures are where the row is not."""
    mine, sound = rows.loc[row], rows[~rows.index.isin(list(found))]
    own, here = sound["data"] == mine["data"], _budget(rows.loc[[row]])[0]
    budgets = _budget(sound[own])
    if np.any(budgets == here) or (np.any(budgets < here) and np.any(budgets > here)):
        return True
    twins = rows[(rows["data"] == mine["data"]) & (_budget(rows) == here)]
    others = sound[~own].assign(budget=_budget(sound[~own]))
    lines = others.groupby("data")["budget"].nunique()
    there = others.loc[others["budget"] == here, "data"]
    jumps = bool(np.all(sound["value"] < 1.0))  # an error or an accuracy
    if jumps or len(twins) > 1 or not there.isin(lines.index[lines >= BUDGETS]).any():
        return False
    usual = float(sound.loc[own, "value"].median())
    shares = runs.mixtures[mine["data"]].vector(runs.pools)
    epochs = mine["samples"] * np.max(shares / runs.pools.sizes)  # of the pool repeated most
    return bool(epochs <= FRESH or mine["value"] < usual or mine["value"] > WORN * usual)


def _line(table: pd.DataFrame, at: Any, why: str, aside: bool, kept: bool) -> str:
    row = table.loc[at]
    run, mend = row["run"], _left_out(table, row)
    if kept:
        mend = f"kept, as column keep says: {mend}"
    elif aside:
        mend = ("set aside, it counts for nothing: run it again, or write true in its column keep "
                "if it is meant")  # fmt: skip
    return (
        f"run '{run}' (line {row['line']}): {row['metric']} {row['value']:.6g}, {why}; diverged, "
        f"or a slip? {mend}"
    )


def _left_out(table: pd.DataFrame, row: pd.Series) -> str:
    """How to fit without a row: without its run, or without its budget where the run goes on."""
    run, samples = row["run"], row["samples"]
    rows = table[table["metric"] == row["metric"]]
    if (rows["run"] == run).sum() < 2:
        return (
            f"--leave-out {quote(str(run))} takes the others (Python: where={{'run': '!={run}'}})"
        )
    if (rows["samples"] == samples).sum() < 2:
        given = f"{samples:.15g}"
        return (
            f"--where 'samples!={given}' takes the run's other rows "
            f"(Python: where={{'samples': '!={given}'}})"
        )
    return f"without line {row['line']} the run's other rows are taken"


def _budget(rows: pd.DataFrame) -> np.ndarray:
    return np.asarray(np.round(np.log(rows["samples"].to_numpy(float)) / SAME))


def _off_replicates(rows: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    """Rows far from the replicates of their mixture and budget."""
    value = rows["value"]
    cells = [rows["data"], _budget(rows)]
    middle = value.groupby(cells).transform("median")
    count = value.groupby(cells).transform("size")
    away = (value - middle).abs()
    several = count >= 3
    pooled = _spread(away[several])
    for row in rows.index[several & (away > LEAST * middle.abs())]:
        mine = away[several & (rows["data"] == rows["data"][row])]
        spread = _spread(mine) if len(mine) >= FEW else pooled
        if away[row] > SPREADS * spread:
            kin = (rows["data"] == rows["data"][row]) & (_budget(rows) == _budget(rows.loc[[row]]))
            others = value[kin].drop(row)
            yield row, (f"while its {len(others)} replicates lie at {others.min():.6g} to "
                        f"{others.max():.6g}")  # fmt: skip


def _spread(away: pd.Series) -> float:
    """Robust sd, above 0."""
    return 1.4826 * float(away.median()) + 1e-12 if len(away) else np.inf


def _off_curve(rows: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    """Rows far from the line through the other budgets of their mixture, in logs of the value."""
    value = rows["value"].to_numpy(float)
    if np.all(value > 0):
        found = _off_line(rows, np.log(value))
        if np.all(value < 1):  # an error or an accuracy: far on both scales
            other = _off_line(rows, np.log1p(-value))
            found = {row: expected for row, expected in found.items() if row in other}
        for row, expected in found.items():
            size = format_number(rows["samples"][row])
            yield row, (f"where its mixture's other budgets lead to about {np.exp(expected):.3g} "
                        f"at {size}")  # fmt: skip


def _off_line(rows: pd.DataFrame, logs: np.ndarray) -> dict[Any, float]:
    """Rows far from the line of their mixture, with the value expected there."""
    log = pd.Series(logs, rows.index)
    off: dict[Any, float] = {}
    for _, mine in rows.groupby("data", sort=False):
        t, y = np.log(mine["samples"].to_numpy(float)), log[mine.index].to_numpy()
        if len(np.unique(_budget(mine))) >= BUDGETS:
            off.update(zip(mine.index, y - _robust_line(t, y), strict=True))
    away = pd.Series(off, dtype=float).abs()
    spread = _spread(away)
    far = away.index[(away > LEAST_LOG) & (away > OFF_CURVE * spread)]
    return {row: float(log[row] - off[row]) for row in far}


def _robust_line(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Theil and Sen's line: the median of all slopes, then of all intercepts."""
    i, j = np.triu_indices(len(t), 1)
    apart = np.abs(t[j] - t[i]) > SAME
    slope = np.median((y[j] - y[i])[apart] / (t[j] - t[i])[apart])
    return np.asarray(slope * t + np.median(y - slope * t))
