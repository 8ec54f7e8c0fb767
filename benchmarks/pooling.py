"""What a study's pools tell of each other: partial pooling, separate fits and complete pooling.

    python benchmarks/pooling.py FOLDER --out scores.csv [--only LAION]

FOLDER holds the published tables (`laion_clip.runs.csv`, `datacomp_filters.csv`,
`marin_isoflop.csv`); the training runs that ship are loaded from the package. Runs on one pool
only, without unions. Each table is asked in two ways:

late    : one pool has runs up to an origin, the others all of theirs; its later runs are predicted.
forward : all pools are fitted up to an origin; all later runs are predicted.

Each is answered by three models with the same priors otherwise:

separate : each pool is fitted from its own runs.
partial  : the specification as it ships: pools are draws of one population.
complete : no pool differs from another in level, utility, half-life or drift.

Printed are mean log scores of new runs, coverage of 90% bands, and paired gains over separate fits
with standard errors over the pools (late) or origins and pools (forward) of a table.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from datacomp import tables as datacomp_tables

import qqt_bayes as qqt
from qqt_bayes.backtest import judge, origins
from qqt_bayes.backtest.origins import Origin
from qqt_bayes.backtest.ours import engine_forecast
from qqt_bayes.errors import QQTError
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Runs

NONE = {"family": "fixed", "value": 0.0}
SPEC = load_spec("effective_utility")
SAME = SPEC.with_priors(
    utility_spread=NONE, quality_effect=NONE, level_spread=NONE, half_life_spread=NONE,
    pool_drift=NONE,
)  # fmt: skip
SHORT = Settings(draws=1000)
WAYS = ("separate", "partial", "complete")
LEAST = 6  # runs of a model size on each pool, to be a table of its own


def sets(folder: Path) -> Iterator[tuple[str, Runs, str, int, int]]:
    """Name, runs, metric, and how many budgets are behind the first and the last origin."""
    ground = qqt.datasets.load("proving_ground")
    for metric in ("loss", "error"):
        yield f"our runs, {metric}", alone(ground.select(metric)), metric, 2, 4
    laion = qqt.read_runs(folder / "laion_clip.runs.csv")
    for model in ("ViT-B-16", "ViT-B-32"):
        yield f"LAION {model}", laion.select(where={"model": model}), "imagenet_accuracy", 1, 2
    runs, pools = datacomp_tables(folder / "datacomp_filters.csv", "stream")
    for metric in ("imagenet_accuracy", "avg38_accuracy"):
        rows = runs[runs["metric"] == metric]
        whole = rows.groupby("data")["samples"].transform("nunique") == 4
        named = pools[pools["pool"].isin(rows[whole]["data"])]
        yield f"DataComp, {metric}", qqt.read_runs(rows[whole], named), metric, 2, 3
    table = pd.read_csv(folder / "marin_isoflop.csv")
    pools = pd.DataFrame({"pool": sorted(table["data"].unique()), "size": np.inf})
    for params, rows in table.groupby("params"):
        if rows.groupby("data").size().min() >= LEAST and rows["data"].nunique() == 3:
            yield f"isoFLOP {params / 1e9:.2g}B", qqt.read_runs(rows, pools), "loss", 2, 2


def alone(runs: Runs) -> Runs:
    """Runs on one pool."""
    return runs.replace(runs.table[runs.table["data"].isin(runs.pools.names)])


def late(runs: Runs, metric: str, first: int, last: int) -> Iterator[tuple[str, Origin]]:
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
            yield pool, Origin(train.study(metric), upto, train, targets, full.shares[ahead])


def drawn(origin: Origin, metric: str, way: str) -> np.ndarray:
    """Draws of the target runs, dims (draw, target)."""
    if way != "separate":
        forecast = engine_forecast(SAME if way == "complete" else SPEC, settings=SHORT)
        return whole(forecast(origin.train, origin.targets["samples"].to_numpy(float),
                              origin.shares, 1))  # fmt: skip
    forecast, parts = engine_forecast(SPEC, settings=SHORT), {}
    names = origin.targets["data"].to_numpy()
    for pool in dict.fromkeys(names):
        mine, here = origin.runs.table["data"] == pool, names == pool
        if not mine.any():
            raise QQTError(f"{pool} has no run behind the origin")
        own = origin.runs.replace(origin.runs.table[mine]).study(metric)
        parts[pool] = (
            here,
            whole(
                forecast(
                    own, origin.targets["samples"].to_numpy(float)[here], origin.shares[here], 1
                )
            ),
        )
    draws = min(len(part) for _, part in parts.values())
    out = np.empty((draws, len(names)))
    rng = np.random.default_rng(7)  # fits that share nothing must not be aligned by their seeds
    for here, part in parts.values():
        out[:, here] = part[rng.permutation(len(part))[:draws]]
    return out


def whole(draws: np.ndarray | None) -> np.ndarray:
    """Draws that there must be."""
    if draws is None:
        raise QQTError("no forecast")
    return draws


def scored(name: str, ask: str, pool: str, origin: Origin, metric: str) -> list[pd.DataFrame]:
    """Scores by all three ways, or none of them if one does not converge."""
    frames = []
    for way in WAYS:
        try:
            found = judge(origin, drawn(origin, metric, way))
        except QQTError as error:
            print(f"left out: {name}, {ask}, {pool} from {origin.upto:g}, {way}: "
                  f"{str(error).splitlines()[0]}", flush=True)  # fmt: skip
            return []
        frames.append(found.assign(set=name, ask=ask, pool=pool or found["data"], how=way))
    return frames


def summary(found: pd.DataFrame) -> None:
    """Print scores and gains."""
    table = found.groupby(["ask", "set", "what", "how"]).agg(
        n=("in90", "size"), cover=("in90", "mean"), width=("width90", "mean"),
        log_score=("log_score", "mean"), crps=("crps", "mean"),
    )  # fmt: skip
    print(table.round(4).to_string())
    key = ["ask", "set", "what", "pool", "origin"]
    mean = found.groupby([*key, "how"])["log_score"].mean().unstack()
    for way in ("partial", "complete"):
        gain = (mean[way] - mean["separate"]).groupby(["ask", "set", "what"])
        print(f"\ngain in log score, {way} less separate")
        print(gain.agg(["mean", "sem", "count", "min", "max"]).round(3).to_string())


def main() -> None:
    """Read the command line and go."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="sets whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("pooling.csv"))
    given = parser.parse_args()
    frames: list[pd.DataFrame] = []
    for name, runs, metric, first, last in sets(given.folder):
        if given.only not in name:
            continue
        begin = time.process_time()
        for pool, origin in late(runs, metric, first, last):
            frames += scored(name, "late", pool, origin, metric)
        every = list(origins(runs, metric))
        for origin in every[len(every) // 2 : len(every) // 2 + 1]:
            frames += scored(name, "forward", "", origin, metric)
        print(f"{name}: {time.process_time() - begin:.0f} s of processor", flush=True)
        if frames:
            pd.concat(frames, ignore_index=True).to_csv(given.out, index=False)
    summary(pd.concat(frames, ignore_index=True))


if __name__ == "__main__":
    main()
