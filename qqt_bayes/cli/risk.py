"""The command that says how far the runs can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many
from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import stages

__all__ = ["register"]


def risk(
    source: o.Source,
    budgets: o.Budgets,
    candidates: o.Candidates = None,
    margin: o.Margin = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out other laws and leave-one-out refits.")
    ] = False,
    json: o.Json = False,
    csv: o.Csv = False,
    out: o.Out = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw the variance ledger to this file (png, pdf, svg)."),
    ] = None,
    force: o.Force = False,
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "effective_utility",
    where: o.Where = None,
    upto: o.Upto = None,
    kind: o.KindName = None,
    chance: o.Chance = None,
    covariate: o.Covariate = None,
    at: o.At = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    on_fail: o.OnFail = "raise",
    workers: many.Processes = 1,
    dask: many.Dask = None,
) -> None:
    """Say how far the runs can be trusted: PASS, REVIEW or FAIL per budget; FAIL exits with 1.

    Example: qqt risk runs.csv --metric loss --budgets 960k,1.92M
    """
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.risk import risk as judge

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    regret = o.parse_margin(margin)
    o.check_plot(plot, source, pools, force=force)
    o.check_out(out, json, csv, source, pools, force=force)
    made = o.open_fit(
        source, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind,
        chance=chance, covariate=covariate, at=at, seed=seed, draws=draws, on_fail=on_fail,
        candidates=candidates,
    )  # fmt: skip
    with many.crew(workers, dask) as crew, stages("judging") as progress:
        found = judge(
            made, budgets, candidates, margin=regret, seed=seed, quick=quick, workers=crew,
            progress=progress,
        )  # fmt: skip
    o.draw(found, plot)
    o.tell(found, json, csv, out)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=o.ANSWERS)(risk)
