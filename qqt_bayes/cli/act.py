"""The command on doing something about the data: act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import options as o


def act(
    source: o.Source,
    budgets: o.Budgets,
    actions: Annotated[
        Path,
        typer.Option(help="What could be done (CSV: action,pool,changes,cost,per)."),
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Data if nothing is done, e.g. A+B. Default: the best of what there is."),
    ] = None,
    price: Annotated[
        str, typer.Option(help="What training on one sample costs, in the unit of `cost`.")
    ] = "1",
    prob: o.Prob = 0.9,
    json: o.Json = False,
    csv: o.Csv = False,
    out: o.Out = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw changes and break-even prices to this file.")
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
) -> None:
    """Improve a pool, buy more, add another, or just train: what each is worth and may cost.

    Example: qqt act runs.csv --metric loss --actions actions.csv --budgets 960k --data A+B
    """
    from qqt_bayes.act.answer import data_now, positive
    from qqt_bayes.act.table import read_actions
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.decide.decision import check_prob

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    positive(price)
    o.check_plot(plot, source, pools, actions, force=force)
    o.check_out(out, json, csv, source, pools, actions, force=force)
    if data is not None and not o.is_saved_fit(source):
        known = o.load_runs(source, pools, metric, kind, chance, where).pools
        read_actions(actions, known, data_now(data, known))
    made = o.open_fit(
        source, pools=pools, metric=metric, spec=spec, where=where, upto=upto, kind=kind,
        chance=chance, covariate=covariate, at=at, seed=seed, draws=draws, on_fail=on_fail,
    )  # fmt: skip
    answer = made.act(budgets, actions, data=data, price=price, prob=prob, on_fail=on_fail)
    o.draw(answer, plot)
    o.tell(answer, json, csv, out)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=o.ANSWERS)(act)
