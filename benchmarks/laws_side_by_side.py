"""Laws and their stack beside each other: roll-forward scores on complete run tables.

At each origin every law is fitted to the runs up to it, and the stack is made from those runs alone
(its weights come from still earlier origins), so that nothing is judged on what chose it.

    python benchmarks/laws_side_by_side.py runs.csv [more.runs.csv ...] --metric loss

prints one line a table, law and kind of target; the pool table is the one beside each run table.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.backtest import judge, judge_choice, origins, predictive
from qqt_bayes.errors import GateError

SPECS = ("effective_utility", "exchange_rate", "paper_law")
STACKED = SPECS[:2]


def at_origin(origin, metric, draws):
    """Scores and choices of every law and of the stack, from one origin."""
    samples, shares = origin.targets["samples"].to_numpy(), origin.shares
    forecasts = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = qqt.Settings(draws=draws)
        made = qqt.stack(origin.runs, metric, specs=STACKED, settings=settings)
        for fit in made.fits:
            forecasts[fit.spec.name] = predictive(fit.posterior, fit.study, samples, shares, 1)
        forecasts["stack"] = made.predictive(samples, shares, 1)
        equal = replace(made, weights=np.full(len(made.fits), 1 / len(made.fits)))
        forecasts["equal weights"] = equal.predictive(samples, shares, 1)
        for name in set(SPECS) - set(STACKED):
            try:
                # a law that cannot bend leaves narrow ridges: smaller steps
                careful = replace(settings, target_accept=0.99)
                fit = qqt.fit(origin.runs, metric, spec=name, settings=careful)
            except GateError:
                continue
            forecasts[name] = predictive(fit.posterior, fit.study, samples, shares, 1)
    scores = [judge(origin, d).assign(law=law) for law, d in forecasts.items()]
    choices = [judge_choice(origin, d).assign(law=law) for law, d in forecasts.items()]
    told = ", ".join(f"{n} {w:.2f}" for n, w in zip(made.names, made.weights, strict=True))
    print(
        f"  from {origin.upto:,.0f}: weights {told} ({len(made.record.origins)} origins)",
        flush=True,
    )
    return pd.concat(scores), pd.concat(choices)


def summary(scores: pd.DataFrame, choices: pd.DataFrame) -> pd.DataFrame:
    """One row a law: means over targets, and over choices."""
    rows = []
    for law in [*SPECS, "equal weights", "stack"]:
        row = {"law": law}
        for what in ("level", "difference"):
            own = scores[(scores["law"] == law) & (scores["what"] == what)]
            row |= {
                f"{what}s": len(own), f"{what} log score": own["log_score"].mean(),
                f"{what} in 90%": own["in90"].mean(), f"{what} score": own["score90"].mean(),
            }  # fmt: skip
        own = choices[choices["law"] == law] if len(choices) else choices
        row["choices"] = len(own)
        if len(own):
            row |= {"regret": own["regret"].mean(), "by rank": own["regret_rank"].mean()}
            row["P(true best)"] = own["p_true"].mean()
        rows.append(row)
    return pd.DataFrame(rows).set_index("law")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--metric", required=True)
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE")
    parser.add_argument("--from", dest="first", type=float, default=0.0, help="smallest origin")
    parser.add_argument("--draws", type=int, default=600)
    given = parser.parse_args()
    where = dict(item.split("=", 1) for item in given.where)
    for path in given.tables:
        runs = qqt.read_runs(path).select(given.metric, where)
        print(f"{path.name} {given.metric} {where or ''}", flush=True)
        parts = [
            at_origin(o, given.metric, given.draws)
            for o in origins(runs, given.metric)
            if o.upto >= given.first
        ]
        scores = pd.concat([s for s, _ in parts])
        choices = pd.concat([c for _, c in parts])
        for factor in [None, *sorted(scores["factor"].unique())]:
            near = scores if factor is None else scores[scores["factor"] == factor]
            some = (
                choices if factor is None or choices.empty else choices[choices["factor"] == factor]
            )
            print(f"  {'all' if factor is None else f'to {factor:g}x'}")
            print(summary(near, some).round(3).to_string(), flush=True)


if __name__ == "__main__":
    main()
