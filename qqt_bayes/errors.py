"""What can go wrong, told so that it can be mended: what, where, and how to put it right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHOWN = 30  # problems listed by str(InputError); `.problems` always holds all of them


class QQTError(Exception):
    """Base class of every error raised on purpose by this package."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input table.

    Parameters
    ----------
    file
        File name, or a label in angle brackets such as ``<DataFrame>``.
    line
        Line of the file as a text editor counts (header = 1); for a DataFrame the position of the
        row (first = 0). None when the problem is not in one row.
    column, value
        Where known, the column and the offending text.
    what, mend
        What is wrong, and how to put it right.
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    what: str
    mend: str

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f" row {self.line}" if self.file.startswith("<") else f":{self.line}"
        if self.column is not None:
            place += f", column '{self.column}'"
        if self.value is not None:
            place += f", '{self.value}'"
        return f"{place}: {self.what} -> {self.mend}"


class InputError(QQTError, ValueError):
    """The input tables cannot be used; `problems` says why, all at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'s' * (count != 1)} in the input:"]
        lines += [f"  {problem}" for problem in self.problems[:SHOWN]]
        if count > SHOWN:
            lines.append(f"  and {count - SHOWN} more")
        return "\n".join(lines)


class UsageError(QQTError, ValueError):
    """Bad arguments: the message says what is wrong, where, and how to mend it."""


class GateError(QQTError):
    """The sampler did not converge; `report` holds the diagnostics.

    Parameters
    ----------
    message
        What failed and what to do about it, with the options of the command line; shown in
        Python it names Python's.
    report
        Whatever the gate measured.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message, report)
        self.report = report

    def __str__(self) -> str:
        return in_python(self.on_command_line)

    @property
    def on_command_line(self) -> str:
        """The message with the options of the command line, as it was written."""
        return str(self.args[0])


# What an option of the command line is called in Python.
PYTHON = (
    (r" \(--on-fail warn\)", ""),
    (r"--on-fail warn", 'on_fail="warn"'),
    (r"--draws (\d+)", r"settings=qqt.Settings(draws=\1)"),
    (r"\(--draws\)", "(settings=qqt.Settings(draws=...))"),
    (r"--draws", "settings=qqt.Settings(draws=...)"),
    (r"--seed", "seed"),
    (r"`qqt check`", "`runs.text`"),
    (r"--([a-z]+)-([a-z]+)", r"\1_\2"),
    (r"--([a-z]+)", r"\1"),
)


def in_python(text: str) -> str:
    """A message about options of the command line, in those of Python."""
    for option, argument in PYTHON:
        text = re.sub(option, argument, text)
    return text


class WorkerError(QQTError):
    """The processes that refit end before their work is done."""
