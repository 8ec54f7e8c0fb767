"""Every check of the run table. Each notes its problems in the sheet; none stops the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import product

import numpy as np

from qqt_bayes._text import listed
from qqt_bayes.kind_names import kind_of
from qqt_bayes.kinds import Kind
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs.cells import Rule, check_marks, flagging, read_flag, read_numbers
from qqt_bayes.runs.metrics import check_chance, check_range, check_scale
from qqt_bayes.runs.mixture import SUM_TOLERANCE, Mixture, examine
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.sheet import Sheet
from qqt_bayes.runs.units import check_sample_units

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
        "or leave the row out: a model before training has no place on a curve of samples",
        low=1, low_allowed=True, count=True, high=LIMITS["samples"].high,
    ),
    "value": Rule("the metric's value, e.g. 2.31", _DROP, low=-np.inf, suffixes=False),
    "n_eval": Rule(
        "the whole number of test items, e.g. 50000 or 50k", _BLANK,
        whole=True, count=True, high=LIMITS["n_eval"].high,
    ),
    "se": Rule("the standard error, 0 or more", _BLANK, low_allowed=True, suffixes=False),
    "chance": Rule(
        "what guessing reaches as a fraction, e.g. 0.25", _BLANK, low_allowed=True, suffixes=False
    ),
    "params": Rule(
        "the number of parameters, e.g. 124M", _BLANK, count=True, high=LIMITS["params"].high
    ),
    "cost": Rule(
        "the cost, 0 or more, e.g. 480k", _BLANK, low_allowed=True, high=LIMITS["cost"].high
    ),
}  # fmt: skip
FLAGS = ("annealed", "tuned", "keep")
KIND = "kind"  # column that says what the metric's name does not
LABELS = {
    "run": "run's name",
    "data": "pool or mixture trained on, e.g. A, A+B or A:0.7+B:0.3",
    "metric": "metric's name",
}
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

    Gives the numbers by column (row,), NaN where blank or wrong; the flags by column, None where
    blank; and the mixtures by their text, which are not checked where the pool table was not read.
    `kinds` are of metrics whose names do not tell theirs, or tell it wrongly.
    """
    if _is_wide(sheet) or not sheet.require(REQUIRED, SYNONYMS):
        return {}, {}, {}
    for column, meaning in LABELS.items():
        for row, cell in enumerate(sheet.column(column)):
            if not cell:
                sheet.flag(row, column, "missing", f"give the {meaning}")
    numbers = {}
    for column, rule in NUMBERS.items():
        if column in sheet.cells and rule.count and not check_marks(sheet, column):
            numbers[column] = np.full(len(sheet), np.nan)
        elif column in sheet.cells:
            numbers[column] = read_numbers(sheet, column, rule, required=column in REQUIRED)
    flags: dict[str, list[bool | None]] = {}
    for column in (name for name in FLAGS if name in sheet.cells):
        flags[column] = [None] * len(sheet)
        for row, cell in enumerate(sheet.column(column)):
            if cell:
                with flagging(sheet, row, column):
                    flags[column][row] = read_flag(cell)
    mixtures = _check_mixtures(sheet, pools) if pools is not None else {}
    spelling = {text: mixture.key for text, mixture in mixtures.items()}
    _check_metric_names(sheet)
    _check_values(sheet, numbers, kinds)
    clashing = _check_run_names(sheet, spelling, numbers)
    _check_duplicates(sheet, numbers["samples"], clashing)
    check_sample_units(sheet, numbers["samples"], numbers["value"])
    return numbers, flags, mixtures


def _is_wide(sheet: Sheet) -> bool:
    """Flag a table with one column a metric, which is not read but converted."""
    if {"metric", "value"} & set(sheet.cells):
        return False
    known = [name for name in sheet.columns if kind_of(name)]
    if not known:
        return False
    way = "qqt.import_runs" if sheet.file.startswith("<") else f"qqt import {sheet.file}"
    sheet.flag(
        None, None, f"one column a metric ({listed(known, 3)})",
        f"a run table has one row a metric: convert it by {way}",
    )  # fmt: skip
    return True


def _check_mixtures(sheet: Sheet, pools: Pools) -> dict[str, Mixture]:
    rows = defaultdict(list)
    for row, text in enumerate(sheet.column("data")):
        if text:
            rows[text].append(row)
    mixtures = {}
    for text, at in rows.items():
        mixture, complaints = examine(text, pools, sheet.decimal)
        if mixture is not None:
            mixtures[text] = mixture
        for (what, mend), row in product(complaints, at):
            sheet.flag(row, "data", what, mend)
    unions = {m.key: m.text for m in mixtures.values() if m.kind == "union"}
    same = {m.text: unions[m.key] for m in mixtures.values()
            if m.kind == "weighted" and m.key in unions}  # fmt: skip
    if same:
        told = listed([f"{text} is {union}" for text, union in same.items()], 3)
        sheet.notes.append(f"two spellings of the same data are taken as one: {told}")
    totals = [m.total for m in mixtures.values() if abs(m.total - 1) > SUM_TOLERANCE]
    if totals:
        ends = dict.fromkeys(f"{total:.6g}" for total in (min(totals), max(totals)))
        sheet.notes.append(
            f"shares of {len(totals)} of {len(mixtures)} mixtures sum to {' to '.join(ends)}, as "
            "by rounding: rescaled to 1"
        )
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
        if "chance" in numbers:
            check_chance(sheet, metric, rows, numbers["chance"][rows].tolist())
    for (metric, *_), rows in by_cell.items():
        kind = kinds.get(metric, kind_of(metric))
        if kind is None or (kind.low >= 0 and not kind.fraction):
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
