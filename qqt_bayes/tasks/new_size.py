"""A model size that was never run: which data it will want, by what the sizes run have in common.

Only what the sizes share is known of it: how good each pool is and how fast it wears out, and how
that changes with the log of the parameters. So the answer is about the *order* of the candidates
and the gaps between them, as shares of the reducible error, and not about levels, for which
``qqt allocate`` has a law of its own.
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
from qqt_bayes.inference.cells import WHOLE
from qqt_bayes.inference.chart import natural_draws
from qqt_bayes.inference.conditional import condition
from qqt_bayes.inference.together import common_part, common_size, tied
from qqt_bayes.runs import Mixture, format_number
from qqt_bayes.tasks.joint import places_of, shared_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qqt_bayes.model.design import Design, Points
    from qqt_bayes.tasks.several import Tasks

SCHEMA = 1
MOST = 8  # candidates shown at each budget

__all__ = ["SizeDecision", "decide_size"]


@dataclass(frozen=True, eq=False, repr=False)
class SizeDecision(Shown):
    """Which data is best for a model size that was not run; made by ``tasks.decide_size``.

    Attributes
    ----------
    tasks : Tasks
        The sizes that were run.
    params : float
        Parameters of the size asked for.
    nearest : str
        The size run whose noise, irreducible part, spreads, harm and drift scales are taken.
    log_reducible : numpy.ndarray
        Dims (sample, budget, candidate): log of the reducible error; its level means nothing.
    budgets : numpy.ndarray
        Dim (budget,), samples.
    candidates : tuple of Mixture
    prob : float
        Of the equal-tailed intervals.
    """

    tasks: Tasks = field(repr=False)
    params: float
    nearest: str
    log_reducible: np.ndarray = field(repr=False)
    budgets: np.ndarray
    candidates: tuple[Mixture, ...]
    prob: float

    @cached_property
    def p_best(self) -> np.ndarray:
        """Share of draws in which a candidate is best, dims (budget, candidate)."""
        return share_best(self.log_reducible)

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
             "p_best": self.p_best[b, c], "difference": gap[0, b, c],
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
            f"what the sizes do not share is taken to be as for {self.nearest}",
        ]
        for b, samples in enumerate(self.budgets):
            best = self.candidates[self.best[b]].text
            place = f"At {format_number(samples)} samples{extrapolation(samples, *studies)}: "
            if len(self.candidates) == 1:
                lines += ["", f"{place}{best} is the only candidate: there is nothing to choose"]
                continue
            lines += ["", f"{place}{best} is best of {len(self.candidates)} with P = "
                      f"{self.p_best[b, self.best[b]]:.2f}"]  # fmt: skip
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

    def to_json(self) -> dict[str, Any]:
        """The JSON object of ``--json``, as a dict."""
        return {
            "schema": SCHEMA,
            "params": self.params,
            "from_params": [float(v) for v in self.tasks.params],
            "nearest": self.nearest,
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
    """Decide for a model size that was not run.

    Parameters
    ----------
    tasks : Tasks
        From :func:`fit_tasks` by model, with a trend in the log of ``params``.
    params : float
        Parameters of the size asked for.
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
    if tasks.hierarchy.covariate is None:
        raise UsageError(
            "the models share no trend in their size -> fit by model or params (--by model), with "
            "one number of params for each model in the run table, and without --alone"
        )
    nearest = int(np.argmin(np.abs(np.log(tasks.params / params))))
    design = tasks.fits[nearest].posterior.design
    question = ask(tasks.fits[nearest].study, budgets, candidates)
    shape = (len(question.budgets), len(question.candidates))
    points = design.points_at(
        np.repeat(question.budgets, shape[1]), np.tile(question.shares, (shape[0], 1))
    )
    drawn = draw_size(tasks, params, nearest, points)
    return SizeDecision(
        tasks, params, tasks.names[nearest], drawn.reshape(-1, *shape), question.budgets,
        question.candidates, prob,
    )  # fmt: skip


def draw_size(tasks: Tasks, params: float, nearest: int, points: Points) -> np.ndarray:
    """Log reducible error at the points, dims (sample, point)."""
    joint, rng = tasks.hierarchy, np.random.default_rng([tasks.seed, int(params)])
    posterior = joint.posteriors[nearest]
    z = float(np.log10(params) - np.log10(tasks.params).mean())
    pools, finite = len(posterior.design.sizes), int(posterior.chart.finite.sum())
    kinds, width = common_size(pools, finite, True)
    common = joint.common[:, kinds:].reshape(len(joint.common), -1, width)
    theta = posterior.theta.reshape(len(common), -1).copy()
    record = np.array([0.0, theta.shape[1], z, *places_of(posterior)])
    f = np.array([common_part(row, z) for row in common])
    for i, j, b in tied(record, finite, pools, True):
        rho = joint.common[:, b]
        own = rng.standard_normal(len(theta))
        theta[:, i] = np.sqrt(rho) * f[:, j] + np.sqrt(1.0 - rho) * own
    unseen = without_runs(posterior.design)
    cells = posterior.cells
    none = cells._replace(
        value=unseen.value, replicates=unseen.count, scatter=unseen.scatter,
        eval_var=unseen.eval_var, first=unseen.points.first, epochs=unseen.points.epochs,
        shares=unseen.points.shares, kernels=unseen.kernels, run=unseen.run, layout=WHOLE,
        form=0,
    )  # fmt: skip
    return condition(
        natural_draws(theta, posterior.chart), none, unseen, points, posterior.priors["regime"],
        seed=posterior.seed, shared=shared_part(posterior, joint.common, z, True),
    ).log_reducible  # fmt: skip


def without_runs(design: Design) -> Design:
    """The same pools, anchor and range, with nothing observed."""
    points = design.points
    effects = replace(
        points.effects, clock=points.effects.clock[:, :0].copy(),
        coefficient=points.effects.coefficient[:, :0].copy(),
    )  # fmt: skip
    empty = replace(
        points, log_samples=points.log_samples[:0], shares=points.shares[:0].copy(),
        first=points.first[:0].copy(), epochs=points.epochs[:0].copy(), effects=effects,
    )  # fmt: skip
    none = np.empty(0)
    return replace(
        design, value=none, count=none, scatter=none, eval_var=none, points=empty,
        run=design.run[:0].copy(),
    )  # fmt: skip
