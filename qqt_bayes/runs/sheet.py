"""Reading a CSV file or a DataFrame as text, keeping the place of every row and every problem.

All cells stay text here, so that nothing is coerced silently on the way in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pandas as pd

from qqt_bayes._text import cut, nearest
from qqt_bayes.errors import Problem
from qqt_bayes.runs.frames import Source, as_frame, as_text

__all__ = ["Sheet", "Source", "as_text", "read_sheet"]

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
# before a header: what separates the columns, as Excel says it, and comments
_BEFORE = re.compile(r'"?sep=.?"?\s*$|#(\s|[^,;\t|]*$)|\s*$', re.IGNORECASE)
FOREIGN = {
    b"PK": "a spreadsheet or an archive",
    b"PAR1": "a Parquet file",
    b"\x89HDF": "a saved fit",
    b"\x1f\x8b": "a compressed file",
}


@dataclass
class Sheet:
    """A table of text: `cells[column][row]`, with the `files` and `lines` its rows came from."""

    file: str
    columns: tuple[str, ...] = ()
    cells: dict[str, list[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    header_line: int | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was taken for granted
    decimal: str | None = None  # mark before decimals, where it was said

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        """Cells of one column; blanks when the table has no such column."""
        return self.cells.get(name) or [""] * len(self)

    def flag(
        self, row: int | None, column: str | None, what: str, mend: str, value: str | None = None
    ) -> None:
        """Note a problem; the value defaults to the text of the cell, if any."""
        file = self.file if row is None else self.files[row]
        line = None if row is None else self.lines[row]
        if value is None and row is not None and column is not None:
            value = self.column(column)[row] or None
        self.problems.append(Problem(file, line, column, value, what, mend))

    def place(self, row: int) -> str:
        """Where a row is, in words."""
        frame = self.files[row].startswith("<")
        return f"{self.files[row]} row {self.lines[row]}" if frame else f"line {self.lines[row]}"

    def require(self, needed: Sequence[str], synonyms: Mapping[str, Iterable[str]]) -> bool:
        """Flag each needed column that is missing, naming the one that was perhaps meant."""
        if not self.columns:
            return False  # could not be read at all, which is flagged already
        missing = [name for name in needed if name not in self.cells]
        for name in missing:
            near = _nearest(name, self.columns, synonyms.get(name, ()))
            has = ", ".join(self.columns)
            mend = f"rename column '{near}'" if near else f"add it (the file has: {has})"
            if near and re.search(r"[(\[]|_[kmbt]$", near, re.IGNORECASE):
                mend += ", and write its unit into its cells (6B)"
            self.flag_line(self.header_line, f"missing column '{name}'", mend, name)
        if not len(self) and not self.problems:
            mend = f"add at least one row, with its {', '.join(needed)}"
            self.flag(None, None, "no rows below the header", mend)
        return not missing and bool(len(self))

    def flag_line(self, line: int | None, what: str, mend: str, column: str | None = None) -> None:
        """Note a problem of a line that is no row of the table."""
        self.problems.append(Problem(self.file, line, column, None, what, mend))

    def drop(self, column: str, values: Iterable[str]) -> None:
        """Leave out the rows that have one of these values."""
        unwanted = set(values)
        kept = [row for row, cell in enumerate(self.column(column)) if cell not in unwanted]
        self.files, self.lines = [self.files[r] for r in kept], [self.lines[r] for r in kept]
        self.cells = {name: [cells[r] for r in kept] for name, cells in self.cells.items()}


def read_sheet(
    source: Source, header: str, label: str | None = None, decimal: str | None = None
) -> Sheet:
    """Read a CSV file or a DataFrame; what is wrong with it is in `problems` of the result.

    `header` is shown where the file has none; `label` is its name in messages. With a decimal comma
    columns may be separated by semicolons or tabs.
    """
    frame = as_frame(source)
    if frame is not None:
        sheet = _from_frame(frame, label or "<DataFrame>")
        if not sheet.columns:
            sheet.flag(None, None, "no columns", f"give {header}")
    else:
        path = Path(cast(str, source))
        sheet = Sheet(label or path.name)
        text = _read_text(path, sheet)
        if text is not None:
            split(text, sheet, header, separator_of(text) if decimal == "," else ",")
    sheet.decimal = decimal
    return sheet


def separator_of(text: str) -> str:
    """What stands between the columns, by the header: a semicolon, tab or bar, else a comma."""
    head = _bare(text).lstrip().split("\n", 1)[0]
    counts = {mark: head.count(mark) for mark in SEPARATORS}
    most = max(counts, key=lambda mark: counts[mark])
    return most if counts[most] > head.count(",") else ","


def _bare(text: str) -> str:
    """A CSV text with the lines blanked that stand before its header: ``sep=;`` and comments."""
    lines = text.split("\n")
    for at, line in enumerate(lines[:-1]):
        if not _BEFORE.match(line):
            break
        lines[at] = ""
    return "\n".join(lines)


def _from_frame(frame: pd.DataFrame, label: str) -> Sheet:
    # `line` is this package's own column: a table that went out may come back in.
    kept = [i for i, name in enumerate(frame.columns) if str(name) != "line"]
    sheet = Sheet(label, tuple(str(frame.columns[i]).strip() for i in kept))
    sheet.files, sheet.lines = [label] * len(frame), list(range(len(frame)))
    if len(set(sheet.columns)) < len(sheet.columns):
        sheet.flag(None, None, "two columns of one name", "rename or drop one of them")
    for i, name in zip(kept, sheet.columns, strict=True):
        sheet.cells[name] = [as_text(value) for value in frame.iloc[:, i].array]
    return sheet


def _read_text(path: Path, sheet: Sheet) -> str | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        sheet.file = str(path)
        folder = path.parent
        there = sorted(p.name for p in folder.glob("*.csv")) if folder.is_dir() else []
        near = _nearest(path.name, there, ()) or ", ".join(there[:5])
        mend = f"check the path (there is: {near})" if near else "check the path"
        sheet.flag(None, None, "file not found", mend)
        return None
    except OSError as error:
        sheet.file = str(path)
        what = "a folder, not a file" if path.is_dir() else f"cannot be read ({error.strerror})"
        sheet.flag(None, None, what, "give the path of a readable CSV file")
        return None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        sheet.flag(None, None, "encoded as UTF-16", "save the file as CSV UTF-8")
        return None
    known = next((what for mark, what in FOREIGN.items() if raw.startswith(mark)), None)
    if known or b"\0" in raw:
        mend = f"save the table as CSV UTF-8, or convert it: qqt import {path.name}"
        sheet.flag(None, None, f"not a text file ({known or 'a binary one'})", mend)
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        what = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
        sheet.flag_line(before.count(b"\n") + 1, what, "save the file as CSV UTF-8")
        return None


def split(text: str, sheet: Sheet, header: str, separator: str = ",") -> None:
    """Fill a sheet with the rows of a CSV text."""
    lines = io.StringIO(_bare(text), newline="")
    reader = csv.reader(lines, strict=True, skipinitialspace=True, delimiter=separator)
    rows: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append((start, cells))
            start = reader.line_num + 1  # a quoted cell may span lines: a row is where it begins
    except csv.Error as error:
        mend = 'close the quotes, and write a quote inside a quoted cell as ""'
        sheet.flag_line(start, f"not readable as CSV ({error})", mend)
    if not rows:
        if not sheet.problems:
            sheet.flag(None, None, "empty file", f"give a header and rows: {header}")
        return
    _set_header(sheet, rows, header)
    width = len(rows[0][1])
    for line, cells in rows[1:]:
        if len(cells) != width:
            what = f"{len(cells)} cells where the header has {width}"
            mend = 'give one cell for each column, and put cells that hold commas in "quotes"'
            sheet.flag_line(line, what, mend)
            continue
        sheet.files.append(sheet.file)
        sheet.lines.append(line)
        for name, cell in zip(sheet.columns, cells, strict=True):
            sheet.cells[name].append(cell)
    sheet.cells.pop("line", None)
    sheet.columns = tuple(sheet.cells)


def _set_header(sheet: Sheet, rows: list[tuple[int, list[str]]], header: str) -> None:
    sheet.header_line, names = rows[0]
    called = next((called for mark, called in SEPARATORS.items() if mark in names[0]), None)
    if len(names) == 1 and called is not None:
        mend = (
            "save the file with commas between columns and points before decimals, or convert "
            f"it: qqt import {sheet.file} (decimal commas: qqt check --decimal , reads it too)"
        )
        what, head = f"columns separated by {called}", cut(names[0].replace("\t", " "), 80)
        sheet.flag(None, None, what, mend, head)
        rows[1:] = []
        return
    if names[0][:1] in ("{", "["):
        mend = f"give a CSV table, or convert it: qqt import {sheet.file}"
        sheet.flag(None, None, "JSON, not CSV", mend)
        rows[1:] = []
        return
    while not names[-1] and all(len(cells) == len(names) and not cells[-1] for _, cells in rows):
        for _, cells in rows:  # a trailing comma on every line, as spreadsheets write
            cells.pop()
    for position, name in enumerate(names):
        if not name:
            mend = "name it or remove it (pandas: to_csv(..., index=False))"
            sheet.flag_line(sheet.header_line, f"column {position + 1} has no name", mend)
        elif name in names[:position]:
            mend = "rename or remove one of them"
            sheet.flag_line(sheet.header_line, "two columns of one name", mend, name)
        names[position] = name if name and name not in names[:position] else f"(unnamed {position})"
    sheet.columns = tuple(names)
    sheet.cells = {name: [] for name in names}


def _nearest(name: str, options: Iterable[str], synonyms: Iterable[str]) -> str | None:
    lowered = {option.lower(): option for option in options}
    for synonym in (name, *synonyms):
        if synonym in lowered:
            return lowered[synonym]
    close = nearest(name.lower(), lowered, 0.6)
    return lowered[close] if close else None
