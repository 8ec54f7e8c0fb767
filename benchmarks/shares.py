"""Best shares of simulated studies whose constrained optimum is known: ``shares.json``.

    python benchmarks/shares.py --studies 10

Truths follow the law of effective utility with parameters of their own; 30 runs of random mixtures
at three budgets, noise .3%. The best shares are asked for at twice the largest budget, with at most
four epochs of each pool, a floor and a ceiling. The true optimum comes from many descents in the
truth itself. Beside it stands the mixture among the runs that truly is best of those allowed.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

import qqt_bayes as qqt
from qqt_bayes.backtest.scores import wilson
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths

RESULTS = Path(__file__).parent / "results" / "shares.json"
BUDGETS, ASKED, RUNS, NOISE = (2e9, 4e9, 8e9), 16e9, 30, 0.003
EPOCHS, FLOOR, CEILING = 4.0, 0.1, 0.25
COLUMNS = [
    "pools", "studies", "regret, median (nats)", "regret, 90th percentile",
    "best allowed run, median", "true shares inside 90% bands", "largest violation",
    "without an allowed run", "seconds",
]  # fmt: skip


class Truth:
    """A study's true performance."""

    def __init__(self, pools: int, rng: np.random.Generator) -> None:
        self.names = [f"p{i}" for i in range(pools)]
        self.sizes = np.exp(rng.uniform(np.log(1e9), np.log(8e9), pools)).round()
        self.level = np.log(1.6) + 0.1 * rng.standard_normal(pools)
        self.utility = 0.13 * np.exp(0.25 * rng.standard_normal(pools))
        self.half_life = np.log(6.0) + 0.5 * rng.standard_normal(pools)
        self.anchor = min(*BUDGETS, self.sizes.min())

    def __call__(self, shares: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Loss of mixtures, dim (point,)."""
        logs = np.log(np.broadcast_to(samples, len(shares)))
        first, epochs = first_pass_lengths(logs, shares, self.sizes, self.anchor)
        fall = exponent_sums(first, epochs, shares, self.half_life) @ self.utility
        return np.asarray(1.9 + np.exp(shares @ self.level - fall))

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Smallest and largest share of each pool."""
        high = np.minimum(EPOCHS * self.sizes / ASKED, 1.0)
        high[1] = min(high[1], CEILING)
        return [(FLOOR * (i == 0), float(h)) for i, h in enumerate(high)]

    def best(self, rng: np.random.Generator) -> np.ndarray:
        """The true best shares under the constraints."""
        low, high = np.array(self.bounds).T
        one = {"type": "eq", "fun": lambda w: w.sum() - 1.0}
        found = []
        for _ in range(24):
            start = low + (high - low) * rng.random(len(low)) ** 2
            end = minimize(
                lambda w: float(self(np.clip(w, 0.0, 1.0)[None], np.array(ASKED))[0]),
                start, method="SLSQP", bounds=self.bounds, constraints=[one],
                options={"maxiter": 300, "ftol": 1e-9},
            )  # fmt: skip
            if abs(end.x.sum() - 1.0) < 1e-7:
                found.append((end.fun, np.clip(end.x, low, high)))
        return min(found, key=lambda pair: pair[0])[1]


def study(pools: int, seed: int) -> dict[str, float]:
    """One study: what was chosen against what is best."""
    rng = np.random.default_rng((seed, pools))
    truth = Truth(pools, rng)
    while 0.9 * EPOCHS * truth.sizes.sum() < ASKED:
        truth = Truth(pools, rng)
    centre = truth.sizes / truth.sizes.sum()
    shares = np.array(
        [rng.dirichlet(pools * centre * rng.choice([0.3, 1.0, 3.0])) for _ in range(RUNS)]
    )
    shares[shares < 0.005] = 0.0
    shares /= shares.sum(axis=1, keepdims=True)
    samples = np.resize(BUDGETS, RUNS)
    value = truth(shares, samples) * (1.0 + NOISE * rng.standard_normal(RUNS))
    data = [
        "+".join(f"{n}:{w:.12f}" for n, w in zip(truth.names, row, strict=True) if w > 0)
        if (row > 0).sum() > 1 else truth.names[int(row.argmax())]
        for row in shares
    ]  # fmt: skip
    table = pd.DataFrame({"run": [f"r{i}" for i in range(RUNS)], "data": data,
                          "samples": samples, "metric": "loss", "value": value})  # fmt: skip
    runs = qqt.read_runs(table, pd.DataFrame({"pool": truth.names, "size": truth.sizes}))
    fit = qqt.fit(runs, "loss", seed=1, on_fail="warn")
    begun = time.perf_counter()
    answer = fit.best_shares(
        ASKED, truth.names, max_epochs=EPOCHS, share=[f"p0>={FLOOR}", f"p1<={CEILING}"]
    )
    seconds = time.perf_counter() - begun
    chosen, best = answer.best[0], truth.best(rng)
    low, high = np.array(truth.bounds).T
    _, lo, hi = answer.interval(answer.answers[0].draws)
    allowed = ((shares >= low - 1e-9) & (shares <= high + 1e-9)).all(axis=1)

    def loss(points: np.ndarray) -> np.ndarray:
        return truth(points, np.array(ASKED))

    least = float(loss(best[None])[0])
    return {
        "regret": float(loss(chosen[None])[0]) - least,
        "run": float(loss(shares[allowed]).min()) - least if allowed.any() else np.nan,
        "inside": float(((best >= lo - 1e-3) & (best <= hi + 1e-3)).sum()),
        "violation": float(max(abs(chosen.sum() - 1.0), *(low - chosen), *(chosen - high))),
        "seconds": seconds,
    }  # fmt: skip


def row(pools: int, found: pd.DataFrame) -> list[object]:
    """One row of the table."""
    count = len(found)
    rate = float(found["inside"].sum() / (pools * count))
    return [
        pools, count, float(found["regret"].median()), float(found["regret"].quantile(0.9)),
        float(found["run"].median()) if found["run"].notna().any() else None,
        [rate, *wilson(rate, count, 0.95)],
        f"{max(found['violation'].max(), 0.0):.0e}", int(found["run"].isna().sum()),
        float(found["seconds"].median()),
    ]  # fmt: skip


def main() -> None:
    """Simulate, decide, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--pools", type=int, nargs="+", default=[6, 12, 20])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for pools in asked.pools:
        found = []
        for seed in range(asked.studies):
            found.append(study(pools, seed))
            print(pools, seed, {k: round(v, 5) for k, v in found[-1].items()}, flush=True)
        rows.append(row(pools, pd.DataFrame(found)))
    table = {
        "date": date.today().isoformat(), "engine": "importance sampling",
        "script": f"python benchmarks/shares.py --studies {asked.studies}",
        "columns": COLUMNS, "rows": rows, "digits": 2,
    }  # fmt: skip
    part = RESULTS.with_suffix(".part")
    part.write_text(
        json.dumps({"schema": 1, "tables": {"simulated": table}}, indent=1) + "\n", encoding="utf-8"
    )
    part.replace(RESULTS)


if __name__ == "__main__":
    main()
