"""Commands on buying runs: buy, replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import many
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
    json: o.Json = False,
    csv: o.Csv = False,
    out: o.Out = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw value against cost to this file.")
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
    o.check_plot(plot, source, pools, designs, force=force)
    o.check_out(out, json, csv, source, pools, designs, force=force)
    made = o.open_fit(
        source, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind,
        chance=chance, covariate=covariate, at=at, seed=seed, draws=draws, on_fail=on_fail,
        candidates=candidates,
    )  # fmt: skip
    with many.crew(workers, dask) as crew:
        plan = made.buy(
            budgets, designs=designs, spend=spend, stake=stake, weights=share_of,
            objective=objective, candidates=candidates, seed=seed, refits=refits, workers=crew,
        )  # fmt: skip
    o.draw(plan, plot)
    o.tell(plan, json, csv, out)


def replay(
    table: o.Table,
    target: Annotated[str, typer.Option(help="A budget of the table, where data is chosen.")],
    starts: Annotated[int, typer.Option(min=1, help="Random starts.")] = 20,
    policies: Annotated[
        str | None,
        typer.Option(
            help="Comma between: evsi, variance, d_optimal, random, cheapest, largest, uniform, "
            "none. Default: all."
        ),
    ] = None,
    spend: Annotated[
        str | None,
        typer.Option(help="What may be spent. Default: twice the cost of a run at the target."),
    ] = None,
    json: o.Json = False,
    csv: o.Csv = False,
    out: o.Out = None,
    force: o.Force = False,
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
) -> None:
    """Replay buying on a complete run table: regret of the choice against spend, by policy.

    Example: qqt replay runs.csv --metric loss --target 1.92M --starts 4 --policies evsi,none
    """
    from qqt_bayes.buy import replay as run_replay
    from qqt_bayes.buy.policies import POLICIES

    o.check_out(out, json, csv, table, pools, force=force)
    runs = o.load_runs(table, pools, metric, kind, chance, where)
    name = o.only_metric(runs, metric)
    chosen = runs.select(name, o.parse_where(where))
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
    o.tell(done, json, csv, out)


def numbers(text: str) -> list[float]:
    """Numbers with commas between."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--weights {text!r} -> give numbers with commas between: 2,1") from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel=o.ANSWERS)(buy)
    app.command(rich_help_panel=o.TRIALS)(replay)
