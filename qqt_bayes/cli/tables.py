"""Commands on tables: check, new, priors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError
from qqt_bayes.files import write_text
from qqt_bayes.harmless import one_line

RUNS_TEMPLATE = """\
run,data,samples,metric,value,seed
A/30k,A,30000,loss,2.91,0
A/120k,A,120000,loss,2.57,0
B/30k,B,30000,loss,2.95,0
B/120k,B,120000,loss,2.60,0
A+B/120k,A+B,120000,loss,2.56,0
A7B3/120k,A:0.7+B:0.3,120000,loss,2.56,0
"""
POOLS_TEMPLATE = """\
pool,size,quality_rank,family,overlaps,price
A,60000,1,web,,
B,60000,2,web,,
"""
GUIDE = """\
Wrote {runs} and {pools}: replace their rows by yours.
  runs.csv   one row an evaluation of one run. run: a name; data: what it was trained on (A, the
             union A+B, or shares A:0.7+B:0.3); samples: samples or tokens seen; metric: loss,
             ..error or ..accuracy; value. Optional: n_eval, se, seed, model, params, cost,
             annealed, tuned, and any column of your own.
  pools.csv  one row a pool: unique samples (inf for unlimited), and if known a quality rank
             (1 best), a family, pools it overlaps (; between them) and a price.
Then: qqt check {runs}
"""


def check(table: o.Table, pools: o.PoolTable = None) -> None:
    """Check a run table and its pool table, and say what is in them.

    Example: qqt check runs.csv --pools pools.csv
    """
    runs = o.load_runs(table, pools, None, None)
    o.say(runs.text)


def new(
    folder: Annotated[Path, typer.Argument(help="Where to write runs.csv and pools.csv.")] = Path(),
) -> None:
    """Write templates of the two tables.

    Example: qqt new my-study
    """
    targets = {folder / "runs.csv": RUNS_TEMPLATE, folder / "pools.csv": POOLS_TEMPLATE}
    there = [str(path) for path in targets if path.exists()]
    if there:
        raise UsageError(f"{' and '.join(there)} would be overwritten -> choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in targets.items():
        write_text(path, text)
    typer.echo(GUIDE.format(runs=folder / "runs.csv", pools=folder / "pools.csv"))


def priors(
    spec: Annotated[
        str | None, typer.Argument(help="A shipped specification, or a TOML file.")
    ] = None,
    kind: Annotated[str, typer.Option(help="loss, error or accuracy.")] = "loss",
    named: Annotated[
        str | None, typer.Option("--spec", help="The same, as the other commands take it.")
    ] = None,
) -> None:
    """Print a specification's priors, each with its reason.

    Example: qqt priors effective_utility --kind error
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from qqt_bayes.model.spec import load_spec

    if kind not in ("loss", "error", "accuracy"):
        raise UsageError(f"--kind {kind!r} -> give loss, error or accuracy")
    if spec is not None and named is not None:
        raise UsageError("a specification by name and by --spec -> give one of them")
    chosen = load_spec(spec or named or "effective_utility")
    table = RichTable("parameter", "prior", "why", title=Text(one_line(chosen.title)))
    for name, prior in chosen.priors(kind).items():  # as texts, in which brackets are no markup
        table.add_row(name, prior.text, Text(one_line(prior.why)))
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=o.TABLES)(check)
    app.command(rich_help_panel=o.TABLES)(new)
    app.command(rich_help_panel=o.ANSWERS)(priors)
