"""Counts in two units: a run whose rows stand a thousand or a million apart."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np

from qqt_bayes.runs.sheet import Sheet

FACTORS = (1e3, 1e6, 1e9)
GAP = 100.0  # between checkpoints of one run, nothing in between


def check_sample_units(sheet: Sheet, samples: np.ndarray, values: np.ndarray) -> None:
    """Flag runs whose samples are counted in two units.

    Either different metrics stand at budgets exactly a thousand apart, or the rows of one metric
    fall into two groups far apart which no single curve joins: they are not listed in order, or
    those with fewer samples have values like those with more.
    """
    seen: dict[str, list[int]] = defaultdict(list)
    for row, run in enumerate(sheet.column("run")):
        if np.isfinite(samples[row]) and run:
            seen[run].append(row)
    for run, rows in seen.items():
        found = _two_budgets(sheet, samples, rows) or _two_groups(sheet, samples, values, rows)
        if found is not None:
            small, large = found
            times = f"{round(samples[large] / samples[small]):g}"
            what = f"run '{run}' has {times} times as many samples in {sheet.place(large)}"
            sheet.flag(small, "samples", what, "count samples in one unit")


def _two_budgets(sheet: Sheet, samples: np.ndarray, rows: list[int]) -> tuple[int, int] | None:
    """Rows of different metrics at two budgets exactly a thousand or a million apart."""
    at: dict[float, list[int]] = defaultdict(list)
    for row in rows:
        at[samples[row]].append(row)
    if len(at) != 2:
        return None
    small, large = sorted(at)
    metrics = [{sheet.column("metric")[row] for row in at[key]} for key in (small, large)]
    # A trajectory repeats its metrics; different metrics at 480 and 480000 are two units.
    unit = any(abs(large / small / factor - 1) < 1e-3 for factor in FACTORS)
    return (at[small][0], at[large][0]) if unit and not metrics[0] & metrics[1] else None


def _two_groups(
    sheet: Sheet, samples: np.ndarray, values: np.ndarray, rows: list[int]
) -> tuple[int, int] | None:
    """Rows of one metric in two groups far apart, the lower of which belongs into the upper."""
    metrics = sheet.column("metric")
    for metric in dict.fromkeys(metrics[row] for row in rows):
        mine = [row for row in rows if metrics[row] == metric and np.isfinite(values[row])]
        order = sorted(mine, key=lambda row: samples[row])
        for position, (a, b) in enumerate(itertools.pairwise(order), 1):
            if samples[b] / samples[a] < GAP:
                continue
            low, high = order[:position], order[position:]
            steps = np.diff(samples[mine])  # tables list a run from its start, or its end
            seen, whole = values[low], values[high]
            among = len(high) > 1 and whole.min() <= seen.min() and seen.max() <= whole.max()
            if steps.min() < 0 < steps.max() or among:
                return a, b
    return None
