"""Options that several commands share, and groups of them spread out for the parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from qqt_bayes.limits import LIMITS

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


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """A command for the parser: the fields of each group of options are options of their own."""
    groups: dict[str, Any] = {}
    options: list[Parameter] = []
    for parameter in signature(command, eval_str=True).parameters.values():
        if not is_dataclass(parameter.annotation):
            options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = group = parameter.annotation
        hints = get_type_hints(group, include_extras=True)
        options += [
            Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
            for f in fields(group)
        ]

    def run(**given: Any) -> None:
        made = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {option.name: option.annotation for option in options}
    vars(run)["__signature__"] = Signature(options)
    return run
