"""Opening files: CSV of any separator, Excel, Parquet, JSON, JSON lines, logs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.runs.cells import Rule, check_marks, flagging, read_number
from qqt_bayes.runs.frames import as_frame, as_text
from qqt_bayes.runs.importers.base import File
from qqt_bayes.runs.importers.roles import find_roles
from qqt_bayes.runs.numbers import (
    DECIMALS,
    ambiguous,
    number_in,
    spelling_advice,
    without_separators,
)
from qqt_bayes.runs.sheet import Sheet, separator_of, split

# What to look for in a folder.
IN_FOLDERS = ("eval_results.jsonl", "results*.json", "trainer_state.json", "logs-rank0.txt")
COUNT = Rule("a whole number, e.g. 480000", low=-math.inf, count=True)
COUNTS = ("samples", "params", "n_eval", "step")
JSON = (".json", ".jsonl", ".ndjson")
TABLES, BINARY = (".csv", ".tsv"), (".xlsx", ".xlsm", ".parquet")
INDEX = "Unnamed: 0"  # what pandas calls a first column without a name
_COMMA = re.compile(r"[+-]?\d+,\d+")

__all__ = ["open_all", "open_frame"]


def open_all(path: Path, decimal: str | None, notes: list[str]) -> list[File]:
    """Open a file, or those in a folder that are of a known name."""
    if decimal not in (None, *DECIMALS):
        raise UsageError(f"decimal {decimal!r} -> give , or .")
    if path.is_dir():
        found = sorted({file for name in IN_FOLDERS for file in path.rglob(name)})
        found = found or sorted(path.glob("*.jsonl")) or sorted(path.glob("*.csv"))
        if not found:
            raise UsageError(
                f"no {' or '.join(IN_FOLDERS)} in {path} -> give the files, or a folder that holds "
                "some"
            )
        return [_open(file, decimal, notes) for file in found]
    if not path.is_file():
        raise UsageError(f"no such file: {path} -> check the path")
    return [_open(path, decimal, notes)]


def open_frame(source: Any) -> File:
    """A table in memory as a file."""
    frame = as_frame(source)
    assert frame is not None
    return File(Path("<DataFrame>"), _text_table(frame))


def _open(path: Path, decimal: str | None, notes: list[str]) -> File:
    suffix = path.suffix.lower()
    if suffix in BINARY:
        return File(path, _read_binary(path, suffix))
    text = _text(path)
    if suffix not in (*TABLES, *JSON) and re.search(r"^(\[\w+(=\d+)?\])?\[batch=", text, re.M):
        return File(path, lines=tuple(text.splitlines()))
    if suffix in JSON or text.lstrip()[:1] in ("{", "["):
        return _from_json(path, text)
    return File(path, _from_csv(path, text, decimal, notes))


def _text(path: Path) -> str:
    raw = path.read_bytes()
    codec = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 (byte 0x{error.object[error.start]:02x} at {error.start}) "
            "-> save the file as UTF-8"
        ) from None


def _read_binary(path: Path, suffix: str) -> pd.DataFrame:
    try:
        if suffix == ".parquet":
            frame = pd.read_parquet(path)
            frame = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
        else:
            frame = _headed(pd.read_excel(path, dtype=object, header=None))
    except ImportError as error:
        raise UsageError(
            f"{path.name}: {error.name or 'a library'} is missing -> pip install "
            "'qqt_bayes[import]', or save the table as CSV"
        ) from None
    except Exception as error:  # whatever a library makes of a broken file
        raise UsageError(f"{path}: cannot be read ({type(error).__name__}: {error}) "
                         "-> save the table as CSV") from None  # fmt: skip
    return _text_table(frame)


def _headed(cells: pd.DataFrame) -> pd.DataFrame:
    """A sheet without its title: the header is the first row with two cells or more."""
    filled = (cells.notna().sum(axis=1) > 1).tolist()
    at = filled.index(True) if True in filled else 0
    names = cells.iloc[at] if len(cells) else []
    named = [f"Unnamed: {i}" if pd.isna(name) else name for i, name in enumerate(names)]
    return cells.iloc[at + 1 :].set_axis(named, axis=1)


def _text_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as text; empty rows and columns without name and content left out."""
    names = [str(name).strip() for name in frame.columns]
    cells = {i: [as_text(value) for value in frame.iloc[:, i].array] for i in range(len(names))}
    table = pd.DataFrame(cells, dtype=object).astype(object)
    keep = [i for i in cells if any(cells[i]) or not names[i].startswith("Unnamed:")]
    table = table[keep]
    table.columns = pd.Index([names[i] for i in keep], dtype=object)
    double = list(table.columns[table.columns.duplicated()])
    if double:
        raise UsageError(f"<table>: two columns '{double[0]}' -> rename or remove one of them")
    filled = table.ne("").any(axis=1) if len(table.columns) else []
    return _without_index(table[filled].reset_index(drop=True))


def _without_index(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the index that pandas wrote into a first column of no name.

    An index that does not count the rows names the runs, where no other column does.
    """
    if not len(table.columns) or table.columns[0] != INDEX:
        return table
    if table[INDEX].tolist() == [str(row) for row in range(len(table))]:
        return table.drop(columns=INDEX)
    return table if "run" in find_roles(table.columns) else table.rename(columns={INDEX: "run"})


def _from_json(path: Path, text: str) -> File:
    try:
        whole = json.loads(text)
        if path.suffix != ".json" and "\n" not in text.strip():
            whole = [whole]  # a file of one line
    except (ValueError, RecursionError):
        whole = _lines(path, text)
    table = None
    if isinstance(whole, list) and whole and all(isinstance(row, dict) for row in whole):
        try:
            table = _text_table(pd.DataFrame([_flat(row) for row in whole], dtype=object))
        except RecursionError:
            raise UsageError(f"{path}: nested too deeply -> give one flat object a run") from None
    return File(path, table, whole)


def _lines(path: Path, text: str) -> list[Any]:
    """A text as one JSON value a line."""
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            if line.strip():
                out.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UsageError(
                f"{path}:{number}: not JSON ({what}) -> give one object a file, or one a line"
            ) from None
    return out


def _flat(row: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Nested objects as columns ``a.b``; one of numbers alone stays: it may be a mixture."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < 8 and not _shares(value):
            out |= _flat(value, f"{name}.", depth + 1)
        else:
            out[name] = value
    return out


def _shares(value: dict[str, Any]) -> bool:
    """Whether an object is of numbers that sum to 1."""
    numbers = [None if isinstance(v, str) else number_in(v) for v in value.values()]
    shares = [share for share in numbers if share is not None and share >= 0]
    return bool(shares) and len(shares) == len(numbers) and abs(sum(shares) - 1) < 0.02


def _from_csv(path: Path, text: str, decimal: str | None, notes: list[str]) -> pd.DataFrame:
    sheet = Sheet(path.name)
    separator = "\t" if path.suffix.lower() == ".tsv" else separator_of(text)
    text = re.sub(rf'^\s*(?:"")?(?={re.escape(separator)})', INDEX, text)
    split(text, sheet, "run,data,samples,metric,value", separator)
    if sheet.problems:
        raise InputError(sheet.problems)
    if not len(sheet):
        raise UsageError(f"{path}: no rows below the header -> give a table with rows")
    roles = {column: role for role, column in find_roles(sheet.columns).items()}
    comma = separator != "," and any(
        _COMMA.fullmatch(cell)
        for name, cells in sheet.cells.items()
        for cell in cells
        if roles.get(name) not in COUNTS  # whose commas may stand between thousands
    )
    mark = decimal or ("," if comma else None)
    if comma and decimal is None:
        notes.append(
            f"{path.name}: commas are read as the mark before decimals (2,893 is 2.893), points "
            "between thousands (30.000 is 30000); --decimal . says otherwise"
        )
    sheet.decimal = mark
    for name in sheet.columns:
        if roles.get(name) in COUNTS:
            _refuse_separators(sheet, name)
        elif mark == ",":
            _refuse_points(path, name, sheet.cells[name])
        if mark is not None:
            sheet.cells[name] = [_canonical(cell, mark) for cell in sheet.cells[name]]
    if sheet.problems:
        raise InputError(sheet.problems)
    return _without_index(pd.DataFrame(sheet.cells, dtype=object))


def _refuse_separators(sheet: Sheet, column: str) -> None:
    """Flag counts that may be thirty or thirty thousand, while nobody says which."""
    if not check_marks(sheet, column):
        return
    for row, cell in enumerate(sheet.column(column)):
        if ambiguous(cell) or spelling_advice(cell):
            with flagging(sheet, row, column):
                read_number(cell, COUNT, sheet.decimal)


def _refuse_points(path: Path, column: str, cells: list[str]) -> None:
    """Refuse 2.893 among decimal commas where it is no count: nobody writes a loss of 2,893 so."""
    strange = [cell for cell in cells if ambiguous(cell)]
    if strange:
        raise UsageError(
            f"{path.name}, column '{column}', '{strange[0]}' (in {len(strange)} rows): a point "
            f"before three digits, where commas stand before decimals -> write "
            f"{strange[0].replace('.', ',')} or {strange[0].replace('.', '')}, or give the file "
            "decimal points everywhere and counts without points"
        )


def _canonical(cell: str, decimal: str) -> str:
    """A number with a point before decimals and nothing between thousands; else as it was."""
    if not re.fullmatch(r"[+-]?[\d.,' _\u00a0\u202f\u2009\u2019]*\d\s*[kmbtKMBT%]?", cell):
        return cell
    return without_separators(cell, decimal)
