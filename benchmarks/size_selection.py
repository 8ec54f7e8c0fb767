"""Which runs to buy for a law of model size and data: ScaleBench's data-constrained task.

Run by hand: ``python benchmarks/size_selection.py scalebench_data_constrained.csv --out out.json``
(columns ``unique_tokens, params, tokens, loss, split``; Li et al. 2026, arXiv:2604.22753, whose
table is printed beside ours). Of 161 candidate runs, some are bought under 1, 5 and 10% of their
total cost (6 N D); the law is fitted to them and judged on 21 larger targets: R2 of the loss,
clipped to [-1, 1], and the root mean square error of log loss without the two targets of the
smallest model, which hold 84% of the variance.

Every policy uses the same law under the same priors, the same random start (5 cheap runs) and the
same refits: the Gaussian around the mode, scales held at their prior medians (a full fit per
purchase would take hours).

The law falls with parameters and with samples. A run that is worse than one of no more parameters
and no more samples of the same cut has overfitted: it is left out of the fit, and policies that
look at a fit buy no more of it. The rule was chosen on the candidate runs alone (``--cut``); what
is lost without it, by ``--keep-overfitted``.

random    affordable runs in random order
cheapest  the cheapest first
d_optimal the run whose outcome is least known (log determinant of the parameters' information)
v_optimal the run that most lowers the targets' predictive variance
ours      the same with cost: of plans by drop per cost^0, cost^.5 and cost^1 the one that leaves
          least predictive variance when the money is spent; a third of it is bought, then a refit
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from size_laplace import STEP, Laplace, laplace

import qqt_bayes as qqt
from qqt_bayes.allocation.model import Model, build_model
from qqt_bayes.allocation.sizes import FLOPS, Points, at_points, size_study, worse_than

SHARES = (0.01, 0.05, 0.10)
POLICIES = ("random", "cheapest", "d_optimal", "v_optimal", "ours")
PUBLISHED = {  # mean R2 over their ten laws
    "random": (-0.74, -0.36, 0.12), "cheapest": (-0.58, -0.56, -0.40),
    "d_optimal": (0.71, 0.80, 0.77), "v_optimal": (0.58, 0.83, 0.85), "ours": (0.73, 0.85, 0.86),
}  # fmt: skip
START, CHEAP = 5, 1e-4  # runs at the start; the largest share of the total cost of each
EXTREME = 2e7  # parameters below which a target is one of the two extreme ones
FEWEST = 3  # runs bought between refits, at least
DRAWS = 400

type Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Task:
    """Candidates, targets, and the law fitted to any subset of the candidates."""

    def __init__(self, path: Path, cut: float | None = None, keep: bool = False) -> None:
        table = pd.read_csv(path)
        if cut is not None:
            table = within(table, cut)
        sizes = sorted(table["unique_tokens"].unique())
        names = {size: f"U{size / 1e6:g}M" for size in sizes}
        pools = pd.DataFrame(
            {"pool": list(names.values()), "size": sizes, "family": "c4", "quality_rank": 1}
        )
        rows = table.rename(columns={"tokens": "samples", "loss": "value"}).assign(
            run=[f"r{i}" for i in range(len(table))], metric="loss",
            data=table["unique_tokens"].map(names),
        )  # fmt: skip
        self.runs = qqt.read_runs(rows, pools)
        train, test = (self.runs.select(where={"split": name}) for name in ("train", "test"))
        study = size_study(train, "loss")
        self.model: Model = build_model(study, qqt.load_spec("chinchilla"))
        target = test.study("loss", spec_levels=("params",))
        params = test.table["params"].to_numpy(float)
        self.targets: Points = at_points(
            params, np.asarray(target.samples, float), np.asarray(target.shares, float),
            np.asarray(self.runs.pools.sizes, float), np.zeros(len(target), int), study.reference,
        )  # fmt: skip
        self.truth = np.log(np.asarray(target.value, float))
        self.usual = params > EXTREME
        self.cost = FLOPS * study.params * np.asarray(study.study.samples, float)
        self.more, worse = worse_than(study)
        self.worse = worse & (not keep)
        self.basis = self.model.components(self.targets)
        self.rest = self.model.misfit.remainder(self.targets.place)

    def fit(self, bought: np.ndarray, near: np.ndarray | None = None) -> Laplace:
        """The law fitted to the runs bought, without those that have overfitted."""
        return laplace(self.model, bought * ~self.overfitted(bought), near)

    def overfitted(self, bought: np.ndarray) -> np.ndarray:
        """Which runs are worse than a smaller one among those bought, dim (run,)."""
        return np.asarray((bought > 0) & (self.worse @ bought > 0))

    def beyond(self, bought: np.ndarray) -> np.ndarray:
        """Which runs are more of one that has overfitted, dim (run,)."""
        return np.asarray(self.more @ self.overfitted(bought) > 0)

    def at_targets(self, z: np.ndarray) -> np.ndarray:
        """Log loss of the targets, without what no run can tell."""
        surface = self.model.surface(z, self.basis)
        return self.model.predict(z, self.targets, surface)

    def covariance(self, fit: Laplace) -> np.ndarray:
        """Of the log losses of candidates, then targets."""
        moved = np.concatenate([np.eye(len(fit.mode)), -np.eye(len(fit.mode))]) * STEP + fit.mode
        values = np.concatenate([self.model.fitted(moved), self.at_targets(moved)], axis=1)
        up, down = np.split(values, 2)
        rows = ((up - down) / (2 * STEP)).T @ fit.factor
        return rows @ rows.T

    def judge(self, fit: Laplace, rng: np.random.Generator) -> dict[str, float]:
        """Scores on the targets."""
        point = self.at_targets(fit.mode)
        off, loss = np.exp(point) - np.exp(self.truth), np.exp(self.truth)
        r2 = 1 - np.sum(off**2) / np.sum((loss - loss.mean()) ** 2)
        z = fit.draws(DRAWS, rng)
        scale = self.model.scalar("misfit", z)[:, None]
        surface = self.model.surface(z, self.basis) + scale * (
            rng.standard_normal((DRAWS, len(self.truth))) @ self.rest.T
        )
        draws = self.model.predict(z, self.targets, surface)
        noise, tails = (self.model.scalar(n, z)[:, None] for n in ("noise", "tails"))
        draws = draws + noise * rng.standard_t(np.broadcast_to(tails, draws.shape))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        wrong = (point - self.truth)[self.usual]
        return {
            "r2": float(np.clip(r2, -1, 1)), "rmse19": float(np.sqrt(np.mean(wrong**2))),
            "covered": float(np.mean((low < self.truth) & (self.truth < high))),
            "width": float(np.mean(high - low)),
        }  # fmt: skip


def within(table: pd.DataFrame, cut: float) -> pd.DataFrame:
    """The same task among the candidate runs alone, to choose settings by.

    Candidates are the runs up to a compute. Targets are those beyond twice that which, as the real
    ones, are not repeated much or are of a model that is small for its unique tokens.
    """
    table = table[table["split"] == "train"]
    compute = FLOPS * table["params"] * table["tokens"]
    fresh = table["tokens"] < 16 * table["unique_tokens"]
    small = table["params"] < 0.15 * table["unique_tokens"]
    beyond = (compute > 2 * cut) & (fresh | small)
    table = table.assign(split=np.where(beyond, "test", "train"))
    return table[beyond | (compute <= cut)].reset_index(drop=True)


def variance_drop(cov: np.ndarray, open_: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """By how much each open run would lower the targets' summed variance."""
    shared = cov[len(noise) :, open_]
    return np.sum(shared**2, axis=0) / (cov[open_, open_] + noise[open_])


def surprise(cov: np.ndarray, open_: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Rise of the log determinant by each open run."""
    return np.log1p(cov[open_, open_] / noise[open_])


def greedy(
    task: Task, cov: np.ndarray, bought: list[int], money: float, score: Score, power: float
) -> tuple[list[int], float]:
    """Runs in order by score over cost^power, and the targets' variance they would leave."""
    scale, tails = task.model.noise(np.zeros(task.model.size))
    noise = np.asarray(scale**2 * (tails + 3) / (tails + 1))
    cov, plan, left = cov.copy(), [], money
    while True:
        taken = [*bought, *plan]
        open_ = np.setdiff1d(np.flatnonzero(task.cost <= left), taken)
        if not len(open_):
            return plan, float(np.trace(cov[len(noise) :, len(noise) :]))
        worth = score(cov, open_, noise) / task.cost[open_] ** power
        pick = int(open_[np.argmax(worth)])
        plan.append(pick)
        left -= task.cost[pick]
        cov -= np.outer(cov[:, pick], cov[pick]) / (cov[pick, pick] + noise[pick])


def next_runs(
    policy: str, task: Task, fit: Laplace | None, bought: list[int], money: float,
    rng: np.random.Generator,
) -> list[int]:  # fmt: skip
    """The runs that a policy would buy, in order, if it were not to look again."""
    if policy in ("random", "cheapest"):
        order = rng.permutation(len(task.cost)) if policy == "random" else np.argsort(task.cost)
        plan: list[int] = []
        for i in order:
            if i not in bought and task.cost[i] <= money:
                plan.append(int(i))
                money -= task.cost[i]
        return plan
    assert fit is not None
    cov = task.covariance(fit)
    if policy == "d_optimal":
        return greedy(task, cov, bought, money, surprise, 0.0)[0]
    powers = (0.0,) if policy == "v_optimal" else (0.0, 0.5, 1.0)
    plans = [greedy(task, cov, bought, money, variance_drop, p) for p in powers]
    return min(plans, key=lambda plan: plan[1])[0]


def buy(policy: str, task: Task, share: float, seed: int) -> dict[str, float]:
    """Buy under a share of the total cost and judge what came of it."""
    rng = np.random.default_rng(seed)
    budget = share * task.cost.sum()
    cheap = np.flatnonzero(task.cost <= CHEAP * task.cost.sum())
    bought = [int(i) for i in rng.choice(cheap, START, replace=False)]
    model_based = policy not in ("random", "cheapest")
    weight, mode = np.zeros(len(task.cost)), None
    while True:
        weight[bought] = 1.0
        fit = task.fit(weight, mode) if model_based else None
        mode = None if fit is None else fit.mode
        money = budget - task.cost[bought].sum()
        shut = np.flatnonzero(task.beyond(weight)) if model_based else []
        plan = next_runs(policy, task, fit, [*bought, *shut], money, rng)
        if not plan:
            break
        spent = np.cumsum(task.cost[plan])
        count = max(FEWEST, int(np.searchsorted(spent, spent[-1] / 3) + 1))
        bought += plan[: count if model_based else None]
    left_out = int(task.overfitted(weight).sum())
    scores = task.judge(task.fit(weight), rng)
    return scores | {
        "runs": len(bought), "left_out": left_out, "spent": float(weight @ task.cost)
    }  # fmt: skip


def main() -> None:
    """Run every policy from every start and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--cut", type=float, help="candidates up to this compute alone, see within")
    parser.add_argument("--keep-overfitted", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    task = Task(args.data, args.cut, args.keep_overfitted)
    everything = task.judge(task.fit(np.ones(len(task.cost))), np.random.default_rng(0))
    print("all runs:", {k: round(v, 4) for k, v in everything.items()}, flush=True)
    results = []
    for policy in args.policies.split(","):
        for k, share in enumerate(SHARES):
            found = [buy(policy, task, share, seed) for seed in range(args.starts)]
            results.append({"policy": policy, "share": share, "starts": found})
            table = pd.DataFrame(found)
            print(
                f"{policy:10} {share:4.0%}  R2 {table['r2'].mean():.3f} (sd {table['r2'].std():.3f}"
                f", least {table['r2'].min():.3f})  rmse19 {table['rmse19'].mean():.4f} (sd "
                f"{table['rmse19'].std():.4f})  covered {table['covered'].mean():.2f}, width "
                f"{table['width'].mean():.3f}  runs {table['runs'].mean():.0f}, left out "
                f"{table['left_out'].mean():.1f}  published {PUBLISHED[policy][k]:.2f}",
                flush=True,
            )
    if args.out:
        part = args.out.with_name(f".{args.out.name}.part")
        part.write_text(json.dumps({"all": everything, "policies": results}, indent=1))
        part.replace(args.out)


if __name__ == "__main__":
    main()
