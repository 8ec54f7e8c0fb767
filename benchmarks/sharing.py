"""Do pools, metrics and model sizes tell of each other? Forecasts with sharing and without it.

    python benchmarks/sharing.py PUBLISHED    # writes benchmarks/results/sharing.json; half an hour

Pools (runs on one pool only): *late*, one pool has runs up to an origin, the others all of theirs,
and its later runs are foretold; *forward*, all are fitted up to an origin. By fits of each pool's
own runs (separate), by the specification as it ships (partial), and by one in which no pool differs
from another (complete). Metrics and sizes, as tasks of `qqt tasks`: each fitted alone, and joined;
metrics from every origin, sizes with one of the three largest stopped at its last origin. Log
scores of new runs; gains are paired, with standard errors over pools and origins.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from size_allocation import isoflop
from studies import datacomp

import qqt_bayes as qqt
from qqt_bayes.backtest import judge, origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.backtest.ours import engine_forecast
from qqt_bayes.decide.predict import new_runs
from qqt_bayes.errors import QQTError
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Runs
from qqt_bayes.tasks import Tasks, fit_tasks
from qqt_bayes.tasks.joint import kept_apart, share

SCRIPT = "benchmarks/sharing.py"
NONE = {"family": "fixed", "value": 0.0, "why": "no pool differs from another"}
SPEC = load_spec("effective_utility")
WAYS = {
    "separate": SPEC, "partial": SPEC,
    "complete": SPEC.with_priors(utility_spread=NONE, quality_effect=NONE, level_spread=NONE,
                                 half_life_spread=NONE, pool_drift=NONE),
}  # fmt: skip
FILTERS = ("clip_l14_30", "clip_l14_20", "image_l14", "laion_rule", "none")  # run at every scale
LEAST = 6  # runs of a model size on each pool, to be a table of its own
TASKS = 9  # runs of a model size at least, to be a task
SIZES, LARGEST = 6, 3  # so many sizes, spread over all; so many are foretold


def pool_sets(published: Path) -> Iterator[tuple[str, Runs, str, int, int]]:
    """Table, runs, metric, and how many budgets lie behind the first and the last origin."""
    ground = qqt.datasets.load("proving_ground").select("loss")
    alone = ground.table["data"].isin(ground.pools.names)
    yield "our runs, loss", ground.replace(ground.table[alone]), "loss", 2, 4
    laion = qqt.datasets.load("laion_clip")
    for model in ("ViT-B-16", "ViT-B-32"):
        yield f"LAION {model}", laion.select(where={"model": model}), "imagenet_accuracy", 1, 2
    filters = datacomp(published / "paper_observations.csv")
    filters = filters.replace(filters.table[filters.table["data"].isin(FILTERS)])
    for metric in filters.metrics:
        yield f"DataComp, {metric}", filters.select(metric), metric, 2, 3
    table, pools = isoflop(published)
    for _, rows in table.groupby("params"):
        if rows.groupby("data").size().min() >= LEAST and rows["data"].nunique() == 3:
            yield "isoFLOP, by size", qqt.read_runs(rows, pools), "loss", 2, 2


def late(runs: Runs, metric: str, first: int, last: int) -> Iterator[Origin]:
    """Each pool in turn with its smaller budgets only, beside all runs of the others."""
    full = runs.study(metric)
    data = np.array(full.data)
    for pool in dict.fromkeys(full.data):
        budgets = np.unique(full.samples[data == pool])
        for count in sorted({first, last}):
            if count >= len(budgets):
                continue
            upto = float(budgets[count - 1])
            ahead = (data == pool) & (full.samples > upto)
            kept = (runs.table["data"] != pool) | (runs.table["samples"] <= upto)
            train = runs.replace(runs.table[kept])
            targets = pd.DataFrame(
                {"data": data[ahead], "samples": full.samples[ahead], "value": full.value[ahead],
                 "budget": full.samples[ahead], "factor": full.samples[ahead] / upto}
            )  # fmt: skip
            yield Origin(train.study(metric), upto, train, targets, full.shares[ahead])


def foretold(origin: Origin, metric: str, way: str) -> np.ndarray:
    """Draws of the target runs, dims (draw, target)."""
    forecast = engine_forecast(WAYS[way])
    samples, names = origin.targets["samples"].to_numpy(float), origin.targets["data"].to_numpy()
    if way != "separate":
        return np.asarray(forecast(origin.train, samples, origin.shares, 1))
    out, rng = [], np.random.default_rng(7)  # fits that share nothing: no draws aligned by a seed
    for pool in dict.fromkeys(names):
        own = origin.runs.replace(origin.runs.table[origin.runs.table["data"] == pool])
        here = names == pool
        drawn = np.asarray(forecast(own.study(metric), samples[here], origin.shares[here], 1))
        out.append((here, rng.permutation(drawn)))
    draws = np.empty((min(len(part) for _, part in out), len(names)))
    for here, part in out:
        draws[:, here] = part[: len(draws)]
    return draws


def compared(origin: Origin, ways: dict[str, Any], group: list[str]) -> list[pd.DataFrame]:
    """Scores of one origin by all ways, or of none where one has no answer."""
    try:
        found = {how: judge(origin, draw()) for how, draw in ways.items()}
    except QQTError as error:
        print(f"left out: {group} from {origin.upto:g}: {str(error).splitlines()[0]}", flush=True)
        return []
    return [frame.assign(table=group[0], ask=group[1], how=how) for how, frame in found.items()]


def by_pools(published: Path) -> Iterator[pd.DataFrame]:
    """Scores of pools."""
    for name, runs, metric, first, last in pool_sets(published):
        every = list(origins(runs, metric))
        asked = [("late", o) for o in late(runs, metric, first, last)]
        asked += [("forward", o) for o in every[len(every) // 2 : len(every) // 2 + 1]]
        for ask, origin in asked:
            ways = {w: partial(foretold, origin, metric, w) for w in WAYS}
            yield from compared(origin, ways, [name, ask])
        print(name, flush=True)


def task_ways(tasks: Tasks, task: str, origin: Origin) -> dict[str, Any]:
    """The same fits alone and joined, and what they foretell of a task."""
    posteriors = [f.posterior for f in tasks.fits]
    found = {
        "alone": replace(tasks, hierarchy=kept_apart(posteriors, tasks.seed)),
        "joined": replace(tasks, hierarchy=share(posteriors, None, tasks.seed), pooled=True),
    }

    def draw(how: str) -> np.ndarray:
        made = found[how].joined[tasks.names.index(task)]
        points = made.posterior.design.points_at(
            origin.targets["samples"].to_numpy(float), origin.shares
        )
        there = made.posterior.at(points, seed=3)
        latent = made.posterior.irreducible[:, None] + np.exp(there.log_reducible)
        return new_runs(made, latent, origin.shares, seed=5)

    return {how: partial(draw, how) for how in found}


def by_metrics() -> Iterator[pd.DataFrame]:
    """Scores of metrics, from every origin that all of a table share."""
    for name in ("proving_ground", "headers", "digits"):
        runs = qqt.datasets.load(name)
        splits = {m: {o.upto: o for o in origins(runs, m)} for m in runs.metrics}
        for upto in sorted(set.intersection(*(set(s) for s in splits.values()))):
            tasks = fit_tasks(runs, by="metric", upto=upto, seed=1, pooled=False)
            for metric, found in splits.items():
                ways = task_ways(tasks, metric, found[upto])
                yield from compared(found[upto], ways, [name, "metrics"])


def by_sizes(published: Path) -> Iterator[pd.DataFrame]:
    """Scores of a model size known up to its last origin, beside the others with all their runs."""
    table, pools = isoflop(published)
    enough = table[table.groupby("params")["run"].transform("size") >= TASKS]
    every = np.sort(enough["params"].unique())
    picked = every[np.linspace(0, len(every) - 1, SIZES).round().astype(int)]
    runs = qqt.read_runs(enough[enough["params"].isin(picked)], pools)
    tasks = fit_tasks(runs, ["loss"], by="params", seed=1, pooled=False)
    for t in np.argsort(tasks.params)[-LARGEST:]:
        origin = [*origins(tasks.fits[t].runs, "loss")][-1]
        few = qqt.fit(origin.runs, "loss", seed=1)
        stopped = replace(tasks, fits=(*tasks.fits[:t], few, *tasks.fits[t + 1 :]))
        ways = task_ways(stopped, tasks.names[t], origin)
        yield from compared(origin, ways, ["isoFLOP", "sizes"])


def made(frames: Iterator[pd.DataFrame], base: str, with_it: str) -> dict[str, Any]:
    """A table: mean log scores by way, and what one gains on another."""
    found = pd.concat(list(frames), ignore_index=True)
    key, one = ["table", "ask", "what"], ["data", "origin", "factor"]
    scores = found.groupby([*key, *one, "how"])["log_score"].mean().unstack()
    ways, rows = [*dict.fromkeys(found["how"])], []
    for (table, ask, what), part in scores.groupby(key, sort=False):
        mine = found[(found["table"] == table) & (found["ask"] == ask) & (found["what"] == what)]
        gain = (part[with_it] - part[base]).groupby(["data", "origin"]).mean()
        held = mine[mine["how"] == with_it]["in90"].mean()
        rows.append([table, ask, f"{what}s", int(len(mine) / len(ways)),
                     *(round(float(part[w].mean()), 2) for w in ways),
                     f"{gain.mean():+.2f} ± {gain.sem():.2f}", round(float(held), 2)])  # fmt: skip
    gained = f"gain, {with_it} less {base}"
    columns = ["table", "asked", "target", "n", *ways, gained, f"held, {with_it}"]
    return stored.table(SCRIPT, columns, rows)


def main(published: Path) -> None:
    """Score and store."""
    warnings.simplefilter("ignore")
    stored.write(stored.RESULTS / "sharing.json", {
        "pools": made(by_pools(published), "separate", "partial"),
        "metrics": made(by_metrics(), "alone", "joined"),
        "sizes": made(by_sizes(published), "alone", "joined"),
    })  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
