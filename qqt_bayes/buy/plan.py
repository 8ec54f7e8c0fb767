"""The plan: which runs to buy next, what each is worth, and whether to stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._json import as_object
from qqt_bayes._shown import Shown
from qqt_bayes.buy.batch import Batch
from qqt_bayes.buy.evppi import Sample, bands, parameter_values, run_values
from qqt_bayes.buy.problem import Question
from qqt_bayes.buy.stop import Stop
from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.text import describe, verdict
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Mixture

if TYPE_CHECKING:
    from qqt_bayes.buy.designs import Designs
    from qqt_bayes.fitting import Fit

SCHEMA = 1
CHECKED = 3  # designs valued by regression too

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Shown):
    """Which runs to buy; made by ``fit.buy``.

    Attributes
    ----------
    question : Question
        As it was worked on: of the candidates that some draw finds best, and of a crossover over
        the budgets on the way.
    budgets : numpy.ndarray
        Dim (budget,), samples, as asked.
    candidates : tuple of Mixture
        All of them.
    values : tuple of Value
        Of each design on its own.
    khat : numpy.ndarray
        Dim (design,): Pareto k-hat of the weights of the draws under a simulated outcome; above .7
        few draws speak for such an outcome, and the value is rough.
    net : numpy.ndarray
        Dim (design,): value in units of cost less the cost; NaN without a stake.
    limit : Value
        Value of perfect information.
    best : tuple of Mixture
        The choice now at each target budget.
    chosen : Batch or None
        The best batch under the spend.
    stop : Stop
    refitted : tuple of int
        Designs whose value rests on exact refits.
    """

    question: Question
    budgets: np.ndarray
    candidates: tuple[Mixture, ...] = field(repr=False)
    spend: float | None
    stake: str | float | None
    values: tuple[Value, ...] = field(repr=False)
    khat: np.ndarray = field(repr=False)
    net: np.ndarray = field(repr=False)
    limit: Value
    best: tuple[Mixture, ...]
    chosen: Batch | None = field(repr=False)
    stop: Stop
    refitted: tuple[int, ...] = ()

    @property
    def fit(self) -> Fit:
        """What is known now."""
        return self.question.fit

    @property
    def designs(self) -> Designs:
        """What could be bought."""
        return self.question.designs

    @property
    def weights(self) -> np.ndarray:
        """Weights of the budgets (budget,)."""
        return self.question.weights

    @property
    def objective(self) -> str:
        """What a run is valued by."""
        return self.question.objective

    @property
    def evpi(self) -> float:
        """Value of perfect information: no set of runs is worth more."""
        return self.limit.total

    @cached_property
    def totals(self) -> np.ndarray:
        """Value of each design on its own (design,)."""
        return np.array([v.total for v in self.values])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a design, most valuable first (by net benefit where there is a stake)."""
        table = self.designs.table.assign(
            evsi=self.totals, se=[v.se for v in self.values], khat=self.khat,
            net=self.net,
        )  # fmt: skip
        return table.iloc[self.order].reset_index(drop=True)

    @cached_property
    def order(self) -> np.ndarray:
        """Designs in the order of the table."""
        worth = self.totals if np.isnan(self.net).all() else self.net
        return np.lexsort((self.designs.cost, -worth))

    @cached_property
    def batch(self) -> pd.DataFrame:
        """The best batch in order; `spent` and `evsi` are of everything up to that row."""
        batch = self.chosen or Batch((), "")
        bought = self.designs.table.iloc[[step.design for step in batch.steps]]
        return (
            bought[["data", "samples", "seeds", "cost"]]
            .reset_index(drop=True)
            .assign(
                spent=[step.spent for step in batch.steps],
                evsi=[step.value.total for step in batch.steps],
                se=[step.value.se for step in batch.steps],
                for_spread=np.arange(len(batch.steps)) < batch.for_spread,
            )
        )

    @cached_property
    def draws(self) -> Any:
        """Latent performance of the candidates before any purchase, dims (sample, budget, data)."""
        return self.question.fit.decide(self.budgets, [c.text for c in self.candidates]).draws

    @cached_property
    def sample(self) -> Sample:
        """Joint draws of the decision and of the runs, for what is valued by regression."""
        return Sample(self.question)

    @cached_property
    def evppi(self) -> pd.DataFrame:
        """What it would be worth to know a parameter exactly, most valuable first.

        Columns ``parameter``, ``pool`` (empty for what all pools share), ``evppi`` in the unit of
        the objective and ``se``; see :mod:`qqt_bayes.buy.evppi`.
        """
        return parameter_values(self.sample)

    @cached_property
    def cross_check(self) -> pd.DataFrame:
        """The most valuable designs valued by regression too, which reweights nothing."""
        top = np.argsort(-self.totals, kind="stable")[:CHECKED]
        found = run_values(self.sample, top.tolist())
        table = self.designs.table.iloc[top].reset_index(drop=True)
        return table.assign(
            evsi=self.totals[top], se=[self.values[d].se for d in top],
            regression=[v for v, _ in found], regression_se=[e for _, e in found],
        )  # fmt: skip

    @cached_property
    def bands(self) -> pd.DataFrame:
        """90% bands of the candidates now, and how they would shrink by the batch.

        Without a batch, by the most valuable design. Columns ``samples``, ``data``, ``of``
        (``level``, or ``difference`` to the best now), ``median, lo, hi`` in the unit of the metric
        as modelled, and ``share``: the expected width afterwards over that now.
        """
        return bands(self.sample, self.bought)

    @property
    def bought(self) -> tuple[int, ...]:
        """The batch, or else the most valuable design."""
        if self.chosen is not None and self.chosen.steps:
            return tuple(s.design for s in self.chosen.steps)
        return (int(np.argmax(self.totals)),)

    @property
    def headline(self) -> str:
        """Whether to go on, in a sentence."""
        return self.fit.stamp + verdict(self)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        study = self.fit.study
        out = {
            "schema": SCHEMA, "metric": study.metric, "objective": self.objective,
            "budgets": [
                {"samples": n, "weight": w, "best": b.text, "evpi": e}
                for n, w, b, e in zip(
                    self.budgets, self.weights, self.best, self.limit.by_budget, strict=True
                )
            ],
            "evpi": self.evpi, "evpi_se": self.limit.se, "spend": self.spend, "stake": self.stake,
            "designs": self.table, "refitted": np.isin(self.order, self.refitted),
            "batch": self.batch,
            "evppi": self.evppi.assign(pool=[pool or None for pool in self.evppi["pool"]]),
            "stop": vars(self.stop),
        }  # fmt: skip
        return as_object(out, middle_notes(self.fit), self.fit.stamp)

    def plot(self, kind: str = "value", **options: Any) -> Any:
        """A matplotlib figure.

        Parameters
        ----------
        kind : {'value', 'bands'}
            Value against cost of the designs and of the batch, or how the batch would narrow what
            is known of the candidates.
        **options
            Of :func:`qqt_bayes.plots.plot_plan` or :func:`qqt_bayes.plots.plot_preposterior`.

        Raises
        ------
        UsageError
            For another kind.
        """
        draw = {"value": "plot_plan", "bands": "plot_preposterior"}.get(kind)
        if draw is None:
            raise UsageError(f"plot kind {kind!r} -> choose from value, bands")
        return getattr(import_module("qqt_bayes.plots"), draw)(self, **options)
