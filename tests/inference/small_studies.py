"""Small simulated studies of every shape, with parameters to evaluate them at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.kind_names import kind_named
from qqt_bayes.model.design import Design, build_design
from qqt_bayes.model.marginal import Cells
from qqt_bayes.model.noise import seed_factor
from qqt_bayes.model.parameters import Coordinates, Parameters
from qqt_bayes.model.prior_predictive import Truth, draw_prior, simulate_study, simulate_values
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Study, read_runs


@dataclass(frozen=True)
class Case:
    """A simulated study, its design, priors and the truth it was drawn from."""

    study: Study
    design: Design
    priors: dict[str, Prior]
    kind: str
    truth: Truth

    @cached_property
    def cells(self) -> Cells:
        return Cells.of(self.design, self.priors, kind_named(self.kind))

    @cached_property
    def coordinates(self) -> Coordinates:
        return Coordinates.of(self.priors, self.design)

    def parameters(self, draws: int, seed: int) -> Parameters:
        """Draws of the prior, with an irreducible part that the values allow."""
        rng = np.random.default_rng(seed)
        found = self.coordinates.parameters(
            rng.standard_normal((draws, len(self.coordinates.names)))
        )
        share = rng.uniform(0.1, 0.95, draws)
        return found._replace(irreducible=self.design.expected.min() * share)


def simulate(rows: list[tuple[str, float]], pools: dict[str, list], metric: str, seed: int,
             spec: Spec | None = None, **columns: Any) -> Case:  # fmt: skip
    """A study with these rows (data, samples), its truth drawn from the prior."""
    table = pd.DataFrame(rows, columns=["data", "samples"])
    names = {"run": [f"r{i}" for i in range(len(rows))]} | columns
    table = table.assign(metric=metric, value=0.5, **names)
    study = read_runs(table, pd.DataFrame(pools)).study(metric)
    spec = spec or load_spec("effective_utility")
    priors = spec.priors(study.kind)
    design = build_design(study, spec)
    for attempt in range(seed, seed + 1000):
        latent, truth = draw_prior(design, design.points, priors, study.kind, 1, attempt)
        p = truth.parameters
        noise = p.seed_noise[0] * seed_factor(p.noise_ratio, design.points.shares)[0]
        values = simulate_values(study, design, latent[0], noise, attempt, p.run_share[0])
        ceiling = np.inf if study.kind == "loss" else 0.97
        if values.min() > 1.02 * p.irreducible[0] and values.max() < ceiling:
            study = simulate_study(study, values)
            return Case(study, build_design(study, spec), priors, str(study.kind), truth)
    raise AssertionError("no draw of the prior gives sensible values")


def loss_study(seed: int = 3, spec: Spec | None = None) -> Case:
    """Two pools, alone and mixed: 8 runs."""
    rows = [(data, n * 1e6) for data in ("A", "B") for n in (1, 4, 16)]
    rows += [("A:0.5+B:0.5", 4e6), ("A:0.5+B:0.5", 16e6)]
    pools = {"pool": ["A", "B"], "size": [1e6, 4e6], "quality_rank": [1, 2]}
    return simulate(rows, pools, "loss", seed, spec)


def replicated_study(seed: int = 11, spec: Spec | None = None) -> Case:
    """Three ranked pools and their unions: replicates, and one run of five hundred epochs."""
    rows = [("A", 30e3), ("A", 30e3), ("A", 30e3), ("A", 240e3), ("A", 30e6), ("B", 120e3)]
    rows += [("B", 120e3), ("A+B", 240e3), ("A+B+C", 240e3), ("A+B+C", 960e3), ("C", 240e3)]
    pools = {"pool": ["A", "B", "C"], "size": [60e3, 60e3, 90e3], "quality_rank": [1, 2, 3]}
    return simulate(rows, pools, "loss", seed, spec, se=0.004)


def family_study(seed: int = 5, spec: Spec | None = None) -> Case:
    """Accuracies of two families and an unlimited pool without rank, with test items."""
    rows = [("A", 1e6), ("A", 8e6), ("B", 1e6), ("B", 8e6), ("B", 8e6), ("W", 1e6), ("W", 32e6)]
    rows += [("A+B", 8e6), ("A:0.2+W:0.8", 8e6), ("A:0.3+B:0.3+W:0.4", 32e6)]
    pools = {
        "pool": ["A", "B", "W", "idle"], "size": [1e6, 3e6, np.inf, 5e6],
        "quality_rank": [1, 2, None, 3], "family": ["code", "code", "web", "web"],
    }  # fmt: skip
    return simulate(rows, pools, "top1_accuracy", seed, spec, n_eval=10_000)


def checkpoint_study(seed: int = 3, spec: Spec | None = None) -> Case:
    """Trajectories, two of them on one pool at the same budgets, and runs of one row."""
    rows = [("A", n * 1e6) for n in (1, 2, 4)] * 2 + [("A+B", n * 1e6) for n in (1, 3)]
    rows += [("B", 2e6), ("B", 2e6), ("B", 8e6), ("A", 4e6)]
    run = [*["a1"] * 3, *["a2"] * 3, *["ab"] * 2, "b1", "b2", "b3", "a3"]
    pools = {"pool": ["A", "B"], "size": [1e6, 4e6], "quality_rank": [1, 2]}
    return simulate(rows, pools, "loss", seed, spec, se=0.002, run=run)


def apart_study(seed: int = 6, spec: Spec | None = None) -> Case:
    """Four ranked pools of two families, two of them mixed, with trajectories: three blocks."""
    rows = [(data, n * 1e6) for data in ("A", "B", "C", "D") for n in (1, 4, 16)]
    rows += [("A+B", 4e6), ("A+B", 16e6), ("C", 4e6), ("D", 8e6)]
    run = [*["a"] * 3, *["b"] * 3, *["c"] * 3, *["d"] * 3, "ab1", "ab2", "c2", "d"]
    pools = {
        "pool": ["A", "B", "C", "D"], "size": [1e6, 3e6, 2e6, 5e6], "quality_rank": [1, 2, 3, 4],
        "family": ["code", "web", "code", "web"],
    }  # fmt: skip
    return simulate(rows, pools, "loss", seed, spec, run=run)


def single_study(seed: int = 2, spec: Spec | None = None) -> Case:
    """One pool."""
    rows = [("A", 1e6), ("A", 4e6), ("A", 16e6)]
    return simulate(rows, {"pool": ["A"], "size": [1e6]}, "loss", seed, spec)


def rated_study(seed: int = 7, spec: Spec | None = None) -> Case:
    """Three ranked pools and their unions under the exchange-rate law."""
    return replicated_study(seed, spec or load_spec("exchange_rate"))


def unranked_study(seed: int = 9, spec: Spec | None = None) -> Case:
    """Two pools without a rank under the exchange-rate law, one of them unlimited."""
    rows = [(data, n * 1e6) for data in ("A", "B") for n in (1, 4, 16)]
    rows += [("A:0.5+B:0.5", 4e6), ("A:0.2+B:0.8", 16e6)]
    pools = {"pool": ["A", "B"], "size": [1e6, np.inf]}
    return simulate(rows, pools, "loss", seed, spec or load_spec("exchange_rate"))


STUDIES = {
    "two pools": loss_study,
    "replicates": replicated_study,
    "families": family_study,
    "checkpoints": checkpoint_study,
    "pools apart": apart_study,
    "one pool": single_study,
    "exchange rates": rated_study,
    "unranked exchange rates": unranked_study,
}
