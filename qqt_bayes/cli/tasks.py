"""Command on several tasks: tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qqt_bayes.cli import many, opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError


def parse_weights(text: str | None) -> dict[str, float] | None:
    """``"a=1,b=2"`` as a dict."""
    if text is None:
        return None
    out = {}
    for item in text.split(","):
        name, sign, value = item.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise UsageError(f"--weights {item!r} -> write NAME=NUMBER, such as --weights a=1,b=2")
    return out


def parse_size(params: str, by: str, weights: str | None) -> float:
    """Parameters asked for, such as ``"7B"``."""
    from qqt_bayes.runs.numbers import parse_number

    if by == "metric":
        raise UsageError("--params is about models -> add --by model, or --by params")
    if weights is not None:
        raise UsageError("--params asks about one model: it has no weights -> leave out --weights")
    return parse_number(params)


def tasks(
    table: o.Table,
    budgets: o.Budgets,
    candidates: o.Candidates = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only this metric; may be given several times. Default: all."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="metric, or a column such as model whose values are the tasks.")
    ] = "metric",
    weights: Annotated[
        str | None, typer.Option(help="Of the tasks in the mean: a=1,b=2. Default: equal.")
    ] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Do not let the tasks share what pools are.")
    ] = False,
    params: Annotated[
        str | None,
        typer.Option(help="Decide for a model of so many parameters, run or not: 7B."),
    ] = None,
    prob: o.Prob = 0.9,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw P(best) by task (png, pdf, svg).")
    ] = None,
    pools: o.PoolTable = None,
    spec: o.SpecName = "effective_utility",
    where: o.Where = None,
    upto: o.Upto = None,
    kind: o.KindName = None,
    chance: o.Chance = None,
    seed: o.Seed = 1,
    draws: o.Draws = o.DRAWS,
    workers: many.Processes = 1,
    *,
    told: telling.Telling,
) -> None:
    """Decide for several tasks or models at once: together, one by one, and where they disagree.

    Each is fitted alone; then its draws are weighed by what all say about the pools.
    With --params the models run tell what is best for a size that was not run.

    Example: qqt tasks runs.csv --budgets 960k --weights loss=1,error=2

    Example: qqt tasks runs.csv --by model --params 7B --budgets 100B
    """
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.tasks import fit_tasks
    from qqt_bayes.tasks.answer import check_weights

    chosen = parse_weights(weights)
    size = None if params is None else parse_size(params, by, weights)
    told.check(table, pools, plot=plot)
    only = metric[0] if metric and len(metric) == 1 else None
    runs = opening.load_runs(table, pools, only, kind, chance, where)
    if size is None and by == "metric":  # before fits are made, so that a slip costs no time
        check_weights(runs, metric or runs.metrics, chosen)
    with many.counted("fitting") as update:
        made = fit_tasks(
            runs, metric, by=by, spec=spec, where=opening.parse_where(where), upto=upto,
            pooled=not alone, seed=seed, settings=Settings(draws=draws), workers=workers,
            progress=update,
        )  # fmt: skip
    answer: Any
    if size is None:
        answer = made.decide(budgets, candidates, weights=chosen, prob=prob)
    else:
        answer = made.decide_size(size, budgets, candidates, prob=prob)
    told.tell(answer, plot)
