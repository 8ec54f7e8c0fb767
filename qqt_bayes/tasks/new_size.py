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

from qqt_bayes._columns import columns
from qqt_bayes._shown import Shown
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.drawn import ask, share_best
from qqt_bayes.decide.place import extrapolation
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.conditional import exponents_ahead
from qqt_bayes.model.effects import AT_PATHS, AT_SLOPES, PATHS, SLOPES, simulator
from qqt_bayes.runs import Mixture, format_number
from qqt_bayes.tasks.joint import leaning_at, size_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qqt_bayes.model.design import Points, Setting
    from qqt_bayes.tasks.several import Tasks

SCHEMA = 1
MOST = 8  # candidates shown at each budget
SAME = 0.01  # relative difference of parameters up to which a size is one that was run

__all__ = ["SizeDecision", "decide_size"]


@dataclass(frozen=True, eq=False, repr=False)
class SizeDecision(Shown):
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

    @cached_property
    def p_best(self) -> np.ndarray:
        """Share of draws in which a candidate is best, dims (budget, candidate)."""
        return share_best(self.log_reducible)

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
    def best(self) -> np.ndarray:
        """Candidate of least expected regret, dim (budget,)."""
        return np.argmin(self.expected_regret, axis=1)

    @cached_property
    def draws(self) -> Any:
        """Log reducible error beside the draw-wise best's, dims (sample, budget, data)."""
        import xarray as xr

        return xr.DataArray(
            self.log_reducible - self.log_reducible.min(axis=2, keepdims=True),
            dims=("sample", "budget", "data"),
            coords={"budget": self.budgets, "data": [c.text for c in self.candidates]},
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and candidate; differences are shares of the reducible error."""
        tail = 0.5 * (1.0 - self.prob)
        lead = np.take_along_axis(self.log_reducible, self.best[None, :, None], axis=2)
        gap = np.expm1(np.quantile(self.log_reducible - lead, [0.5, tail, 1.0 - tail], axis=0))
        rows = [
            {"samples": samples, "data": mixture.text, "best": c == self.best[b],
             "p_best": self.p_best[b, c], "p_common": self.p_common[b, c],
             "difference": gap[0, b, c],
             "difference_lo": gap[1, b, c], "difference_hi": gap[2, b, c],
             "expected_regret": self.expected_regret[b, c]}
            for b, samples in enumerate(self.budgets)
            for c, mixture in enumerate(self.candidates)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def headline(self) -> str:
        """The choice at each budget."""
        parts = [
            f"{self.candidates[self.best[b]].text} (P = {self.p_best[b, self.best[b]]:.2f}) at "
            f"{format_number(n)}"
            for b, n in enumerate(self.budgets)
        ]
        return (
            f"For a model of {format_number(self.params)} parameters, of {len(self.candidates)} "
            f"candidates: {', '.join(parts)} samples."
        )

    @property
    def text(self) -> str:
        """The answer on one screen."""
        studies = [f.study for f in self.tasks.fits]
        low, high = (format_number(v) for v in (self.tasks.params.min(), self.tasks.params.max()))
        lines = [
            f"{format_number(self.params)} parameters, from models of {low} to {high}; differences "
            f"in percent of the reducible error (lower is better); {100 * self.prob:g}% "
            "equal-tailed credible intervals",
            f"this size was run ({self.nearest}): its own runs answer, as in qqt decide"
            if self.was_run
            else f"what the sizes do not share is taken to be as for {self.nearest}",
            *(f"note: {note}" for note in self.tasks.notes),
        ]
        for b, samples in enumerate(self.budgets):
            best = self.candidates[self.best[b]].text
            place = f"At {format_number(samples)} samples{extrapolation(samples, *studies)}: "
            if len(self.candidates) == 1:
                lines += ["", f"{place}{best} is the only candidate: there is nothing to choose"]
                continue
            lines += ["", f"{place}{best} is best of {len(self.candidates)} with P = "
                      f"{self.p_best[b, self.best[b]]:.2f}{self.in_common(b)}"]  # fmt: skip
            cells = [("data", "P(best)", "minus best, % [interval]", "regret, %")]
            rows = self.table[self.table["samples"] == samples].sort_values("expected_regret")
            for r in rows.head(MOST).to_dict("records"):
                ends = (100 * r[f"difference{e}"] for e in ("", "_lo", "_hi"))
                gap = "-" if r["best"] else "{:+.3g} [{:+.3g}, {:+.3g}]".format(*ends)
                regret = f"{100 * r['expected_regret']:.2g}"
                cells.append((r["data"], f"{r['p_best']:.2f}", gap, regret))
            lines += columns(cells)
            if len(rows) > MOST:
                lines.append(f"  and {len(rows) - MOST} more, each with a larger expected regret")
        return "\n".join(lines)

    def in_common(self, b: int) -> str:
        """The order that the sizes share at a budget, where it is not the answer itself."""
        if self.was_run:
            return ""
        lead = int(np.argmax(self.p_common[b]))
        first = f"{self.candidates[lead].text} first with P = {self.p_common[b, lead]:.2f}"
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
            "budgets": [
                {
                    "samples": float(samples),
                    "best": self.candidates[self.best[b]].text,
                    "candidates": self.table[self.table["samples"] == samples]
                    .drop(columns=["samples", "best"])
                    .to_dict("records"),
                }
                for b, samples in enumerate(self.budgets)
            ],
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
