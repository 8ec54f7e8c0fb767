"""What the noise model is worth: run effects of trajectories, and seed noise by pool.

    python benchmarks/noise.py trajectories [--studies 150] [--noise -6.5]
    python benchmarks/noise.py pools [--studies 150]
    python benchmarks/noise.py ground [--metric loss] [--within]
    python benchmarks/noise.py mixtures [--metric loss]
    python benchmarks/noise.py checkpoints --table paper_observations.csv

``trajectories`` and ``pools`` simulate studies from the priors and refit each under the model
simulated from, and under one that leaves out what is at issue (checkpoints independent; one noise
for all pools): coverage of 90% bands, with 95% bounds by a bootstrap over the studies, and
calibration of both.
``ground`` fits the proving ground from every origin with noise common and by pool, and scores new
runs. ``mixtures`` predicts the seed noise of the proving ground's mixtures from that of their
pools, under several rules. ``checkpoints`` fits the two published curves of one run each (no
filtering and the LAION filter, DataComp medium), their checkpoints tied and as independent runs.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
from scipy.stats import gamma

from qqt_bayes import datasets, fit, read_runs
from qqt_bayes.backtest import judge, origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.backtest.ours import engine_forecast
from qqt_bayes.calibrate.replicate import Replications, replicate
from qqt_bayes.calibrate.sbc import SBC
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.refits import Workers
from qqt_bayes.runs import Runs, Study

PARTS = ("trajectories", "pools", "ground", "mixtures", "checkpoints")
SPEC = load_spec("effective_utility")
NONE = {"family": "fixed", "value": 0.0}
POOLS = {"pool": ["A", "B", "C"], "size": [1e5, 2e5, 4e5], "quality_rank": [1, 2, 3]}


def study_of(rows: list[tuple[str, str, float]]) -> Study:
    """A design: run, data and samples of each row."""
    table = pd.DataFrame(rows, columns=["run", "data", "samples"])
    return read_runs(table.assign(metric="loss", value=0.5), pd.DataFrame(POOLS)).study("loss")


def trajectories(checkpoints: int = 10) -> Study:
    """One run on each pool and on a union, seen at so many checkpoints."""
    grid = np.geomspace(60e3, 1.92e6, checkpoints).round()
    return study_of([(data, data, n) for data in ("A", "B", "C", "A+B") for n in grid])


def replicates(seeds: int = 4) -> Study:
    """Each pool and a union at three budgets, with so many seeds."""
    cells = [(data, n) for data in ("A", "B", "C", "A+B") for n in (60e3, 240e3, 960e3)]
    return study_of([(f"{d}-{n:.0f}-{s}", d, n) for d, n in cells for s in range(seeds)])


def coverage(replications: Replications) -> pd.DataFrame:
    """Share of the truths inside their 90% interval, by group of quantities and horizon."""
    kept = replications.runs["converged"].to_numpy()
    inside = (np.abs(replications.pit[kept] - 0.5) < 0.45).astype(float)
    width, rows = replications.width[kept], []
    labels = [
        f"{g} {n.rsplit(' ', 1)[1]}" if g in ("latent", "new run") else n if g == "scalar" else g
        for n, g in zip(replications.names, replications.groups, strict=True)
    ]
    shown = [i for i, n in enumerate(replications.names) if n.startswith("difference")]
    labels = ["difference" if i in shown else label for i, label in enumerate(labels)]
    rng = np.random.default_rng(1)
    for label in dict.fromkeys(labels):
        columns = [i for i, other in enumerate(labels) if other == label]
        each = inside[:, columns].mean(axis=1)
        again = each[rng.integers(0, len(each), (2000, len(each)))].mean(axis=1)
        lo, hi = np.quantile(again, [0.025, 0.975])
        middle = float(np.median(width[:, columns]))
        rows.append({"quantity": label, "inside": each.mean(), "lo": lo, "hi": hi, "width": middle})
    return pd.DataFrame(rows).set_index("quantity")


def simulated(spec: Spec, study: Study, left_out: str, studies: int, seed: int) -> None:
    """Coverage under the model simulated from, and under the one without the parameter."""
    without = spec.with_priors(**{left_out: NONE})
    common = {"replications": studies, "study": study, "workers": Workers(1), "seed": seed}
    for name, fitted in (("modelled", spec), ("left out", without)):
        found = replicate(spec, fitted=fitted, **common)
        runs, table = found.runs, SBC(found).table
        outside = table.loc[~table["inside"], "quantity"].tolist()
        print(f"\n{left_out} {name}: {int(runs['converged'].sum())} of {len(runs)} converged, "
              f"{runs['seconds'].mean():.2f} s a study\n{coverage(found).round(3).to_string()}\n"
              f"ranks outside the 95% band: {len(outside)} of {len(table)}, smallest p "
              f"{table['ecdf_p'].min():.4f}, adjusted {table['holm_p'].min():.3f}: {outside}",
              flush=True)  # fmt: skip


def ground(metric: str, within: bool) -> None:
    """Scores of new runs on the proving ground with common noise and noise by pool."""
    specs = {"common": SPEC.with_priors(seed_noise_spread=NONE), "by pool": SPEC}
    runs, frames = datasets.load("proving_ground"), []
    for split in (held_out_seed(runs, metric), *(() if within else origins(runs, metric))):
        samples = split.targets["samples"].to_numpy(float)
        for name, spec in specs.items():
            draws = engine_forecast(spec, strict=False)(split.train, samples, split.shares, 1)
            frames.append(judge(split, draws).assign(noise=name))
    scores = pd.concat(frames, ignore_index=True)
    scores["part"] = np.where(scores["factor"] == "within", "held-out seed", "beyond, ")
    scores.loc[scores["factor"] != "within", "part"] += scores["what"]
    scores = scores[(scores["factor"] != "within") | (scores["what"] == "level")]
    print(metric, scores.groupby(["part", "noise"]).agg(
        n=("in90", "size"), cover50=("in50", "mean"), cover90=("in90", "mean"),
        width=("width90", "mean"), score=("score90", "mean"), log_score=("log_score", "mean"),
    ).round(4).to_string(), flush=True)  # fmt: skip
    common, by_pool = (scores[scores["noise"] == n].reset_index(drop=True) for n in specs)
    gain = by_pool.assign(gain=by_pool["log_score"] - common["log_score"])
    rng = np.random.default_rng(1)
    for part, rows in gain.groupby("part"):
        # runs beyond share their errors by origin and budget, seeds of one data by their noise
        by = ["data"] if part == "held-out seed" else ["origin", "budget"]
        groups = rows.groupby(by)["gain"].agg(["sum", "size"]).to_numpy()
        again = groups[rng.integers(0, len(groups), (4000, len(groups)))].sum(axis=1)
        lo, hi = np.quantile(again[:, 0] / again[:, 1], [0.05, 0.95])
        print(f"{part}: log score gained {rows['gain'].mean():+.3f} [{lo:+.3f}, {hi:+.3f}] (90%)")
        print(rows.groupby("data")["gain"].mean().round(3).to_dict(), flush=True)


def held_out_seed(runs: Runs, metric: str) -> Origin:
    """All runs but those of one seed, which are to be predicted within the data."""
    chosen = runs.select(metric)
    seed = str(chosen.table["seed"].iloc[-1])
    rest, held = (
        chosen.replace(chosen.table[(chosen.table["seed"].astype(str) == seed) == out])
        for out in (False, True)
    )
    targets = held.table[["data", "samples", "value"]].copy()
    targets["budget"], targets["factor"] = targets["samples"], "within"
    return Origin(rest.study(metric), np.inf, rest, targets, held.study(metric).shares)


RULES = {
    "common to all": None,
    "mean variance": lambda w, v: v @ w,
    "mean log variance": lambda w, v: np.exp(np.log(v) @ w),
    "mean precision": lambda w, v: 1.0 / ((1.0 / v) @ w),
    "independent parts": lambda w, v: v @ w**2,
}


def mixtures(metric: str) -> None:
    """Log density of the mixtures' scatter given that of the pools, for each rule."""
    runs = datasets.load("proving_ground").select(metric)
    cells = runs.table.groupby(["data", "samples"])["value"]
    relative = pd.DataFrame({"v": cells.var() / cells.mean() ** 2, "df": cells.size() - 1})
    of_data = relative.groupby("data").apply(lambda c: pd.Series(
        {"sum": (c["v"] * c["df"]).sum(), "df": c["df"].sum()}))  # fmt: skip
    print(np.sqrt(of_data["sum"] / of_data["df"]).round(4).to_string())
    pools = {d: m.vector(runs.pools) for d, m in runs.mixtures.items()}
    single = {int(np.argmax(w)): d for d, w in pools.items() if w.max() == 1.0}
    rng, rows = np.random.default_rng(1), []
    for name, rule in RULES.items():
        for data, shares in pools.items():
            if shares.max() == 1.0:
                continue
            used = np.flatnonzero(shares)
            each = of_data.loc[[single[i] for i in used]]
            if rule is None:
                each = of_data.loc[list(single.values())].sum().to_frame().T
            draws = each["sum"].to_numpy() / rng.chisquare(each["df"], (20_000, len(each)))
            variance = draws[:, 0] if rule is None else rule(shares[used], draws)
            seen = of_data.loc[data]
            density = gamma(seen["df"] / 2, scale=2.0 * variance).pdf(seen["sum"]).mean()
            ratio = np.sqrt(seen["sum"] / seen["df"] / np.median(variance))
            rows.append({"rule": name, "log density": np.log(density), data: ratio})
    table = pd.DataFrame(rows).groupby("rule").sum().loc[list(RULES)]
    print("\nlog density, and sd seen over sd predicted\n" + table.round(2).to_string())


def checkpoints(path: str) -> None:
    """Bands of the two published trajectories from their first half, and what came."""
    table = pd.read_csv(path)
    table = table[table["source"].str.contains("all_5x_results_avg")]
    names = table["filter"].map({"no filtering": "all", "LAION filter": "laion"})
    rows = pd.DataFrame({"run": names, "data": names, "samples": table["samples_seen"],
                         "metric": "accuracy", "value": table["value"], "se": 0.0015,
                         "annealed": False})  # fmt: skip
    pools = pd.DataFrame(
        {"pool": ["laion", "all"], "size": [13.1e6, 128e6], "quality_rank": [1, 2]}
    )
    runs = read_runs(rows, pools)
    for name, spec in (("tied", SPEC), ("independent", SPEC.with_priors(run_share=NONE))):
        made = fit(runs, "accuracy", spec=spec, upto="320M", seed=1)
        print(f"{name}: seed noise and run share, 5, 50 and 95%")
        for scalar in ("seed_noise", "run_share"):
            if scalar in made.draws:
                print(scalar, np.quantile(made.draws[scalar], [0.05, 0.5, 0.95]).round(4))
        budgets = np.array([64e6, 192e6, 320e6, 448e6, 576e6])
        decision = made.decide(budgets, "laion;all").table
        seen = rows.rename(columns={"value": "seen"})[["data", "samples", "seen"]]
        shown = ["samples", "data", "p_best", "lo", "median", "hi", "new_run_lo", "new_run_hi"]
        print(decision[shown].merge(seen, how="left").round(3).to_string(), flush=True)


def main() -> None:
    """Print the tables."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--table", default="paper_observations.csv")
    parser.add_argument("--studies", type=int, default=150)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--metric", default="loss")
    parser.add_argument("--within", action="store_true", help="the held-out seed only")
    parser.add_argument("--noise", type=float, help="prior mean of the log seed noise")
    given = parser.parse_args()
    spec = SPEC
    if given.noise is not None:
        quiet = {"family": "lognormal", "mu": given.noise, "sigma": 0.5}
        spec = SPEC.with_priors(seed_noise=quiet)
    if given.part == "trajectories":
        simulated(spec, trajectories(), "run_share", given.studies, given.seed)
    elif given.part == "pools":
        simulated(spec, replicates(), "seed_noise_spread", given.studies, given.seed)
    elif given.part == "ground":
        ground(given.metric, given.within)
    elif given.part == "mixtures":
        mixtures(given.metric)
    else:
        checkpoints(given.table)


if __name__ == "__main__":
    main()
