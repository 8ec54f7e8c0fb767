"""Options and progress of commands that refit many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from qqt_bayes.cli import telling
from qqt_bayes.cli.progress import stages
from qqt_bayes.errors import UsageError

if TYPE_CHECKING:
    from qqt_bayes.refits import Workers

Processes = Annotated[
    int,
    typer.Option(
        "--workers", min=1, max=1024, help="Processes for the refits; the answer is the same."
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Refit on the dask cluster whose scheduler is there instead: tcp://10.0.0.5:8786.",
        metavar="ADDRESS",
    ),
]


Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        help="Keep what is finished in this file (jsonl), and go on from what it holds already.",
    ),
]
PATIENCE = 60.0  # seconds that need no word


@contextmanager
def crew(workers: int, dask: str | None, resume: Path | None = None) -> Iterator[Workers]:
    """Where refits are done."""
    from qqt_bayes.finished import Finished
    from qqt_bayes.refits import Workers, connect

    if resume is not None and resume.suffix != ".jsonl":
        raise UsageError(f"--resume '{resume}' -> give it a name that ends in .jsonl")
    finished = None if resume is None else Finished(resume)
    with connect(dask) as client, Workers(workers, client, finished) as opened:
        yield opened


@contextmanager
def counted(label: str, workers: int = 1) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for so many of so many; what takes more than a minute is said first."""
    begin, told = monotonic(), False
    with stages(label) as update:

        def tell(done: int, total: int) -> None:
            nonlocal told
            if not told:  # the first says how long the others take
                told = True
                left = (monotonic() - begin) * (total - done) / workers
                if left > PATIENCE:
                    telling.note(f"{label}: {total - done} left, about {left / 60:.0f} minutes")
            update(f"{label} {done}/{total}", done / total)

        yield tell
