"""Commands that fit and answer: fit, decide, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError
from qqt_bayes.files import check_file, write_text
from qqt_bayes.harmless import csv_text

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

TABLE = "samples,data,"  # how the table of a decision begins


def fit(
    runs: o.Table,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to save the fit (netCDF).")],
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "effective_utility",
    where: o.Where = None,
    upto: o.Upto = None,
    kind: o.KindName = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    on_fail: o.OnFail = "raise",
    force: o.Force = False,
) -> None:
    """Fit one metric of a run table and save the fit.

    Example: qqt fit runs.csv --pools pools.csv --metric loss --upto 500k -o fit.nc
    """
    check_file(out, (".nc",), inputs=(runs, pools), force=force)
    made = o.open_fit(
        runs, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind, seed=seed,
        draws=draws, on_fail=on_fail,
    )  # fmt: skip
    made.save(out)
    o.say(made.text)
    o.note(f"saved {out}")


def decide(
    source: o.Source,
    budgets: o.Budgets,
    candidates: o.Candidates = None,
    prob: o.Prob = 0.9,
    margin: Annotated[
        float | None,
        typer.Option(
            parser=o.within("margin"), help="Regret, in the metric's unit, that is good enough."
        ),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(help="Also optimise the sampling shares of these pools: A,B; alone, of all."),
    ] = None,
    specs: Annotated[
        str | None,
        typer.Option(help="Stack these laws: effective_utility,exchange_rate (comma between)."),
    ] = None,
    json: o.Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the table, comma-separated.")] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the answer to this file (csv, json).")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the bands to this file (png, pdf, svg).")
    ] = None,
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "effective_utility",
    where: o.Where = None,
    upto: o.Upto = None,
    kind: o.KindName = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    on_fail: o.OnFail = "raise",
    force: o.Force = False,
) -> None:
    """Say which data is best at each budget, how sure that is, and what being wrong costs.

    Example: qqt decide runs.csv --metric loss --budgets 480k,960k,1.92M --json
    """
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.decide.decision import check_prob

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    o.check_plot(plot, source, pools, force=force)
    if json and csv:
        raise UsageError("--json and --csv both print the answer -> leave one of them out")
    if out is not None:
        check_file(out, (".csv", ".json"), inputs=(source, pools), header=TABLE, force=force)
    if specs is not None and shares is not None:
        raise UsageError("--shares takes one law, --specs several -> leave one of them out")
    one: Fit | None = None
    if specs is None:
        one = o.open_fit(
            source, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind,
            seed=seed, draws=draws, on_fail=on_fail, candidates=candidates,
        )  # fmt: skip
    made = one or o.open_stack(
        source, str(specs), pools=pools, metric=metric, where=where, upto=upto, kind=kind,
        seed=seed, draws=draws, candidates=candidates,
    )  # fmt: skip
    answer = made.decide(budgets, candidates, prob=prob, margin=margin, on_fail=on_fail)
    o.draw(answer, plot)
    best = None
    if one is not None and shares is not None:
        best = one.best_shares(budgets, None if shares == "all" else shares, prob=prob)
    value = answer.to_json()
    for row, extra in zip(value["budgets"], best.to_json() if best else [], strict=False):
        row["shares"], row["best_shares"] = extra["shares"], extra["best"]
    if out is not None:
        wanted = csv_text(answer.table) if out.suffix == ".csv" else o.json_text(value) + "\n"
        write_text(out, wanted)
        o.note(f"wrote {out}")
    if json:
        o.print_json(value)
    elif csv:
        typer.echo(csv_text(answer.table), nl=False)
    else:
        o.say(answer.text + (f"\n\n{best.text}" if best else ""))


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the picture and report.")] = (
        Path("demo-output")
    ),
    force: o.Force = False,
) -> None:
    """Fit the bundled training runs up to 500k samples, and judge the answer at up to 1.92M.

    Example: qqt demo -o demo-output
    """
    from qqt_bayes.cli.demo import run_demo

    run_demo(out, force=force)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=o.ANSWERS)(fit)
    app.command(rich_help_panel=o.ANSWERS)(decide)
    app.command(rich_help_panel=o.TRIALS)(demo)
