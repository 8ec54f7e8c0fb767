"""The answer: model size, samples and data for each compute, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.allocation.fitted import SizeFit, fit_sizes
from qqt_bayes.allocation.optimum import Grid, evaluate, lowest
from qqt_bayes.allocation.sizes import FLOPS
from qqt_bayes.allocation.text import as_json, describe, headline
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.drawn import share_best
from qqt_bayes.decide.predict import interval
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Mixture, Runs, parse_mixture
from qqt_bayes.runs.numbers import parse_positive

DRAWS = 1000  # used for the search; more would not show

__all__ = ["Allocation", "allocate", "allocate_fit"]


@dataclass(frozen=True, eq=False, repr=False)
class Allocation(Shown):
    """Model size and data at each compute; made by :func:`allocate`.

    Attributes
    ----------
    fit : SizeFit
    compute : numpy.ndarray
        Dim (budget,), in operations (6 x parameters x samples).
    candidates : tuple of Mixture
    draws : dict of numpy.ndarray
        ``params``, ``samples`` (optimum of each draw), ``loss`` (of the plan) and ``best`` (lowest
        loss of each draw): dims (draw, budget, candidate).
    plan : numpy.ndarray
        Dims (budget, candidate): parameters with the least expected loss; what to train.
    best : numpy.ndarray
        Dim (budget,): the candidate with the least expected regret.
    prob : float
        Probability of the intervals; they are equal-tailed and credible.
    """

    fit: SizeFit = field(repr=False)
    compute: np.ndarray
    candidates: tuple[Mixture, ...] = field(repr=False)
    grid: Grid = field(repr=False)
    draws: dict[str, np.ndarray] = field(repr=False)
    plan: np.ndarray = field(repr=False)
    best: np.ndarray = field(repr=False)
    prob: float
    seed: int

    @property
    def headline(self) -> str:
        """What to train at each compute."""
        return headline(self)

    @property
    def names(self) -> list[str]:
        """What the candidates are called."""
        return [m.text for m in self.candidates]

    @property
    def extrapolation(self) -> np.ndarray:
        """Compute over that of the largest run, dim (budget,)."""
        sizes = self.fit.sizes
        used = FLOPS * sizes.params * np.asarray(sizes.study.samples, float)
        return np.asarray(self.compute / used.max())

    @cached_property
    def unique(self) -> np.ndarray:
        """Unique samples of each candidate, dim (candidate,); infinite for unlimited data."""
        pools = self.fit.sizes.pools
        return np.array([m.unique_samples(pools) for m in self.candidates])

    @cached_property
    def regret(self) -> np.ndarray:
        """Expected loss of a plan above the best of all, dims (budget, candidate)."""
        lowest_of_all = self.draws["best"].min(axis=2, keepdims=True)
        return np.asarray(np.mean(self.draws["loss"] - lowest_of_all, axis=0))

    @cached_property
    def p_best(self) -> np.ndarray:
        """P(the candidate's own optimum is the lowest), dims (budget, candidate)."""
        return share_best(self.draws["best"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a compute and candidate; `_lo` and `_hi` bound the central interval.

        ``params``, ``samples`` and ``epochs`` are the optimum's median and interval; ``plan_*`` is
        what to train, the size with the least expected loss, and ``loss`` is that plan's.
        ``difference`` is the plan's loss less that of the best candidate's plan.
        """
        names, drawn = self.names, self.draws
        unique = np.where(np.isfinite(self.unique), self.unique, np.nan)
        planned = self.compute[:, None] / (FLOPS * self.plan)
        columns: dict[str, Any] = {
            "compute": np.repeat(self.compute, len(names)), "data": names * len(self.compute),
            "p_best": self.p_best, "regret": self.regret, "plan_params": self.plan,
            "plan_samples": planned, "plan_epochs": planned / unique,
        }  # fmt: skip
        lead = np.take_along_axis(drawn["loss"], self.best[None, :, None], axis=2)
        bands = {
            "params": drawn["params"], "samples": drawn["samples"],
            "epochs": drawn["samples"] / unique, "loss": drawn["loss"],
            "difference": drawn["loss"] - lead,
        }  # fmt: skip
        for name, values in bands.items():
            columns |= self.three(name, values)
        return pd.DataFrame({name: np.ravel(values) for name, values in columns.items()})

    @cached_property
    def exponents(self) -> pd.DataFrame:
        """One row a law: alpha, beta, a = beta / (alpha + beta) and b = 1 - a, with intervals."""
        drawn, columns = self.fit.exponents, {"data": self.fit.sizes.laws}
        for name, draws in (drawn | {"b": 1.0 - drawn["a"]}).items():
            columns |= self.three(name, draws)
        return pd.DataFrame(columns)

    @cached_property
    def growth_draws(self) -> np.ndarray | None:
        """Exponent of the optimal size over these computes, dims (draw, candidate).

        The slope of the draw's own optima, misfit included; None for a single compute.
        """
        if len(self.compute) < 2:
            return None
        x = np.log(self.compute) - np.log(self.compute).mean()
        return np.asarray(np.einsum("b,dbc->dc", x, np.log(self.draws["params"])) / np.sum(x**2))

    @cached_property
    def growth(self) -> pd.DataFrame:
        """One row a candidate: the exponent by which its optimal size grows over these computes."""
        draws = self.growth_draws
        if draws is None:
            return pd.DataFrame(columns=["data", "growth", "growth_lo", "growth_hi"])
        return pd.DataFrame({"data": self.names} | self.three("growth", draws))

    def three(self, name: str, draws: np.ndarray) -> dict[str, Any]:
        """Median and interval of draws."""
        return dict(
            zip((name, f"{name}_lo", f"{name}_hi"), interval(draws, self.prob), strict=True)
        )

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        return as_json(self)

    def plot(self, **options: Any) -> Any:
        """Losses over model sizes and the optima, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_allocation(self, **options)


def parse_compute(compute: Any) -> np.ndarray:
    """Compute budgets as given: ``"1e19,1e21"``, a number, or a list of either."""
    items = compute.split(",") if isinstance(compute, str) else compute
    items = list(items) if isinstance(items, Sequence | np.ndarray) else [items]
    values: list[float] = []
    for item in items:
        value = parse_positive("compute", item, "a positive number of operations, e.g. 1e21")
        if value in values:
            raise UsageError(f"compute '{item}' is given twice -> give each once")
        values.append(value)
    if not values:
        raise UsageError("no compute given -> pass some, for example --compute 1e19,1e21")
    return np.array(values)


def parse_data(candidates: str | Sequence[str] | None, fit: SizeFit) -> list[Mixture]:
    """Candidates as given, each known to some law; by default all that runs were made on."""
    study = fit.sizes.study
    if candidates is None:
        return [study.mixtures[text] for text in dict.fromkeys(study.data)]
    items = candidates.split(";") if isinstance(candidates, str) else list(candidates)
    found = [parse_mixture(item.strip(), study.pools) for item in items if item.strip()]
    if not found:
        raise UsageError('no data to choose from -> give some, for example "A;B"')
    for i, mixture in enumerate(found):
        fit.sizes.law_index(mixture)
        if mixture in found[:i]:
            raise UsageError(f"'{mixture.text}' is given twice -> give each data once")
    return found


def allocate(
    runs: Runs,
    compute: Any,
    metric: str | None = None,
    *,
    candidates: str | Sequence[str] | None = None,
    prob: float = 0.9,
    seed: int = 1,
    **options: Any,
) -> Allocation:
    """Say how to spend compute: which data, how many parameters, how many samples.

    Parameters
    ----------
    runs : Runs
        From :func:`qqt_bayes.read_runs`, with a ``params`` column.
    compute : str, float or list
        Budgets in operations, 6 x parameters x samples: ``"1e19,1e21"``.
    metric : str, optional
        Name of a loss; may be left out where there is one metric.
    candidates : str or list of str, optional
        Data to choose from, each of which runs were made on; all of it by default.
    prob : float
        Probability of the intervals.
    seed : int
        Same seed, same answer.
    **options
        Others of :func:`fit_sizes`.

    Returns
    -------
    Allocation

    Raises
    ------
    InputError, UsageError
        If rows cannot be used or an argument is bad.
    GateError
        If the fit did not converge (with ``on_fail="raise"``).
    """
    budgets = parse_compute(compute)  # before a fit is made, so that a slip costs no time
    check_prob(prob)
    fit = fit_sizes(runs, metric, seed=seed, **options)
    return allocate_fit(fit, budgets, candidates=candidates, prob=prob, seed=seed)


def allocate_fit(
    fit: SizeFit,
    compute: Any,
    *,
    candidates: str | Sequence[str] | None = None,
    prob: float = 0.9,
    seed: int = 1,
) -> Allocation:
    """The answer of a fit that exists; arguments as for :func:`allocate`."""
    budgets = parse_compute(compute)
    check_prob(prob)
    data = parse_data(candidates, fit)
    z = fit.posterior.flat
    z = z[:: max(1, len(z) // DRAWS)]
    rng = np.random.default_rng(seed)
    grid = evaluate(fit.model, fit.sizes, z, data, budgets, rng)
    shape = len(z), len(budgets), len(data)
    draws = {name: np.empty(shape) for name in ("params", "samples", "loss", "best")}
    plan = np.empty(shape[1:])
    for b in range(shape[1]):
        for c in range(shape[2]):
            logs, loss = grid.log_params[b, c], grid.loss[:, b, c]
            at, draws["best"][:, b, c] = lowest(logs, loss)
            draws["params"][:, b, c] = np.exp(at)
            draws["samples"][:, b, c] = budgets[b] / (FLOPS * np.exp(at))
            chosen = int(np.argmin(loss.mean(axis=0)))
            plan[b, c] = np.exp(logs[chosen])
            draws["loss"][:, b, c] = loss[:, chosen]
    best = np.argmin(draws["loss"].mean(axis=0), axis=1)
    return Allocation(fit, budgets, tuple(data), grid, draws, plan, best, prob, seed)
