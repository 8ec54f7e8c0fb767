"""Command on model size and data: allocate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import progress


def allocate(
    table: o.Table,
    compute: Annotated[
        str, typer.Option(help="Operations (6 x parameters x samples), comma between: 1e19,1e21.")
    ],
    candidates: Annotated[
        str | None,
        typer.Option(help='Data to choose from: "A;B". Default: all that runs were made on.'),
    ] = None,
    prob: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.9,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw losses over model sizes (png, pdf, svg).")
    ] = None,
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "chinchilla",
    where: o.Where = None,
    kind: o.KindName = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    on_fail: o.OnFail = "raise",
    overfitted: Annotated[
        str,
        typer.Option(help="Runs worse than smaller ones on the same data: keep or leave_out."),
    ] = "keep",
    *,
    told: telling.Telling,
) -> None:
    """Say how to spend compute: which data, how many parameters, how many samples.

    Needs a run table with a column `params` and runs of several sizes.

    Example: qqt allocate runs.csv --compute 1e19,1e21 --metric loss
    """
    from qqt_bayes.allocation import allocate as answer_for
    from qqt_bayes.allocation.answer import parse_compute
    from qqt_bayes.allocation.fitted import check_overfitted
    from qqt_bayes.decide.decision import check_prob
    from qqt_bayes.inference.settings import Settings

    parse_compute(compute)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    check_overfitted(overfitted)
    opening.check_on_fail(on_fail)
    told.check(table, pools, plot=plot)
    runs = opening.load_runs(table, pools, metric, kind, None, where)
    name = opening.only_metric(runs, metric)
    with progress(f"fitting {name}") as update:
        answer = answer_for(
            runs, compute, name, candidates=candidates, prob=prob, spec=spec,
            where=opening.parse_where(where), seed=seed, settings=Settings(draws=draws),
            on_fail=on_fail, overfitted=overfitted, progress=update,
        )  # fmt: skip
    for warning in answer.fit.sizes.study.warnings:
        telling.note(f"note: {warning}")
    told.tell(answer, plot)
