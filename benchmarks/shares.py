"""Best shares of simulated studies whose constrained optimum is known: ``shares.json``.

    python benchmarks/shares.py --studies 10
    python benchmarks/shares.py --studies 2 --parts

Truths follow the law of effective utility with parameters of their own; 30 runs of random mixtures
at three budgets, noise .3%. The best shares are asked for at twice the largest budget, with at most
four epochs of each pool, a floor and a ceiling. The true optimum comes from many descents in the
truth itself. Beside it stands the mixture among the runs that truly is best of those allowed.

``--parts`` says what the regret is due to, by the same runs. The package's own search in the truth
itself shows what the search loses. A fit that is told the law and the distributions that the truths
are drawn from shows what thirty runs cannot tell to anybody. Two other rules: the search with three
times its effort, and the mean of the draw-wise best shares in place of the best mean.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from scipy.optimize import minimize

import qqt_bayes as qqt
from qqt_bayes.backtest.scores import wilson
from qqt_bayes.decide.asked import check_shares
from qqt_bayes.decide.goal import Goal
from qqt_bayes.decide.search import find
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths

RESULTS = Path(__file__).parent / "results" / "shares.json"
BUDGETS, ASKED, RUNS, NOISE = (2e9, 4e9, 8e9), 16e9, 30, 0.003
EPOCHS, FLOOR, CEILING = 4.0, 0.1, 0.25
COLUMNS = [
    "pools", "studies", "regret, median (nats)", "regret, 90th percentile",
    "best allowed run, median", "true shares inside 90% bands", "largest violation",
    "without an allowed run", "seconds",
]  # fmt: skip
# what the truths are drawn from, as a specification
ABSENT = (
    "common_drift", "pool_drift", "repetition_drift", "mixture_error", "mixture_drift",
    "mixture_gain", "regime", "harm", "quality_effect", "seed_noise_spread",
)  # fmt: skip
DRAWN_FROM = dict.fromkeys(ABSENT, 0.0) | {
    "dilution": 1.0, "utility": 0.13 * np.exp(0.25**2 / 2), "utility_spread": 0.25,
    "half_life": 6.0, "half_life_spread": 0.5, "seed_noise": NOISE, "level_spread": 0.1,
    "loss.irreducible": 1.9, "loss.level": np.log(1.6 / 1.9),
}  # fmt: skip
PARTS = [
    "pools", "studies", "search in the truth, largest", "as asked, median", "as asked, mean",
    "given what truths are drawn from, median", "given it, mean", "three times the effort, mean",
    "mean of the draw-wise best, mean",
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


def simulated(pools: int, seed: int) -> tuple[Truth, qqt.Runs, np.ndarray, np.ndarray]:
    """A truth, its runs, their shares, and the true best shares."""
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
    return truth, runs, shares, truth.best(rng)


@dataclass(frozen=True, eq=False)
class Known:
    """The truth as a search looks at a metric: draws that differ by constants."""

    truth: Truth

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Loss at some shares, dims (draw, point)."""
        value = self.truth(np.clip(shares, 0.0, 1.0), np.array(ASKED))
        return np.asarray(value[None] + np.linspace(-0.02, 0.02, 8)[:, None])


def told_spec(folder: Path) -> Path:
    """What the truths are drawn from."""
    lines = ['schema = 1\nname = "told"\nbase = "effective_utility"\n']
    lines += [
        f'[priors.{name}]\nfamily = "fixed"\nvalue = {float(value)!r}\nwhy = "as simulated"\n'
        for name, value in DRAWN_FROM.items()
    ]
    path = folder / "told.toml"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def parts(pools: int, seed: int) -> dict[str, float]:
    """What the regret of one study is due to."""
    truth, runs, _, best = simulated(pools, seed)
    limits: dict[str, Any] = {"max_epochs": EPOCHS, "share": [f"p0>={FLOOR}", f"p1<={CEILING}"]}
    region = check_shares(runs, ASKED, truth.names, **limits).regions[0]

    def regret(shares: np.ndarray) -> float:
        both = truth(np.array([shares, best]), np.array(ASKED))
        return float(both[0] - both[1])

    fit = qqt.fit(runs, "loss", seed=1, on_fail="warn")
    answer = fit.best_shares(ASKED, truth.names, **limits).answers[0]
    thorough = fit.best_shares(ASKED, truth.names, effort=3.0, **limits).answers[0]
    with tempfile.TemporaryDirectory() as folder:
        knowing = qqt.fit(runs, "loss", spec=told_spec(Path(folder)), seed=1, on_fail="warn")
    told = knowing.best_shares(ASKED, truth.names, **limits).answers[0]
    return {
        "search": regret(find(Goal(Known(truth)), region, bands=False).best),  # type: ignore[arg-type]
        "asked": regret(answer.shares), "effort": regret(thorough.shares),
        "told": regret(told.shares), "mean_draw": regret(answer.draws.mean(axis=0)),
    }  # fmt: skip


def parts_row(pools: int, found: pd.DataFrame) -> list[object]:
    """One row of the table of parts."""
    mean, middle = found.mean(), found.median()
    return [
        pools, len(found), f"{found['search'].abs().max():.0e}", float(middle["asked"]),
        float(mean["asked"]), float(middle["told"]), float(mean["told"]), float(mean["effort"]),
        float(mean["mean_draw"]),
    ]  # fmt: skip


def study(pools: int, seed: int) -> dict[str, float]:
    """One study: what was chosen against what is best."""
    truth, runs, shares, best = simulated(pools, seed)
    fit = qqt.fit(runs, "loss", seed=1, on_fail="warn")
    begun = time.perf_counter()
    answer = fit.best_shares(
        ASKED, truth.names, max_epochs=EPOCHS, share=[f"p0>={FLOOR}", f"p1<={CEILING}"]
    )
    seconds = time.perf_counter() - begun
    chosen = answer.best[0]
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
    parser.add_argument("--parts", action="store_true", help="What the regret is due to.")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    one, line = (parts, parts_row) if asked.parts else (study, row)
    rows = []
    for pools in asked.pools:
        found = []
        for seed in range(asked.studies):
            found.append(one(pools, seed))
            print(pools, seed, {k: round(v, 5) for k, v in found[-1].items()}, flush=True)
        rows.append(line(pools, pd.DataFrame(found)))
    script = f"python benchmarks/shares.py --studies {asked.studies}" + " --parts" * asked.parts
    table = stored.table(script, PARTS if asked.parts else COLUMNS, rows, digits=2)
    name = "parts" if asked.parts else "simulated"
    stored.write(RESULTS, stored.read(RESULTS) | {name: table})


if __name__ == "__main__":
    main()
