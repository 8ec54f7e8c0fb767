# Kept exactly as it made the runs that ship, so neither checked nor tidied:
# ruff: noqa
# mypy: ignore-errors
"""Real training runs on pools of text: a small network that predicts the next character.

Target: C header files, 40,000 held-out characters. Pools: A 40,000 characters of clean headers; B
80,000 of which 15% are replaced at random; C 160,000 of Python source, a foreign language. Each run
trains a fresh network (the last 8 characters, 12 dimensions each - 96 - 96 characters, tanh) by Adam
to its own budget of characters predicted, with a warm-up and a cosine decay to zero, going through
its pools epoch by epoch. Recorded: cross-entropy (nats a character) and error on the target.

Needs NumPy, `/usr/include` and the Python standard library, so another machine gives other texts:

    python scripts/datasets/headers.py runs.csv     # about seven minutes on one core
"""

import csv
import sys
import sysconfig
import zlib
from pathlib import Path

import numpy as np

SIZES = {"A": 40_000, "B": 80_000, "C": 160_000}
MIXTURES = {
    "A": {"A": 1.0},
    "B": {"B": 1.0},
    "C": {"C": 1.0},
    "A+B": {"A": 1 / 3, "B": 2 / 3},
    "A+B+C": {"A": 1 / 7, "B": 2 / 7, "C": 4 / 7},
    "A:0.6+C:0.4": {"A": 0.6, "C": 0.4},
}
BUDGETS = [20_000 * 2**k for k in range(6)]
SEEDS = range(3)
CONTEXT, EMBED, WIDTH, CHARACTERS, BATCH, RATE = 8, 12, 96, 96, 32, 3e-3


def characters(folder, ending, need, rng):
    """So many characters of the files below a folder, as numbers from 0 to 95."""
    files = sorted(p for p in Path(folder).rglob(f"*{ending}") if "site-packages" not in str(p))
    out = b""
    for i in rng.permutation(len(files)):
        text = files[i].read_bytes()
        out += text[:8_000] if len(text) > 2_000 else b""
        if len(out) >= need:
            break
    codes = np.frombuffer(out[:need], np.uint8).astype(int) - 32
    return np.where((codes >= 0) & (codes < 95), codes, 95)  # anything else, line ends too


def windows(text):
    """Contexts and the characters that follow them."""
    view = np.lib.stride_tricks.sliding_window_view(text, CONTEXT + 1)
    return view[:, :-1], view[:, -1]


def pools():
    """Pools as (contexts, next characters), and the test set."""
    rng = np.random.default_rng(0)
    need = SIZES["A"] + SIZES["B"] + 40_000
    headers = characters("/usr/include", ".h", need + 3 * CONTEXT, rng)
    a, b = headers[: SIZES["A"] + CONTEXT], headers[SIZES["A"] :][: SIZES["B"] + CONTEXT].copy()
    held = headers[-40_000 - CONTEXT :]
    wrong = rng.random(len(b)) < 0.15
    b[wrong] = rng.integers(0, CHARACTERS, wrong.sum())
    c = characters(sysconfig.get_paths()["stdlib"], ".py", SIZES["C"] + CONTEXT, rng)
    return {"A": windows(a), "B": windows(b), "C": windows(c)}, windows(held)


def stream(data, shares, budget, rng):
    """Windows seen, in order: each pool epoch by epoch, the pools mixed by their shares."""
    names = list(shares)
    which = rng.choice(len(names), size=budget, p=[shares[n] for n in names])
    x, y = np.empty((budget, CONTEXT), int), np.empty(budget, int)
    for k, name in enumerate(names):
        need, size = int((which == k).sum()), len(data[name][1])
        order = np.concatenate([rng.permutation(size) for _ in range(-(-need // size) or 1)])
        x[which == k], y[which == k] = (part[order[:need]] for part in data[name])
    return x, y


def forward(w, x):
    """Embedded contexts, hidden layer and log probabilities."""
    inputs = w[0][x].reshape(len(x), -1)
    hidden = np.tanh(inputs @ w[1] + w[2])
    out = hidden @ w[3] + w[4]
    out -= out.max(axis=1, keepdims=True)
    return inputs, hidden, out - np.log(np.exp(out).sum(axis=1, keepdims=True))


def train(x, y, rng, width=WIDTH, batch=BATCH, decay=0.0):
    """Weights after one pass through the stream, by Adam with decoupled weight decay."""
    size = CONTEXT * EMBED
    w = [rng.normal(0, 0.3, (CHARACTERS, EMBED)), rng.normal(0, size**-0.5, (size, width)),
         np.zeros(width), rng.normal(0, width**-0.5, (width, CHARACTERS)), np.zeros(CHARACTERS)]  # fmt: skip
    first, second = [np.zeros_like(p) for p in w], [np.zeros_like(p) for p in w]
    steps = len(x) // batch
    for t in range(steps):
        rate = RATE * min(1.0, (t + 1) / max(1.0, 0.05 * steps))
        rate *= 0.5 * (1 + np.cos(np.pi * t / steps))
        xb, yb = x[t * batch : (t + 1) * batch], y[t * batch : (t + 1) * batch]
        inputs, hidden, log_p = forward(w, xb)
        out = np.exp(log_p)
        out[np.arange(batch), yb] -= 1.0
        out /= batch
        back = (out @ w[3].T) * (1 - hidden**2)
        embedded = np.zeros_like(w[0])
        np.add.at(embedded, xb, (back @ w[1].T).reshape(batch, CONTEXT, EMBED))
        gradient = [embedded, inputs.T @ back, back.sum(0), hidden.T @ out, out.sum(0)]
        for p, g, m, v in zip(w, gradient, first, second, strict=True):
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            if p.ndim == 2:
                p *= 1.0 - rate * decay
            p -= rate * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.99 ** (t + 1))) + 1e-8)
    return w


def main():
    """Train all runs, one row a run and metric."""
    data, (x, y) = pools()
    rows = []
    for name, shares in MIXTURES.items():
        for budget in BUDGETS:
            for seed in SEEDS:
                rng = np.random.default_rng([seed, budget, zlib.crc32(name.encode())])
                log_p = forward(train(*stream(data, shares, budget, rng), rng), x)[2]
                loss = -log_p[np.arange(len(y)), y].mean()
                error = (log_p.argmax(axis=1) != y).mean()
                common = [f"{name}-{budget}-{seed}", name, budget]
                rows.append([*common, "loss", round(loss, 5), len(y), seed, "true"])
                rows.append([*common, "error", round(error, 5), len(y), seed, "true"])
        print(name, flush=True)
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "data", "samples", "metric", "value", "n_eval", "seed", "annealed"])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
