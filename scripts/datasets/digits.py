# Kept exactly as it made the runs that ship, so neither checked nor tidied:
# ruff: noqa
# mypy: ignore-errors
"""Real training runs on pools of labelled images: a small network on handwritten digits.

The images are the 1,797 digits of 8 x 8 pixels that come with scikit-learn (Alpaydin and Kaynak,
UCI, 1998); 500 of them, with their true labels, are the test set. Pools, drawn from the others:
A 300 images with true labels; B 400 of which 20% carry a random other label; C 597 with 50%.
Each run trains a fresh network (64 - 64 - 10, tanh) by Adam to its own budget of images seen, with
a warm-up and a cosine decay to zero, going through its data epoch by epoch. Recorded: test
cross-entropy (nats) and error. Needs NumPy and scikit-learn:

    python scripts/datasets/digits.py runs.csv     # half a minute on one core
"""

import csv
import sys
import zlib

import numpy as np
from sklearn.datasets import load_digits

SIZES = {"A": 300, "B": 400, "C": 597}
WRONG = {"A": 0.0, "B": 0.2, "C": 0.5}
MIXTURES = {
    "A": {"A": 1.0},
    "B": {"B": 1.0},
    "C": {"C": 1.0},
    "A+B": {"A": 3 / 7, "B": 4 / 7},
    "A+B+C": {"A": 300 / 1297, "B": 400 / 1297, "C": 597 / 1297},
    "A:0.5+B:0.5": {"A": 0.5, "B": 0.5},
    "A:0.5+C:0.5": {"A": 0.5, "C": 0.5},
}
BUDGETS = [150 * 2**k for k in range(8)]
SEEDS = range(3)
WIDTH, BATCH, RATE = 64, 4, 1e-3


def pools():
    """Pools as (images, labels), and the test set."""
    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(images))
    images, labels = images[order] / 16.0 - 0.3, labels[order]
    out, at = {}, 500
    for name, size in SIZES.items():
        x, y = images[at : at + size], labels[at : at + size].copy()
        flip = rng.random(size) < WRONG[name]
        y[flip] = (y[flip] + rng.integers(1, 10, flip.sum())) % 10
        out[name], at = (x, y), at + size
    return out, (images[:500], labels[:500])


def stream(data, shares, budget, rng):
    """Images seen, in order: each pool epoch by epoch, the pools mixed by their shares."""
    names = list(shares)
    which = rng.choice(len(names), size=budget, p=[shares[n] for n in names])
    x, y = np.empty((budget, 64)), np.empty(budget, int)
    for k, name in enumerate(names):
        need = int((which == k).sum())
        size = SIZES[name]
        order = np.concatenate([rng.permutation(size) for _ in range(-(-need // size) or 1)])
        x[which == k], y[which == k] = (part[order[:need]] for part in data[name])
    return x, y


def train(x, y, rng):
    """Weights after one pass through the stream."""
    w = [rng.normal(0, 1 / 8, (64, WIDTH)), np.zeros(WIDTH),
         rng.normal(0, 1 / WIDTH**0.5, (WIDTH, 10)), np.zeros(10)]  # fmt: skip
    first, second = [np.zeros_like(p) for p in w], [np.zeros_like(p) for p in w]
    steps = len(x) // BATCH
    for t in range(steps):
        rate = RATE * min(1.0, (t + 1) / max(1.0, 0.05 * steps))
        rate *= 0.5 * (1 + np.cos(np.pi * t / steps))
        xb, yb = x[t * BATCH : (t + 1) * BATCH], y[t * BATCH : (t + 1) * BATCH]
        hidden = np.tanh(xb @ w[0] + w[1])
        out = hidden @ w[2] + w[3]
        out = np.exp(out - out.max(axis=1, keepdims=True))
        out /= out.sum(axis=1, keepdims=True)
        out[np.arange(BATCH), yb] -= 1.0
        out /= BATCH
        back = (out @ w[2].T) * (1 - hidden**2)
        gradient = [xb.T @ back, back.sum(0), hidden.T @ out, out.sum(0)]
        for p, g, m, v in zip(w, gradient, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            p -= rate * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-8)
    return w


def test(w, x, y):
    """Cross-entropy and error on the test set."""
    out = np.tanh(x @ w[0] + w[1]) @ w[2] + w[3]
    out -= out.max(axis=1, keepdims=True)
    loss = (np.log(np.exp(out).sum(axis=1)) - out[np.arange(len(y)), y]).mean()
    return loss, (out.argmax(axis=1) != y).mean()


def main():
    """Train all runs, one row a run and metric."""
    data, held = pools()
    rows = []
    for name, shares in MIXTURES.items():
        for budget in BUDGETS:
            for seed in SEEDS:
                rng = np.random.default_rng([seed, budget, zlib.crc32(name.encode())])
                loss, error = test(train(*stream(data, shares, budget, rng), rng), *held)
                run = f"{name}-{budget}-{seed}"
                common = [run, name, budget]
                rows.append([*common, "loss", round(loss, 5), 500, seed, "true"])
                rows.append([*common, "error", round(error, 4), 500, seed, "true"])
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "data", "samples", "metric", "value", "n_eval", "seed", "annealed"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
