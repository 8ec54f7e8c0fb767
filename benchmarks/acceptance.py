"""Which target acceptance to ship: gates, divergences and gradients, side by side.

Every origin of every table is fitted at each target acceptance with several seeds. Counted are the
fits whose first attempt did not pass the gate, the divergent transitions, the gradients per
effective draw of the first attempt (of the worst of the few, the cells and the candidates beyond
them) and all the gradients spent until the gate was passed.

    python benchmarks/acceptance.py [--seeds 1 4] [RUNS:POOLS:METRIC | CURVES.csv] ...

Curves are a CSV with columns domain, task, model, samples, value (Alabdulmohsin et al. 2022).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
from drift_prior import curves
from speed_rows import worst_ess
from speed_studies import SPEC, bundled

import qqt_bayes as qqt
from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.chart import build_chart
from qqt_bayes.inference.posterior import Posterior, sample_posterior
from qqt_bayes.inference.sample import Settings, sample_few
from qqt_bayes.model.design import build_design
from qqt_bayes.runs import Study

ACCEPT = (0.8, 0.85, 0.9)
EVERY = 4  # of the curves


def studies(extra: list[str]) -> Iterator[tuple[str, Study]]:
    """Name and study of each origin."""
    yield from bundled().items()
    own = qqt.datasets.load("proving_ground")
    for metric in ("loss", "error"):
        for upto in ("120k", "480k"):
            if (metric, upto) != ("loss", "120k"):
                yield f"proving ground, {metric} to {upto}", own.study(metric, upto=upto)
    for entry in extra:
        if ":" not in entry:
            for place, (_, runs, metric, _) in enumerate(curves(Path(entry))):
                if place % EVERY == 0:
                    yield f"curve {place}", runs.study(metric)
            continue
        path, pools, metric = entry.split(":")
        runs = qqt.read_runs(path, pools=pools)
        for model in runs.table["model"].unique():
            part = runs.select(metric, where={"model": model})
            budgets = sorted(part.table["samples"].unique())
            for upto in {budgets[-1], budgets[len(budgets) // 2]}:
                name = f"{Path(path).stem}, {model} to {upto:.3g}"
                yield name, part.study(metric, upto=upto)


def judge(study: Study, accept: float, seed: int) -> dict[str, float]:
    """One fit, its first attempt looked at apart."""
    spec = qqt.load_spec(SPEC)
    priors = spec.priors(study.kind)
    design, settings = build_design(study, spec), replace(Settings(), target_accept=accept)
    cells, chart = build_cells(design, priors, study.kind), build_chart(priors, design)
    walk = sample_few(chart, cells, seed, settings)
    first = Posterior(design, priors, study.kind, walk.theta, walk.stats, walk.gradients, seed)
    last = first if first.gate.passed else sample_posterior(design, priors, study.kind, seed,
                                                            settings)  # fmt: skip
    return {
        "fits": 1, "first failed": not first.gate.passed, "failed": not last.gate.passed,
        "diverging": int(walk.stats["diverging"].sum()), "draws": walk.stats["diverging"].size,
        "gradients per ess": walk.stats["n_steps"].sum() / worst_ess(first),
        "ess": first.gate.figures["ess"], "gradients": last.gradients,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=[1, 4], metavar=("FIRST", "LAST"))
    parser.add_argument("--accept", type=float, nargs="+", default=list(ACCEPT))
    parser.add_argument("tables", nargs="*", metavar="TABLE")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for name, study in studies(given.tables):
        for accept in given.accept:
            seeds = range(given.seeds[0], given.seeds[1] + 1)
            found = pd.DataFrame([judge(study, accept, seed) for seed in seeds])
            total = found.sum()
            total["gradients per ess"] = found["gradients per ess"].median()
            total["ess"] = found["ess"].min()
            rows.append({"table": name, "accept": accept, **total})
            print(pd.Series(rows[-1]).to_frame().T.round(1).to_string(header=False), flush=True)
    table = pd.DataFrame(rows)
    print(table.round(2).to_string())
    summed = table.drop(columns=["table", "gradients per ess", "ess"]).groupby("accept").sum()
    summed["worst gradients per ess"] = table.groupby("accept")["gradients per ess"].max()
    print(summed.round(2).to_string())


if __name__ == "__main__":
    main()
