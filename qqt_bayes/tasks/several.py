"""Fits of several tasks (metrics) or models on one pool table, and their hierarchy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.inference.marginal import DILUTION, SCALES, SPREAD, UTILITY
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.refits import refit_many
from qqt_bayes.tasks.pooling import Pooled, pool_draws

if TYPE_CHECKING:
    from qqt_bayes.inference.conditional import Conditional
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.inference.sample import Settings
    from qqt_bayes.runs import Runs
    from qqt_bayes.tasks.answer import TaskDecision

DRAWS = 2000
BLOCKS = ("utility", "half_life")
FEW = 50  # joint draws that rest on fewer of a task's own draws are not used

__all__ = ["Tasks", "deviations", "fit_tasks"]


@dataclass(frozen=True, eq=False)
class Tasks:
    """Fits of several tasks or models; made by :func:`fit_tasks`.

    Attributes
    ----------
    names : tuple of str
        Metrics, or models.
    fits : tuple of Fit
        One a task, each made alone.
    pooled : bool
        Whether answers borrow strength between tasks.
    notes : tuple of str
        Tasks left out, and why.
    seed : int
    """

    names: tuple[str, ...]
    fits: tuple[Fit, ...] = field(repr=False)
    pooled: bool
    notes: tuple[str, ...]
    seed: int

    @cached_property
    def hierarchy(self) -> Pooled:
        """The tasks' joint draws, from their posteriors at no points in particular."""
        return self.join([thin(f.posterior).at(f.posterior.design.points) for f in self.fits])

    def join(self, drawn: Sequence[Conditional]) -> Pooled:
        """Joint draws of the tasks, given draws of each."""
        apart = [
            deviations(thin(f.posterior), d.utility) for f, d in zip(self.fits, drawn, strict=True)
        ]
        blocks = apart[0][1]
        effective = np.array([len(x) for x, _ in apart], float)
        if self.pooled and len(self.fits) > 1:
            found = pool_draws([x for x, _ in apart], blocks, DRAWS, self.seed)
            if found.effective.min() >= FEW:
                return found
            effective = found.effective
        rng = np.random.default_rng(self.seed)  # independent: shuffled, so that chains do not align
        index = np.stack([rng.permutation(np.resize(np.arange(len(x)), DRAWS)) for x, _ in apart])
        none = np.zeros((DRAWS, int(blocks.max(initial=0)) + 1))
        return Pooled(index.T, none, effective, joined=False)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a task and pool: utility and half-life, median and 90% ETI, alone and pooled."""
        rows = []
        for t, (name, made) in enumerate(zip(self.names, self.fits, strict=True)):
            posterior = thin(made.posterior)
            values = {"utility": posterior.fitted.utility, "half_life": posterior.half_lives}
            for i, pool in enumerate(made.study.pools.names):
                row: dict[str, Any] = {"task": name, "pool": pool}
                for what, draws in values.items():
                    for prefix, own in (
                        ("", draws[self.hierarchy.index[:, t], i]),
                        ("alone_", draws[:, i]),
                    ):
                        known = np.isfinite(own).all()
                        lo, mid, hi = np.quantile(own, [0.05, 0.5, 0.95]) if known else [np.nan] * 3
                        row |= {
                            f"{prefix}{what}": mid, f"{prefix}{what}_lo": lo,
                            f"{prefix}{what}_hi": hi,
                        }  # fmt: skip
                rows.append(row)
        return pd.DataFrame(rows)

    @property
    def text(self) -> str:
        """What was fitted, and how much the tasks have in common."""
        return self.describe(self.hierarchy)

    def describe(self, found: Pooled) -> str:
        """The same for the joint draws that an answer rests on."""
        lines = [f"{len(self.fits)} tasks on {len(self.fits[0].study.pools.names)} pools"]
        if self.pooled and len(self.fits) > 1 and not found.joined:
            worst = int(np.argmin(found.effective))
            lines.append(
                f"the tasks are kept apart: joined, {self.names[worst]} would rest on "
                f"{found.effective[worst]:.0f} of its own draws (at least {FEW}); with many tasks "
                "and pools the separate fits cannot be joined"
            )
        if found.joined:
            for b, what in enumerate(BLOCKS[: found.correlation.shape[1]]):
                lo, mid, hi = np.quantile(found.correlation[:, b], [0.05, 0.5, 0.95])
                lines.append(
                    f"correlation of the pools' {what.replace('_', '-')} between tasks: "
                    f"{mid:.2f} [{lo:.2f}, {hi:.2f}] (90% equal-tailed interval)"
                )
        for name, made, size in zip(self.names, self.fits, found.effective, strict=True):
            lines.append(
                f"  {name}: {int(made.study.trained_on['runs'])} runs"
                + (f", {size:.0f} effective draws" if found.joined else "")
            )
        return "\n".join(lines + [f"note: {n}" for n in self.notes])

    @property
    def draws(self) -> dict[str, Any]:
        """Posterior draws of each task alone, as :attr:`qqt_bayes.Fit.draws`."""
        return {n: f.draws for n, f in zip(self.names, self.fits, strict=True)}

    def decide(
        self,
        budgets: Any,
        candidates: str | Sequence[str] | None = None,
        *,
        weights: Mapping[str, float] | None = None,
        prob: float = 0.9,
    ) -> TaskDecision:
        """One decision for all tasks; see :func:`qqt_bayes.tasks.answer.decide_tasks`."""
        from qqt_bayes.tasks.answer import decide_tasks

        return decide_tasks(self, budgets, candidates, weights=weights, prob=prob)

    def plot(self, **options: Any) -> Any:
        """Utilities and half-lives by task, alone and pooled, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_tasks(self, **options)


def thin(posterior: Posterior) -> Posterior:
    """A posterior of about so many draws as are joined: the Gibbs sampler reads all of them."""
    chains, draws = posterior.chains
    every = max(1, chains * draws // DRAWS)
    return posterior if every == 1 else replace(posterior, theta=posterior.theta[:, ::every])


def deviations(posterior: Posterior, utility: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pools' deviations from their average, standard normal beforehand.

    Parameters
    ----------
    posterior : Posterior
        Of one task.
    utility : numpy.ndarray
        Dims (draw, pool), drawn with the predictions that are to be joined.

    Returns
    -------
    deviation : numpy.ndarray
        Dims (draw, coordinate): utilities, then log half-lives of the finite pools; a part whose
        spread is fixed at zero is left out.
    block : numpy.ndarray
        Dim (coordinate,): 0 for utilities, 1 for half-lives.
    """
    design, natural, parts = posterior.design, posterior.natural, []
    pools, finite = len(design.sizes), np.isfinite(design.sizes)
    mean, spread = natural[:, UTILITY], natural[:, SPREAD]
    if np.all(spread > 0.0):
        quality = posterior.cells.quality_sd * design.quality
        scale = spread[:, None, None] ** 2 * design.likeness + np.outer(quality, quality)
        root = np.linalg.cholesky(scale)
        relative = utility / mean[:, None] - 1.0
        parts.append(np.linalg.solve(root, relative[:, :, None])[:, :, 0])
    hyper = posterior.hyper()
    if finite.any() and np.all(hyper["half_life_spread"] > 0.0):
        start = SCALES + len(COMPONENTS)
        life = natural[:, start : start + pools] - np.log(hyper["half_life"])[:, None]
        life = (life - natural[:, [DILUTION]] * design.log_size)[:, finite]
        root = np.linalg.cholesky(design.likeness[np.ix_(finite, finite)])
        parts.append(np.linalg.solve(root, life.T).T / hyper["half_life_spread"][:, None])
    block = np.concatenate([np.full(p.shape[1], k) for k, p in enumerate(parts)] or [np.zeros(0)])
    width = np.concatenate(parts, axis=1) if parts else np.zeros((len(natural), 0))
    return width, block.astype(int)


@dataclass(frozen=True)
class Order:
    """One task to fit."""

    name: str
    runs: Runs
    metric: str
    kind: str | None
    spec: str
    seed: int
    settings: Settings | None


def make(order: Order) -> Fit | str:
    """The fit, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fit(order.runs, order.metric, kind=order.kind, spec=order.spec, seed=order.seed,
                       settings=order.settings)  # fmt: skip
        except GateError:
            return f"{order.name} is left out: its fit did not pass the convergence gate"


def fit_tasks(
    runs: Runs,
    metrics: Sequence[str] | None = None,
    *,
    by: str = "metric",
    spec: str = "effective_utility",
    where: Mapping[str, str] | None = None,
    upto: str | float | None = None,
    kinds: Mapping[str, str] | None = None,
    pooled: bool = True,
    seed: int = 1,
    settings: Settings | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Tasks:
    """Fit several metrics (or one metric of several models) and let them share what pools are.

    Parameters
    ----------
    runs : Runs
        From :func:`qqt_bayes.read_runs`.
    metrics : sequence of str, optional
        The metrics; by default all of the table. With ``by="model"`` exactly one.
    by : str
        ``"metric"``, or a column of the run table such as ``"model"`` whose values are the tasks.
    spec : str
        A specification by name, or a TOML file.
    where, upto
        Which rows to fit, as for :meth:`Runs.select`.
    kinds : mapping, optional
        'loss', 'error' or 'accuracy' by metric, where its name does not tell.
    pooled : bool
        False for separate fits, to compare.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Of the sampler.
    workers : int
        Processes.
    progress : callable, optional
        Called with the numbers of fits done and to do.

    Raises
    ------
    UsageError
        For fewer than two tasks, or a column that the table does not have.
    GateError
        If no fit converged.
    """
    chosen = runs.select(where=dict(where or {}), upto=upto)
    names = list(metrics or chosen.metrics)
    jobs: list[tuple[str, Runs, str]] = [(m, chosen, m) for m in names]
    if by != "metric":
        if by not in chosen.table:
            raise UsageError(f"the run table has no column '{by}' -> by='metric', or a column")
        if len(names) != 1:
            raise UsageError(
                f"by='{by}' compares one metric, not {len(names)} -> name one of "
                f"{', '.join(chosen.metrics)}"
            )
        groups = [g for g in dict.fromkeys(chosen.table[by]) if isinstance(g, str) and g]
        jobs = [(g, chosen.select(where={by: g}), names[0]) for g in groups]
    if len(jobs) < 2:
        raise UsageError(
            f"there is only one task ({jobs[0][0] if jobs else 'none'}) -> use fit, or give more"
        )
    orders = [
        Order(name, part, metric, (kinds or {}).get(metric), spec, seed + k, settings)
        for k, (name, part, metric) in enumerate(jobs)
    ]
    made = refit_many(make, orders, workers=workers, progress=progress)
    fits = [(o.name, m) for o, m in zip(orders, made, strict=True) if isinstance(m, Fit)]
    notes = tuple(m for m in made if isinstance(m, str))
    if not fits:
        raise GateError("no task converged:\n" + "\n".join(notes), None)
    return Tasks(tuple(n for n, _ in fits), tuple(f for _, f in fits), pooled, notes, seed)
