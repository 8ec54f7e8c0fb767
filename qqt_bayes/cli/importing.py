"""Commands that turn other formats into a run table: import datacomp, import wide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.files import check_file, write_text
from qqt_bayes.harmless import csv_text

if TYPE_CHECKING:
    import pandas as pd

Out = Annotated[Path, typer.Option("-o", "--out", help="Run table to write (CSV).")]

__all__ = ["register"]


def datacomp(
    path: Annotated[
        Path, typer.Argument(help="eval_results.jsonl, or a folder with one in each run's folder.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="What the run was trained on, e.g. A+B. Default: its folder's name."),
    ] = None,
    samples: Annotated[
        str | None, typer.Option(help="Samples seen, e.g. 12.8M: the files do not say.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Only this task; may be given several times.")
    ] = None,
    out: Out = Path("runs.csv"),
    force: o.Force = False,
) -> None:
    """Convert DataComp's evaluations to a run table: one row a run and task.

    Example: qqt import datacomp results/ --samples 12.8M --task imagenet1k -o runs.csv
    """
    from qqt_bayes.runs.importers import read_datacomp

    check_file(out, (".csv",), inputs=(path,), force=force)
    save(read_datacomp(path, data=data, samples=samples, tasks=task), out)


def wide(
    file: Annotated[Path, typer.Argument(help="CSV with run,data,samples and a column a metric.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Column that is a metric; may be given several times. Default: those "
            "named loss, error or accuracy."
        ),
    ] = None,
    out: Out = Path("runs.csv"),
    force: o.Force = False,
) -> None:
    """Convert a wide CSV, one column a metric, to a run table, one row a run and metric.

    Example: qqt import wide results.csv --metric loss --metric top1_error -o runs.csv
    """  # fmt: skip
    from qqt_bayes.runs.importers import read_wide

    check_file(out, (".csv",), inputs=(file,), force=force)
    save(read_wide(file, metrics=metric), out)


def save(table: pd.DataFrame, out: Path) -> None:
    """Write a run table in one go, and say what is still missing."""
    write_text(out, csv_text(table))
    metrics = ", ".join(dict.fromkeys(table["metric"]))
    o.say(f"wrote {out}: {table['run'].nunique()} runs, {len(table)} rows ({metrics})")
    blank = [name for name in ("data", "samples") if (table[name].astype(str) == "").any()]
    if blank:
        o.note(f"fill in the column{'s' * (len(blank) > 1)} {' and '.join(blank)}, which the files "
               "do not tell")  # fmt: skip
    o.note(f"then write the pool table beside it (see `qqt new`), and: qqt check {out}")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Convert other formats to a run table.\n\n"
        "Example: qqt import datacomp results/ --samples 12.8M -o runs.csv",
    )
    group.command()(datacomp)
    group.command()(wide)
    app.add_typer(group, name="import", rich_help_panel=o.TABLES)
