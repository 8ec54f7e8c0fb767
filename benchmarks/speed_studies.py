"""The studies that speed is measured on: bundled ones, and grids of any size."""

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.model.design import build_design

SPEC = "effective_utility"
SINGLE = ("A", "B", "C", "D")


def small_study(data=(*SINGLE, "A+B", "A+B+C")):
    """Four pools of the proving ground (and two unions) at five budgets, one seed: 30 runs."""
    runs = qqt.datasets.load("proving_ground").select(where={"seed": "0"}, upto="480k")
    return runs.replace(runs.table[runs.table["data"].isin(data)]).study("loss")


def bundled():
    """Name and study of the bundled sets."""
    laion = qqt.datasets.load("laion_clip")
    return {
        "LAION ViT-B-16": laion.study("imagenet_accuracy", where={"model": "ViT-B-16"}),
        "LAION ViT-B-32": laion.study("imagenet_accuracy", where={"model": "ViT-B-32"}),
        "paper budgets": qqt.datasets.load("paper_budgets").study("avg18_accuracy"),
        "proving ground to 120k": qqt.datasets.load("proving_ground").study("loss", upto="120k"),
        "30 runs": small_study(),
    }


def grid_runs(pools, budgets, seeds=1, unions=0, union_budgets=0):
    """Pools each run alone at every budget with every seed, on a curve with 2% noise.

    Unions are of two neighbouring pools each, with budgets of their own.
    """
    rng = np.random.default_rng(0)
    names = [f"P{i}" for i in range(pools)]
    data = [(name, -0.3 + 0.01 * (i % 10), budgets) for i, name in enumerate(names)]
    for i in range(unions):
        pair = f"{names[2 * i]}+{names[2 * i + 1]}"
        data.append((pair, -0.295 + 0.02 * (i % 5), union_budgets))
    rows = [
        (name, round(n), str(seed), 2.0 + 2.0 * (n / 3e4) ** slope)
        for name, slope, count in data
        for n in np.geomspace(3e4, 2e6, count)
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=["data", "samples", "seed", "value"])
    table["value"] *= 1.0 + 0.02 * rng.normal(size=len(table))
    table = table.assign(metric="loss", run=[f"r{i}" for i in range(len(table))])
    sizes = pd.DataFrame({"pool": names, "size": [1e5 * 1.2 ** (i % 10) for i in range(pools)]})
    return qqt.read_runs(table, sizes)


def grid_study(*given, **more):
    """The study of such runs."""
    return grid_runs(*given, **more).study("loss")


def setup(study):
    """Design, priors and kind: what the engine and the plain form are built from."""
    spec = qqt.load_spec(SPEC)
    return build_design(study, spec), spec.priors(study.kind), study.kind
