"""Simulated studies with a known truth, refitted: what calibration and recovery both rest on.

The truth is drawn from the prior, the data from the truth, and the posterior of the data is
compared with the truth. Whatever the design, the rank of the truth among posterior draws is then
uniform if the sampler samples the model it claims to sample (Talts et al., arXiv 1804.06788).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.calibrate.quantities import HORIZONS, quantities
from qqt_bayes.decide.candidates import default_candidates
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Kind
from qqt_bayes.model.design import Design, build_design
from qqt_bayes.model.points import Points
from qqt_bayes.model.prior_predictive import (
    Truth,
    draw_prior,
    noise_at,
    simulate_study,
    simulate_values,
)
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs import Study, read_runs

RANKS = 99  # posterior draws that the truth is ranked among: 100 possible ranks
DRAWS = 2000  # of each posterior, as many as a fit has
TRIES = 1000
TOP_LOSS = 1e3  # nats: no loss is that large
ARRAYS = ("rank", "pit", "width", "p_best", "is_best")

__all__ = ["RANKS", "Replications", "default_study", "replicate"]


@dataclass(frozen=True, eq=False)
class Replications:
    """Refits of simulated studies."""

    spec: str
    kind: str
    seed: int
    names: tuple[str, ...] = field(repr=False)  # one a quantity, as the groups
    groups: tuple[str, ...] = field(repr=False)
    # dims (replication, quantity): how many of RANKS thinned posterior draws lie below the truth
    # (ties broken at random), the share of all draws that do, and the width of the 90% interval
    rank: np.ndarray = field(repr=False)
    pit: np.ndarray = field(repr=False)
    width: np.ndarray = field(repr=False)
    # dims (replication, horizon, candidate): P(best), and whether it is
    p_best: np.ndarray = field(repr=False)
    is_best: np.ndarray = field(repr=False)
    candidates: tuple[str, ...]
    # one row a replication: converged (passed the gate), excluded and redrawn (studies drawn before
    # it that the model rules out, or that lie outside the metric's range: see `simulate`), noise
    # (the largest relative one of a reducible part), values (of the density), seconds
    runs: pd.DataFrame = field(repr=False)

    def __len__(self) -> int:
        return len(self.rank)


@dataclass(frozen=True)
class Task:
    """Everything that a process needs to simulate and refit one study."""

    study: Study
    spec: Spec
    settings: Settings
    seed: int
    fitted: Spec  # what is refitted; `spec` is what is simulated from


def default_study(kind: str = "loss", pools: int = 4, budgets: int = 6) -> Study:
    """A study of ranked pools, each run alone at every budget, and the two best united at half.

    Budgets double from 60k. Pools have 100k, 200k, ... unique samples, so that the smallest is
    repeated most. An error or accuracy is measured with a standard error of .004.
    """
    known = kind_named(kind)
    names, grid = "ABCDEFGH"[:pools], 60e3 * 2.0 ** np.arange(budgets)
    rows = [(name, n) for name in names for n in grid]
    if pools > 1:
        rows += [("A+B", n) for n in grid[1::2]]
    table = pd.DataFrame(rows, columns=["data", "samples"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric=known.name)
    table["value"] = 0.5 if known.fraction else 2.0
    if known.fraction:
        table["se"] = 0.004
    sizes = [1e5 * 2**i for i in range(pools)]
    held = {"pool": list(names), "size": sizes, "quality_rank": range(1, pools + 1)}
    return read_runs(table, pd.DataFrame(held)).with_kind(known.name, known).study(known.name)


def replicate(
    spec: str | Spec = "effective_utility",
    *,
    kind: str = "loss",
    replications: int = 500,
    seed: int = 1,
    workers: int | Workers = 2,
    draws: int = DRAWS,
    study: Study | None = None,
    fitted: str | Spec | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Replications:
    """Simulate studies from the prior, refit each, and rank the truths.

    Parameters
    ----------
    spec : str, Path or Spec
        What to calibrate. The law of model size (``"chinchilla"``) has an engine and a design of
        its own, see :func:`qqt_bayes.calibrate.sizes.size_tasks`.
    kind : str
        Kind of metric of the default design.
    replications : int
        Number of studies.
    seed : int
        Same seed, same answer, whatever the number of workers.
    workers : int or Workers
        Processes.
    draws : int
        Posterior draws, of which the truth is ranked among 99.
    study : Study, optional
        Runs to simulate (values are not read): by default 4 pools at 6 budgets, and a union.
    fitted : str, Path or Spec, optional
        What is refitted, to see what a wrong model costs; the specification simulated from by
        default. Truths and values are the same.
    progress : callable, optional
        Called with the numbers of refits done and to do.

    Raises
    ------
    UsageError
        For a bad argument.
    """
    chosen = load_spec(spec)
    of_sizes = chosen.law == "chinchilla"
    if of_sizes and (kind != "loss" or study is not None):
        raise UsageError(
            "the law of model size has one design, of a loss -> leave kind and design out"
        )
    if replications < 2:
        raise UsageError("fewer than 2 replications say nothing -> give more, such as 200")
    seeds = [seed * 1_000_003 + i for i in range(replications)]
    tasks: list[Any]
    work: Callable[[Any], dict[str, Any]] = one
    if of_sizes:
        from qqt_bayes.calibrate import sizes

        settings = Settings(draws=draws)
        tasks = [sizes.Task(chosen.to_json(), settings, s) for s in seeds]
        work = sizes.one
    else:
        study, again = study or default_study(kind), load_spec(fitted or chosen)
        settings, kind = Settings(draws=draws, engine="importance"), study.kind.name
        tasks = [Task(study, chosen, settings, s, again) for s in seeds]
    rows = refit_many(work, tasks, workers=workers, progress=progress)
    found: dict[str, Any] = {n: rows[0][n] for n in ("names", "groups", "candidates")}
    found |= {n: np.array([r[n] for r in rows]) for n in ARRAYS}
    runs = pd.DataFrame([r["run"] for r in rows])
    return Replications(chosen.name, kind, seed, runs=runs, **found)


def one(task: Task) -> dict[str, Any]:
    """Simulate one study, refit it and compare."""
    begin = time.perf_counter()
    study, priors = task.study, task.spec.priors(task.study.kind)
    design = build_design(study, task.spec)
    chosen = default_candidates(study)
    shares = np.array([c.vector(study.pools) for c in chosen])
    budgets = np.repeat(np.exp(design.setting.largest) * np.array(HORIZONS), len(chosen))
    mixes = np.tile(shares, (len(HORIZONS), 1))
    everywhere = design.points_at(
        np.concatenate([np.exp(design.points.log_samples), budgets]),
        np.concatenate([design.points.shares, mixes]),
    )
    seen, latent, truth, again = simulate(task, design, everywhere, priors)
    seed = int(np.random.SeedSequence([task.seed, 1]).generate_state(1)[0])
    noise = relative_noise(truth, latent[: len(design.value)], design, study.kind)
    posterior = sample_posterior(
        seen, task.fitted.priors(study.kind), study.kind, seed, task.settings
    )
    at = posterior.at(seen.points_at(budgets, mixes))
    candidates = tuple(c.text for c in chosen)
    names, groups, found = quantities(
        posterior, at, mixes, truth, latent[-len(mixes) :], candidates, seed
    )
    first = names.index(f"latent {candidates[0]} at {HORIZONS[0]:g}x")
    best = found[:, first : first + len(mixes)].reshape(-1, len(HORIZONS), len(chosen))
    run = {
        "converged": posterior.gate.passed, **again, "noise": noise, "values": posterior.values,
        "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    return {"names": names, "groups": groups, "candidates": candidates, "run": run} | compared(
        found, best.argmin(axis=2), len(chosen), np.random.default_rng(seed)
    )


def compared(
    found: np.ndarray, best: np.ndarray, candidates: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Of one study the arrays of :class:`Replications`.

    From quantities (truth and draws, quantity) and the best candidates (truth and draws, horizon).
    """
    true, drawn = found[0], found[1:]
    # draws of one parent stand side by side: those far apart have different ones
    thin = np.linspace(0, len(drawn) - 1, RANKS).round().astype(int)
    tail, every = np.quantile(drawn, [0.05, 0.95], axis=0), np.arange(candidates)
    return {
        "rank": ranks(drawn[thin], true, rng),
        "pit": (drawn < true).mean(axis=0) + 0.5 * (drawn == true).mean(axis=0),
        "width": tail[1] - tail[0],
        "p_best": (best[1:, :, None] == every).mean(axis=0),
        "is_best": best[0][:, None] == every,
    }


def ranks(drawn: np.ndarray, true: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many draws, dims (draw, quantity), lie below the truth; ties broken at random."""
    below, same = (drawn < true).sum(axis=0), (drawn == true).sum(axis=0)
    return np.asarray(below + rng.integers(0, same + 1))


def simulate(
    task: Task, design: Design, points: Points, priors: dict[str, Prior]
) -> tuple[Design, np.ndarray, Truth, dict[str, int]]:
    """One study as it is fitted, performance at all points, the truth, and how many were redrawn.

    A study is drawn again, truth and all, with a value outside its range (``redrawn``: an error
    above one, a loss of a thousand nats; heavy-tailed scales of drift draw such studies), or where
    the noise carried a value so low that the true irreducible part is not below all that is
    expected (``excluded``). The second is what the model rules out: its posterior is that of a
    truth for which it holds. The first reads the data alone, which leaves a posterior as it is.
    """
    top, cells = min(TOP_LOSS, task.study.kind.limits[1]), len(design.value)
    again = {"excluded": 0, "redrawn": 0}
    for attempt in range(TRIES):
        seeds = np.random.SeedSequence([task.seed, 2, attempt]).generate_state(2)
        latent, truth = draw_prior(design, points, priors, task.study.kind, 1, int(seeds[0]))
        noise = noise_at(truth.parameters, design.points.shares)
        values = simulate_values(
            task.study, design, latent[:, :cells], noise, int(seeds[1]), truth.parameters.run_share
        )[0]
        if not (values.min() > 0.0 and values.max() < top):
            again["redrawn"] += 1
            continue
        simulated = simulate_study(task.study, values)
        seen = build_design(simulated, task.spec)
        if truth.parameters.irreducible[0] < seen.expected.min():
            if task.fitted != task.spec:
                seen = build_design(simulated, task.fitted)
            return seen, latent[0], truth, again
        again["excluded"] += 1
    raise UsageError(f"no study of {TRIES} drawn from the priors lies in the metric's range")


def relative_noise(truth: Truth, latent: np.ndarray, design: Design, kind: Kind) -> float:
    """Largest sd of the noise over the reducible part: what linearising takes to be small."""
    noise = noise_at(truth.parameters, design.points.shares)
    seeds = noise * latent if kind.relative_noise else noise
    above = latent - truth.parameters.irreducible
    return float(np.max(np.sqrt(seeds**2 + design.eval_var) / above))
