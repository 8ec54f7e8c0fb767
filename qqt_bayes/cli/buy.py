"""Commands on buying runs: buy, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many, opening, telling
from qqt_bayes.cli import options as o
from qqt_bayes.errors import UsageError


def buy(
    source: o.Source,
    budgets: o.Budgets,
    designs: Annotated[
        Path | None,
        typer.Option(
            help="Runs that could be bought (CSV: data,samples,seeds,cost). "
            "Default: all candidates at all affordable budgets."
        ),
    ] = None,
    spend: Annotated[
        str | None, typer.Option(help="What may be spent, in units of cost: the best batch.")
    ] = None,
    spread: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the spend that goes to a grid over data and budgets first: bands hold "
            "better afterwards. Default: .5, and 0 with --designs or --stake.",
        ),
    ] = None,
    stake: Annotated[
        str | None,
        typer.Option(
            help="What one unit of the metric is worth in units of cost, or the word compute "
            "(what regret would cost to make up by training longer)."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weight of each budget, comma between: 2,1. Default: equal.")
    ] = None,
    objective: Annotated[
        str, typer.Option(help="What a run is valued by: regret, variance, p_best or crossover.")
    ] = "regret",
    refits: Annotated[
        int,
        typer.Option(
            min=0,
            help="Simulated outcomes to refit exactly for each valuable run with a k-hat above .7.",
        ),
    ] = 0,
    candidates: o.Candidates = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw value against cost to this file.")
    ] = None,
    workers: many.Processes = 1,
    dask: many.Dask = None,
    *,
    told: telling.Telling,
    how: opening.Fitting,
) -> None:
    """Say which runs to buy next, what they are expected to be worth, and whether to stop.

    Example: qqt buy runs.csv --metric loss --budgets 4M --spend 3M
    """
    from qqt_bayes.buy.ask import check_objective
    from qqt_bayes.buy.stop import parse_stake
    from qqt_bayes.decide.candidates import parse_budgets

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    parse_stake(stake)
    check_objective(objective, refits)
    share_of = None if weights is None else numbers(weights)
    if designs is not None and not designs.is_file():
        raise UsageError(f"no such file: {designs} -> give a CSV with data,samples,seeds,cost")
    told.check(source, how.pools, designs, plot=plot)
    made = how.open(source, candidates)
    with many.crew(workers, dask) as crew:
        plan = made.buy(
            budgets, designs=designs, spend=spend, stake=stake, weights=share_of,
            objective=objective, candidates=candidates, seed=how.seed, refits=refits, spread=spread,
            workers=crew,
        )  # fmt: skip
    told.tell(plan, plot)


def replay(
    table: o.Table,
    target: Annotated[str, typer.Option(help="A budget of the table, where data is chosen.")],
    starts: Annotated[int, typer.Option(min=1, help="Random starts.")] = 20,
    policies: Annotated[
        str | None,
        typer.Option(
            help="Comma between: evsi, spread, variance, d_optimal, random, cheapest, largest, "
            "uniform, none. Default: all."
        ),
    ] = None,
    spend: Annotated[
        str | None,
        typer.Option(help="What may be spent. Default: twice the cost of a run at the target."),
    ] = None,
    pools: o.PoolTable = None,
    metric: o.Metric = None,
    spec: o.SpecName = "effective_utility",
    kind: o.KindName = None,
    chance: o.Chance = None,
    where: o.Where = None,
    seed: o.Seed = 1,
    workers: many.Processes = 1,
    dask: many.Dask = None,
    resume: many.Resume = None,
    *,
    told: telling.Telling,
) -> None:
    """Replay buying on a complete run table: regret of the choice against spend, by policy.

    Example: qqt replay runs.csv --metric loss --target 1.92M --starts 4 --policies evsi,none
    """
    from qqt_bayes.buy import replay as run_replay
    from qqt_bayes.buy.policies import POLICIES

    told.check(table, pools)
    runs = opening.load_runs(table, pools, metric, kind, chance, where)
    name = opening.only_metric(runs, metric)
    chosen = runs.select(name, opening.parse_where(where))
    named = (
        POLICIES
        if policies is None
        else tuple(part.strip() for part in policies.split(",") if part.strip())
    )
    with many.crew(workers, dask, resume) as crew, many.counted("starts", workers) as tell:
        done = run_replay(
            chosen, name, target, starts, policies=named, spend=spend, spec=spec,
            seed=seed, workers=crew, progress=tell,
        )  # fmt: skip
    told.tell(done)


def numbers(text: str) -> list[float]:
    """Numbers with commas between."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--weights {text!r} -> give numbers with commas between: 2,1") from None
