# Kept exactly as it made the runs that ship, so neither checked nor tidied:
# ruff: noqa
# mypy: ignore-errors
"""Real training runs that differ in weight decay and model size: the network and texts of `headers`.

Target: C header files, 40,000 held-out characters. Pools: A 5,000 characters of clean headers; B
20,000 of which 15% are replaced at random. Two widths of the hidden layer, two decoupled weight
decays (0.1 and 1, times the rate, at each step), budgets of 1 to 64 epochs of A, two seeds, batches
of 64. All else is as in `headers`.

Needs NumPy, `/usr/include` and the Python standard library, so another machine gives other texts:

    python scripts/datasets/decay.py runs.csv     # four minutes on one core
"""

import csv
import sys
import zlib

import numpy as np

from headers import CHARACTERS, CONTEXT, EMBED, characters, forward, stream, train, windows

SIZES = {"A": 5_000, "B": 20_000}
MIXTURES = {"A": {"A": 1.0}, "B": {"B": 1.0}, "A+B": {"A": 0.2, "B": 0.8}}
BUDGETS = [5_000 * 2**k for k in range(7)]
WIDTHS, DECAYS, SEEDS, BATCH = (24, 72), (0.1, 1.0), range(2), 64


def pools():
    """Pools as (contexts, next characters), and the test set."""
    rng = np.random.default_rng(0)
    headers = characters("/usr/include", ".h", sum(SIZES.values()) + 40_000 + 3 * CONTEXT, rng)
    a, b = headers[: SIZES["A"] + CONTEXT], headers[SIZES["A"] :][: SIZES["B"] + CONTEXT].copy()
    wrong = rng.random(len(b)) < 0.15
    b[wrong] = rng.integers(0, CHARACTERS, wrong.sum())
    return {"A": windows(a), "B": windows(b)}, windows(headers[-40_000 - CONTEXT :])


def params(width):
    """Number of weights."""
    return CHARACTERS * EMBED + CONTEXT * EMBED * width + width + width * CHARACTERS + CHARACTERS


def main():
    """Train all runs, one row a run and metric."""
    data, (x, y) = pools()
    rows = []
    for name, shares in MIXTURES.items():
        for width in WIDTHS:
            for decay in DECAYS:
                for budget in BUDGETS:
                    for seed in SEEDS:
                        rng = np.random.default_rng(
                            [seed, budget, width, zlib.crc32(name.encode())]
                        )
                        w = train(*stream(data, shares, budget, rng), rng, width, BATCH, decay)
                        log_p = forward(w, x)[2]
                        loss = -log_p[np.arange(len(y)), y].mean()
                        error = (log_p.argmax(axis=1) != y).mean()
                        common = [f"{name}-{width}-{decay}-{budget}-{seed}", name, budget]
                        more = [len(y), seed, "true", params(width), decay]
                        rows.append([*common, "loss", round(loss, 5), *more])
                        rows.append([*common, "error", round(error, 5), *more])
        print(name, flush=True)
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "data", "samples", "metric", "value", "n_eval", "seed", "annealed",
                         "params", "weight_decay"])  # fmt: skip
        writer.writerows(rows)


if __name__ == "__main__":
    main()
