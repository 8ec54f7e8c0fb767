"""How far a long command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

FIRST, EVERY = 3.0, 10.0  # seconds before the first line, and between lines

__all__ = ["progress", "stages"]


@dataclass
class Lines:
    """Says how far a command is, on stderr: nothing before 3 s, then a line every 10 s.

    The lines come from a thread of their own, so that they come on time however seldom the work
    reports.
    """

    label: str
    done: float | None = None
    begun: float = field(default_factory=time.monotonic)
    over: threading.Event = field(default_factory=threading.Event)

    def update(self, label: str, done: float | None) -> None:
        """What is being done, and the share done of it."""
        self.label, self.done = label, done

    def tell(self) -> None:
        """Write lines until it is over."""
        wait = FIRST
        while not self.over.wait(wait):
            share = "" if self.done is None else f" {self.done:.0%}"
            spent = time.monotonic() - self.begun
            print(f"{self.label}{share} ({spent:.0f} s)", file=sys.stderr, flush=True)
            wait = EVERY


@contextmanager
def shown(label: str) -> Iterator[Callable[[str, float | None], None]]:
    """A bar on a terminal, else lines; yields what takes a label and the share done."""
    if not sys.stderr.isatty():
        lines = Lines(label)
        thread = threading.Thread(target=lines.tell, daemon=True)
        thread.start()
        try:
            yield lines.update
        finally:
            lines.over.set()
            thread.join()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def update(text: str, done: float | None) -> None:
            total = None if done is None else 1.0
            bar.update(task, description=text, completed=done or 0.0, total=total)

        yield update


@contextmanager
def progress(label: str) -> Iterator[Callable[[Any], None]]:
    """Progress of a sampler: of what it reports, a stage, a share done or its chains."""
    with shown(label) as update:

        def take(report: Any) -> None:
            if hasattr(report, "seconds"):  # what the fit will cost
                print(report.text, file=sys.stderr, flush=True)
                return
            if isinstance(report, str):
                update(f"{label}: {report}", None)
                return
            if isinstance(report, int | float):
                update(label, float(report))
                return
            total = sum(c.total_draws for c in report)
            update(label, sum(c.finished_draws for c in report) / total if total else None)

        yield take


@contextmanager
def stages(label: str) -> Iterator[Callable[[str, float], None]]:
    """Progress of named stages."""
    with shown(label) as update:
        yield update
