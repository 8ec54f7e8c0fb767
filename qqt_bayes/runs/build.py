"""From sheets of text to a checked table: pairing runs with pools, typing, one spelling each."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import pandas as pd

from qqt_bayes.errors import InputError, Problem
from qqt_bayes.kinds import Kind
from qqt_bayes.runs.cells import plain_numbers
from qqt_bayes.runs.checks import REQUIRED, check_runs
from qqt_bayes.runs.mixture import Mixture
from qqt_bayes.runs.pools import HEADER as POOL_HEADER
from qqt_bayes.runs.pools import Pools, check_pools
from qqt_bayes.runs.sheet import Sheet, Source, read_sheet

LABELS = ("run", "data", "metric", "seed", "model")  # never read as numbers


def beside(runs: Path) -> Path:
    """Where the pool table of ``X.runs.csv`` or ``X.csv`` is: ``X.pools.csv``."""
    stem = "" if runs.stem == "runs" else f"{runs.stem.removesuffix('.runs')}."
    return runs.parent / f"{stem}pools.csv"


def find_pools(
    source: Source, pools: Source | Pools | None, decimal: str | None = None
) -> Pools | Sheet:
    """Find the pool table: the one given, else beside the runs, else a sheet that says so."""
    if isinstance(pools, Pools):
        return pools
    if pools is not None:
        return read_sheet(pools, POOL_HEADER, decimal=decimal)
    way = "pass pools= (on the command line: --pools FILE)"
    what = "no pool table given"
    if not isinstance(source, str | PathLike):
        what += " for a DataFrame of runs"
    elif not Path(source).is_dir():
        there = beside(Path(source))
        if there.exists():
            return read_sheet(there, POOL_HEADER, decimal=decimal)
        what += f", and no {there.name} beside {Path(source).name}"
        way += f", or write {there.name}"
    sheet = Sheet("pools")
    sheet.flag(None, None, what, f"{way} with the header {POOL_HEADER}")
    return sheet


def build_table(
    sheets: list[Sheet], pools: Pools | Sheet, kinds: Mapping[str, Kind]
) -> tuple[pd.DataFrame, Pools, dict[str, Mixture]]:
    """Check the rows of all sheets together and give them their types; see `Runs.table`."""
    problems: list[Problem] = []
    found: Pools | None
    if isinstance(pools, Sheet):
        found = check_pools(pools) if pools.columns else None
        problems += pools.problems
    else:
        found = pools
    sheet = _stack(sheets)
    numbers, flags, mixtures = check_runs(sheet, found, kinds)
    if sheet.problems or problems or found is None:
        raise InputError(sheet.problems + problems)
    spelling: dict[str, str] = {}
    first = {text: spelling.setdefault(mix.key, mix.text) for text, mix in mixtures.items()}
    texts = [first[text] for text in sheet.column("data")]
    table = pd.DataFrame({"run": sheet.column("run"), "data": texts})
    for name in (*REQUIRED, *sheet.columns):
        if name in table:
            continue
        if name in numbers:
            table[name] = numbers[name]
        elif name in flags:
            table[name] = pd.array(flags[name], dtype="boolean")
        else:
            cells = sheet.column(name)
            table[name] = cells if name in LABELS else plain_numbers(cells) or cells
    table["line"] = sheet.lines
    named = {mix.text: mix for mix in reversed(mixtures.values())}
    return table, found, {text: named[text] for text in dict.fromkeys(texts)}


def _stack(sheets: list[Sheet]) -> Sheet:
    """Several sheets as one, every row keeping its place."""
    if len(sheets) == 1:
        return sheets[0]
    columns = tuple(dict.fromkeys(name for sheet in sheets for name in sheet.columns))
    whole = Sheet(sheets[-1].file, columns)
    for sheet in sheets:
        whole.problems += sheet.problems
        whole.files += sheet.files
        whole.lines += sheet.lines
    whole.cells = {name: [c for s in sheets for c in s.column(name)] for name in columns}
    return whole
