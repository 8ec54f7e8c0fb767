"""What an importer is: a module that knows one format by its look and turns it into a long table.

A module needs ``NAME``, ``WHAT``, ``sniff(files) -> bool`` and ``read(files, given) -> Found``, and
its place in `registry.IMPORTERS`. It does not check values: the run table it makes is checked like
any other when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

__all__ = ["COLUMNS", "File", "Found", "Given", "Importer"]

COLUMNS = ["run", "data", "samples", "metric", "value"]


@dataclass(frozen=True)
class File:
    """A file that was opened: a table of text, or what JSON holds, or lines of text."""

    path: Path
    table: pd.DataFrame | None = None
    json: Any = None
    lines: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the folder the file is in."""
        return self.path.resolve().parent.name


@dataclass(frozen=True)
class Given:
    """What the user says beside the files.

    Metrics by their names in the file, all that are known by default; mixtures by run or short
    name, or by ``""`` for all runs without one; samples of all runs that have none, and of a step.
    """

    metrics: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    samples: str = ""
    per_step: float | None = None

    def wants(self, *names: str) -> bool:
        """Whether a metric is wanted, known by any of these names."""
        return not self.metrics or any(name in self.metrics for name in names)


@dataclass
class Found:
    """A run table as an importer found it: text or numbers, blank where the files do not tell.

    Parameters
    ----------
    table
        Columns run, data, samples, metric, value, and others that a run table may have.
    taken
        Column of the file -> what it was taken for.
    left_out
        What was left out and why.
    kinds
        Metric -> kind, where the format tells it.
    """

    table: pd.DataFrame
    taken: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)

    def leave_out(self, what: str) -> None:
        """Note what was left out, once."""
        if what not in self.left_out:
            self.left_out.append(what)


class Importer(Protocol):
    """A format."""

    NAME: str
    WHAT: str

    def sniff(self, files: Sequence[File]) -> bool:
        """Whether these files are of this format."""

    def read(self, files: Sequence[File], given: Given) -> Found:
        """What is in them."""
