"""Fits of several tasks (metrics) or models on one pool table, and their hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.errors import GateError
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.gate import K
from qqt_bayes.refits import refit_many
from qqt_bayes.tasks.joint import Joint, kept_apart, share, size_unit
from qqt_bayes.tasks.orders import make, orders_of

if TYPE_CHECKING:
    from qqt_bayes.inference.settings import Settings
    from qqt_bayes.runs import Runs
    from qqt_bayes.tasks.answer import TaskDecision
    from qqt_bayes.tasks.new_size import SizeDecision

__all__ = ["Tasks", "fit_tasks"]


@dataclass(frozen=True, eq=False, repr=False)
class Tasks(Shown):
    """Fits of several tasks or models; made by :func:`fit_tasks`.

    Attributes
    ----------
    names : tuple of str
        Metrics, or models.
    fits : tuple of Fit
        One a task, each made alone.
    hierarchy : Joint
        Draws of the tasks weighed by what they share, which answers are made from.
    params : numpy.ndarray
        Dim (task,): parameters of the models, NaN where the table does not say or a task has
        several.
    pooled : bool
        Whether answers borrow strength between tasks.
    notes : tuple of str
        Tasks left out or kept apart, and why.
    seed : int
    """

    names: tuple[str, ...]
    fits: tuple[Fit, ...] = field(repr=False)
    hierarchy: Joint = field(repr=False)
    params: np.ndarray = field(repr=False)
    pooled: bool
    notes: tuple[str, ...]
    seed: int

    @cached_property
    def joined(self) -> tuple[Fit, ...]:
        """The fits with their joint draws; for predictions only, since a refit would be alone."""
        pairs = zip(self.fits, self.hierarchy.posteriors, strict=True)
        return tuple(replace(made, posterior=posterior) for made, posterior in pairs)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a task and pool: utility and half-life, median and 90% ETI, alone and pooled."""
        parts = []
        for name, alone, joined in zip(self.names, self.fits, self.joined, strict=True):
            pooled, own = (made.by_pool("utility", "half_life") for made in (joined, alone))
            own = own.drop(columns="pool").add_prefix("alone_")
            both = pd.concat([pooled, own], axis=1)
            both.insert(0, "task", name)
            parts.append(both)
        return pd.concat(parts, ignore_index=True)

    @property
    def text(self) -> str:
        """What was fitted, and how much the tasks have in common."""
        from qqt_bayes.tasks.text import describe_tasks

        return describe_tasks(self)

    @property
    def draws(self) -> dict[str, Any]:
        """Posterior draws of each task, as :attr:`qqt_bayes.Fit.draws`; joint where pooled."""
        return {n: f.draws for n, f in zip(self.names, self.joined, strict=True)}

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

    def decide_size(
        self,
        params: float,
        budgets: Any,
        candidates: str | Sequence[str] | None = None,
        *,
        prob: float = 0.9,
    ) -> SizeDecision:
        """Decide for a model size not run; see :func:`qqt_bayes.tasks.new_size.decide_size`."""
        from qqt_bayes.tasks.new_size import decide_size

        return decide_size(self, params, budgets, candidates, prob=prob)

    def plot(self, **options: Any) -> Any:
        """Utilities and half-lives by task, alone and pooled, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_tasks(self, **options)


def fit_tasks(
    runs: Runs,
    metrics: Sequence[str] | None = None,
    *,
    by: str = "metric",
    spec: str = "effective_utility",
    pooled: bool = True,
    trend: bool = True,
    seed: int = 1,
    settings: Settings | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    **selection: Any,
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
    pooled : bool
        False for separate fits, to compare.
    trend : bool
        Whether what models share may change with the log of their size, where the table has a
        column ``params`` with one value for each of them.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Of the sampler.
    workers : int
        Processes.
    progress : callable, optional
        Called with the numbers of steps done and to do: a fit each, and what they share.
    **selection
        ``where`` and ``upto``: which rows to fit, as for :meth:`Runs.select`.

    Raises
    ------
    UsageError
        For fewer than two tasks, or a column that the table does not have.
    GateError
        If no fit converged.
    """
    orders = orders_of(runs.select(**selection), metrics, by, spec, seed, settings)
    steps = len(orders) + pooled  # what they share is the last one
    tell = progress or (lambda _done, _total: None)
    made = refit_many(make, orders, workers=workers, progress=lambda done, _: tell(done, steps))
    pairs = [(o, m) for o, m in zip(orders, made, strict=True) if isinstance(m, Fit)]
    notes = tuple(m for m in made if isinstance(m, str))
    if not pairs:
        raise GateError("no task converged:\n" + "\n".join(notes), None)
    fits = tuple(m for _, m in pairs)
    params = np.array([o.params for o, _ in pairs])
    joint = join(fits, params if trend else None, pooled, seed)
    tell(steps, steps)
    names = tuple(o.name for o, _ in pairs)
    notes += apart(joint, names, pooled) + middle_notes(fits[0])
    return Tasks(names, fits, joint, params, pooled, notes, seed)


def apart(joint: Joint, names: Sequence[str], wanted: bool) -> tuple[str, ...]:
    """Which tasks answer alone though they were to share, in words."""
    if not joint.joined:
        said = "what the tasks share could not be told: each answers alone"
        return (said,) * (wanted and len(names) > 1)
    return tuple(
        f"{name} answers alone: weighed by what the tasks share, few of its draws would count "
        f"(Pareto k {k:.2f}, at most {K}); more draws may help (--draws)"
        for name, k in zip(names, joint.k, strict=True)
        if not k <= K
    )


def join(fits: Sequence[Fit], params: np.ndarray | None, pooled: bool, seed: int) -> Joint:
    """Fits weighed by what their tasks share; kept apart where that is not wanted."""
    posteriors = [f.posterior for f in fits]
    if not pooled or len(fits) < 2:
        return kept_apart(posteriors, seed)
    decades = None
    if params is not None and np.isfinite(params).all() and np.ptp(params) > 0.0:
        decades = size_unit(params)
    return share(posteriors, decades, seed)
