"""Does the verdict predict failure? Simulated studies with a break beyond the data, and without.

Run by hand: ``python benchmarks/risk_breaks.py 12 --out breaks.jsonl`` (12 studies of each kind).
Each study is simulated from a law with wandering exponents that is not drawn from our priors,
fitted up to its largest budget, and judged at 1x, 2x, 4x and 8x of it. A budget *failed* when the
90% band of the chosen candidate's level, or of its difference to the runner-up, missed the truth,
or when the choice cost more than the margin (1% of the metric).

none      the law goes on
slope     from a point 1x to 4x the largest run on, all exponents change, faster or slower, by .05
          to .25 per e-fold (on our own training runs the change was about .1)
harm      beyond the most epochs seen of a pool, repeating it hurts
foreign   a pool that was only run alone is worse, or better, in mixtures than the rule says
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.errors import QQTError
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.model.effects import build_effects, ibm_kernel
from qqt_bayes.risk.check import plain
from qqt_bayes.runs import Pools, parse_mixture

KINDS = ("none", "slope", "harm", "foreign")
BUDGETS = 30_000.0 * 2.0 ** np.arange(5)
LARGEST = BUDGETS[-1]
FACTORS = (1.0, 2.0, 4.0, 8.0)
MARGIN = 0.01
KEPT = ("distance", "stakes", "stress")  # checks whose figures are written down
# Scales of what the law leaves out, as learned on real training runs (per root e-fold).
DRIFT = {"common": 0.05, "pool": 0.06, "mixture": 0.03}


class World:
    """A truth: the latent performance of any mixture at any budget."""

    def __init__(self, kind: str, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.kind, self.rng, pools = kind, rng, 3
        self.size = 60_000.0 * rng.uniform(0.7, 1.6, pools)
        self.level = np.array([0.0, 0.04, 0.10]) + 0.03 * rng.standard_normal(pools)
        self.level += rng.normal(0.45, 0.15)
        self.utility = rng.lognormal(-1.2, 0.2) * (1 - np.array([0, 0.08, 0.16]))
        self.utility *= 1 + 0.05 * rng.standard_normal(pools)
        self.log_tau = rng.normal(1.6, 0.4, pools)
        self.floor = rng.uniform(0.8, 1.6)
        self.noise = rng.lognormal(-5.8, 0.4)
        self.jump = rng.choice([-1, 1]) * rng.uniform(0.05, 0.25)
        self.onset = np.log(LARGEST * 4.0 ** rng.uniform())
        self.harm = rng.uniform(0.1, 0.4, pools)
        self.foreign = rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0.05, 0.2)
        self.tables = pd.DataFrame(
            {"pool": ["A", "B", "C"], "size": self.size.round(), "quality_rank": [1, 2, 3]}
        )
        self.size = self.tables["size"].to_numpy(float)
        self.paths: dict[tuple, float] = {}

    def latent(self, samples: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Truth at all points at once (call it once: the wandering is drawn in it)."""
        log_n, anchor = np.log(samples), min(BUDGETS[0], self.size.min())
        first, epochs = first_pass_lengths(log_n, shares, self.size, anchor)
        x = exponent_sums(first, epochs, shares, self.log_tau, 0.7)
        z = shares @ self.level - x @ self.utility + self.wander(log_n, shares)
        beyond = np.maximum(log_n - self.onset, 0.0)
        if self.kind == "slope":
            z += self.jump * beyond
        if self.kind == "harm":
            seen = np.maximum(LARGEST / self.size, 1.0)  # of the pool run alone
            past = np.maximum(np.log(np.maximum(epochs, 1.0) / seen), 0.0)
            z += (shares * past * self.harm).sum(axis=1)
        if self.kind == "foreign":
            z += self.foreign * 4.0 * shares[:, 2] * (1.0 - shares[:, 2])
        return self.floor + np.exp(z)

    def wander(self, log_n: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Integrated Brownian drift, common and by pool, and a mixture error."""
        low = np.log(BUDGETS[0])
        effects = build_effects(log_n, shares, self.size, np.eye(3), np.ones((3, 3)), low)
        scale = {1: DRIFT["common"], 2: DRIFT["pool"], 4: DRIFT["mixture"]}
        out = np.zeros(len(log_n))
        for e, component in enumerate(effects.component):
            if component not in scale:
                continue
            clock, weight = effects.clock[e], effects.coefficient[e]
            if clock[0] < 0:
                out += scale[component] * weight * self.rng.standard_normal()
                continue
            kernel = ibm_kernel(clock[:, None], clock)
            values, vectors = np.linalg.eigh(kernel)
            draw = vectors @ (np.sqrt(np.maximum(values, 0)) * self.rng.standard_normal(len(clock)))
            out += scale[component] * weight * draw
        return out


def simulate(kind: str, seed: int) -> tuple[qqt.Runs, pd.DataFrame]:
    """A run table, and the truth at the larger budgets."""
    world = World(kind, seed)
    pools = qqt.read_pools(world.tables)
    assert isinstance(pools, Pools)
    seen = ["A", "B", "C", "A+B"] + (["A+B+C"] if kind != "foreign" else [])
    every = ["A", "B", "C", "A+B", "A+B+C"]
    budgets = np.concatenate([BUDGETS, LARGEST * np.array(FACTORS[1:])])
    points = [(d, n) for d in every for n in budgets]
    shares = np.array([parse_mixture(d, pools).vector(pools) for d, _ in points])
    latent = world.latent(np.array([n for _, n in points]), shares)
    truth = pd.DataFrame(points, columns=["data", "samples"]).assign(latent=latent)
    rows = truth[(truth["samples"] <= LARGEST) & truth["data"].isin(seen)]
    rng = np.random.default_rng((seed, 1))
    frames = []
    for s in range(2):
        value = rows["latent"] * (1 + world.noise * rng.standard_normal(len(rows)))
        name = rows["data"] + "/" + rows["samples"].astype(int).astype(str) + f"/{s}"
        frames.append(
            rows[["data", "samples"]].assign(run=name, seed=s, metric="loss", value=value)
        )
    return qqt.read_runs(pd.concat(frames), pools), truth[truth["samples"] >= LARGEST]


def judge(kind: str, seed: int, quick: bool) -> list[dict]:
    """One study: the verdict at each budget, and what really happened there."""
    runs, truth = simulate(kind, len(KINDS) * seed + KINDS.index(kind))
    start = time.time()
    fit = qqt.fit(runs, "loss", seed=1, settings=qqt.Settings(draws=400), on_fail="warn")
    found = fit.risk(list(LARGEST * np.array(FACTORS)), quick=quick)
    d, out = found.decision, []
    for b, factor in enumerate(FACTORS):
        real = truth[truth["samples"] == LARGEST * factor].set_index("data")["latent"]
        seen = np.array([real[c.text] for c in d.candidates])
        best, other = np.argsort(d.expected_regret[b], kind="stable")[:2]
        lo, hi = np.quantile(d.latent[:, b, best], [0.05, 0.95])
        gap = np.quantile(d.latent[:, b, other] - d.latent[:, b, best], [0.05, 0.95])
        level_missed = not lo <= seen[best] <= hi
        gap_missed = not gap[0] <= seen[other] - seen[best] <= gap[1]
        costly = seen[best] - seen.min() > MARGIN * seen.min()
        one = found.assessments[b]
        out.append(
            {
                "kind": kind, "seed": seed, "factor": factor, "verdict": one.verdict,
                "level_missed": level_missed, "gap_missed": gap_missed, "costly": costly,
                "failed": level_missed or gap_missed or costly,
                "checks": {c.name: c.status for c in one.checks},
                "figures": {c.name: dict(c.figures) for c in one.checks if c.name in KEPT},
                "seconds": time.time() - start,
            }
        )  # fmt: skip
    return out


def table(rows: pd.DataFrame) -> str:
    """Confusion tables, over all and by kind, and the two rates."""
    rows = rows.assign(outcome=np.where(rows["failed"], "failed", "held"))
    lines = []
    for name, part in [("all", rows), *rows.groupby("kind"), *rows.groupby("factor")]:
        counts = pd.crosstab(part["outcome"], part["verdict"])
        counts = counts.reindex(["failed", "held"], fill_value=0)
        counts = counts.reindex(columns=["PASS", "REVIEW", "FAIL"], fill_value=0)
        failed, held = counts.loc["failed"], counts.loc["held"]
        lines += [f"--- {name}", counts.to_string()]
        lines.append(
            f"flagged of failed {failed['REVIEW'] + failed['FAIL']}/{failed.sum()}, "
            f"PASS of held {held['PASS']}/{held.sum()}"
        )
    why = rows["checks"].apply(pd.Series)
    lines += [
        "--- who flags",
        ((why != "PASS").groupby(rows["outcome"]).mean().T).round(2).to_string(),
    ]
    lines += ["--- what failed", rows[["level_missed", "gap_missed", "costly"]].mean().to_string()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="studies of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--out", type=Path, help="append results here, one JSON object a line")
    parser.add_argument("--full", action="store_true", help="with the checks that refit")
    parser.add_argument("--read", action="store_true", help="only print the tables of --out")
    given = parser.parse_args()
    results = []
    for seed in range(given.first, given.first + (0 if given.read else given.count)):
        for kind in KINDS:
            try:
                found = judge(kind, seed, quick=not given.full)
            except QQTError as error:
                print(f"{kind} {seed}: {error}")
                continue
            results += found
            told = [f"{o['verdict']}{' (failed)' if o['failed'] else ''}" for o in found]
            print(kind, seed, *told, f"{found[0]['seconds']:.0f}s", flush=True)
            if given.out:
                with given.out.open("a") as file:
                    for one in found:
                        file.write(json.dumps(plain(one)) + "\n")
    if given.out:
        results = [json.loads(line) for line in given.out.read_text().splitlines()]
    print(table(pd.DataFrame(results)))


if __name__ == "__main__":
    main()
