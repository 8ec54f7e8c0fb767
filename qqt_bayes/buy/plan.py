"""The plan: which runs to buy next, what each is worth, and whether to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.buy.batch import Batch, best_batch
from qqt_bayes.buy.designs import Designs, generate_designs, read_designs
from qqt_bayes.buy.evppi import Sample, bands, parameter_values, run_values
from qqt_bayes.buy.exact import corrected, simulate
from qqt_bayes.buy.problem import DRAWS, build_problem
from qqt_bayes.buy.stop import Stop, judge, parse_stake, worth
from qqt_bayes.buy.tally import Value
from qqt_bayes.buy.text import ROUGH, describe
from qqt_bayes.buy.value import OBJECTIVES, objective, undominated, value_designs
from qqt_bayes.buy.worlds import Known
from qqt_bayes.decide.candidates import default_candidates, parse_budgets, parse_candidates
from qqt_bayes.decide.export import number
from qqt_bayes.errors import UsageError
from qqt_bayes.refits import Workers
from qqt_bayes.runs import Mixture, parse_number
from qqt_bayes.runs.sheet import Source

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

SCHEMA = 1
SEARCHED = 13  # budgets at which a crossover is looked for
CHECKED = 3  # designs valued by regression too
ROUGH_MOST = 5  # designs refitted

__all__ = ["Plan", "buy"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Which runs to buy; made by ``fit.buy``.

    Attributes
    ----------
    designs : Designs
        What could be bought.
    values : tuple of Value
        Of each design on its own.
    khat : numpy.ndarray
        Dim (design,): Pareto k-hat of the weights of the few under a simulated outcome; above .7
        few draws speak for such an outcome, and the value is rough.
    net : numpy.ndarray
        Dim (design,): value in units of cost less the cost; NaN without a stake.
    limit : Value
        Value of perfect information.
    best : tuple of Mixture
        The choice now at each target budget.
    shares : numpy.ndarray
        Dims (candidate, pool): of the candidates that some draw finds best.
    chosen : Batch or None
        The best batch under the spend.
    stop : Stop
    refitted : tuple of int
        Designs whose value rests on exact refits.
    """

    fit: Fit = field(repr=False)
    designs: Designs = field(repr=False)
    values: tuple[Value, ...] = field(repr=False)
    khat: np.ndarray = field(repr=False)
    net: np.ndarray = field(repr=False)
    limit: Value
    budgets: np.ndarray
    weights: np.ndarray
    candidates: tuple[Mixture, ...] = field(repr=False)
    best: tuple[Mixture, ...]
    shares: np.ndarray = field(repr=False)
    chosen: Batch | None = field(repr=False)
    stop: Stop
    spend: float | None
    stake: str | float | None
    objective: str
    seed: int
    refitted: tuple[int, ...] = ()

    @property
    def evpi(self) -> float:
        """Value of perfect information: no set of runs is worth more."""
        return self.limit.total

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a design, most valuable first (by net benefit where there is a stake)."""
        table = self.designs.table.assign(
            evsi=[v.total for v in self.values], se=[v.se for v in self.values], khat=self.khat,
            net=self.net,
        )  # fmt: skip
        return table.iloc[self.order].reset_index(drop=True)

    @cached_property
    def order(self) -> np.ndarray:
        """Designs in the order of the table."""
        worth = np.array([v.total for v in self.values]) if np.isnan(self.net).all() else self.net
        return np.lexsort((self.designs.cost, -worth))

    @cached_property
    def batch(self) -> pd.DataFrame:
        """The best batch in order; `spent` and `evsi` are of everything up to that row."""
        rows = []
        for step in self.chosen.steps if self.chosen is not None else ():
            row = self.designs.table.iloc[step.design].to_dict()
            rows.append(row | {"spent": step.spent, "evsi": step.value.total, "se": step.value.se})
        return pd.DataFrame(
            rows, columns=["data", "samples", "seeds", "cost", "spent", "evsi", "se"]
        )

    @cached_property
    def sample(self) -> Sample:
        """Joint draws of the decision and of the runs, for what is valued by regression."""
        crosses = self.objective == "crossover"
        budgets = searched(self.fit, self.budgets) if crosses else self.budgets
        return Sample(
            self.fit, budgets, self.weights, self.shares, self.objective, self.designs, self.seed
        )

    @cached_property
    def evppi(self) -> pd.DataFrame:
        """What it would be worth to know a parameter exactly, most valuable first.

        Columns ``parameter``, ``pool`` (empty for what all pools share), ``evppi`` in the unit of
        the objective and ``se``; see :mod:`qqt_bayes.buy.regression`.
        """
        return parameter_values(self.sample)

    @cached_property
    def cross_check(self) -> pd.DataFrame:
        """The most valuable designs valued by regression too, which reweights nothing."""
        values = np.array([v.total for v in self.values])
        top = np.argsort(-values, kind="stable")[:CHECKED]
        found = run_values(self.sample, top.tolist())
        table = self.designs.table.iloc[top].reset_index(drop=True)
        return table.assign(
            evsi=values[top], se=[self.values[d].se for d in top],
            regression=[v for v, _ in found], regression_se=[e for _, e in found],
        )  # fmt: skip

    @cached_property
    def bands(self) -> pd.DataFrame:
        """90% bands of the candidates now, and how they would shrink by the batch.

        Without a batch, by the most valuable design. Columns ``samples``, ``data``, ``of``
        (``level``, or ``difference`` to the best now), ``median, lo, hi`` in the unit of the metric
        as modelled, and ``share``: the expected width afterwards over that now.
        """
        table = bands(self.sample, self.bought)
        names = self.contested
        table.insert(1, "data", [names[c] for c in table.pop("candidate")])
        return table

    @property
    def bought(self) -> tuple[int, ...]:
        """The batch, or else the most valuable design."""
        if self.chosen is not None and self.chosen.steps:
            return tuple(s.design for s in self.chosen.steps)
        return (int(np.argmax([v.total for v in self.values])),)

    @property
    def contested(self) -> tuple[str, ...]:
        """The candidates that some draw finds best."""
        pools = self.fit.study.pools
        every = np.array([c.vector(pools) for c in self.candidates])
        at = [int(np.argmin(np.abs(every - row).sum(axis=1))) for row in self.shares]
        return tuple(self.candidates[i].text for i in at)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        study = self.fit.study
        out = {
            "schema": SCHEMA,
            "metric": study.metric,
            "objective": self.objective,
            "budgets": [
                {"samples": number(n), "weight": number(w), "best": b.text, "evpi": number(e)}
                for n, w, b, e in zip(
                    self.budgets, self.weights, self.best, self.limit.by_budget, strict=True
                )
            ],
            "evpi": number(self.evpi),
            "evpi_se": number(self.limit.se),
            "spend": number(self.spend),
            "stake": self.stake,
            "designs": records(self.table),
            "refitted": [bool(d in self.refitted) for d in self.order],
            "batch": records(self.batch),
            "evppi": [row | {"pool": row["pool"] or None} for row in records(self.evppi)],
            "stop": self.stop.to_json(),
        }
        if self.fit.stamp:
            out["warning"] = self.fit.stamp
        return out

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


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON objects, with null for what is not a number."""
    whole = {"seeds"}
    return [
        {
            name: value
            if isinstance(value, str)
            else int(value)
            if name in whole
            else number(value)
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]


def parse_weights(weights: Sequence[float] | None, budgets: int) -> np.ndarray:
    """Weights of the budgets, summing to one."""
    if weights is None:
        return np.full(budgets, 1.0 / budgets)
    given = np.asarray(weights, float)
    if given.shape != (budgets,) or not np.all(np.isfinite(given)) or np.any(given < 0):
        raise UsageError(f"weights must be {budgets} numbers of 0 or more, one for each budget")
    if given.sum() <= 0:
        raise UsageError("all weights are 0 -> give at least one above")
    return given / given.sum()


def buy(
    fit: Fit,
    budgets: Any,
    *,
    designs: Source | Designs | None = None,
    spend: str | float | None = None,
    stake: str | float | None = None,
    weights: Sequence[float] | None = None,
    candidates: str | Sequence[str] | None = None,
    seed: int = 0,
    objective: str = "regret",
    draws: int = DRAWS,
    refits: int = 0,
    workers: int | Workers = 1,
) -> Plan:
    """Say which runs to buy next, what they are expected to be worth, and whether to stop.

    Parameters
    ----------
    fit : Fit
        What is known now.
    budgets : str, float or list
        Budgets at which data will have to be chosen, as for ``decide``.
    designs : path, pandas.DataFrame or Designs, optional
        What could be bought: columns ``data, samples, seeds, cost``. By default all candidates at
        all affordable budgets.
    spend : str or float, optional
        What may be spent, in units of cost; gives the best batch.
    stake : str or float, optional
        What one unit of the objective is worth in units of cost (for regret: one unit of the
        metric), or ``"compute"``: what regret would cost to make up by training longer.
    weights : sequence of float, optional
        Weight of each budget; equal by default.
    candidates : str or list of str, optional
        Data to choose from, as for ``decide``.
    seed : int
        Of the simulated outcomes.
    objective : {'regret', 'variance', 'p_best', 'crossover'}
        What a run is valued by: the drop in expected regret, in the candidates' mean predictive
        variance, the rise in the probability of the right choice, or the drop in the variance of
        the log of the budget from which the second of two candidates stays ahead of the first (to
        the one budget asked, where a later one counts as there).
    draws : int
        Draws of the few to use; time grows with the square.
    refits : int
        Simulated outcomes to refit exactly (``regret`` and ``variance`` only) for each of the
        :data:`ROUGH_MOST` most valuable designs whose k-hat is above .7; 0: none. The values of
        batches stay closed-form.
    workers : int or Workers
        Processes for the refits.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError, InputError
        For bad arguments or designs.
    """
    check_objective(objective, refits)
    wanted = parse_budgets(budgets)
    share_of = parse_weights(weights, len(wanted))
    price = parse_stake(stake)
    if price == "compute" and objective != "regret":
        raise UsageError(f"the stake 'compute' prices regret, not {objective} -> give a number")
    money = None if spend is None else positive(spend)
    pools = fit.study.pools
    chosen = (
        default_candidates(fit.study) if candidates is None else parse_candidates(candidates, pools)
    )
    if objective == "crossover" and (len(chosen) != 2 or len(wanted) != 1):
        raise UsageError(
            f"objective crossover with {len(chosen)} candidates and {len(wanted)} budgets -> give "
            "the two that cross, first the one ahead at small budgets, and the largest budget"
        )
    if designs is None:
        offered = generate_designs(fit.study, chosen, wanted, money)
    else:
        offered = designs if isinstance(designs, Designs) else read_designs(designs, pools)
    return valued(
        fit,
        wanted,
        share_of,
        chosen,
        offered,
        money,
        price,
        seed,
        objective,
        draws,
        refits,
        workers,
    )


def roughest(values: Sequence[Value], khats: np.ndarray) -> list[int]:
    """The most valuable designs for whose outcomes few draws speak."""
    order = np.argsort([-v.total for v in values], kind="stable")
    return [int(d) for d in order if khats[d] > ROUGH][:ROUGH_MOST]


def searched(fit: Fit, budgets: np.ndarray) -> np.ndarray:
    """Budgets at which a crossover is looked for."""
    top = float(budgets.max())
    return np.geomspace(min(float(fit.study.samples.min()), 0.5 * top), top, SEARCHED)


def check_objective(objective: str, refits: int) -> None:
    """Refuse an unknown objective, or refits that it cannot use.

    Raises
    ------
    UsageError
        Saying which would do.
    """
    if objective not in OBJECTIVES:
        raise UsageError(f"objective {objective!r} -> choose from {', '.join(OBJECTIVES)}")
    if refits and (refits < 2 or objective not in ("regret", "variance")):
        raise UsageError(
            f"refits={refits} for the objective {objective} -> give 0, or at least 2 with the "
            "objective regret or variance"
        )


def positive(spend: str | float) -> float:
    """What may be spent, as a positive number."""
    value = parse_number(spend)
    if not (np.isfinite(value) and value > 0):
        raise UsageError(f"spend {spend!r} -> give what may be spent, for example 3M")
    return value


def valued(
    fit: Fit, budgets: np.ndarray, weights: np.ndarray, candidates: Sequence[Mixture],
    offered: Designs, spend: float | None, stake: str | float | None, seed: int, name: str,
    draws: int, refits: int, workers: int | Workers,
) -> Plan:  # fmt: skip
    """The plan of checked arguments."""
    shares = np.array([c.vector(fit.study.pools) for c in candidates])
    places = searched(fit, budgets) if name == "crossover" else budgets
    problem = build_problem(fit, places, shares, offered, seed=seed, draws=draws)
    contest = np.arange(len(candidates))
    if name in ("regret", "p_best"):
        contest = undominated(problem)
        problem = build_problem(fit, budgets, shares[contest], offered, seed=seed, draws=draws)
    aim = objective(name, problem, weights)
    known = Known.now(problem)
    found = value_designs(known, aim, range(len(offered)), with_khat=True)
    values, khats = [v for v, _ in found], np.array([k for _, k in found])
    rough = roughest(values, khats) if refits else []
    for d in rough:
        trial = simulate(
            fit, known, aim, budgets, shares[contest], offered, d, refits, workers=workers
        )
        values[d] = corrected(values[d], trial)
    batch = (
        None
        if spend is None
        else best_batch(known, aim, values, spend, repeatable=offered.repeatable)
    )
    leaders = contest[aim.best]
    price = None if stake is None else worth(fit, stake, budgets, shares[leaders])
    net, stop = judge(values, offered.cost, batch, aim.limit, weights, price)
    return Plan(
        fit, offered, tuple(values), khats, net, aim.limit, budgets, weights, tuple(candidates),
        tuple(candidates[c] for c in leaders), shares[contest], batch, stop, spend, stake, name,
        seed, tuple(rough),
    )  # fmt: skip
