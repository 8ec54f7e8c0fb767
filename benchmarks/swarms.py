"""Do latent bands of the best-looking mixtures of a swarm hold, with and without a gain of mixing?

One budget, many random mixtures of a few pools, one run each: the mixtures that look best are
partly lucky. Simulated with errors of the rule by pair, and a mean gain of mixing or none; the
truth of the ten mixtures with the best posterior mean is compared with their 90% latent bands.

    python benchmarks/swarms.py
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import stored

from qqt_bayes import read_runs
from qqt_bayes.backtest import coverage_interval
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import load_spec

RESULTS = Path(__file__).parent / "results" / "swarms.json"
POOLS, RUNS, BEST, SWARMS = 6, 60, 10, 12
SAMPLES, FLOOR, NOISE, PAIR_ERROR = 1e9, 1.8, 0.004, 0.03
GAINS = {"no gain": 0.0, "gain": -0.1, "large gain": -0.25}  # log, of two pools in equal shares


def swarm(gain: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Runs and the truth behind them."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(POOLS, 0.7), RUNS).round(3)
    shares[:, 0] += 1.0 - shares.sum(axis=1)
    shares = np.maximum(shares, 0.0) / np.maximum(shares, 0.0).sum(axis=1, keepdims=True)
    i, j = np.triu_indices(POOLS, 1)
    pairs = 4.0 * shares[:, i] * shares[:, j]
    rule = shares @ rng.normal(0.2, 0.2, POOLS)
    error = pairs @ (gain + PAIR_ERROR * rng.standard_normal(len(i)))
    truth = FLOOR + np.exp(rule + error)
    value = truth * (1.0 + NOISE * rng.standard_normal(RUNS))
    data = ["+".join(f"P{k}:{s:.6f}" for k, s in enumerate(row) if s > 0) for row in shares]
    runs = pd.DataFrame({"run": [f"r{k}" for k in range(RUNS)], "data": data, "samples": SAMPLES,
                         "metric": "loss", "value": value})  # fmt: skip
    return runs, truth


def held(gain: float, seed: int, spec: str = "effective_utility") -> np.ndarray:
    """Whether the bands hold, of all mixtures in the order of how good they look."""
    table, truth = swarm(gain, seed)
    pools = pd.DataFrame({"pool": [f"P{k}" for k in range(POOLS)], "size": np.inf})
    study = read_runs(table, pools).study("loss")
    chosen = load_spec(spec)
    posterior = sample_posterior(
        build_design(study, chosen), chosen.priors("loss"), "loss", seed,
        Settings(engine="importance"),
    )  # fmt: skip
    points = posterior.design.points_at(study.samples, study.shares)
    drawn = posterior.at(points, seed=seed)
    latent = posterior.irreducible[:, None] + np.exp(drawn.log_reducible)
    lo, hi = np.quantile(latent, [0.05, 0.95], axis=0)
    inside = (truth >= lo) & (truth <= hi)
    return inside[np.argsort(latent.mean(axis=0))]


def main() -> None:
    """Simulate, fit, count."""
    warnings.simplefilter("ignore")
    rows = []
    for name, gain in GAINS.items():
        found = np.array([held(gain, seed) for seed in range(SWARMS)])
        top = found[:, :BEST]
        group = np.repeat(np.arange(SWARMS), BEST)
        rng = np.random.default_rng(1)
        rate, lo, hi = coverage_interval(top.reshape(-1).astype(float), group, rng)
        shown = f"{rate:.2f} [{lo:.2f}, {hi:.2f}]".replace("0.", ".")
        every = f"{found.mean():.2f}".replace("0.", ".")
        rows.append([name, gain, shown, every])
        print(rows[-1], flush=True)
    columns = ["swarms", "log gain of two pools", "ten best-looking held", "all held"]
    stored.write(RESULTS, {"best": stored.table("benchmarks/swarms.py", columns, rows)})


if __name__ == "__main__":
    main()
