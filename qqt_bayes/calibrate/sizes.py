"""Simulated studies of model size and data: the Chinchilla law, which has an engine of its own.

As in :mod:`qqt_bayes.calibrate.replicate`: truths from the prior, losses from the truths, refits,
ranks. Horizons are multiples of the largest compute of the runs. Decision quantities are the best
model size and its loss on each data, and which data is best.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from qqt_bayes.allocation.model import Model, build_model
from qqt_bayes.allocation.optimum import evaluate, lowest
from qqt_bayes.allocation.sample import quantities, sample_law
from qqt_bayes.allocation.sizes import FLOPS, Sizes, at_points, size_study
from qqt_bayes.calibrate.quantities import HORIZONS
from qqt_bayes.calibrate.replicate import compared
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import Spec
from qqt_bayes.runs import parse_mixture, read_runs

COMPUTES = (1e17, 1e18, 1e19)  # operations of the runs simulated
RATIOS = (3.0, 10.0, 30.0, 100.0)  # samples a parameter
POOLS = pd.DataFrame({"pool": ["A", "B"], "size": ["inf", "1B"]})  # B is repeated, A never
RATIO = 20.0  # at which new runs are predicted

__all__ = ["Task", "one"]


@dataclass(frozen=True)
class Task:
    """One study to simulate and refit; the specification as JSON, so that it can be a key."""

    spec: str
    settings: Settings
    seed: int


@cache
def laid_out(spec: str) -> tuple[Sizes, Model]:
    """The design, and the law's model of it; its losses are to be replaced."""
    rows = [
        (data, np.sqrt(compute / FLOPS / ratio), np.sqrt(compute / FLOPS * ratio))
        for data in POOLS["pool"]
        for compute in COMPUTES
        for ratio in RATIOS
    ]
    table = pd.DataFrame(rows, columns=["data", "params", "samples"])
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric="loss")
    table["value"] = 1.7 + 0.4 * (table["params"] / 1e8) ** -0.35
    table["value"] += 0.4 * (table["samples"] / 1e9) ** -0.35
    sizes = size_study(read_runs(table, POOLS), "loss")
    return sizes, build_model(sizes, Spec.from_dict(json.loads(spec)))


def one(task: Task) -> dict[str, Any]:
    """Simulate one study, refit it and compare."""
    begin = time.perf_counter()
    sizes, model = laid_out(task.spec)
    rng = np.random.default_rng([task.seed, 2])
    truth = rng.standard_normal((1, model.size))
    scale, tails = model.noise(truth)
    log_loss = model.fitted(truth) + scale * rng.standard_t(np.broadcast_to(tails, scale.shape))
    seed = int(np.random.SeedSequence([task.seed, 1]).generate_state(1)[0] >> 1)
    posterior = sample_law(replace(model, log_loss=log_loss[0]), seed, task.settings)
    both = np.concatenate([truth, posterior.flat])
    names, groups, values, best = examined(model, sizes, both, log_loss[0], rng)
    run = {
        "converged": posterior.gate.passed, "excluded": 0, "redrawn": 0,
        "noise": float(scale.max()), "values": posterior.values,
        "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    return {"names": names, "groups": groups, "candidates": sizes.laws, "run": run} | compared(
        values, best, len(sizes.laws), rng
    )


def examined(
    model: Model, sizes: Sizes, z: np.ndarray, log_loss: np.ndarray, rng: np.random.Generator
) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray, np.ndarray]:
    """Everything that is ranked, for the truth and all draws alike: names, groups and values.

    And last, dims (truth or draw, horizon), which data is best at its best size.
    """
    out: list[tuple[str, str, np.ndarray]] = []
    parameters, values = quantities(model, z)
    for name, value in zip(parameters, values, strict=True):
        group = (
            "fitted" if name.startswith("fitted")
            else "law parameter" if " of law" in name else "scalar"
        )  # fmt: skip
        out.append((name, group, value))
    alpha, beta = (model.by_law(f"{n}_exponent", z) for n in ("params", "samples"))
    for i, data in enumerate(sizes.laws):
        a = beta[:, i] / (alpha[:, i] + beta[:, i])
        out.append((f"exponent of the best size on {data}", "exponent", a))
    computes = max(COMPUTES) * np.array(HORIZONS)
    cases = [(h, i) for h in range(len(HORIZONS)) for i in range(len(sizes.laws))]
    mixtures = [parse_mixture(data, sizes.pools) for data in sizes.laws]
    compute = computes[[h for h, _ in cases]]
    points = at_points(
        np.sqrt(compute / FLOPS / RATIO), np.sqrt(compute / FLOPS * RATIO),
        np.array([mixtures[i].vector(sizes.pools) for _, i in cases]),
        np.asarray(sizes.pools.sizes, float), np.array([i for _, i in cases]), sizes.reference,
    )  # fmt: skip
    latent = model.predict(z, points, model.wandered(z, points, rng))
    scale, tails = model.scalar("noise", z)[:, None], model.scalar("tails", z)[:, None]
    new = latent + scale * rng.standard_t(np.broadcast_to(tails, latent.shape))
    for group, drawn in (("latent", latent), ("new run", new)):
        for k, (h, i) in enumerate(cases):
            out.append((f"{group} {sizes.laws[i]} at {HORIZONS[h]:g}x", group, drawn[:, k]))
    grid = evaluate(model, sizes, z, mixtures, computes, rng)
    found = [
        [lowest(grid.log_params[h, i], grid.loss[:, h, i]) for i in range(len(sizes.laws))]
        for h in range(len(HORIZONS))
    ]
    losses = np.array([[value for _, value in row] for row in found])
    for h, horizon in enumerate(HORIZONS):
        for i, data in enumerate(sizes.laws):
            out.append((f"best size on {data} at {horizon:g}x", "decision", found[h][i][0]))
        least = losses[h].min(axis=0)
        out.append((f"best loss at {horizon:g}x", "decision", least))
        out.append((f"difference at {horizon:g}x", "decision", losses[h, 0] - losses[h, -1]))
        out.append((f"regret of {sizes.laws[0]} at {horizon:g}x", "decision", losses[h, 0] - least))
        which = losses[h].argmin(axis=0).astype(float)
        out.append((f"which is best at {horizon:g}x", "decision", which))
    scale, tails = model.noise(z)
    density = stats.t.logpdf(log_loss, tails, model.fitted(z), scale).sum(axis=1)
    out.append(("log likelihood", "log likelihood", density))
    names, groups, columns = zip(*out, strict=True)
    return names, groups, np.column_stack(columns), losses.argmin(axis=1).T
