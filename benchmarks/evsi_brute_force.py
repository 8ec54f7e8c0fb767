"""EVSI against brute force: simulate the run, refit exactly, decide; and what each costs.

Run by hand: ``python benchmarks/evsi_brute_force.py [--outer 500] [--zhou zhou_wikipedia.runs.csv
--zhou-pools zhou_wikipedia.pools.csv] [--out out.json]``. Ten designs on each of three studies. The
brute force refits simulated outcomes of the closed form, spread evenly over its sorted worlds, and
decides by the expected performance in closed form given each refit's draws of the few. Both values
of the same outcomes are compared, so that the error of the difference is that of the difference.

Printed for each design: the EVSI that `qqt buy` gives; the value by brute force (of the closed
form with 1,000 draws of the few and as many outcomes, plus the mean difference at those refitted:
a control variate); that difference; the value by regression; the upper bound (EVPI), k-hat, and how
many times as long 500 refits take as the closed form. Standard errors of values are of outcomes and
posterior draws, of the difference of outcomes.

The change of regime is switched off unless ``--regime`` is given: it starts at the largest run, so
that a refit with a larger one starts it anew, which is another model than the one that simulates.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.buy.designs import Designs, generate_designs
from qqt_bayes.buy.evppi import Sample, run_values
from qqt_bayes.buy.exact import corrected, simulate
from qqt_bayes.buy.problem import Question, build_problem
from qqt_bayes.buy.value import for_each, khat, objective, undominated, value_designs
from qqt_bayes.buy.worlds import Known
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Runs, parse_mixture, parse_number

DESIGNS = 10
FULL = 500
HEAD = (
    "  data samples  EVSI  brute force  its difference from closed form  regression  EVPI  k-hat  "
    "time"
)
LINE = (
    "  {data:28} {samples:>9.3g}  {evsi:.5f} +- {se:.5f}  {brute:.5f} +- {brute_se:.5f}  "
    "{difference:+.5f} +- {difference_se:.5f}  {regression:.5f} +- {regression_se:.5f}  "
    "{evpi:.4f}  {khat:5.2f}  {times:6.0f}x"
)
MANY = 1000
EVERY = Settings(draws=1200)


def simulated() -> Runs:
    """Three pools: A is better first, B later, C never."""
    rng = np.random.default_rng(3)
    truth = {"A": (1.0, 0.26, 3.0), "B": (1.02, 0.25, 6.0), "C": (1.6, 0.10, 5.0)}
    rows = []
    for data in ("A", "B", "A+B", "C"):
        names = data.split("+")
        level, utility = (np.mean([truth[n][k] for n in names]) for k in (0, 1))
        life, size = sum(truth[n][2] for n in names), 60e3 * len(names)
        for samples in (30e3, 60e3, 120e3, 240e3):
            fold = np.log(min(samples, size) / 30e3)
            fold += life * (1 - np.exp(-np.log(max(samples / size, 1.0)) / life))
            value = 1.3 + level * np.exp(-utility * fold)
            for seed in range(2):
                rows.append((f"{data}/{samples:g}/{seed}", data, samples, seed, "loss",
                             value * (1 + 0.004 * rng.normal())))  # fmt: skip
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "seed", "metric", "value"])
    pools = pd.DataFrame({"pool": ["A", "B", "C"], "size": 60_000, "quality_rank": [1, 2, 3]})
    return qqt.read_runs(table, pools)


def studies(args: argparse.Namespace) -> Iterator[tuple[str, Runs, str, str, list[str]]]:
    """Name, runs, largest budget to fit, target and candidates of each study."""
    yield "simulated", simulated(), "240k", "960k", ["A", "B", "C"]
    ground = qqt.datasets.load("proving_ground")
    yield "proving ground", ground, "120k", "480k", ["A", "B", "A+B", "B4"]
    if args.zhou:
        runs = qqt.read_runs(args.zhou, args.zhou_pools)
        budgets = runs.budgets("loss")  # fitted at two of them, to choose at four times the larger
        near = np.isclose(runs.table["samples"].to_numpy(float), budgets[3], rtol=0.05)
        data = list(dict.fromkeys(runs.table["data"][near]))
        yield "zhou_wikipedia", runs, f"{budgets[1] * 1.01:.0f}", f"{budgets[3]:.0f}", data


def ten(fit: Fit, target: np.ndarray, candidates: list[str]) -> Designs:
    """Ten designs over the whole range of values: every other one of the twenty best."""
    pools = fit.study.pools
    mixtures = [parse_mixture(c, pools) for c in candidates]
    every = generate_designs(fit.study, mixtures, target)
    question = Question(fit, target, np.ones(1), tuple(mixtures), every)
    problem = build_problem(question, draws=100)
    aim = objective("regret", problem, np.ones(1))
    worth = [v.total for v in value_designs(Known.now(problem), aim, range(len(every)))]
    # of the others none is worth much
    order = np.argsort(worth)[::-1][: 2 * DESIGNS]
    keep = order[np.linspace(0, len(order) - 1, DESIGNS).round().astype(int)]
    return every.some(keep)


def compare(fit: Fit, target: float, candidates: list[str], outer: int) -> list[dict[str, Any]]:
    """Both values of ten designs."""
    budgets, pools = np.array([target]), fit.study.pools
    designs = ten(fit, budgets, candidates)
    mixtures = tuple(parse_mixture(c, pools) for c in candidates)
    question = Question(fit, budgets, np.ones(1), mixtures, designs)
    question = question.among(undominated(build_problem(question)))
    begin = time.perf_counter()
    problem = build_problem(question)
    aim = objective("regret", problem, question.weights)
    known = Known.now(problem)
    values = for_each(known, range(len(designs)), lambda o: (aim.value(known, o), khat(o)))
    seconds = (time.perf_counter() - begin) / len(designs)
    regressed = run_values(Sample(question), range(len(designs)))
    # outcomes and control variate from as many draws as the refits have, so that the difference
    # holds no error of the few draws that `qqt buy` uses by default
    problem = build_problem(question, draws=MANY)
    aim = objective("regret", problem, question.weights)
    known = Known.now(problem)
    rows = []
    for d, (value, rough) in enumerate(values):
        begin = time.perf_counter()
        trial = simulate(question, known, aim, d, outer)
        each = (time.perf_counter() - begin) / outer
        every = aim.value(known, known.outcome(d))
        brute = corrected(every, trial)
        gap, gap_se = trial.difference
        row = designs.table.iloc[d]
        rows.append({
            "data": row["data"], "samples": float(row["samples"]), "evsi": value.total,
            "se": value.se, "many": every.total, "many_se": every.se, "brute": brute.total,
            "brute_se": brute.se, "difference": gap, "difference_se": gap_se,
            "plain": float(trial.exact.mean()),
            "plain_se": float(trial.exact.std(ddof=1) / np.sqrt(outer)),
            "regression": regressed[d][0], "regression_se": regressed[d][1],
            "evpi": aim.limit.total, "khat": rough, "times": FULL * each / seconds,
        })  # fmt: skip
        print(LINE.format(**rows[-1]), flush=True)
    return rows


def main() -> None:
    """Compare on every study and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--outer", type=int, default=FULL, help="outcomes refitted for each design")
    parser.add_argument("--regime", action="store_true", help="keep the change of regime")
    parser.add_argument("--only", help="name of one study")
    parser.add_argument("--zhou", type=Path)
    parser.add_argument("--zhou-pools", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    spec = load_spec("effective_utility")
    if not args.regime:
        spec = spec.with_priors(regime={"family": "fixed", "value": 0.0})
    found = {}
    for name, runs, upto, target, candidates in studies(args):
        if args.only and args.only != name:
            continue
        fit = qqt.fit(runs, "loss", spec=spec, upto=upto, seed=1, settings=EVERY)
        print(f"{name}, fitted up to {upto}, target {target}\n{HEAD}", flush=True)
        rows = compare(fit, float(parse_number(target)), candidates, args.outer)
        found[name] = rows
        evsi, many, brute, gap = (
            np.array([r[k] for r in rows]).sum() for k in ("evsi", "many", "brute", "difference")
        )
        error = np.sqrt(sum(r["difference_se"] ** 2 for r in rows))
        print(
            f"  sums of ten: EVSI {evsi:.5f}, of {MANY} draws {many:.5f}, brute force {brute:.5f}; "
            f"difference {gap:+.5f} +- {error:.5f}",
            flush=True,
        )
    if args.out:
        args.out.write_text(json.dumps({"outer": args.outer, "studies": found}, indent=1))


if __name__ == "__main__":
    main()
