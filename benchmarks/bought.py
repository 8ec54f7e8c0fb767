"""Do bands hold after purchases by the value of information, and does a share for spread help?

    python benchmarks/bought.py play --work ROWS.jsonl [--seconds 3000] [--starts 6]
    python benchmarks/bought.py report --work ROWS.jsonl

Each replay starts from one run at the two cheapest budgets of every pool, spends what one run at
the target costs, looks at a fit three times, and is then asked at the target: does the 90% band of
each candidate's level hold, and that of its difference to the candidate that would be chosen? Real
tables are judged by the mean of the runs there, whose noise is in the band; simulated grounds by
the latent truth. *smooth* grounds are drawn from the priors with the target within the data; in
*bent* ones the change of regime begins after the runs that one starts with, as the first fit
believes. `play` goes on where it was stopped; `report` writes benchmarks/results/bought.json.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import stored

from qqt_bayes import datasets, read_runs
from qqt_bayes.buy import policies
from qqt_bayes.buy.exact import QUICK, quick_fit
from qqt_bayes.buy.ground import Ground, Held, build_ground
from qqt_bayes.buy.policies import d_optimal_buys, evsi_buys, uniform_buys
from qqt_bayes.buy.replay import follow
from qqt_bayes.decide.predict import predict
from qqt_bayes.errors import QQTError
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.model.prior_predictive import draw_prior, noise_at, simulate_values
from qqt_bayes.model.spec import load_spec

OUT = Path(__file__).parent / "results" / "bought.json"
SPEC = load_spec("effective_utility")
REAL = {  # table, metric and target; remedies are chosen on the first group, told on the second
    "choose": [("digits", "loss", "9600"), ("digits", "error", "9600")],
    "tell": [("headers", "loss", "640k"), ("proving_ground", "loss", "1.92M")],
}  # fmt: skip
SEVEN = ("A", "B", "C", "A+B", "A+B+C", "A+B4", "A:0.7+B:0.3")
DATA = ("A", "B", "C", "A+B", "A+B+C")
LEVELS = 30e3 * 2.0 ** np.arange(6)
POOLS = pd.DataFrame({"pool": ["A", "B", "C"], "size": [60e3, 120e3, 240e3],
                      "quality_rank": [1, 2, 3]})  # fmt: skip
TRIES = 100
GROUNDS = 4  # of each simulated kind, played with each start of the tables
DRAWS = 128  # behind a value: replays take a seventh of the time that they take with 320


def first_spread(
    held: Held, fit: Fit, spend: float, until: float, seed: int, *, share: float, how: str
) -> None:
    """A share of the spend for spread, at the first look; then by the value of information."""
    if held.spent > 0.0:
        evsi_buys(held, fit, spend, until, seed)
    elif how == "grid":
        uniform_buys(held, share * spend, np.random.default_rng((seed, 7)))
    else:
        d_optimal_buys(held, fit, share * spend, share * spend, seed)


REMEDIES = {
    "EVSI, 1/4 for a grid first": partial(first_spread, share=0.25, how="grid"),
    "EVSI, 1/2 for a grid first": partial(first_spread, share=0.5, how="grid"),
    "EVSI, 1/2 D-optimal first": partial(first_spread, share=0.5, how="information"),
}
NAMES = {"evsi": "EVSI", "uniform": "uniform grid", "d_optimal": "D-optimal"}
FULL = "EVSI, full fit"
ORDER = ("nothing bought", "EVSI", FULL, *REMEDIES, "D-optimal", "uniform grid")


@dataclass(frozen=True)
class Job:
    """A ground, one start on it, and the latent truth at the target where it is known."""

    group: str
    ground: Ground
    start: int
    latent: dict[str, float] | None = None


def simulated(seed: int, bent: bool) -> Job:
    """A complete table drawn from the priors, two seeds a cell."""
    cells = [(d, n, s) for d in DATA for n in LEVELS for s in (1, 2)]
    table = pd.DataFrame(cells, columns=["data", "samples", "seed"])
    table = table.assign(run=[f"r{i}" for i in range(len(cells))], metric="loss", value=1.0)
    study = read_runs(table, POOLS).study("loss")
    early = table[(table["samples"] < LEVELS[2]) & table["data"].isin(POOLS["pool"])]
    whole = build_design(study, SPEC)
    known = build_design(read_runs(early, POOLS).study("loss"), SPEC) if bent else whole
    points = known.points_at(np.exp(whole.points.log_samples), whole.points.shares)
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt, bent])
        latent, truth = draw_prior(known, points, SPEC.priors(study.kind), study.kind, 1,
                                   int(rng.integers(2**31)))  # fmt: skip
        noise = noise_at(truth.parameters, points.shares)
        values = simulate_values(study, whole, latent, noise, int(rng.integers(2**31)))[0]
        if values.min() > 0.0 and values.max() < 20.0:
            break
    table["value"] = values
    ground = build_ground(read_runs(table, POOLS), "loss", LEVELS[-1])
    at = dict(zip(zip(table["data"], table["samples"], strict=True),
                  latent[0][whole.row_cell], strict=True))  # fmt: skip
    true = {c.text: float(at[c.text, LEVELS[-1]]) for c in ground.candidates}
    return Job("bent" if bent else "smooth", ground, seed, true)


def jobs(starts: int, known: set[str]) -> Iterator[tuple[str, Job]]:
    """A start of every real table, then grounds of both simulated kinds, and so on."""
    grounds: dict[tuple[str, str, str], tuple[str, Ground]] = {}
    for start in range(starts):
        for group, places in REAL.items():
            for place in places:
                if place not in grounds:
                    runs = datasets.load(place[0])
                    if place[0] == "proving_ground":  # thirteen data take too long
                        runs = runs.replace(runs.table[runs.table["data"].isin(SEVEN)])
                    grounds[place] = group, build_ground(runs, place[1], place[2])
                if (name := f"{'/'.join(place)}/{start}") not in known:
                    yield name, Job(*grounds[place], start)
        for bent in (False, True):
            for seed in range(GROUNDS * start, GROUNDS * (start + 1)):
                if (name := f"{'bent' if bent else 'smooth'}/{seed}/0") not in known:
                    yield name, simulated(seed, bent)


def play(job: Job) -> list[dict[str, object]]:
    """Every policy from one start: rows of candidates."""
    ground, start = job.ground, job.start
    begin = Held(ground, np.random.default_rng((0, start)))

    def refit(held: Held, warm: Fit | None) -> Fit:
        return quick_fit(
            ground.table_of(held.rows), ground.metric, SPEC, seed=start + 1,
            settings=replace(QUICK, start=None if warm is None else warm.posterior.start),
        )  # fmt: skip

    first = refit(begin, None)
    spend, rows = np.array([ground.target_cost]), judged(job, "nothing bought", begin, first)
    for policy in (*NAMES, *REMEDIES):
        _, held, fitted = follow(policy, begin, first, spend, refit, (0, start))[0]
        assert fitted is not None
        rows += judged(job, NAMES.get(policy, policy), held, fitted)
        if policy == "evsi":  # is the short fit to blame?
            full = quick_fit(ground.table_of(held.rows), ground.metric, SPEC, seed=start + 1,
                             settings=Settings(engine="importance"))  # fmt: skip
            rows += judged(job, FULL, held, full)
    return rows


def judged(job: Job, policy: str, held: Held, fit: Fit) -> list[dict[str, object]]:
    """Where the truth lies in the band of each candidate; one of what the truth is a mean of."""
    g = job.ground
    shares = np.array([c.vector(g.runs.pools) for c in g.candidates])
    latent = predict(fit, np.array([g.target]), shares, seed=5).latent[:, 0]
    choice = int(np.argmin(latent.mean(axis=0)))
    truth, seen = g.truth, latent
    if job.latent is None:
        value = fit.study.kind.from_unit(latent)
        variance = fit.posterior.noise_variance(value, shares, median_evaluation(fit.study))
        white = np.random.default_rng(1).normal(size=latent.shape)
        seen = fit.study.kind.to_unit(value + np.sqrt(variance / g.replicates) * white)
    else:
        truth = np.array([job.latent[c.text] for c in g.candidates])
    own: dict[str, list[float]] = {}
    for cell, taken in zip(g.cells, held.taken, strict=True):
        own.setdefault(cell.mixture.text, []).extend([cell.samples] * int(taken))
    deepest = max(max(n) for n in own.values() if n)
    tail = truth.max() - truth.min()
    rows = []
    for c, candidate in enumerate(g.candidates):
        gap, real = seen[:, c] - seen[:, choice], truth[c] - truth[choice]
        mine = own.get(candidate.text) or [np.nan]
        rows.append({
            "group": job.group, "policy": policy, "candidate": candidate.text,
            "chosen": c == choice, "regret": (truth[choice] - truth.min()) / tail,
            "level": float((seen[:, c] < truth[c]).mean()),
            "difference": float((gap < real).mean()),
            "width": float(np.ptp(np.quantile(seen[:, c], [0.05, 0.95])) / tail),
            "error": float((np.median(seen[:, c]) - truth[c]) / tail),
            "gap_width": float(np.ptp(np.quantile(gap, [0.05, 0.95])) / tail),
            "gap_error": float((np.median(gap) - real) / tail),
            "noise": float((seen - latent)[:, c].std() / tail), "own": len(mine),
            "own_reach": g.target / max(mine), "reach": g.target / deepest,
            "runs": len(held.rows), "spent": held.spent / g.target_cost,
            "k": fit.posterior.gate.figures.get("k"), "gate": fit.posterior.gate.passed,
        })  # fmt: skip
    return rows


def main() -> None:
    """One step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["play", "report"])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3600.0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    done = []
    if given.work.exists():
        done = [json.loads(line) for line in given.work.read_text(encoding="utf-8").splitlines()]
    if given.step == "report":
        from bought_report import report

        stored.write(OUT, report(done, ORDER))
        return
    policies.ADAPTIVE.update(REMEDIES)
    policies.DRAWS = DRAWS
    known, begun = {job["job"] for job in done}, time.monotonic()
    for name, job in jobs(given.starts, known):
        if time.monotonic() - begun > given.seconds:
            break
        start = time.monotonic()
        try:
            rows = play(job)
        except QQTError as error:
            print(f"left out: {name}: {error}", flush=True)
            continue
        with given.work.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"job": name, "rows": rows}) + "\n")
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
