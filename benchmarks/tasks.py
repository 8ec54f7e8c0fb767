"""Does sharing between tasks help? Forecasts with and without it.

    python benchmarks/tasks.py RUNS[:METRIC[:COLUMN]] ...
    python benchmarks/tasks.py marin_isoflop.csv:loss:params --sizes 6 --largest 3
    python benchmarks/tasks.py paper_observations.csv

With metrics as tasks, all are fitted up to every origin that they share and scored on the runs
beyond it. With a column such as `model` or `params`, each of its values in turn is fitted up to an
origin, the others with all their runs, and that one is scored: a model of which only small budgets
were run. The same separate fits are scored alone, joined, and joined with a trend in the log of
`params` where the table has it: mean log score, coverage and interval score of 90% intervals, for
levels and for differences to the best. Gains in log score are averaged by task and origin; their
standard error is that of the mean over these.

`marin_isoflop.csv`, `scalebench_data_constrained.csv` and `paper_observations.csv` are brought
into our columns first. Of the last, the filters that were run at large, by two metrics; its scales
lie ten times apart, beyond the reach of the usual origins, so that the next scale is the target.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from filter_families import tables as filter_tables

from qqt_bayes import fit, read_runs
from qqt_bayes.backtest import judge, origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.decide.predict import new_runs
from qqt_bayes.errors import QQTError
from qqt_bayes.runs import Runs, format_number
from qqt_bayes.tasks import Tasks, fit_tasks
from qqt_bayes.tasks.joint import kept_apart, share, size_unit

ROWS = 9  # runs of a model at least
SCALES = (12.8e6, 128e6, 1.28e9, 12.8e9)  # of DataComp


def ways(tasks: Tasks) -> dict[str, Tasks]:
    """The same fits alone, joined, and joined with a trend."""
    posteriors = [f.posterior for f in tasks.fits]
    found = {"alone": replace(tasks, hierarchy=kept_apart(posteriors, tasks.seed))}
    for how, size in (("joined", None), ("trend", size_unit(tasks.params))):
        if size is None or np.isfinite(size).all():
            found[how] = replace(tasks, hierarchy=share(posteriors, size, tasks.seed), pooled=True)
    return found


def by_metric(name: str, runs: Runs) -> list[pd.DataFrame]:
    """Scores from every origin that all metrics share."""
    splits = {m: {round(np.log(o.upto), 1): o for o in origins(runs, m)} for m in runs.metrics}
    frames = []
    for key in sorted(set.intersection(*(set(s) for s in splits.values()))):
        upto = max(s[key].upto for s in splits.values())
        try:
            tasks = fit_tasks(runs, by="metric", upto=upto, seed=1, pooled=False)
        except QQTError as error:
            print(name, upto, error)
            continue
        frames += scores(name, tasks, {m: splits[m][key] for m in tasks.names})
    return frames


def by_scale(name: str, runs: Runs) -> list[pd.DataFrame]:
    """Scores of the next budget from all the smaller ones, however far it is."""
    frames = []
    for upto, target in pairwise(SCALES[1:]):
        behind = runs.select(upto=upto * 1.01)
        there = runs.table["data"][np.isclose(runs.table["samples"], target, rtol=0.01)]
        if target == SCALES[-1]:  # only a few filters were run there: fit those
            behind = behind.replace(behind.table[behind.table["data"].isin(there)])
        tasks = fit_tasks(behind, by="metric", seed=1, pooled=False)
        print(name, upto, *tasks.notes)
        splits = {m: next_scale(runs, behind, m, upto, target) for m in tasks.names}
        frames += scores(name, tasks, splits)
    return frames


def next_scale(runs: Runs, behind: Runs, metric: str, upto: float, target: float) -> Origin:
    """The runs of one budget as targets, of pools that were run before it."""
    full, train = runs.select(metric).study(metric), behind.select(metric).study(metric)
    data = np.array(full.data)
    ahead = np.isclose(full.samples, target, rtol=0.01) & np.isin(data, train.data)
    targets = pd.DataFrame(
        {"data": data[ahead], "samples": full.samples[ahead], "value": full.value[ahead],
         "budget": target, "factor": target / upto}
    )  # fmt: skip
    return Origin(train, upto, behind, targets, full.shares[ahead])


def by_column(
    name: str, runs: Runs, metric: str, column: str, count: int, largest: int
) -> list[pd.DataFrame]:
    """Scores of each model fitted up to an origin, beside the others with all their runs."""
    tasks = fit_tasks(runs, [metric], by=column, seed=1, pooled=False)
    print("\n".join(tasks.notes))
    frames = []
    for t, made in enumerate(tasks.fits):
        if largest and t not in np.argsort(tasks.params)[-largest:]:
            continue
        for origin in list(origins(made.runs, metric))[-count:]:
            try:
                few = fit(origin.runs, metric, seed=1)
            except QQTError as error:
                print(name, tasks.names[t], origin.upto, error)
                continue
            fits = (*tasks.fits[:t], few, *tasks.fits[t + 1 :])
            frames += scores(name, replace(tasks, fits=fits), {tasks.names[t]: origin})
    return frames


def scores(name: str, tasks: Tasks, targets: dict[str, Origin]) -> list[pd.DataFrame]:
    """Scores of the targets of some tasks, alone and joined."""
    frames = []
    for how, found in ways(tasks).items():
        for task, origin in targets.items():
            made = found.joined[tasks.names.index(task)]
            posterior, samples = made.posterior, origin.targets["samples"].to_numpy(float)
            there = posterior.at(posterior.design.points_at(samples, origin.shares), seed=3)
            latent = posterior.irreducible[:, None] + np.exp(there.log_reducible)
            draws = new_runs(made, latent, origin.shares, seed=5)
            frames.append(judge(origin, draws).assign(set=name, task=task, how=how))
    return frames


def read(path: str, sizes: int) -> Runs:
    """A run table, or one of the published tables that are none yet; of so many model sizes."""
    if "marin_isoflop" in path:
        table = pd.read_csv(path)
        pools = pd.DataFrame({"pool": table["data"].unique(), "size": np.inf})
    elif "scalebench" in path:
        raw = pd.read_csv(path)
        raw["data"] = [format_number(u) for u in raw["unique_tokens"]]
        table = raw.assign(run=[f"r{i}" for i in range(len(raw))], metric="loss")
        table = table.rename(columns={"tokens": "samples", "loss": "value"})
        cuts = raw.drop_duplicates("data")
        pools = pd.DataFrame({"pool": cuts["data"], "size": cuts["unique_tokens"],
                              "family": "web", "quality_rank": 1})  # fmt: skip
    elif "paper_observations" in path:
        table, pools = filter_tables(Path(path))
        large = set(table["data"][table["scale"] == "large"])
        kept = table[table["data"].isin(large)]
        return read_runs(kept, pools[pools["pool"].isin(large)].drop(columns="kept"))
    else:
        return read_runs(path)
    enough = table[table.groupby("params")["run"].transform("size") >= ROWS]
    if sizes:
        every = np.sort(enough["params"].unique())
        picked = every[np.linspace(0, len(every) - 1, sizes).round().astype(int)]
        enough = enough[enough["params"].isin(picked)]
    return read_runs(enough, pools[pools["pool"].isin(enough["data"])])


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("tables", nargs="+", metavar="RUNS[:METRIC[:COLUMN]]")
    parser.add_argument("--sizes", type=int, default=0, help="so many sizes, spread over all")
    parser.add_argument("--largest", type=int, default=0, help="predict so many largest models")
    parser.add_argument("--origins", type=int, default=1, help="of each model, the last ones")
    parser.add_argument("--out", type=Path, help="keep all scores here (CSV)")
    given = parser.parse_args()
    frames = []
    for entry in given.tables:
        path, _, rest = entry.partition(":")
        metric, _, column = rest.partition(":")
        name = path.rsplit("/", 1)[-1].split(".")[0]
        name = path.rsplit("/", 2)[-2] if name == "runs" else name
        runs = read(path, given.sizes)
        if column:
            frames += by_column(name, runs, metric, column, given.origins, given.largest)
        else:
            frames += by_scale(name, runs) if "paper" in name else by_metric(name, runs)
    found = pd.concat(frames, ignore_index=True)
    if given.out is not None:
        found.to_csv(given.out, index=False)
    table = found.groupby(["set", "what", "how"]).agg(
        n=("in90", "size"), cover=("in90", "mean"), width=("width90", "mean"),
        score=("score90", "mean"), log_score=("log_score", "mean"),
    )  # fmt: skip
    print(table.round(4).to_string())
    mean = found.groupby(["set", "what", "task", "origin", "how"])["log_score"].mean().unstack()
    for how in (h for h in ("joined", "trend") if h in mean):
        gain = (mean[how] - mean["alone"]).dropna().groupby(["set", "what"])
        print(f"gain in log score, {how} less alone")
        print(gain.agg(["mean", "sem", "count", "min", "max"]).round(4).to_string())


if __name__ == "__main__":
    main()
