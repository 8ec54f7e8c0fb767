"""Options that several commands share, and how input is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qqt_bayes import harmless
from qqt_bayes.cli.progress import progress, stages
from qqt_bayes.errors import UsageError
from qqt_bayes.files import PICTURES, check_file, write_bytes, write_text
from qqt_bayes.harmless import visible
from qqt_bayes.limits import LIMITS

if TYPE_CHECKING:
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
    typer.Option(
        "--where", "--leave-out",
        help='--where COLUMN=VALUE: only such rows; also "step<10000", "seed!=3", "lr in 1,2". '
        "--leave-out RUN: all but this run. Either several times.",
    ),
]  # fmt: skip
Decimal = Annotated[
    str | None,
    typer.Option(help="The mark before decimals, , or .; the other may separate thousands."),
]
Covariate = Annotated[
    list[str] | None,
    typer.Option(
        "--covariate", metavar="COLUMN",
        help="A setting that the runs differ in (weight_decay): it moves all pools alike. May be "
        "given several times.",
    ),
]  # fmt: skip
At = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="COLUMN=VALUE",
        help="Answer for this value of a covariate; by default the most common one.",
    ),
]  # fmt: skip
Upto = Annotated[str | None, typer.Option(help="Only rows up to this many samples, e.g. 500k.")]
KindName = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="[METRIC=]KIND",
        help="loss, accuracy, score, ..., if the metric's name does not tell; may be given several "
        "times. `qqt kinds` lists them.",
    ),
]
Chance = Annotated[
    list[str] | None,
    typer.Option(
        "--chance",
        metavar="[METRIC=]LEVEL",
        help="What guessing reaches, of an accuracy or error: 0.25 with four choices.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(min=0, max=int(LIMITS["seed"].high), help="Random seed: same seed, same answer."),
]
Engine = Annotated[
    str,
    typer.Option(help="importance, nuts, or auto: NUTS only where importance sampling fails."),
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

Csv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV and nothing else.")]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Write the answer to this file too (.csv: table; .json)."),
]
Margin = Annotated[
    str | None,
    typer.Option(help="Regret (expected loss by choosing it), in the metric's unit, that is "
                 "small enough."),
]  # fmt: skip

DRAWS = 2000
TABLES_BEGIN = ("samples,", "data,", "policy,", "task,", "set,", "quantity,", "compute,")

# Groups of the commands in `qqt --help`, in the order in which one meets them.
TABLES, ANSWERS, TRIALS = "Write down your runs", "Ask", "See how well it works"


def note(text: str) -> None:
    """Tell people something, on stderr, so that stdout stays clean."""
    typer.echo(visible(text), err=True)


def say(text: str) -> None:
    """Print an answer; what a name hides from the eye is spelled out."""
    typer.echo(visible(text))


def print_json(value: Any) -> None:
    """One JSON object on stdout; what is not finite must have become null before."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def spelled_out(argv: list[str]) -> list[str]:
    """The words of a command, ``--leave-out RUN`` written as the condition that it is."""
    out: list[str] = []
    for word in argv:
        if out and out[-1] == "--leave-out":
            out[-1:] = ["--where", f"run!={word}"]
        elif word.startswith("--leave-out="):
            out += ["--where", f"run!={word.partition('=')[2]}"]
        else:
            out.append(word)
    return out


def parse_margin(margin: str | None) -> float | None:
    """A regret in the metric's unit.

    Raises
    ------
    UsageError
        For anything but a positive number.
    """
    if margin is None:
        return None
    from qqt_bayes.runs import parse_number

    try:
        value = LIMITS["margin"].check(f"--margin {margin!r}", parse_number(margin))
    except UsageError:
        value = 0.0
    if value <= 0.0:
        raise UsageError(
            f"--margin {margin!r} -> give a regret above 0, up to {LIMITS['margin'].high:g}, in "
            "the metric's unit, such as 0.02 for 1% of a loss of 2"
        )
    return value


def parse_where(where: list[str] | None) -> dict[str, str]:
    """``["model=B-32", "step<10000"]`` as conditions of `Runs.select`.

    Raises
    ------
    UsageError
        Where a sign is missing.
    """
    from qqt_bayes.runs.select import parse_where as parse

    return parse(where or ())


def parse_at(at: list[str] | None) -> dict[str, float]:
    """``["weight_decay=0.1"]`` as values of covariates.

    Raises
    ------
    UsageError
        For what is not a name, ``=`` and a number.
    """
    from qqt_bayes.runs import parse_number

    out = {}
    for item in at or []:
        name, _, value = item.partition("=")
        try:
            out[name.strip()] = parse_number(value)
        except UsageError:
            raise UsageError(f"--at {item} -> write --at COLUMN=NUMBER, --at lr=0.001") from None
    return out


def by_metric(
    option: str, given: list[str] | None, metric: str | None
) -> dict[str, str] | str | None:
    """``["wer=rate", "bleu=score"]`` as a dict; a single value is that of `metric`, or of all.

    Raises
    ------
    UsageError
        Where it is not clear which metric is meant.
    """
    pairs = [item.rpartition("=") for item in given or []]
    bare = [value.strip() for name, sign, value in pairs if not sign]
    out = {name.strip(): value.strip() for name, sign, value in pairs if sign}
    if len(bare) > 1 or (bare and out and metric is None):
        raise UsageError(f"{option} {bare[0]} of which metric? -> write {option} METRIC={bare[0]}")
    if bare and metric is not None:
        return out | {metric: bare[0]}
    return bare[0] if bare else out or None


def levels(given: dict[str, str] | str | None) -> dict[str, float] | float | None:
    """Chance levels as numbers.

    Raises
    ------
    UsageError
        For what is no number.
    """
    try:
        if isinstance(given, dict):
            return {metric: float(level) for metric, level in given.items()}
        return None if given is None else float(given)
    except ValueError:
        raise UsageError(
            f"--chance {given} is not a number -> give a fraction such as 0.25, or METRIC=0.25"
        ) from None


def load_runs(
    table: Path,
    pools: Path | None,
    metric: str | None,
    kind: list[str] | None = None,
    chance: list[str] | None = None,
    where: list[str] | None = None,
    decimal: str | None = None,
) -> Runs:
    """Read and check the tables, without the runs left out by name; kinds stay with the runs.

    Raises
    ------
    UsageError
        For a bad kind or chance level, or one of a metric that the table does not have.
    """
    from qqt_bayes.runs import read_runs
    from qqt_bayes.runs.select import left_out

    kinds = by_metric("--kind", kind, metric)
    chances = levels(by_metric("--chance", chance, metric))
    unwanted = left_out(parse_where(where))
    runs = read_runs(
        table, pools=pools, kinds=kinds, chance=chances, decimal=decimal, leave_out=unwanted
    )
    if isinstance(kinds, dict):
        strange = [name for name in kinds if name not in runs.metrics]
        if strange:
            raise UsageError(
                f"--kind {strange[0]}=...: no such metric -> choose from {', '.join(runs.metrics)}"
            )
    return runs


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


def check_out(
    out: Path | None, as_json: bool, as_csv: bool, *inputs: Path | None, force: bool = False
) -> None:
    """Check how an answer is to be handed over, before any work is done for it."""
    if as_json and as_csv:
        raise UsageError("--json and --csv print two things in one place -> leave one of them out")
    if out is not None:
        check_file(out, (".csv", ".json"), inputs=inputs, header=TABLES_BEGIN, force=force)


def tell(
    answer: Any, as_json: bool, as_csv: bool = False, out: Path | None = None, extra: str = ""
) -> None:
    """Print an answer: for people, as one JSON object or as its table; write it to a file too."""
    if out is not None:
        write_text(out, csv_text(answer) if out.suffix.lower() == ".csv" else json_text(answer))
        note(f"wrote {out}")
    if as_json:
        typer.echo(json_text(answer), nl=False)
    elif as_csv:
        typer.echo(csv_text(answer), nl=False)
    else:
        say(answer.text + extra)


def json_text(answer: Any) -> str:
    """The stable JSON object of an answer."""
    return json.dumps(answer.to_json(), indent=2, allow_nan=False) + "\n"


def csv_text(answer: Any) -> str:
    """The table of an answer, unrounded."""
    return harmless.csv_text(answer.table)


def is_saved_fit(path: Path) -> bool:
    """Whether a file is (or is named like) a saved fit rather than a table."""
    if path.suffix == ".nc" or not path.is_file():
        return path.suffix == ".nc"
    with path.open("rb") as file:
        return file.read(4) == b"\x89HDF"


def open_fit(
    source: Path,
    *,
    pools: Path | None = None,
    metric: str | None = None,
    spec: str = "effective_utility",
    where: list[str] | None = None,
    upto: str | None = None,
    kind: list[str] | None = None,
    chance: list[str] | None = None,
    seed: int = 1,
    draws: int = DRAWS,
    on_fail: str = "raise",
    candidates: str | None = None,
    engine: str = "auto",
    covariate: list[str] | None = None,
    at: list[str] | None = None,
    check: Callable[[Runs, Runs], object] | None = None,
) -> Fit:
    """A saved fit, or one made from a run table.

    Candidates are read before a fit is made, so that a slip in them costs no time; `check` may
    refuse the rows to be fitted (and the whole table) then too.

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
    asked = parse_at(at)
    if is_saved_fit(source):
        given = {"--pools": pools, "--metric": metric, "--where": where, "--upto": upto,
                 "--kind": kind, "--chance": chance, "--covariate": covariate}  # fmt: skip
        extra = [name for name, value in given.items() if value]
        if extra:
            raise UsageError(
                f"{source} is a saved fit: {', '.join(extra)} would change it "
                "-> give the run table instead, or leave them out"
            )
        return load_fit(source).at(**asked)
    runs = load_runs(source, pools, metric, kind, chance, where)
    name = only_metric(runs, metric)
    if candidates is not None:
        parse_candidates(candidates, runs.pools)
    if check is not None:
        check(runs.select(name, parse_where(where), upto), runs)
    with progress(f"fitting {name}") as update:
        made = fit(
            runs, name, spec=spec, where=parse_where(where), upto=upto, seed=seed,
            covariates=dict.fromkeys(covariate or ()) | asked,
            settings=Settings(draws=draws, engine=engine), on_fail=on_fail, progress=update,
        )  # fmt: skip
    for warning in made.study.warnings:
        note(f"note: {warning}")
    return made


def open_stack(
    source: Path,
    specs: str,
    *,
    pools: Path | None = None,
    metric: str | None = None,
    where: list[str] | None = None,
    upto: str | None = None,
    kind: list[str] | None = None,
    chance: list[str] | None = None,
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
    runs = load_runs(source, pools, metric, kind, chance, where)
    name = only_metric(runs, metric)
    if candidates is not None:
        parse_candidates(candidates, runs.pools)
    with stages("fits") as update:
        made = stack(
            runs, name, specs=[s.strip() for s in specs.split(",") if s.strip()],
            where=parse_where(where), upto=upto, seed=seed,
            settings=Settings(draws=draws), progress=update,
        )  # fmt: skip
    note(made.text)
    return made
