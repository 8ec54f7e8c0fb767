"""What can go wrong, told so that it can be mended: what, where, and how to put it right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qqt_bayes._text import cut, listed

SHOWN = 30  # lines of str(InputError); `.problems` always holds all problems
ALONE = 2  # so many problems of one kind are listed one by one, more of them in one line
FIRST = 5  # rows named of those
# Characters of a message: what an input holds is quoted in it, and an input may be of any length.
WORD, LINE, MESSAGE = 400, 2_000, 20_000


class QQTError(Exception):
    """Base class of every error raised on purpose by this package."""

    def __str__(self) -> str:
        return bounded(self.told)

    @property
    def told(self) -> str:
        """The message at its full length."""
        return super().__str__()


def bounded(text: str) -> str:
    """A message that can be read: long words, long lines and the whole are cut in their middle.

    What is wrong stands first in a message, its mend last.
    """
    words = re.sub(rf"\S{{{WORD + 1},}}", lambda found: cut(found[0], WORD), text)
    return cut("\n".join(cut(line, LINE) for line in words.split("\n")), MESSAGE)


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

    @property
    def likeness(self) -> tuple[str, str | None, str]:
        """What problems of one kind share: the column, and what is wrong but for its numbers.

        Marks in numbers are one kind, however they are wrong: one option says which is which.
        """
        if "--decimal" in self.mend:
            return self.file, self.column, "--decimal"
        return self.file, self.column, re.sub(r"'[^']*'|\d[\d.,e+-]*", "#", self.what)


def gathered(problems: Sequence[Problem]) -> list[str]:
    """One line a problem, but one line for all of a kind where there are many."""
    kinds: dict[tuple, list[Problem]] = {}
    for problem in problems:
        key = problem.likeness if problem.line is not None else (id(problem),)
        kinds.setdefault(key, []).append(problem)
    lines: list[str] = []
    for alike in kinds.values():
        lines += map(str, alike) if len(alike) <= ALONE else [_one_line(alike)]
    return lines


def _one_line(alike: list[Problem]) -> str:
    """Count, first rows, first values and the mend of problems of one kind."""
    first = alike[0]
    lines = list(dict.fromkeys(str(problem.line) for problem in alike))
    word = "rows" if first.file.startswith("<") else "lines"
    place = f"{first.file}, {word} {listed(lines, FIRST)} ({len(lines)} in all)"
    if first.column is not None:
        place += f", column '{first.column}'"
    values = list(dict.fromkeys(p.value for p in alike if p.value is not None))
    if values:
        place += f", '{values[0]}'" + f" and {len(values) - 1} other values" * (len(values) > 1)
    whats = list(dict.fromkeys(problem.what for problem in alike))
    what = "; ".join(whats[:FIRST]) + "; ..." * (len(whats) > FIRST)
    return f"{place}: {what} -> {first.mend}"


class InputError(QQTError, ValueError):
    """The input tables cannot be used; `problems` says why, all at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(self.problems)

    @property
    def told(self) -> str:
        """All kinds of problems, up to a number of lines."""
        count = len(self.problems)
        found = gathered(self.problems)
        lines = [f"{count} problem{'s' * (count != 1)} in the input:"]
        lines += [f"  {line}" for line in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"  and {len(found) - SHOWN} more lines like these")
        return "\n".join(lines)


class UsageError(QQTError, ValueError):
    """Bad arguments: the message says what is wrong, where, and how to mend it."""


class GateError(QQTError):
    """The sampler did not converge; `report` holds the diagnostics.

    The message says what failed and what to do about it, with the options of the command line; in
    Python it names Python's.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message, report)
        self.report = report

    @property
    def told(self) -> str:
        """The message with the arguments of Python."""
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
