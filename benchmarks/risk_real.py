"""Verdicts of `risk` on real tables, beside what the larger runs showed.

    python benchmarks/risk_real.py [--out FILE] NAME[:METRIC[:MODEL]] ...

NAME is a run table or a table that ships (``proving_ground``, ``headers``, ``digits``, ...). From
every origin the verdict is asked for each larger budget of the table. It *failed* when the 90% band
of a new run on the chosen data missed the mean of its runs, when that of the difference to the
runner-up missed, or when the choice cost more than the margin (1% of the metric). Beside it stand
the probability given for such a cost, the regret expected and the cost that came, in margins.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import qqt_bayes as qqt
from qqt_bayes.backtest import origins
from qqt_bayes.errors import QQTError

MARGIN = 0.01


def judge(name: str, runs: qqt.Runs, metric: str) -> list[dict]:
    """Verdicts and outcomes from every origin."""
    rows = []
    for origin in origins(runs, metric):
        try:
            fit = qqt.fit(origin.runs, metric, seed=1)
        except QQTError as error:
            print(name, origin.upto, error)
            continue
        budgets = sorted(set(origin.targets["budget"]))
        at = origin.targets.groupby(["budget", "data"])["value"].mean()
        every = sorted(set(origin.targets["data"]))
        found = fit.risk(budgets, candidates=every, quick=True)
        d = found.decision
        for b, budget in enumerate(budgets):
            names = [c.text for c in d.candidates]
            here = [k for k, n in enumerate(names) if (budget, n) in at.index]
            if len(here) < 2:
                continue
            regret = d.latent[:, b][:, here]
            order = np.argsort((regret - regret.min(axis=1, keepdims=True)).mean(axis=0))
            best, other = here[order[0]], here[order[1]]
            seen = {k: at[(budget, names[k])] for k in here}
            level = np.quantile(d.new_run[:, b, best], [0.05, 0.95])
            gap = np.quantile(d.new_run[:, b, other] - d.new_run[:, b, best], [0.05, 0.95])
            lowest = min(seen.values())
            missed = not level[0] <= seen[best] <= level[1]
            apart = not gap[0] <= seen[other] - seen[best] <= gap[1]
            cost = (seen[best] - lowest) / (MARGIN * lowest)
            costly = cost > 1.0
            stakes = next(c for c in found.assessments[b].checks if c.name == "stakes").figures
            rows.append(
                {"set": name, "origin": origin.upto, "factor": round(budget / origin.upto, 1),
                 "data": names[best], "verdict": found.assessments[b].verdict,
                 "flags": flags(found.assessments[b].checks),
                 "P(costly)": stakes["p_costly"],
                 "regret": stakes["expected_regret"] / stakes["margin"], "cost": cost,
                 "level missed": missed, "difference missed": apart, "costly": costly,
                 "failed": missed or apart or costly}
            )  # fmt: skip
    return rows


def flags(checks: tuple) -> str:
    """Names of the checks that do not pass."""
    return ",".join(c.name for c in checks if c.status != "PASS")


def chosen(entry: str) -> tuple[str, qqt.Runs, str]:
    """Name, runs and metric of an argument."""
    path, _, rest = entry.partition(":")
    metric, _, model = rest.partition(":")
    runs = qqt.datasets.load(path) if path in qqt.datasets.names() else qqt.read_runs(path)
    runs = runs.select(where={"model": model}) if model else runs
    name = path.rsplit("/", 1)[-1].split(".")[0]
    metric = metric or runs.metrics[0]
    return f"{name} {metric} {model}".strip(), runs, metric


def rates(table: pd.DataFrame) -> str:
    """How many of those that failed were flagged, and of those that held passed; 90% intervals."""
    bad, flagged = table["failed"].to_numpy(bool), (table["verdict"] != "PASS").to_numpy()
    parts = []
    for name, hit in (("flagged of failed", flagged[bad]), ("PASS of held", ~flagged[~bad])):
        if len(hit):
            low, high = binomtest(int(hit.sum()), len(hit)).proportion_ci(0.9, "wilson")
            parts.append(f"{name} {hit.sum()} of {len(hit)} [{low:.2f}, {high:.2f}]")
    return ", ".join(parts)


def main() -> None:
    """Print each verdict, and the confusion table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entry", nargs="+", help="NAME[:METRIC[:MODEL]]")
    parser.add_argument("--out", type=Path, help="write the verdicts to this CSV file")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict] = []
    for entry in given.entry:
        rows += judge(*chosen(entry))
        print(entry, len(rows), flush=True)
        if given.out:
            pd.DataFrame(rows).to_csv(given.out, index=False)
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    said, came = table["P(costly)"], table["costly"]
    print(f"costly: {came.sum()} of {len(table)}, {said.sum():.1f} expected")
    for name, part in [("all", table), *table.groupby("set", sort=False)]:
        outcome = np.where(part["failed"], "failed", "held")
        print(f"--- {name}: {rates(part)}")
        print(pd.crosstab(outcome, part["verdict"]).to_string())


if __name__ == "__main__":
    main()
