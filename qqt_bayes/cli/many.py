"""Options and progress of commands that refit many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from qqt_bayes.cli.progress import stages

if TYPE_CHECKING:
    from qqt_bayes.refits import Workers

Processes = Annotated[
    int,
    typer.Option("--workers", min=1, help="Processes for the refits; the answer is the same."),
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Refit on the dask cluster whose scheduler is there instead: tcp://10.0.0.5:8786.",
        metavar="ADDRESS",
    ),
]


@contextmanager
def crew(workers: int, dask: str | None) -> Iterator[Workers]:
    """Where refits are done."""
    from qqt_bayes.refits import Workers, connect

    with connect(dask) as client, Workers(workers, client) as opened:
        yield opened


@contextmanager
def counted(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for so many of so many."""
    with stages(label) as update:
        yield lambda done, total: update(f"{label} {done}/{total}", done / total)
