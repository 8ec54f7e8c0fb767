"""Laws and their stack beside each other: roll-forward scores on complete run tables.

    python benchmarks/laws.py PUBLISHED    # writes benchmarks/results/laws.json; minutes

At each origin every law is fitted to the runs up to it, and the stack is made from those runs alone
(its weights come from still earlier origins), so that nothing is judged on what chose it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored

import qqt_bayes as qqt
from qqt_bayes.backtest import judge, judge_choice, origins, predictive
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.errors import QQTError

STACKED, ALONE = ("effective_utility", "exchange_rate"), "paper_law"


def tables(published: Path) -> Iterator[tuple[str, qqt.Runs, str]]:
    """Name, runs and metric."""
    yield "proving ground", qqt.datasets.load("proving_ground"), "loss"
    yield "headers", qqt.datasets.load("headers"), "loss"
    yield "Zhou et al.", qqt.read_runs(published / "zhou_wikipedia.runs.csv"), "loss"
    laion = qqt.datasets.load("laion_clip")
    for model in ("ViT-B-16", "ViT-B-32"):
        yield f"LAION {model}", laion.select(where={"model": model}), "imagenet_accuracy"


def foretold(origin: Origin, metric: str) -> dict[str, np.ndarray]:
    """Draws of new runs at the targets, by law."""
    at = origin.targets["samples"].to_numpy(float), origin.shares, 1
    made = qqt.stack(origin.runs, metric, specs=STACKED)
    equal = replace(made, weights=np.full(len(made.fits), 1 / len(made.fits)))
    out = {f.spec.name: predictive(f.posterior, f.study, *at) for f in made.fits}
    out |= {"stack": made.predictive(*at), "equal weights": equal.predictive(*at)}
    fit = qqt.fit(origin.runs, metric, spec=ALONE)
    return out | {ALONE: predictive(fit.posterior, fit.study, *at)}


def scored(name: str, runs: qqt.Runs, metric: str) -> list[list[Any]]:
    """A row a law: means over all origins that every law can be fitted from."""
    scores, choices = [], []
    for origin in origins(runs, metric):
        try:
            draws = foretold(origin, metric)
        except QQTError as error:
            print(f"{name} from {origin.upto:g}: {str(error).splitlines()[0]}", flush=True)
            continue
        scores += [judge(origin, d).assign(law=law) for law, d in draws.items()]
        choices += [judge_choice(origin, d).assign(law=law) for law, d in draws.items()]
    found, chosen, rows = pd.concat(scores), pd.concat(choices), []
    for law, own in found.groupby("law", sort=False):
        levels, gaps = own[own["what"] == "level"], own[own["what"] == "difference"]
        lost = chosen[chosen["law"] == law]
        figures = (levels["log_score"], levels["in90"], gaps["log_score"], gaps["in90"],
                   lost["regret"], lost["regret_rank"])  # fmt: skip
        rows.append([name, law, len(levels), *(round(float(f.mean()), 3) for f in figures)])
    return rows


def main(published: Path) -> None:
    """Score and store."""
    warnings.simplefilter("ignore")
    rows = [row for one in tables(published) for row in scored(*one)]
    columns = ["table", "law", "n", "levels: log score", "levels: in 90%",
               "differences: log score", "differences: in 90%", "regret",
               "regret, ranking"]  # fmt: skip
    stored.write(stored.RESULTS / "laws.json", {
        "laws": stored.table("benchmarks/laws.py", columns, rows),
    })  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
