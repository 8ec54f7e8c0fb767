"""The table of runs as W&B exports it: a wide table with the state of each run."""

from __future__ import annotations

from collections.abc import Sequence

from qqt_bayes.runs.importers import wide
from qqt_bayes.runs.importers.base import File, Found, Given

NAME = "wandb"
WHAT = "the runs table exported from W&B"
MARKS = {"State", "Runtime", "Created", "Sweep", "Tags"}


def sniff(files: Sequence[File]) -> bool:
    """A table with columns that W&B adds of its own."""
    return all(f.table is not None and len(MARKS & set(f.table.columns)) >= 2 for f in files)


def read(files: Sequence[File], given: Given) -> Found:
    """As a wide table; runs that did not end are left out."""
    return wide.read(files, given)
