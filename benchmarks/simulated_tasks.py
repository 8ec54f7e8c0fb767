"""Several tasks with a known truth: what pools are is correlated between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.model.design import build_design
from qqt_bayes.model.prior_predictive import draw_prior, noise_at, simulate_values
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Runs
from qqt_bayes.tasks.joint import size_unit

KINDS = ("utility", "half_life", "level", "average")  # of what tasks may have in common
TRIES = 100

__all__ = ["SimulatedTasks", "simulate_tasks"]


@dataclass(frozen=True, eq=False)
class SimulatedTasks:
    """Runs of several tasks, and the truth behind them.

    Attributes
    ----------
    runs : Runs
        One metric a task, or one value of ``model`` where they have a covariate.
    utility, level, half_life : numpy.ndarray
        Dims (task, pool).
    irreducible : numpy.ndarray
        Dim (task,).
    latent : numpy.ndarray
        Dims (task, budget, candidate): latent performance where it was asked for.
    correlation : dict
        By kind.
    """

    runs: Runs
    utility: np.ndarray = field(repr=False)
    level: np.ndarray = field(repr=False)
    half_life: np.ndarray = field(repr=False)
    irreducible: np.ndarray = field(repr=False)
    latent: np.ndarray = field(repr=False)
    correlation: dict[str, float]


def simulate_tasks(
    runs: Runs,
    metric: str,
    count: int,
    budgets: np.ndarray,
    shares: np.ndarray,
    *,
    seed: int,
    correlation: Mapping[str, float] | None = None,
    params: np.ndarray | None = None,
    withheld: int = 0,
    spec: str | Spec = "effective_utility",
) -> SimulatedTasks:
    """Draw tasks from a hierarchy in which pools are alike between tasks, and runs of them.

    Parameters
    ----------
    runs : Runs
        The design, whose values are not read.
    metric : str
        Of the design; names the kind of all tasks.
    count : int
        Tasks.
    budgets, shares : numpy.ndarray
        Dims (budget,) and (candidate, pool): where latent performance is wanted.
    seed : int
        Same seed, same tasks.
    correlation : mapping, optional
        Between tasks, by kind (utility, half_life, level and, with ``params``, average); what is
        not given is drawn uniformly, as the hierarchy takes it to be.
    params : numpy.ndarray, optional
        Dim (task,): parameters of the models that the tasks then are.
    withheld : int
        So many of the last models are drawn like the others but have no runs.
    spec : str or Spec
        Whose priors each task has.

    Raises
    ------
    UsageError
        If no tasks drawn have values in their metric's range.
    """
    chosen = load_spec(spec)
    study = runs.study(metric)
    design, priors = build_design(study, chosen), chosen.priors(study.kind)
    points = design.points_at(
        np.concatenate([np.exp(design.points.log_samples), np.repeat(budgets, len(shares))]),
        np.concatenate([design.points.shares, np.tile(shares, (len(budgets), 1))]),
    )
    setting, cells = design.setting, len(design.value)
    top = study.kind.limits[1]
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        rho = {k: float(rng.uniform()) for k in KINDS} | dict(correlation or {})
        given = deviations(rho, count, setting.finite, covariate_of(params, withheld), rng)
        latent, truth = draw_prior(
            design, points, priors, study.kind, count, int(rng.integers(2**31)), given
        )
        p = truth.parameters
        values = simulate_values(
            study, design, latent[:, :cells], noise_at(p, design.points.shares),
            int(rng.integers(2**31)), p.run_share,
        )  # fmt: skip
        if values.min() > 0.0 and values.max() < top:
            break
    else:
        raise UsageError(f"no tasks of {TRIES} drawn from the priors lie in the metric's range")
    return SimulatedTasks(
        run_table(runs, metric, values[: count - withheld], params), truth.utility, truth.level,
        np.exp(p.log_half_life), p.irreducible,
        latent[:, cells:].reshape(count, len(budgets), len(shares)), rho,
    )  # fmt: skip


def covariate_of(params: np.ndarray | None, withheld: int) -> np.ndarray | None:
    """What models may change with, from the mean of those that are run; None without parameters."""
    if params is None:
        return None
    size = size_unit(np.asarray(params, float))
    return np.asarray(size - size[: len(size) - withheld].mean())


def deviations(
    rho: Mapping[str, float], count: int, finite: np.ndarray, z: np.ndarray | None,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:  # fmt: skip
    """What the hierarchy draws, as :func:`draw_prior` takes it."""

    def tied(kind: str, width: int) -> np.ndarray:
        common, slope = rng.standard_normal((2, 1, width))
        if z is not None:
            common = (common + slope * z[:, None]) / np.sqrt(1.0 + z[:, None] ** 2)
        own = rng.standard_normal((count, width))
        return np.asarray(np.sqrt(rho[kind]) * common + np.sqrt(1.0 - rho[kind]) * own)

    lives = tied("half_life", int(finite.sum()))
    out = {
        "utility_spread_effects": tied("utility", len(finite)),
        "quality_effect_effects": tied("utility", 1),
        "level_spread_effects": tied("level", len(finite)),
    } | {f"half_life[{i}]": life for i, life in zip(np.flatnonzero(finite), lives.T, strict=True)}
    if z is not None:
        out |= {name: tied("average", 1)[:, 0] for name in ("utility", "half_life")}
    return out


def run_table(runs: Runs, metric: str, values: np.ndarray, params: np.ndarray | None) -> Runs:
    """The runs of all tasks, one metric each, or one model each."""
    parts = []
    for t, value in enumerate(values):
        part = runs.table.assign(value=value)
        if params is None:
            part = part.assign(metric=f"{metric}_{t}")
        else:
            part = part.assign(model=f"m{t}", params=params[t])
            part["run"] = [f"m{t}-{name}" for name in part["run"]]
        parts.append(part)
    return runs.replace(pd.concat(parts, ignore_index=True).drop(columns="line"))
