"""Several simulated tasks, fitted alone and together: recovery, scores and speed.

    python benchmarks/tasks_simulated.py --studies 40            tasks that are metrics
    python benchmarks/tasks_simulated.py --studies 40 --sizes    model sizes, one of them not run
    python benchmarks/tasks_simulated.py --speed --tasks 18 --pools 20 --workers 2
    python benchmarks/tasks_simulated.py --speed --tasks 18 --pools 20 --workers 2 --budgets 3

Truths are drawn from the hierarchy itself, correlations included, and runs from the reference
likelihood. Rates have 95% Wilson intervals for the number of studies or, where many quantities of a
study hardly depend on each other, for their effective number.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings

import numpy as np
import pandas as pd
from simulated_tasks import SimulatedTasks, simulate_tasks

import qqt_bayes as qqt
from qqt_bayes.backtest.scores import log_score, wilson
from qqt_bayes.calibrate.recovery import effective_size
from qqt_bayes.errors import QQTError
from qqt_bayes.runs import Runs
from qqt_bayes.tasks import Joint, fit_tasks
from qqt_bayes.tasks.deviations import KINDS
from qqt_bayes.tasks.joint import kept_apart

AHEAD = np.array([2.0, 4.0])
SIZES = np.array([30e6, 100e6, 300e6, 1e9, 3e9])


def design(pools: int, budgets: int, few: int | None, seed: int) -> Runs:
    """Each pool alone at every budget (or at a few of them), and the two best together."""
    rng, names = np.random.default_rng(seed), [f"p{i}" for i in range(pools)]
    grid = 30e3 * 2.0 ** np.arange(budgets)
    rows = [
        (name, n)
        for name in names
        for n in (grid if few is None else np.sort(rng.choice(grid, few, replace=False)))
    ]
    rows += [(f"{names[0]}+{names[1]}", n) for n in grid[1::2]] if few is None else []
    table = pd.DataFrame(rows, columns=["data", "samples"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric="loss", value=1.0)
    sizes = 60e3 * 2.0 ** rng.uniform(0.0, 3.0, pools)
    held = {"pool": names, "size": sizes.round(), "quality_rank": range(1, pools + 1)}
    return qqt.read_runs(table, pd.DataFrame(held))


def quantiles(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of draws below the truth."""
    return np.asarray((draws < truth).mean(axis=0))


def study(seed: int, tasks: int, pools: int, rho: float | None) -> dict[str, dict[str, np.ndarray]]:
    """One set of tasks: what alone and joined fits say of its truth."""
    runs = design(pools, 5, None, seed)
    budgets = AHEAD * runs.table["samples"].max()
    fixed = {} if rho is None else dict.fromkeys(KINDS, rho)
    true = simulate_tasks(
        runs, "loss", tasks, budgets, np.eye(pools), seed=seed, correlation=fixed
    )  # fmt: skip
    made = fit_tasks(true.runs, seed=seed)
    alone = kept_apart([f.posterior for f in made.fits], seed)
    out = {how: recovered(found, true, budgets) for how, found in
           (("joined", made.hierarchy), ("alone", alone))}  # fmt: skip
    out["joined"] |= correlations(made.hierarchy, true)
    return out


def correlations(joint: Joint, true: SimulatedTasks) -> dict[str, np.ndarray]:
    """Place of each true correlation in its posterior."""
    return {
        f"pit of correlation of {k}": quantiles(joint.correlation[:, i], true.correlation[k])[None]
        for i, k in enumerate(joint.kinds)
        if k in true.correlation
    }


def recovered(found: Joint, true: SimulatedTasks, budgets: np.ndarray) -> dict[str, np.ndarray]:
    """Places of the truth in the posterior, log scores, and P(best) of what is best."""
    out: dict[str, list[np.ndarray]] = {}
    latent = []
    pools = true.utility.shape[1]
    for t, p in enumerate(found.posteriors):
        points = p.design.points_at(
            np.repeat(budgets, pools), np.tile(np.eye(pools), (len(budgets), 1))
        )
        values = p.irreducible[:, None] + np.exp(p.at(points).log_reducible)
        values = values.reshape(-1, len(budgets), pools)
        latent.append(values)
        for what, draws, truth in (
            ("utility", p.fitted.utility, true.utility[t]),
            ("half-life", np.log(p.half_lives), np.log(true.half_life[t])),
            ("level", p.fitted.level, true.level[t]),
            ("latent", values.reshape(len(values), -1), true.latent[t].ravel()),
            ("difference", (values - values[..., :1])[..., 1:].reshape(len(values), -1),
             (true.latent[t] - true.latent[t][:, :1])[:, 1:].ravel()),
        ):  # fmt: skip
            out.setdefault(f"pit of {what}", []).append(quantiles(draws, truth))
            out.setdefault(f"score of {what}", []).append(log_score(draws, truth))
    result = {name: np.concatenate(values) for name, values in out.items()}
    mean, truth = np.mean(latent, axis=0), true.latent.mean(axis=0)
    winner = np.argmin(mean, axis=2)
    p_best = np.stack([(winner == c).mean(axis=0) for c in range(mean.shape[2])], axis=1)
    best = np.argmin(truth, axis=1)
    chosen = np.argmin((mean - mean.min(axis=2, keepdims=True)).mean(axis=0), axis=1)
    every = np.arange(len(best))
    result["said of the choice"] = p_best[every, chosen]
    result["choice is best"] = (chosen == best).astype(float)
    result["regret of the choice"] = truth[every, chosen] - truth[every, best]
    return result


def size_study(seed: int, pools: int) -> dict[str, dict[str, np.ndarray]]:
    """Models of several sizes, of which the largest was not run: what the others say of it."""
    runs = design(pools, 5, None, seed)
    budgets = AHEAD * runs.table["samples"].max()
    true = simulate_tasks(runs, "loss", len(SIZES), budgets, np.eye(pools), seed=seed,
                          params=SIZES, withheld=1)  # fmt: skip
    made = fit_tasks(true.runs, by="model", seed=seed)
    names = [f"p{i}" for i in range(pools)]
    answer = made.decide_size(float(SIZES[-1]), list(budgets), names)
    truth = np.log(true.latent[-1] - true.irreducible[-1])
    gaps, said = truth - truth[:, :1], answer.log_reducible - answer.log_reducible[..., :1]
    best, every = np.argmin(truth, axis=1), np.arange(len(budgets))
    return {"trend": {
        "pit of difference": quantiles(said[..., 1:], gaps[:, 1:]).ravel(),
        "said of the choice": answer.p_best[every, answer.best],
        "choice is best": (answer.best == best).astype(float),
        "P(best) of the best": answer.p_best[every, best],
        **correlations(made.hierarchy, true),
    }}  # fmt: skip


def report(studies: list[dict[str, dict[str, np.ndarray]]]) -> None:
    """Print coverage, scores and decisions."""
    for how in studies[0]:
        print(f"\n{how}, {len(studies)} studies")
        for name in studies[0][how]:
            values = np.array([s[how][name] for s in studies])
            if name.startswith("pit of "):
                for level in (0.5, 0.9):
                    inside = np.abs(values - 0.5) <= 0.5 * level
                    low, high = wilson(float(inside.mean()), effective_size(inside), 0.95)
                    print(f"  {name[7:]}: {level:.0%} interval holds {inside.mean():.3f} "
                          f"[{low:.3f}, {high:.3f}] of {inside.size}")  # fmt: skip
            else:
                each = values.mean(axis=1)
                error = each.std(ddof=1) / np.sqrt(len(each))
                print(f"  {name}: {each.mean():.4f} +- {error:.4f}")
    if "alone" in studies[0]:
        print("\njoined less alone")
        for name in (n for n in studies[0]["alone"] if not n.startswith("pit of ")):
            gain = np.array([(s["joined"][name] - s["alone"][name]).mean() for s in studies])
            print(f"  {name}: {gain.mean():+.4f} +- {gain.std(ddof=1) / np.sqrt(len(gain)):.4f}")


def speed(tasks: int, pools: int, budgets: int, workers: int) -> None:
    """Time and memory of a large study, from the table to a decision."""
    runs = design(pools, 10, budgets if budgets < 10 else None, 1)
    true = simulate_tasks(runs, "loss", tasks, np.array([1e7]), np.eye(pools), seed=5)
    begin = time.perf_counter()
    made = fit_tasks(true.runs, seed=1, workers=workers)
    fitted = time.perf_counter()
    answer = made.decide(list(30e3 * 2.0 ** np.arange(10)))
    done = time.perf_counter()
    print(made.text)
    print("Pareto k", made.hierarchy.k.round(2))
    print(f"{tasks} tasks, {pools} pools: fits and sharing {fitted - begin:.0f} s, decision "
          f"on {answer.latent.shape[2]} budgets x {answer.latent.shape[3]} candidates "
          f"{done - fitted:.0f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} "
          "GB at most in this process")  # fmt: skip


def main() -> None:
    """Read the command line and go."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--pools", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=6.0, help="begin no study after that")
    parser.add_argument("--rho", type=float, help="correlation of all kinds; drawn by default")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--budgets", type=int, default=10, help="of ten, at which a pool is run")
    given = parser.parse_args()
    if given.speed:
        speed(given.tasks, given.pools, given.budgets, given.workers)
        return
    found, begin = [], time.perf_counter()
    for seed in range(given.first, given.first + given.studies):
        if time.perf_counter() - begin > 60.0 * given.minutes:
            print(f"out of time before study {seed}")
            break
        try:
            found.append(size_study(seed, given.pools) if given.sizes
                         else study(seed, given.tasks, given.pools, given.rho))  # fmt: skip
        except QQTError as error:
            print(f"left out: study {seed}: {error}", flush=True)
    report(found)


if __name__ == "__main__":
    main()
