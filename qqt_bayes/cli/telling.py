"""How an answer is handed over: printed for people, as JSON or as a table; to files."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError
from qqt_bayes.files import PICTURES, check_file, write_bytes, write_text
from qqt_bayes.harmless import visible

TABLES = (
    "samples,",
    "data,",
    "policy,",
    "task,",
    "set,",
    "quantity,",
    "compute,",
)


def note(text: str) -> None:
    """Tell people something, on stderr, so that stdout stays clean."""
    typer.echo(visible(text), err=True)


def say(text: str) -> None:
    """Print an answer; what a name hides from the eye is spelled out."""
    typer.echo(visible(text))


@dataclass(frozen=True)
class Telling:
    """How an answer is handed over: to people, as JSON or as a table; to a file and a picture too.

    All is checked before any work is done for it.
    """

    json: o.Json = False
    csv: o.Csv = False
    out: o.Out = None
    force: o.Force = False

    def check(self, *inputs: Path | None, plot: Path | None = None) -> None:
        """Refuse files that cannot be written, or are read."""
        check_plot(plot, *inputs, force=self.force)
        if self.json and self.csv:
            raise UsageError(
                "--json and --csv print two things in one place -> leave one of them out"
            )
        if self.out is not None:
            check_file(self.out, (".csv", ".json"), inputs=inputs, header=TABLES, force=self.force)

    def tell(self, answer: Any, plot: Path | None = None) -> None:
        """Draw an answer, write it to a file and print it, as far as it is asked for."""
        from qqt_bayes._json import as_json
        from qqt_bayes.harmless import csv_text

        draw(answer, plot)
        if self.out is not None:
            table = self.out.suffix.lower() == ".csv"
            write_text(self.out, csv_text(answer.table) if table else as_json(answer.to_json()))
            note(f"wrote {self.out}")
        if self.json:
            typer.echo(as_json(answer.to_json()), nl=False)
        elif self.csv:
            typer.echo(csv_text(answer.table), nl=False)
        else:
            say(answer.text)


def check_plot(plot: Path | None, *inputs: Path | None, force: bool = False) -> None:
    """Check the file of a picture, if one is wanted, before any work is done for it."""
    if plot is not None:
        check_file(plot, PICTURES, inputs=inputs, force=force)


def draw(answer: Any, plot: Path | None) -> None:
    """Draw an answer, if a picture is wanted."""
    if plot is not None:
        suffix, buffer = plot.suffix.lower().removeprefix("."), BytesIO()
        program = "Software" if suffix == "png" else "Creator"  # by which it is known again
        answer.plot().savefig(buffer, format=suffix, metadata={program: "qqt_bayes"})
        write_bytes(plot, buffer.getvalue())
        note(f"drew {plot}")
