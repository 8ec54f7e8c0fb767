"""What the noise model is worth: run effects of trajectories, and seed noise by pool.

    python benchmarks/noise.py PUBLISHED    # writes benchmarks/results/noise.json; ten minutes

*trajectories*: studies simulated from the priors, ten checkpoints a run, are fitted with their
checkpoints tied and as independent runs. *by_pool*: new runs of the proving ground under noise
common to all pools and by pool. *mixture_rule*: the scatter of its mixtures' replicates given that
of their pools', under several rules. *checkpoints*: the two published curves of one run each (no
filtering and the LAION filter, DataComp medium), from their first half.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from scipy.stats import gamma

from qqt_bayes import datasets, fit, read_runs
from qqt_bayes.backtest import judge, origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.backtest.ours import engine_forecast
from qqt_bayes.calibrate.replicate import replicate
from qqt_bayes.model.spec import load_spec
from qqt_bayes.refits import Workers
from qqt_bayes.runs import Runs, format_number

SPEC = load_spec("effective_utility")
NONE = {"family": "fixed", "value": 0.0, "why": "left out"}
QUIET = {"family": "lognormal", "mu": -6.5, "sigma": 0.5, "why": "what drift does not drown"}
STUDIES, CHECKPOINTS = 50, 10
POOLS = {"pool": ["A", "B", "C"], "size": [1e5, 2e5, 4e5], "quality_rank": [1, 2, 3]}
RULES = {
    "common to all": None,
    "mean variance": lambda w, v: v @ w,
    "mean log variance": lambda w, v: np.exp(np.log(v) @ w),
    "mean precision": lambda w, v: 1.0 / ((1.0 / v) @ w),
    "independent parts": lambda w, v: v @ w**2,
}


def trajectories() -> list[list[Any]]:
    """Coverage of 90% intervals by group of quantities, with intervals over the studies."""
    grid = np.geomspace(60e3, 1.92e6, CHECKPOINTS).round()
    rows = [(data, data, n) for data in ("A", "B", "C", "A+B") for n in grid]
    table = pd.DataFrame(rows, columns=["run", "data", "samples"]).assign(metric="loss", value=0.5)
    study, spec = (
        read_runs(table, pd.DataFrame(POOLS)).study("loss"),
        SPEC.with_priors(seed_noise=QUIET),
    )
    held: dict[str, list[list[float]]] = {}
    for fitted in (spec, spec.with_priors(run_share=NONE)):
        found = replicate(spec, fitted=fitted, replications=STUDIES, study=study,
                          workers=Workers(1), seed=3)  # fmt: skip
        inside = np.abs(found.pit[found.runs["converged"].to_numpy()] - 0.5) < 0.45
        labels = np.array([
            f"{group} {name.rsplit(' ', 1)[1]}" if group in ("latent", "new run") else name
            for name, group in zip(found.names, found.groups, strict=True)
        ])  # fmt: skip
        for label in dict.fromkeys(labels):
            if label != "seed_noise" and not label.startswith(("latent", "new run")):
                continue
            each = inside[:, labels == label].mean(axis=1)
            rng = np.random.default_rng(1)
            again = each[rng.integers(0, len(each), (2000, len(each)))].mean(axis=1)
            figures = (each.mean(), *np.quantile(again, [0.025, 0.975]))
            held.setdefault(label, []).append([round(float(x), 2) for x in figures])
    return [[label, *both] for label, both in held.items()]


def held_out_seed(runs: Runs) -> Origin:
    """All runs but those of one seed, which are to be foretold within the data."""
    last = runs.table["seed"].astype(str) == str(runs.table["seed"].iloc[-1])
    rest, held = runs.replace(runs.table[~last]), runs.replace(runs.table[last])
    targets = held.table[["data", "samples", "value"]].copy()
    targets["budget"], targets["factor"] = targets["samples"], 1.0
    return Origin(rest.study("loss"), np.inf, rest, targets, held.study("loss").shares)


def by_pool() -> list[list[Any]]:
    """Scores of new runs with common noise and noise by pool."""
    runs, frames = datasets.load("proving_ground").select("loss"), []
    for split in (held_out_seed(runs), *origins(runs, "loss")):
        samples = split.targets["samples"].to_numpy(float)
        for noise in ("common", "by pool"):
            spec = SPEC.with_priors(seed_noise_spread=NONE) if noise == "common" else SPEC
            draws = engine_forecast(spec, strict=False)(split.train, samples, split.shares, 1)
            scores = judge(split, draws)
            part = "beyond, " + scores["what"] + "s"
            if np.isinf(split.upto):
                scores, part = scores[scores["what"] == "level"], "held-out seed"
            frames.append(scores.assign(part=part, noise=noise))
    found = pd.concat(frames).groupby(["part", "noise"], sort=False)
    return [[*key, len(rows), *(round(float(rows[c].mean()), 3) for c in ("in90", "log_score"))]
            for key, rows in found]  # fmt: skip


def scatter(metric: str) -> tuple[Runs, pd.DataFrame]:
    """Relative squares of replicates about their mean, and their degrees of freedom, by data."""
    runs = datasets.load("proving_ground").select(metric)
    cells = runs.table.groupby(["data", "samples"])["value"]
    parts = pd.DataFrame({"df": cells.size() - 1})
    parts["sum"] = cells.var() / cells.mean() ** 2 * parts["df"]
    return runs, parts.groupby("data").sum()


def rule_density(metric: str, name: str) -> float:
    """Log density of the mixtures' scatter given that of their pools, under a rule."""
    runs, seen = scatter(metric)
    rule, rng, total = RULES[name], np.random.default_rng(1), 0.0
    pools = {d: m.vector(runs.pools) for d, m in runs.mixtures.items()}
    single = {int(np.argmax(w)): d for d, w in pools.items() if w.max() == 1.0}
    for data, shares in pools.items():
        if shares.max() == 1.0:
            continue
        used = np.flatnonzero(shares)
        each = seen.loc[[single[i] for i in used]]
        if rule is None:
            each = seen.loc[list(single.values())].sum().to_frame().T
        draws = each["sum"].to_numpy() / rng.chisquare(each["df"], (20_000, len(each)))
        variance = draws[:, 0] if rule is None else rule(shares[used], draws)
        own = seen.loc[data]
        total += np.log(gamma(own["df"] / 2, scale=2.0 * variance).pdf(own["sum"]).mean())
    return round(float(total), 1)


def checkpoints(path: Path) -> list[list[Any]]:
    """Bands of the two published trajectories from their first half, and what came."""
    table = pd.read_csv(path)
    table = table[table["source"].str.contains("all_5x_results_avg")]
    names = table["filter"].map({"no filtering": "all", "LAION filter": "laion"})
    rows = pd.DataFrame({"run": names, "data": names, "samples": table["samples_seen"],
                         "metric": "accuracy", "value": table["value"], "se": 0.0015,
                         "annealed": False})  # fmt: skip
    pools = pd.DataFrame({"pool": ["laion", "all"], "size": [13.1e6, 128e6],
                          "quality_rank": [1, 2]})  # fmt: skip
    seen = rows.set_index(["samples", "data"])["value"]
    shown: dict[tuple[float, str], list[list[float]]] = {}
    for spec in (SPEC, SPEC.with_priors(run_share=NONE)):
        made = fit(read_runs(rows, pools), "accuracy", spec=spec, upto="320M", seed=1)
        for row in made.decide([448e6, 576e6], "laion;all").table.itertuples():
            band = [round(x, 3) for x in (row.median, row.new_run_lo, row.new_run_hi)]
            shown.setdefault((row.samples, row.data), []).append(band)
    return [[format_number(n), data, *bands, float(seen[n, data])]
            for (n, data), bands in shown.items()]  # fmt: skip


def main(published: Path) -> None:
    """Measure and store."""
    warnings.simplefilter("ignore")
    rules = [[name, *(rule_density(m, name) for m in ("loss", "error"))] for name in RULES]
    tables = {
        "trajectories": (["90% intervals hold", "tied", "as independent runs"], trajectories()),
        "by_pool": (["new runs", "noise", "n", "in 90%", "log score"], by_pool()),
        "mixture_rule": (["rule", "log density, loss", "log density, error"], rules),
        "checkpoints": (["budget", "data", "new run, tied [90%]", "as independent runs", "seen"],
                        checkpoints(published / "paper_observations.csv")),
    }  # fmt: skip
    stored.write(stored.RESULTS / "noise.json", {
        name: stored.table("benchmarks/noise.py", *made) for name, made in tables.items()
    })  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
