"""Make the simulated table of web pools: writes runs.csv, pools.csv and truth.csv where it is run.

Nothing is trained. The losses come from a law that is *not* one of the package's: tokens of a pool
count by its quality, repeats saturate, diverse mixtures gain, and every run has .4% of noise.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

SEED = 20
NOISE = 0.004
POOLS = {"edu": 1.2e9, "clean": 6e9, "wide": 24e9, "crawl": 120e9}  # unique tokens, disjoint
QUALITY = {"edu": 1.0, "clean": 0.62, "wide": 0.36, "crawl": 0.22}  # worth of a fresh token
REPEATS = {"edu": 4.0, "clean": 6.0, "wide": 7.0, "crawl": 8.0}  # epochs that repeats can add
DIVERSITY = 0.12  # gain in effective tokens of a mixture of many equal shares
FLOOR, SCALE, EXPONENT = 1.85, 1.22, 0.30

MIXTURES = (
    "edu", "clean", "wide", "crawl", "edu+clean", "edu+clean+wide",
    "edu:0.5+clean:0.5", "edu:0.3+clean:0.7", "edu:0.2+clean:0.4+wide:0.4",
)  # fmt: skip
BUDGETS = (0.5e9, 1e9, 2e9, 4e9, 8e9)
AGAIN = (("edu", 8e9),)  # one more seed, to tell noise from misfit
LATER = (8e9, 16e9, 32e9)


def shares(data: str) -> dict[str, float]:
    """Sampling shares of a mixture expression; a union samples in proportion to size."""
    parts = [part.partition(":") for part in data.split("+")]
    weights = {pool: float(share) if share else POOLS[pool] for pool, _, share in parts}
    return {pool: weight / sum(weights.values()) for pool, weight in weights.items()}


def loss(data: str, tokens: float) -> float:
    """The loss without noise."""
    effective, mix = 0.0, shares(data)
    for pool, share in mix.items():
        epochs = share * tokens / POOLS[pool]
        most = REPEATS[pool]
        passes = epochs if epochs <= 1 else 1 + most * (1 - np.exp(-(epochs - 1) / most))
        effective += QUALITY[pool] * POOLS[pool] * passes
    effective *= 1 + DIVERSITY * (1 - sum(share**2 for share in mix.values()))
    return float(FLOOR + SCALE * (effective / 1e9) ** -EXPONENT)


def write(name: str, rows: list[tuple]) -> None:
    """A CSV in this folder."""
    part = Path(f".{name}")
    with part.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
    part.replace(part.with_name(name))


def main() -> None:
    """Write the three tables."""
    rng = np.random.default_rng(SEED)
    cells = [(data, tokens, 0) for data in MIXTURES for tokens in BUDGETS]
    cells += [(data, tokens, 1) for data, tokens in AGAIN]
    rows = [
        (f"{data}@{tokens / 1e9:g}B" + ("-again" if seed else ""), data, f"{tokens / 1e6:g}M",
         "val_loss", f"{loss(data, tokens) * (1 + NOISE * rng.standard_normal()):.4f}", seed)
        for data, tokens, seed in cells
    ]  # fmt: skip
    write("runs.csv", [("run", "data", "samples", "metric", "value", "seed"), *rows])
    pools = [(pool, f"{size / 1e9:g}B", k + 1) for k, (pool, size) in enumerate(POOLS.items())]
    write("pools.csv", [("pool", "size", "quality_rank"), *pools])
    truth = [(data, f"{tokens / 1e9:g}B", f"{loss(data, tokens):.4f}")
             for tokens in LATER for data in MIXTURES]  # fmt: skip
    write("truth.csv", [("data", "samples", "val_loss"), *truth])


if __name__ == "__main__":
    main()
