"""A model size: which data it will want, by its own runs or by what the sizes run have in common.

Of a size that was not run only what the sizes share is known: how good each pool is, where it
starts and how fast it wears out, how far pools are apart and curves wander, and how that changes
with the log of the parameters. So the answer is about the *order* of the candidates and the gaps
between them, as shares of the reducible error, and not about levels, for which ``qqt allocate`` has
a law of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.decide.choice import Choice
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.drawn import ask, share_best
from qqt_bayes.decide.predict import interval
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.conditional import exponents_ahead
from qqt_bayes.model.effects import AT_PATHS, AT_SLOPES, PATHS, SLOPES, simulator
from qqt_bayes.runs import Mixture, format_number
from qqt_bayes.tasks.joint import leaning_at, size_unit
from qqt_bayes.tasks.text import by_budget, describe_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qqt_bayes.model.points import Points
    from qqt_bayes.model.setting import Setting
    from qqt_bayes.tasks.several import Tasks

SCHEMA = 1
SAME = 0.01  # relative difference of parameters up to which a size is one that was run

__all__ = ["SizeDecision", "decide_size"]


@dataclass(frozen=True, eq=False, repr=False)
class SizeDecision(Choice):
    """Which data is best for a model size; made by ``tasks.decide_size``.

    Attributes
    ----------
    tasks : Tasks
        The sizes that were run.
    params : float
        Parameters of the size asked for.
    nearest : str
        The size run that is nearest; its harm is taken for a size that was not run.
    was_run : bool
        Whether that size is the one asked for: then its own runs answer.
    log_reducible : numpy.ndarray
        Dims (sample, budget, candidate): log of the reducible error; its level means nothing.
    common : numpy.ndarray
        The same without what one size has of its own: for what the sizes have in common.
    budgets : numpy.ndarray
        Dim (budget,), samples.
    candidates : tuple of Mixture
    prob : float
        Of the equal-tailed intervals.
    """

    tasks: Tasks = field(repr=False)
    params: float
    nearest: str
    was_run: bool
    log_reducible: np.ndarray = field(repr=False)
    common: np.ndarray = field(repr=False)
    budgets: np.ndarray
    candidates: tuple[Mixture, ...]
    prob: float

    @property
    def judged(self) -> np.ndarray:
        """Log of the reducible error."""
        return self.log_reducible

    @cached_property
    def p_common(self) -> np.ndarray:
        """Share of draws in which a candidate leads what the sizes share (budget, candidate)."""
        return share_best(self.common)

    @cached_property
    def expected_regret(self) -> np.ndarray:
        """Expected share of the reducible error that the best would save (budget, candidate)."""
        gap = self.log_reducible.min(axis=2, keepdims=True) - self.log_reducible
        return np.asarray((-np.expm1(gap)).mean(axis=0))

    @cached_property
    def draws(self) -> Any:
        """Log reducible error beside the draw-wise best's, dims (sample, budget, data)."""
        return self.labelled(self.judged - self.judged.min(axis=2, keepdims=True))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and candidate; differences are shares of the reducible error."""
        gap = np.expm1(interval(self.beside_best(self.judged), self.prob))
        return self.framed(
            best=self.is_best, p_best=self.p_best, p_common=self.p_common,
            difference=gap[0], difference_lo=gap[1], difference_hi=gap[2],
            expected_regret=self.expected_regret,
        )  # fmt: skip

    @property
    def headline(self) -> str:
        """The choice at each budget."""
        return (
            f"For a model of {format_number(self.params)} parameters, of {len(self.candidates)} "
            f"candidates: {self.choices} samples."
        )

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe_size(self)

    def in_common(self, b: int) -> str:
        """The order that the sizes share at a budget, where it is not the answer itself."""
        if self.was_run:
            return ""
        lead = int(np.argmax(self.p_common[b]))
        first = f"{self.names[lead]} first with P = {self.p_common[b, lead]:.2f}"
        return f" for this size; what the sizes have in common puts {first}"

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``--json``, as a dict."""
        return {
            "schema": SCHEMA,
            "params": self.params,
            "from_params": [float(v) for v in self.tasks.params],
            "nearest": self.nearest,
            "was_run": self.was_run,
            "prob": self.prob,
            "budgets": by_budget(self),
        }

    def plot(self, **options: Any) -> Any:
        """Gaps to the best by candidate and budget, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_size_decision(self, **options)


def decide_size(
    tasks: Tasks,
    params: float,
    budgets: Any,
    candidates: str | Sequence[str] | None = None,
    *,
    prob: float = 0.9,
) -> SizeDecision:
    """Decide for a model size, run or not.

    Parameters
    ----------
    tasks : Tasks
        From :func:`fit_tasks` by model, with a trend in the log of ``params``.
    params : float
        Parameters of the size asked for. A size that was run (within 1%) is answered from its own
        runs, as by :func:`qqt_bayes.decide.decide`.
    budgets, candidates
        As for :func:`qqt_bayes.decide.decide`.
    prob : float
        Of the equal-tailed intervals.

    Returns
    -------
    SizeDecision

    Raises
    ------
    UsageError
        For a bad argument, or tasks without a trend in the size.
    """
    check_prob(prob)
    if not params > 0.0:
        raise UsageError(f"params is {params} -> give the number of parameters, such as 7B")
    away = np.abs(np.log(tasks.params / params))
    was_run = bool(np.nanmin(away, initial=np.inf) < SAME)
    if tasks.hierarchy.covariate is None and not was_run:
        raise UsageError(
            "the models share no trend in their size -> fit by model or params (--by model), with "
            "one number of params for each model in the run table, and without --alone"
        )
    nearest = int(np.nanargmin(away))
    fit = tasks.fits[nearest]
    question = ask(fit.study, budgets, candidates)
    shape = (len(question.budgets), len(question.candidates))
    points = fit.posterior.design.points_at(
        np.repeat(question.budgets, shape[1]), np.tile(question.shares, (shape[0], 1))
    )
    if was_run:
        drawn = common = fit.posterior.at(points).log_reducible
    else:
        drawn, common = draw_size(tasks, params, nearest, points)
    return SizeDecision(
        tasks, params, tasks.names[nearest], was_run, drawn.reshape(-1, *shape),
        common.reshape(-1, *shape), question.budgets, question.candidates, prob,
    )  # fmt: skip


def setting_at(tasks: Tasks, params: float, nearest: int) -> Setting:
    """What runs of a size not run would range over: as those of the others, by their parameters.

    Larger models tend to be run for longer. What the sizes share is told from the smallest run of
    each on, so the size asked for needs one too; and as far as the longest of them was run, not
    only the largest model, which is often run for the shortest time.
    """
    settings = [f.posterior.design.setting for f in tasks.fits]
    logs = np.log(tasks.params)

    def line(values: list[float]) -> float:
        slope = np.clip(np.polyfit(logs - logs.mean(), values, 1)[0], 0.0, 1.0)
        return float(np.mean(values) + slope * (np.log(params) - logs.mean()))

    own = settings[nearest]
    smallest = line([s.smallest for s in settings])
    largest = smallest + max(s.largest - s.smallest for s in settings)
    anchor = min(np.exp(line([np.log(s.anchor) for s in settings])), own.sizes.min())
    return replace(own, smallest=smallest, largest=largest, anchor=float(anchor))


def draw_size(
    tasks: Tasks, params: float, nearest: int, points: Points
) -> tuple[np.ndarray, np.ndarray]:
    """Log reducible error of a size not run at the points, and what of it the sizes share.

    Dims (draw, point). A size's own are its deviations from the others, and how its curves wander.
    """
    points = replace(points, setting=setting_at(tasks, params, nearest))
    joint, rng = tasks.hierarchy, np.random.default_rng([tasks.seed, int(params)])
    posterior, shared, deviations = joint.posteriors[nearest], joint.common, joint.deviations
    assert shared is not None  # there is a covariate
    assert deviations is not None
    z = float((size_unit(np.array([params])) - size_unit(tasks.params).mean())[0])
    mean, own = shared.at(z)
    tied = mean + np.sqrt(own) * rng.standard_normal(mean.shape)
    coordinates = posterior.coordinates
    scores = coordinates.scores(posterior.parameters)
    for i, name in enumerate(
        deviations.scored, start=len(deviations.names) - len(deviations.scored)
    ):
        scores[:, coordinates.names.index(name)] = tied[:, i]
    p, leaning = leaning_at(shared, deviations, z, coordinates.parameters(scores))
    scales = leaning.narrowed(p).scales
    smooth, extra = exponents_ahead(p, points, posterior.priors["regime"], int(rng.integers(2**31)))
    sums = smooth + extra
    out = leaning.moved(p.utility, sums, points.shares) - p.utility[:, None] * sums.sum(axis=2)
    common = out.copy()
    for i, effect in zip(AT_SLOPES, SLOPES, strict=True):
        loading = effect.loadings(points.setting)  # type: ignore[misc]
        slope = rng.standard_normal((len(out), loading.shape[1])) @ loading.T * scales[:, [i]]
        out -= p.utility[:, None] * (sums @ slope[..., None])[..., 0]
    for i, effect in zip(AT_PATHS, PATHS, strict=True):
        path = scales[:, [i]] * simulator(effect, points)(len(out), rng)
        out += path
        common += path * effect.name.startswith("mixture")  # no size's runs tell it for another
    return out, common
