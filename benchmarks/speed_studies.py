"""The studies that speed is measured on: runs that ship, grids of any size, and a swarm."""

import numpy as np
import pandas as pd

import qqt_bayes as qqt


def small_runs(data=("A", "B", "C", "D", "A+B", "A+B+C")):
    """Four pools of the proving ground and two unions at five budgets, one seed: 30 runs."""
    runs = qqt.datasets.load("proving_ground").select(where={"seed": "0"}, upto="480k")
    return runs.replace(runs.table[runs.table["data"].isin(data)])


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
    return as_runs(table, names, [1e5 * 1.2 ** (i % 10) for i in range(pools)])


def swarm_runs(mixtures, pools, budgets=1):
    """Random mixtures (Dirichlet, many shares small) at a budget or several, .3% noise."""
    rng = np.random.default_rng(1)
    names = [f"P{i}" for i in range(pools)]
    utility = rng.normal(0.0, 0.02, pools)
    rows = []
    for share in rng.dirichlet(np.full(pools, 0.3), mixtures):
        share = np.round(np.where(share < 0.01, 0.0, share), 3)
        text = "+".join(
            f"{n}:{s:.3f}" for n, s in zip(names, share / share.sum(), strict=True) if s
        )
        for n in 1e9 * 2.0 ** np.arange(budgets):
            rows.append((text, n, "0", 2.0 + 1.5 * (n / 1e8) ** -(0.15 + share @ utility)))
    table = pd.DataFrame(rows, columns=["data", "samples", "seed", "value"])
    table["value"] *= 1.0 + 0.003 * rng.normal(size=len(table))
    return as_runs(table, names, np.geomspace(1e9, 1e11, pools))


def as_runs(table, names, sizes):
    """Runs with a loss, from data, samples, seed and value."""
    table = table.assign(metric="loss", run=[f"r{i}" for i in range(len(table))])
    return qqt.read_runs(table, pd.DataFrame({"pool": names, "size": sizes}))
