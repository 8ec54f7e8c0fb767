"""Runs that differ in weight decay: pooled, alone, or told apart by a covariate, out of fold.

On the data set `decay`, each size by itself. *Complete*: both weight decays were run to one budget.
*Short*: the one asked about was run to a quarter of the other's budget. Later runs of that weight
decay, up to 8 times further than its own, are judged under fits of all runs that do not know of it
(pooled), of its own runs (alone), and of all runs with the covariate, its drift as shipped, none
and doubled.

    python benchmarks/covariates.py    # writes benchmarks/results/covariates.json; minutes
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import stored

from qqt_bayes import datasets
from qqt_bayes.backtest import judge, judge_choice, predictive
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.calibrate.learn import relative
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Runs

RESULTS = Path(__file__).parent / "results" / "covariates.json"
COLUMN, METRIC = "weight_decay", "loss"
# Which runs, and the largest budget of the weight decay asked about and of the other.
SPLITS = (("short", 40_000, 160_000), ("complete", 80_000, 80_000))
FARTHEST = 8.5


def drift(sigma: float) -> dict[str, object]:
    """Its prior; none at zero."""
    if sigma == 0.0:
        return {"family": "fixed", "value": 0.0}
    return {"family": "halfnormal", "sigma": sigma}


def specs(at: float) -> dict[str, Spec]:
    """What is compared, by name."""
    base = load_spec("effective_utility")
    told = base.with_covariates({COLUMN: at})
    sigma = told.priors("loss")["covariate_drift"].numbers[0]
    return {
        "pooled": base, "alone": base, "covariate": told,
        "covariate, no drift": told.with_priors(covariate_drift=drift(0.0)),
        "covariate, twice the drift": told.with_priors(covariate_drift=drift(2.0 * sigma)),
    }  # fmt: skip


def origins_of(runs: Runs, at: float, own: float, other: float) -> tuple[Origin, Origin]:
    """One split: with the runs of all values, and of the value asked about alone."""
    table = runs.select(METRIC).table
    mine = np.isclose(table[COLUMN], at)
    behind = (table["samples"] <= np.where(mine, own, other)).to_numpy()
    ahead = (mine & ~behind & (table["samples"] <= FARTHEST * own)).to_numpy()
    full = runs.study(METRIC, spec_levels=(COLUMN,))
    targets = pd.DataFrame(
        {"data": np.array(full.data)[ahead], "samples": full.samples[ahead],
         "value": full.value[ahead], "budget": full.samples[ahead],
         "factor": np.round(full.samples[ahead] / own)}
    )  # fmt: skip
    out = []
    for rows in (behind, behind & mine):
        kept = runs.replace(table[rows])
        train = kept.study(METRIC, spec_levels=(COLUMN,))
        out.append(Origin(train, own, kept, targets, full.shares[ahead]))
    return out[0], out[1]


def judged() -> Iterator[pd.DataFrame]:
    """Scores of every fit."""
    data = datasets.load("decay")
    for size in ("5880", "15144"):
        runs = data.select(METRIC, {"params": size})
        for split, own, other in SPLITS:
            for at in (0.1, 1.0):
                every, alone = origins_of(runs, at, own, other)
                for name, spec in specs(at).items():
                    origin = alone if name == "alone" else every
                    kind = origin.train.kind
                    fitted = sample_posterior(
                        build_design(origin.train, spec), spec.priors(kind), kind, 1,
                        Settings(engine="importance"),
                    )  # fmt: skip
                    where = origin.targets["samples"].to_numpy(), origin.shares
                    draws = predictive(fitted, origin.train, *where, 1)
                    regret = float(judge_choice(origin, draws)["regret"].mean())
                    yield relative(origin, judge(origin, draws)).assign(
                        runs=split, fit=name, regret=regret
                    )
                print(size, split, at, flush=True)


def main() -> None:
    """Write the table."""
    warnings.simplefilter("ignore")
    frame = pd.concat(list(judged()))
    rows = []
    for (split, what, name), part in frame.groupby(["runs", "what", "fit"], sort=False):
        rows.append(
            [split, {"level": "levels", "difference": "differences"}[what], name, len(part),
             *(round(float(part[c].mean()), d) for c, d in
               (("in90", 2), ("width90", 3), ("score90", 3), ("log_score", 2), ("regret", 3)))]
        )  # fmt: skip
    rows.sort(key=lambda row: row[:2])
    columns = ["runs", "target", "fit", "n", "held", "width", "score", "log score", "regret"]
    stored.write(RESULTS, {"decay": stored.table("benchmarks/covariates.py", columns, rows)})
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
