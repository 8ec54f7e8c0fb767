"""The command on doing something about the data: act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qqt_bayes.cli import opening, telling
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
    plot: Annotated[
        Path | None, typer.Option(help="Also draw changes and break-even prices to this file.")
    ] = None,
    *,
    told: telling.Telling,
    how: opening.Fitting,
) -> None:
    """Improve a pool, buy more, add another, or just train: what each is worth and may cost.

    Example: qqt act runs.csv --metric loss --actions actions.csv --budgets 960k --data A+B
    """
    from qqt_bayes.act.answer import check_actions, data_now, positive
    from qqt_bayes.act.table import read_actions
    from qqt_bayes.decide.candidates import parse_budgets
    from qqt_bayes.decide.decision import check_prob
    from qqt_bayes.model.spec import load_spec
    from qqt_bayes.runs import Runs

    parse_budgets(budgets)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    positive(price)
    told.check(source, how.pools, actions, plot=plot)
    if data is not None and not opening.is_saved_fit(source):
        known = how.load(source).pools
        read_actions(actions, known, data_now(data, known))

    def check(rows: Runs, _: Runs) -> None:
        if data is None:
            levels = (*load_spec(how.spec).levels, *(how.covariate or ()))
            check_actions(actions, rows.study(rows.metrics[0], spec_levels=levels))

    made = how.open(source, check=check)
    answer = made.act(
        budgets, actions, data=data, price=price, prob=prob, seed=how.seed, on_fail=how.on_fail
    )
    told.tell(answer, plot)
