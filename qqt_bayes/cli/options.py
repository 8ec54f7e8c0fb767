"""Options that several commands share, and how input is opened."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qqt_bayes.errors import UsageError
from qqt_bayes.files import PICTURES, check_file, write_bytes
from qqt_bayes.harmless import visible
from qqt_bayes.limits import LIMITS

if TYPE_CHECKING:
    from rich.progress import Progress

    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Runs
    from qqt_bayes.stacking import Stack

Source = Annotated[Path, typer.Argument(help="Run table (CSV), or a fit saved by `qqt fit`.")]
Table = Annotated[Path, typer.Argument(help="Run table (CSV).")]
PoolTable = Annotated[
    Path | None,
    typer.Option("--pools", help="Pool table (CSV); by default the one beside the run table."),
]
Metric = Annotated[str | None, typer.Option(help="Which metric of the run table.")]
SpecName = Annotated[
    str, typer.Option("--spec", help="A shipped specification, or a TOML file of your own.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Only rows with COLUMN=VALUE; may be given several times."),
]
Upto = Annotated[str | None, typer.Option(help="Only rows up to this many samples, e.g. 500k.")]
KindName = Annotated[
    str | None,
    typer.Option("--kind", help="loss, error or accuracy, if the metric's name does not tell."),
]
Seed = Annotated[
    int,
    typer.Option(min=0, max=int(LIMITS["seed"].high), help="Random seed: same seed, same answer."),
]
Draws = Annotated[int, typer.Option(min=100, max=100_000, help="Posterior draws.")]
OnFail = Annotated[
    str,
    typer.Option(help="raise or warn, when the fit does not converge; a warning stamps outputs."),
]
Budgets = Annotated[str, typer.Option(help="Samples, comma between them: 480k,1.92M,1.28B.")]
Candidates = Annotated[
    str | None,
    typer.Option(help='Data to choose from: "A;A+B;A:0.7+B:0.3". Default: observed and nested.'),
]
Prob = Annotated[float, typer.Option(help="Probability of intervals and of the credible set.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace a file that qqt did not write. Never an input.")
]

DRAWS = 2000

# Groups of the commands in `qqt --help`, in the order in which one meets them.
TABLES, ANSWERS, TRIALS = "Write down your runs", "Ask", "See how well it works"


def note(text: str) -> None:
    """Tell people something, on stderr, so that stdout stays clean."""
    typer.echo(visible(text), err=True)


def say(text: str) -> None:
    """Print an answer; what a name hides from the eye is spelled out."""
    typer.echo(visible(text))


def within(limit: str) -> Callable[[str | float], float]:
    """A reader of an option's number, which refuses what its meaning does not allow."""

    def read(text: str | float) -> float:
        from qqt_bayes.runs import parse_number

        try:
            return LIMITS[limit].check(f"'{text}'", parse_number(text))
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None

    read.__name__ = "number"
    return read


def print_json(value: Any) -> None:
    """One JSON object on stdout; what is not finite must have become null before."""
    typer.echo(json_text(value))


def json_text(value: Any) -> str:
    """One JSON object, as it is printed and as it is written to a file."""
    return json.dumps(value, indent=2, allow_nan=False)


def parse_where(where: list[str] | None) -> dict[str, str]:
    """``["model=B-32"]`` as a dict.

    Raises
    ------
    UsageError
        Where the equals sign is missing.
    """
    out = {}
    for item in where or []:
        column, sign, value = item.partition("=")
        if not sign or not column.strip():
            raise UsageError(f"--where {item!r} -> write COLUMN=VALUE, such as --where model=B-32")
        out[column.strip()] = value.strip()
    return out


def load_runs(table: Path, pools: Path | None, metric: str | None, kind: str | None) -> Runs:
    """Read and check the tables."""
    from qqt_bayes.runs import read_runs

    kinds = {metric: kind} if metric and kind else None
    return read_runs(table, pools=pools, kinds=kinds)


def only_metric(runs: Runs, metric: str | None) -> str:
    """The metric asked for, or the only one there is.

    Raises
    ------
    UsageError
        If there are several and none was chosen.
    """
    if metric is not None:
        return metric
    if len(runs.metrics) == 1:
        return str(runs.metrics[0])
    raise UsageError(
        f"several metrics in {runs.source}: {', '.join(runs.metrics)} -> choose one with --metric"
    )


def check_on_fail(on_fail: str) -> None:
    """Refuse another answer to a fit that does not converge."""
    if on_fail not in ("raise", "warn"):
        raise UsageError(f"--on-fail {on_fail!r} -> give raise or warn")


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


def tell(answer: Any, as_json: bool) -> None:
    """Print an answer, for people or as one JSON object."""
    if as_json:
        print_json(answer.to_json())
    else:
        say(answer.text)


def is_saved_fit(path: Path) -> bool:
    """Whether a file is (or is named like) a saved fit rather than a table."""
    if path.suffix == ".nc" or not path.is_file():
        return path.suffix == ".nc"
    with path.open("rb") as file:
        return file.read(4) == b"\x89HDF"


def new_bar() -> Progress:
    """A progress bar on stderr; silent when that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip


@contextmanager
def progress(label: str) -> Iterator[Callable[[str], None]]:
    """What the sampler is at, while it is at it."""
    with new_bar() as bar:
        task = bar.add_task(label, total=None)

        def update(stage: str) -> None:
            bar.update(task, description=f"{label}: {stage}")

        yield update


def open_fit(
    source: Path,
    *,
    pools: Path | None = None,
    metric: str | None = None,
    spec: str = "effective_utility",
    where: list[str] | None = None,
    upto: str | None = None,
    kind: str | None = None,
    seed: int = 1,
    draws: int = DRAWS,
    on_fail: str = "raise",
    candidates: str | None = None,
) -> Fit:
    """A saved fit, or one made from a run table.

    Candidates are read before a fit is made, so that a slip in them costs no time.

    Raises
    ------
    UsageError
        For options that a saved fit cannot take, or a bad one.
    """
    from qqt_bayes.decide.candidates import parse_candidates
    from qqt_bayes.fitting import fit
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.store import load_fit

    check_on_fail(on_fail)
    if is_saved_fit(source):
        given = {"--pools": pools, "--metric": metric, "--where": where, "--upto": upto,
                 "--kind": kind}  # fmt: skip
        extra = [name for name, value in given.items() if value]
        if extra:
            raise UsageError(
                f"{source} is a saved fit: {', '.join(extra)} would change it "
                "-> give the run table instead, or leave them out"
            )
        return load_fit(source)
    runs = load_runs(source, pools, metric, kind)
    name = only_metric(runs, metric)
    if candidates is not None:
        parse_candidates(candidates, runs.pools)
    with progress(f"fitting {name}") as update:
        made = fit(
            runs, name, spec=spec, where=parse_where(where), upto=upto, kind=kind, seed=seed,
            settings=Settings(draws=draws), on_fail=on_fail, progress=update,
        )  # fmt: skip
    for warning in made.study.warnings:
        note(f"note: {warning}")
    return made


@contextmanager
def stages(label: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar for named stages."""
    with new_bar() as bar:
        task = bar.add_task(label, total=1.0)

        def update(stage: str, done: float) -> None:
            bar.update(task, description=stage, completed=done)

        yield update


def open_stack(
    source: Path,
    specs: str,
    *,
    pools: Path | None = None,
    metric: str | None = None,
    where: list[str] | None = None,
    upto: str | None = None,
    kind: str | None = None,
    seed: int = 1,
    draws: int = DRAWS,
    candidates: str | None = None,
) -> Stack:
    """Several laws fitted to a run table and stacked; what is noticed goes to stderr.

    Raises
    ------
    UsageError
        For a saved fit (which is of one law), or a bad option.
    """
    from qqt_bayes.decide.candidates import parse_candidates
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.stacking import stack

    if is_saved_fit(source):
        raise UsageError(f"{source} is a saved fit, of one law -> give the run table with --specs")
    runs = load_runs(source, pools, metric, kind)
    name = only_metric(runs, metric)
    if candidates is not None:
        parse_candidates(candidates, runs.pools)
    with stages("fits") as update:
        made = stack(
            runs, name, specs=[s.strip() for s in specs.split(",") if s.strip()],
            where=parse_where(where), upto=upto, kind=kind, seed=seed,
            settings=Settings(draws=draws), progress=update,
        )  # fmt: skip
    note(made.text)
    return made
