"""A small simulated study of model size: two pools, isoFLOP runs, a law that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

TRUTH = {  # irreducible, A-term and B-term at 100M parameters and 2B samples, alpha, beta, R*
    "web": (1.9, 0.45, 0.55, 0.34, 0.30, 12.0),
    "books": (1.8, 0.45, 0.45, 0.34, 0.40, 12.0),
}
AT = (1e8, 2e9)
POOLS = pd.DataFrame({"pool": ["web", "books"], "size": ["inf", "1B"]})
NOISE = 0.003


def true_loss(data: str, params, samples) -> np.ndarray:
    """The law written out again, for one pool."""
    floor, a, b, alpha, beta, spent = TRUTH[data]
    size = float(POOLS.set_index("pool").loc[data, "size"].replace("B", "e9"))
    fresh = np.minimum(samples, size)
    worth = fresh * (1 + spent * (1 - np.exp(-(samples / fresh - 1) / spent)))
    return floor + a * (params / AT[0]) ** -alpha + b * (worth / AT[1]) ** -beta


def table_of(seed: int = 0, computes=(1e17, 1e18, 1e19)) -> pd.DataFrame:
    """IsoFLOP runs on both pools."""
    rng = np.random.default_rng(seed)
    rows = []
    for data in TRUTH:
        for compute in computes:
            for ratio in (3.0, 10.0, 30.0, 100.0):
                params = np.sqrt(compute / 6 / ratio)
                samples = compute / 6 / params
                value = true_loss(data, params, samples) * np.exp(NOISE * rng.standard_normal())
                rows.append((data, params, samples, value))
    table = pd.DataFrame(rows, columns=["data", "params", "samples", "value"])
    return table.assign(run=[f"r{i}" for i in range(len(table))], metric="loss")
