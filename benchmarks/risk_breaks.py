"""Does the verdict predict failure? Simulated studies with a break beyond the data, and without.

Run by hand: ``python benchmarks/risk_breaks.py 100 --out breaks.jsonl`` (100 studies of each kind;
``--first`` goes on where another run stopped, ``--read`` only prints the tables).
Each study is simulated from a law with wandering exponents that is not drawn from our priors,
fitted up to its largest budget, and judged at 1x, 2x, 4x and 8x of it.

none      the law goes on
slope     from a point 1x to 4x the largest run on, all exponents change, faster or slower, by .05
          to .25 per e-fold (on our own training runs the change was about .1)
harm      beyond the most epochs seen of a pool, repeating it hurts
foreign   a pool that was only run alone is worse, or better, in mixtures than the rule says

None, slope and harm do not differ up to the largest run: one history, fitted and judged once, has
all three futures. Verdicts of one history are not independent, so intervals are bootstrapped over
histories. A budget *failed* when the 90% band of the chosen candidate's level, or of its difference
to the runner-up, missed the truth, or when the choice cost more than the margin (1% of the metric).
Bands that are right fail so by chance in 10 to 20% of the cases, which nothing can foresee: beside
it stand *missed*, the 90% band of the level or cost only, and *grave*, which such bands hardly ever
do: the truth outside the 99% band of either, or the cost. ``--seeds even|odd`` reads one half only.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes._json import plain
from qqt_bayes.errors import QQTError
from qqt_bayes.inference.settings import Start
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.model.effects import factor_of, ibm_kernel
from qqt_bayes.runs import Pools, parse_mixture

FUTURES = {"complete": ("none", "slope", "harm"), "apart": ("foreign",)}  # of each history
EVERY = ("A", "B", "C", "A+B", "A+B+C")
BUDGETS = 30_000.0 * 2.0 ** np.arange(5)
LARGEST = BUDGETS[-1]
FACTORS = (1.0, 2.0, 4.0, 8.0)
MARGIN = 0.01
SETTINGS = qqt.Settings(draws=1600)
KEPT = ("distance", "stakes", "record")  # checks whose figures are written down
BOOTSTRAP = 2000
# Scales of what the law leaves out, as learned on real training runs (per root e-fold).
DRIFT = {"common": 0.05, "pool": 0.06, "mixture": 0.03}


class World:
    """A truth: the latent performance of any mixture at any budget, in each future."""

    def __init__(self, seed: tuple[int, int]) -> None:
        rng = np.random.default_rng(seed)
        self.rng, pools = rng, 3
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

    def latent(self, samples: np.ndarray, shares: np.ndarray) -> dict[str, np.ndarray]:
        """Truth at all points at once, by future (call it once: it draws the wandering)."""
        log_n, anchor = np.log(samples), min(BUDGETS[0], self.size.min())
        first, epochs = first_pass_lengths(log_n, shares, self.size, anchor)
        x = exponent_sums(first, epochs, shares, self.log_tau, 0.7)
        z = shares @ self.level - x @ self.utility + self.wander(log_n, shares)
        seen = np.maximum(LARGEST / self.size, 1.0)  # epochs of each pool run alone
        past = np.maximum(np.log(np.maximum(epochs, 1.0) / seen), 0.0)
        breaks = {
            "none": 0.0,
            "slope": self.jump * np.maximum(log_n - self.onset, 0.0),
            "harm": (shares * past * self.harm).sum(axis=1),
            "foreign": self.foreign * 4.0 * shares[:, 2] * (1.0 - shares[:, 2]),
        }
        return {kind: self.floor + np.exp(z + change) for kind, change in breaks.items()}

    def wander(self, log_n: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Integrated Brownian drift, common and by pool, and a mixture error."""
        low, rng = np.log(BUDGETS[0]), self.rng

        def path(clock: np.ndarray) -> np.ndarray:
            times, index = np.unique(np.maximum(clock, 0.0), return_inverse=True)
            root = factor_of(ibm_kernel(times[:, None], times))
            return (root @ rng.standard_normal(root.shape[1]))[index]

        out = DRIFT["common"] * path(log_n - low)
        for share in shares.T:
            with np.errstate(divide="ignore"):
                out += DRIFT["pool"] * share * path(log_n + np.log(share) - low)
        for i, j in zip(*np.triu_indices(shares.shape[1], 1), strict=True):
            both = 4.0 * shares[:, i] * shares[:, j]
            out += DRIFT["mixture"] * both * rng.standard_normal()
        return out


def simulate(history: str, seed: int) -> tuple[qqt.Runs, dict[str, pd.DataFrame]]:
    """A run table, and the truth at the larger budgets in each of its futures."""
    world = World((seed, list(FUTURES).index(history)))
    pools = qqt.read_pools(world.tables)
    assert isinstance(pools, Pools)
    budgets = np.concatenate([BUDGETS, LARGEST * np.array(FACTORS[1:])])
    points = pd.DataFrame([(d, n) for d in EVERY for n in budgets], columns=["data", "samples"])
    shares = np.array([parse_mixture(d, pools).vector(pools) for d in points["data"]])
    latent = world.latent(points["samples"].to_numpy(), shares)
    truths = {kind: points.assign(latent=latent[kind]) for kind in FUTURES[history]}
    seen = points["samples"] <= LARGEST
    if history == "apart":
        seen &= points["data"] != "A+B+C"
    rows = next(iter(truths.values()))[seen]  # the same in all futures
    rng = np.random.default_rng((seed, list(FUTURES).index(history), 1))
    frames = []
    for s in range(2):
        value = rows["latent"] * (1 + world.noise * rng.standard_normal(len(rows)))
        name = rows["data"] + "/" + rows["samples"].astype(int).astype(str) + f"/{s}"
        frames.append(
            rows[["data", "samples"]].assign(run=name, seed=s, metric="loss", value=value)
        )
    ahead = points["samples"] >= LARGEST
    return qqt.read_runs(pd.concat(frames), pools), {k: t[ahead] for k, t in truths.items()}


def judge(
    history: str, seed: int, quick: bool, start: Start | None
) -> tuple[list[dict[str, Any]], Start]:
    """One history: the verdict at each budget, and what each future then showed."""
    runs, truths = simulate(history, seed)
    begin = time.time()
    fit = qqt.fit(
        runs, "loss", seed=1, settings=replace(SETTINGS, start=start), on_fail="warn",
    )  # fmt: skip
    found = fit.risk(list(LARGEST * np.array(FACTORS)), quick=quick)
    d, out = found.decision, []
    for b, factor in enumerate(FACTORS):
        best, other = np.argsort(d.expected_regret[b], kind="stable")[:2]
        level, gap = d.latent[:, b, best], d.latent[:, b, other] - d.latent[:, b, best]
        one = found.assessments[b]
        said = {
            "verdict": one.verdict,
            "best": d.candidates[best].text,
            "checks": {c.name: c.status for c in one.checks},
            "figures": {c.name: dict(c.figures) for c in one.checks if c.name in KEPT},
            "seconds": time.time() - begin,
        }
        for kind, truth in truths.items():
            real = truth[truth["samples"] == LARGEST * factor].set_index("data")["latent"]
            seen = np.array([real[c.text] for c in d.candidates])
            happened = {
                "level_pit": np.mean(level < seen[best]),
                "gap_pit": np.mean(gap < seen[other] - seen[best]),
                "cost": seen[best] / seen.min() - 1.0,
            }
            out.append({"kind": kind, "seed": seed, "factor": factor} | happened | said)
    return out, fit.posterior.start


def outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """Which budgets failed, by each definition."""
    off = (rows[["level_pit", "gap_pit"]] - 0.5).abs()
    costly = rows["cost"] > MARGIN
    return pd.DataFrame(
        {
            "failed": (off > 0.45).any(axis=1) | costly,
            "missed": (off["level_pit"] > 0.45) | costly,
            "grave": (off > 0.495).any(axis=1) | costly,
            "level_missed": off["level_pit"] > 0.45,
            "gap_missed": off["gap_pit"] > 0.45,
            "costly": costly,
        }
    )


def rate(hit: np.ndarray, base: np.ndarray, history: np.ndarray) -> str:
    """Share of the hits among the base cases, with a 90% bootstrap interval over histories."""
    if not base.any():
        return "none"
    _, index = np.unique(history, return_inverse=True)
    hits, cases = np.bincount(index, hit & base), np.bincount(index, base)
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(cases), (BOOTSTRAP, len(cases)))
    with np.errstate(invalid="ignore"):
        shares = hits[drawn].sum(axis=1) / cases[drawn].sum(axis=1)
    lo, hi = np.nanquantile(shares, [0.05, 0.95])
    share = hits.sum() / cases.sum()
    return f"{hits.sum():.0f}/{cases.sum():.0f} = {share:.2f} [{lo:.2f}, {hi:.2f}]"


def table(rows: pd.DataFrame) -> str:
    """Confusion tables, over all, by kind and by factor, and the two rates."""
    truth, lines = outcomes(rows), []
    history = (rows["seed"].astype(str) + (rows["kind"] == "foreign").map(str)).to_numpy()
    flagged = (rows["verdict"] != "PASS").to_numpy()
    for definition in ("failed", "missed", "grave"):
        lines.append(f"=== {definition}")
        outcome = truth[definition].to_numpy()
        parts = [("all", np.full(len(rows), True))]
        parts += [(k, (rows["kind"] == k).to_numpy()) for k in dict.fromkeys(rows["kind"])]
        parts += [(f"{f:g}x", (rows["factor"] == f).to_numpy()) for f in FACTORS]
        for name, part in parts:
            counts = pd.crosstab(outcome[part], rows["verdict"][part]).reindex(
                index=[True, False], columns=["PASS", "REVIEW", "FAIL"], fill_value=0
            )
            cells = [" / ".join(map(str, counts.loc[o])) for o in (True, False)]
            lines.append(
                f"{name:<8} {definition} {cells[0]:<14} held {cells[1]:<14} "
                f"flagged of {definition} {rate(flagged, outcome & part, history)}, "
                f"PASS of held {rate(~flagged, ~outcome & part, history)}"
            )
    why = rows["checks"].apply(pd.Series) != "PASS"
    alone = why & (why.sum(axis=1) == 1).to_numpy()[:, None]
    by = [rows["factor"], truth["failed"].map({True: "failed", False: "held"})]
    for name, frame in (("flags", why), ("is the only one to flag", alone)):
        lines += [
            f"--- how often each check {name}",
            frame.groupby(by).mean().T.round(2).to_string(),
        ]
    what = truth[["level_missed", "gap_missed", "costly"]].groupby([rows["kind"], rows["factor"]])
    lines += ["--- what failed", what.mean().unstack().round(2).to_string()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="studies of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--out", type=Path, help="append results here, one JSON object a line")
    parser.add_argument("--full", action="store_true", help="with the checks that refit")
    parser.add_argument("--read", action="store_true", help="only print the tables of --out")
    parser.add_argument("--seeds", choices=("all", "even", "odd"), default="all")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    results: list[dict[str, Any]] = []
    starts: dict[str, Start | None] = dict.fromkeys(FUTURES)
    for seed in range(given.first, given.first + (0 if given.read else given.count)):
        for history in FUTURES:
            try:
                found, starts[history] = judge(history, seed, not given.full, starts[history])
            except QQTError as error:
                print(f"{history} {seed}: {error}")
                continue
            results += found
            told = [o["verdict"] for o in found if o["kind"] in ("none", "foreign")]
            print(history, seed, *told, f"{found[0]['seconds']:.1f}s", flush=True)
            if given.out:
                with given.out.open("a") as file:
                    for one in found:
                        file.write(json.dumps(plain(one)) + "\n")
    if given.out:
        results = [json.loads(line) for line in given.out.read_text().splitlines()]
    rows = pd.DataFrame(results)
    if given.seeds != "all":
        rows = rows[rows["seed"] % 2 == (given.seeds == "odd")].reset_index(drop=True)
    print(table(rows))


if __name__ == "__main__":
    main()
