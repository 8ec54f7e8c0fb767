"""Commands on tables: check, new, priors."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many, opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.cli.calibrate import name_of
from qqt_bayes.errors import UsageError
from qqt_bayes.files import write_text
from qqt_bayes.harmless import one_line

RUNS_TEMPLATE = """\
run,data,samples,metric,value,seed
A/30k,A,30k,loss,2.91,0
A/120k,A,120k,loss,2.57,0
B/30k,B,30k,loss,2.95,0
B/120k,B,120k,loss,2.60,0
A+B/120k,A+B,120k,loss,2.56,0
A7B3/120k,A:0.7+B:0.3,120k,loss,2.56,0
"""
POOLS_TEMPLATE = """\
pool,size,quality_rank,family,overlaps,price
A,60k,1,web,,
B,60k,2,web,,
"""
GUIDE = """\
Wrote {runs} and {pools}: replace their rows by yours.
  runs.csv   one row an evaluation of one run. run: a name; data: what it was trained on (A, the
             union A+B, or shares A:0.7+B:0.3); samples: seen, repeats included (30k, 1.5B); metric:
             a name such as val_loss or mmlu_accuracy (`qqt kinds` lists what is known); value.
             Optional: n_eval, se, chance, kind, seed, model, params, cost, annealed, tuned, keep,
             and any column of your own.
  pools.csv  one row a pool: unique samples (inf for unlimited), and if known a quality rank
             (1 best), a family, pools it overlaps (; between them) and a price.
Then: qqt check {runs}
"""


def check(
    table: o.Table,
    pools: o.PoolTable = None,
    where: o.Where = None,
    kind: o.KindName = None,
    chance: o.Chance = None,
    decimal: o.Decimal = None,
) -> None:
    """Check a run table and its pool table, and say what is in them.

    Example: qqt check runs.csv
    """
    from qqt_bayes.runs.caveats import apart

    runs = opening.load_runs(table, pools, None, kind, chance, where, decimal)
    conditions = opening.parse_where(where)
    chosen = runs.select(where=conditions) if conditions else runs
    telling.say(chosen.text)
    beside = f" --pools {shlex.quote(str(pools))}" if pools else ""
    first = chosen.metrics[0]
    unknown = "" if chosen.kind_of(first) else f" --kind {shlex.quote(f'{first}=KIND')}"
    split = apart(chosen.select(first).table).items()
    only = [*(where or []), *(f"{c}={next(v for v in values if v)}" for c, values in split)]
    telling.note(
        f"to fit {'one study of them' if split else 'them'}: qqt fit {shlex.quote(str(table))}"
        f"{beside} --metric {shlex.quote(first)}{unknown}"
        f"{''.join(f' --where {shlex.quote(item)}' for item in only)} -o fit.nc"
    )


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


def kinds() -> None:
    """List the kinds of metric: which way is better, what values they take, names that are known.

    Example: qqt kinds
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    from qqt_bayes.kind_names import KINDS, names_of

    table = RichTable("kind", "what it is", "better", "names that tell it")
    for name, kind in KINDS.items():
        table.add_row(name, kind.words, kind.direction, ", ".join(names_of(name)))
    Console().print(table)


def priors(
    spec: Annotated[str, typer.Argument(help="A shipped specification, or a TOML file.")] = (
        "effective_utility"
    ),
    kind: Annotated[
        str, typer.Option(help="loss, accuracy, score, ...: see `qqt kinds`.")
    ] = "loss",
    named: Annotated[str | None, typer.Option("--spec", help="The same as the argument.")] = None,
    learn: Annotated[
        list[Path] | None,
        typer.Option(
            help="A complete run table of a past study, its pool table beside it: learn the "
            "scales of structural error. May be given several times; each is left out in turn."
        ),
    ] = None,
    seed: o.Seed = 1,
    json: o.Json = False,
) -> None:
    """Print a specification's priors, each with its reason, or learn some from past studies.

    Example: qqt priors effective_utility --kind error
    """
    if learn:
        learned(learn, named or spec, seed, json)
        return
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from qqt_bayes.model.spec import load_spec

    chosen = load_spec(named or spec)
    table = RichTable("parameter", "prior", "why", title=Text(one_line(chosen.title)))
    for name, prior in chosen.priors(kind).items():  # as texts, in which brackets are no markup
        table.add_row(name, prior.text, Text(one_line(prior.why)))
    Console().print(table)


def learned(tables: list[Path], spec: str, seed: int, json: bool) -> None:
    """Learn scales from tables, and print them with what they gain out of fold."""
    from qqt_bayes.calibrate.learn import learn
    from qqt_bayes.calibrate.run import studies

    jobs = {}
    for path in tables:
        name = name_of(path)
        if name in jobs:
            name = str(path)
        jobs[name] = studies(opening.load_runs(path, None, None), name)
    with many.counted("fits", 1) as tell:
        telling.Telling(json=json).tell(learn(jobs, spec, seed=seed, progress=tell))
