"""Simulated studies with a break beyond the data, and without, for ``verdicts.py``.

Each is simulated from a law with wandering exponents that is not drawn from our priors.

none      the law goes on
slope     from a point 1x to 4x the largest run on, all exponents change, faster or slower, by .05
          to .25 per e-fold (on our own training runs the change was about .1)
harm      beyond the most epochs seen of a pool, repeating it hurts
foreign   a pool that was only run alone is worse, or better, in mixtures than the rule says

None, slope and harm do not differ up to the largest run: one history has all three futures.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.model.effects import factor_of, ibm_kernel
from qqt_bayes.runs import Pools, parse_mixture

FUTURES = {"complete": ("none", "slope", "harm"), "apart": ("foreign",)}  # of each history
EVERY = ("A", "B", "C", "A+B", "A+B+C")
BUDGETS = 30_000.0 * 2.0 ** np.arange(5)
LARGEST = BUDGETS[-1]
FACTORS = (1.0, 2.0, 4.0, 8.0)
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
