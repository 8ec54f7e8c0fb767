"""Simulated runs on three pools that wear at different rates."""

import numpy as np
import pandas as pd

from qqt_bayes.runs import Runs, read_runs

POOLS = pd.DataFrame(
    {"pool": ["A", "B", "C"], "size": [60_000, 60_000, 60_000], "quality_rank": [1, 2, 3]}
)
TRUE = {"A": (1.0, 0.26, 3.0), "B": (1.02, 0.25, 6.0), "C": (1.6, 0.10, 5.0)}


def true_loss(data: str, samples: float) -> float:
    """A simple truth with wear: pool A is better first, B later, C never."""
    names = data.split("+")
    level = np.mean([TRUE[n][0] for n in names])
    utility = np.mean([TRUE[n][1] for n in names])
    life = np.sum([TRUE[n][2] for n in names])
    epochs = samples / (60_000 * len(names))
    fold = np.log(min(samples, 60_000 * len(names)) / 30_000)
    if epochs > 1:
        fold += life * (1 - np.exp(-np.log(epochs) / life))
    return float(1.3 + level * np.exp(-utility * fold))


def make_runs(budgets: list[float], data: list[str], seeds: int = 1, noise: float = 0.004) -> Runs:
    """Simulated runs, the same for the same arguments."""
    rng = np.random.default_rng(3)
    rows = [
        {
            "run": f"{d}/{n:g}/{s}", "data": d, "samples": n, "seed": s, "metric": "loss",
            "value": true_loss(d, n) * (1 + noise * rng.normal()),
        }
        for d in data for n in budgets for s in range(seeds)
    ]  # fmt: skip
    return read_runs(pd.DataFrame(rows), POOLS)
