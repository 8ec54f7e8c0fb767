"""The command that says how far the runs can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many, opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import stages


def risk(
    source: o.Source,
    budgets: o.Budgets,
    candidates: o.Candidates = None,
    margin: o.Margin = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out other laws and leave-one-out refits.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw the variance ledger to this file (png, pdf, svg)."),
    ] = None,
    workers: many.Processes = 1,
    dask: many.Dask = None,
    *,
    told: telling.Telling,
    how: opening.Fitting,
) -> None:
    """Say how far the runs can be trusted: PASS, REVIEW or FAIL per budget; FAIL exits with 1.

    Example: qqt risk runs.csv --metric loss --budgets 960k,1.92M
    """
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.risk import risk as judge

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    regret = opening.parse_margin(margin)
    told.check(source, how.pools, plot=plot)
    made = how.open(source, candidates, told=not told.csv)
    with many.crew(workers, dask) as crew, stages("judging") as progress:
        found = judge(
            made, budgets, candidates, margin=regret, seed=how.seed, quick=quick, workers=crew,
            progress=progress,
        )  # fmt: skip
    told.tell(found, plot)
    if found.exit_code:
        raise typer.Exit(found.exit_code)
