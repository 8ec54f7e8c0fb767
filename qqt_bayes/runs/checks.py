"""Every check of the run table. Each notes its problems in the sheet; none stops the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from qqt_bayes.limits import LIMITS
from qqt_bayes.runs.cells import CellError, Rule, read_flag, read_number
from qqt_bayes.runs.metrics import Kind, check_range, check_scale, kind_of
from qqt_bayes.runs.mixture import Mixture, examine
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.sheet import Sheet

REQUIRED = ("run", "data", "samples", "metric", "value")
HEADER = ",".join(REQUIRED)
SYNONYMS = {
    "run": ("run_id", "id", "name", "experiment"),
    "data": ("mixture", "pool", "pools", "dataset", "mix"),
    "samples": ("tokens", "n", "samples_seen", "budget", "tokens_seen"),
    "metric": ("measure", "task"),
    "value": ("score", "result", "y"),
}
_DROP, _BLANK = "or drop the row", "or leave it blank"
NUMBERS = {
    "samples": Rule(
        "the samples seen, e.g. 480256, 480k or 1.28B",
        _DROP,
        low=1,
        low_allowed=True,
        high=LIMITS["samples"].high,
    ),
    "value": Rule("the metric's value, e.g. 2.31", _DROP, low=-np.inf, suffixes=False),
    "n_eval": Rule(
        "the whole number of test items, e.g. 50000 or 50k",
        _BLANK,
        whole=True,
        high=LIMITS["n_eval"].high,
    ),
    "se": Rule("the standard error, 0 or more", _BLANK, low_allowed=True, suffixes=False),
    "params": Rule("the number of parameters, e.g. 124M", _BLANK, high=LIMITS["params"].high),
    "cost": Rule(
        "the cost, 0 or more, e.g. 480k", _BLANK, low_allowed=True, high=LIMITS["cost"].high
    ),
}
FLAGS = ("annealed", "tuned")
LABELS = ("run", "data", "metric")
# What one run has only one of.
OF_A_RUN = {
    "data": "another mixture",
    "seed": "another seed",
    "model": "another model",
    "params": "another number of parameters",
}


def check_runs(
    sheet: Sheet, pools: Pools | None, kinds: Mapping[str, Kind]
) -> tuple[dict[str, np.ndarray], dict[str, list[bool | None]], dict[str, Mixture]]:
    """Check a run table, noting every problem in the sheet.

    Parameters
    ----------
    sheet
        The table as text.
    pools
        Pools its mixtures may name; None when the pool table could not be read, which skips the
        checks of mixtures.
    kinds
        Kind of metrics whose name does not tell it, or tells it wrongly.

    Returns
    -------
    numbers
        Column -> values (row,), NaN where blank or wrong.
    flags
        Column -> true, false or None (blank).
    mixtures
        Text of the `data` column -> mixture.
    """
    if not sheet.require(REQUIRED, SYNONYMS):
        return {}, {}, {}
    for column in LABELS:
        for row, cell in enumerate(sheet.column(column)):
            if not cell:
                sheet.flag(row, column, "missing", f"give the {_MEANING[column]}")
    numbers = {}
    for column, rule in NUMBERS.items():
        if column in sheet.cells:
            read = partial(read_number, rule=rule)
            cells = _each(sheet, column, read, required=column in REQUIRED)
            numbers[column] = np.array(cells, dtype=float)
    flags = {column: _each(sheet, column, read_flag) for column in FLAGS if column in sheet.cells}
    mixtures = _check_mixtures(sheet, pools) if pools is not None else {}
    spelling = {text: mixture.key for text, mixture in mixtures.items()}
    _check_metric_names(sheet)
    _check_values(sheet, numbers, kinds)
    clashing = _check_run_names(sheet, spelling, numbers)
    _check_duplicates(sheet, numbers["samples"], clashing)
    _check_sample_units(sheet, numbers["samples"])
    return numbers, flags, mixtures


_MEANING = {
    "run": "run's name",
    "data": "pool or mixture trained on, e.g. A, A+B or A:0.7+B:0.3",
    "metric": "metric's name",
}


def _each(
    sheet: Sheet, column: str, read: Callable[[str], Any], required: bool = False
) -> list[Any]:
    values = []
    for row, cell in enumerate(sheet.column(column)):
        value = None
        if cell or required:
            try:
                value = read(cell)
            except CellError as error:
                sheet.flag(row, column, error.what, error.mend)
        values.append(value)
    return values


def _check_mixtures(sheet: Sheet, pools: Pools) -> dict[str, Mixture]:
    rows = defaultdict(list)
    for row, text in enumerate(sheet.column("data")):
        if text:
            rows[text].append(row)
    mixtures = {}
    for text, at in rows.items():
        mixture, complaints = examine(text, pools)
        if mixture is not None:
            mixtures[text] = mixture
        more = f" (and in {len(at) - 1} more rows)" if len(at) > 1 else ""
        for what, mend in complaints:
            sheet.flag(at[0], "data", what + more, mend)
    return mixtures


def _check_metric_names(sheet: Sheet) -> None:
    first: dict[str, tuple[str, int]] = {}
    told = set()
    for row, name in enumerate(sheet.column("metric")):
        bare = name.lower().replace(" ", "_").replace("-", "_")
        known, at = first.setdefault(bare, (name, row))
        if name != known and name not in told:
            told.add(name)
            what = f"spelled '{known}' in {sheet.place(at)}"
            sheet.flag(row, "metric", what, "write one name for one metric")


def _check_values(
    sheet: Sheet, numbers: Mapping[str, np.ndarray], kinds: Mapping[str, Kind]
) -> None:
    values, samples = numbers["value"], numbers["samples"]
    by_metric, by_cell = defaultdict(list), defaultdict(list)
    models, params = sheet.column("model"), sheet.column("params")
    for row, metric in enumerate(sheet.column("metric")):
        if np.isfinite(values[row]):
            by_metric[metric].append(row)
            # one budget: equal to about a tenth
            budget = round(float(np.log(samples[row])) * 10) if samples[row] > 0 else -1
            by_cell[metric, models[row], params[row], budget].append(row)
    for metric, rows in by_metric.items():
        kind = kinds.get(metric, kind_of(metric))
        check_range(sheet, metric, kind, rows, values[rows].tolist())
    for (metric, *_), rows in by_cell.items():
        if kinds.get(metric, kind_of(metric)) not in ("error", "accuracy"):
            check_scale(sheet, metric, rows, values[rows].tolist())


def _check_run_names(
    sheet: Sheet, spelling: Mapping[str, str], numbers: Mapping[str, np.ndarray]
) -> set[str]:
    """One run has one mixture, seed, model and size. Returns the runs that do not."""
    clashing = set()
    for column, other in OF_A_RUN.items():
        first: dict[str, tuple[object, int]] = {}
        for row, run in enumerate(sheet.column("run")):
            cell = sheet.column(column)[row]
            if not cell or not run or run in clashing:
                continue
            # the same thing may be spelled in two ways: A+B and B+A, 1M and 1e6
            meaning = numbers[column][row] if column in numbers else spelling.get(cell, cell)
            known, at = first.setdefault(run, (meaning, row))
            if meaning != known and meaning == meaning:  # NaN is a problem told elsewhere
                clashing.add(run)
                was = sheet.column(column)[at]
                what = f"run '{run}' has {other} ('{was}') in {sheet.place(at)}"
                sheet.flag(row, column, what, "give every training run a name of its own")
    return clashing


def _check_duplicates(sheet: Sheet, samples: np.ndarray, clashing: set[str]) -> None:
    first: dict[tuple[str, float, str], int] = {}
    cells = zip(sheet.column("run"), samples.tolist(), sheet.column("metric"), strict=True)
    for row, (run, seen, metric) in enumerate(cells):
        at = first.setdefault((run, seen, metric), row)
        if at == row or run in clashing or not run or not metric or np.isnan(seen):
            continue
        same = sheet.column("value")[row] == sheet.column("value")[at]
        what = (
            f"second row of run '{run}' at {seen:.15g} samples for metric '{metric}'"
            f" ({'the same' if same else 'another'} value is in {sheet.place(at)})"
        )
        mend = "remove one; if it is another seed, give it a run name of its own"
        sheet.flag(row, "run", what, mend, run)


def _check_sample_units(sheet: Sheet, samples: np.ndarray) -> None:
    """A run whose metrics stand at budgets exactly a thousand or a million apart."""
    seen: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, run in enumerate(sheet.column("run")):
        if np.isfinite(samples[row]):
            seen[run][samples[row]].append(row)
    for run, at in seen.items():
        if len(at) != 2:
            continue
        small, large = sorted(at)
        metrics = [{sheet.column("metric")[row] for row in at[key]} for key in (small, large)]
        ratio = large / small
        # A trajectory repeats its metrics; different metrics at 480 and 480000 are two units.
        unit = any(abs(ratio / factor - 1) < 1e-3 for factor in (1e3, 1e6, 1e9))
        if unit and not metrics[0] & metrics[1]:
            place = sheet.place(at[large][0])
            what = f"run '{run}' has {large / small:g} times as many samples in {place}"
            sheet.flag(at[small][0], "samples", what, "count samples in one unit")
