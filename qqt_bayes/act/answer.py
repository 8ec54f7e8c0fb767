"""The answer: what each action is worth at each budget, and what may be paid for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.act.compare import Compared, compare
from qqt_bayes.act.table import Action, brought_in, read_actions
from qqt_bayes.act.text import as_json, describe
from qqt_bayes.decide import decide
from qqt_bayes.decide.candidates import default_candidates, parse_budgets
from qqt_bayes.decide.choice import Choice
from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.predict import interval
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.errors import GateError, InputError, UsageError
from qqt_bayes.inference.gate import GateReport
from qqt_bayes.runs import Mixture, Pools, format_number, parse_mixture
from qqt_bayes.runs.numbers import parse_positive

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Study
    from qqt_bayes.runs.sheet import Source

__all__ = ["ActionDecision", "act"]


@dataclass(frozen=True, eq=False, repr=False)
class ActionDecision(Choice):
    """What could be done to the data, compared; made by ``fit.act``.

    Attributes
    ----------
    fit : Fit
    budgets : numpy.ndarray
        Dim (budget,), samples that can be trained on if nothing is done.
    actions : tuple of Action
        The first is to leave the data as they are.
    compared : Compared
        Joint draws, dims (sample, budget, action).
    price : float
        Cost of training on one sample.
    prob : float
        Probability of the equal-tailed intervals.
    gate : GateReport
    notes : tuple of str
        What a reader of the answer has to know besides.
    """

    fit: Fit = field(repr=False)
    budgets: np.ndarray
    actions: tuple[Action, ...] = field(repr=False)
    compared: Compared = field(repr=False)
    price: float
    prob: float
    gate: GateReport = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The best action at each budget."""
        return f"{self.fit.stamp}Best of {len(self.actions)} actions: {self.choices} samples."

    @property
    def names(self) -> list[str]:
        """Names of the actions."""
        return [a.name for a in self.actions]

    @property
    def judged(self) -> np.ndarray:
        """Performance once paid for."""
        return self.compared.paid

    @cached_property
    def expected_regret(self) -> np.ndarray:
        """Expected shortfall from the draw-wise best once paid for; NaN where unaffordable."""
        paid = self.compared.paid
        shortfall = paid.mean(axis=0) - paid.min(axis=2).mean(axis=0)[:, None]
        return np.where(np.isfinite(shortfall), np.maximum(shortfall, 0.0), np.nan)

    @cached_property
    def best(self) -> np.ndarray:
        """Action of least expected regret, dim (budget,)."""
        return np.nanargmin(self.expected_regret, axis=1)

    @cached_property
    def p_pays(self) -> np.ndarray:
        """Probability that an action at its cost is better than none, dims (budget, action)."""
        paid = self.compared.paid
        out = (paid < self.compared.at[:, :, :1]).mean(axis=0)
        out[:, 0] = np.nan
        return out

    @cached_property
    def draws(self) -> Any:
        """Draws, dims (sample, budget, action), as an :class:`xarray.Dataset`.

        ``performance`` after the budget's samples and ``paid``, with the cost taken out of the
        budget, both in the metric's own unit; ``factor`` of compute; ``break_even`` cost.
        """
        import xarray as xr

        study, c = self.fit.study, self.compared
        paid = np.where(np.isfinite(c.paid), study.reported(c.paid), np.nan)
        values = {
            "performance": study.reported(c.at), "paid": paid, "factor": c.factor,
            "break_even": c.break_even,
        }  # fmt: skip
        dims = ("sample", "budget", "action")
        return xr.Dataset(
            {name: (dims, v) for name, v in values.items()},
            coords={"budget": self.budgets, "action": self.names},
        )

    def quantiles(self, draws: np.ndarray) -> np.ndarray:
        """Median and equal-tailed interval; dim 0 is (median, lo, hi). Each is one of the draws."""
        return interval(draws, self.prob, "inverted_cdf")

    @cached_property
    def change(self) -> np.ndarray:
        """Action less none after the budget's samples, in the metric's direction."""
        sign = -1.0 if self.fit.study.kind.higher_is_better else 1.0
        return sign * (self.compared.at - self.compared.at[:, :, :1]) + 0.0

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and action; a factor or price beyond what was looked at is infinite."""
        c, count = self.compared, len(self.budgets)
        helps = (c.at < c.at[:, :, :1]).mean(axis=0)
        helps[:, 0] = np.nan
        columns: dict[str, Any] = {
            "data": [a.data.text for a in self.actions] * count, "best": self.is_best,
            "cost": [a.cost for a in self.actions] * count,
            "touched": [a.touched for a in self.actions] * count,
        }  # fmt: skip
        bands = {
            ("median", "lo", "hi"): np.asarray(self.fit.study.reported(c.at)),
            ("change", "change_lo", "change_hi"): self.change,
            ("factor", "factor_lo", "factor_hi"): c.factor,
            ("break_even", "break_even_lo", "break_even_hi"): c.break_even,
        }
        for names, draws in bands.items():
            columns |= dict(zip(names, self.quantiles(draws), strict=True))
        columns |= {
            "p_helps": helps, "p_pays": self.p_pays, "p_best": self.p_best,
            "expected_regret": self.expected_regret,
        }  # fmt: skip
        return self.framed("action", **columns)

    @property
    def text(self) -> str:
        """The answer on one screen."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        return as_json(self)

    def plot(self, **options: Any) -> Any:
        """Change and break-even price of each action by budget, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_actions(self, **options)


def act(
    fit: Fit, budgets: Any, actions: Source, *, data: str | None = None,
    price: str | float = 1.0, prob: float = 0.9, seed: int = 1, on_fail: str = "raise",
) -> ActionDecision:  # fmt: skip
    """Compare what could be done to the data: improve, buy, add, drop, or nothing.

    Parameters
    ----------
    fit : Fit
        What is known.
    budgets : str, number or list
        Samples that can be trained on if nothing is done.
    actions : path or pandas.DataFrame
        Columns ``action, pool, changes`` and optionally ``cost, per``: see docs/how_to/act.md.
    data : str, optional
        What would be trained on if nothing were done; by default what ``decide`` chooses at the
        largest budget from data without the pools that actions would bring in.
    price : str or float
        What training on one sample costs, in the unit of ``cost``.
    prob : float
        Probability of the intervals (equal-tailed).
    seed : int
        Together with the fit's own seed.
    on_fail : {'raise', 'warn'}
        What to do when the quantities compared did not converge.

    Returns
    -------
    ActionDecision

    Raises
    ------
    UsageError, InputError
        For bad arguments or actions.
    GateError
        When a quantity that is compared is not known well enough.
    """
    check_prob(prob)
    wanted = parse_budgets(budgets)
    each = positive(price)
    notes = list(middle_notes(fit))
    pools = fit.study.pools
    if data is not None:
        now = data_now(data, pools)
    else:
        now = chosen_now(fit, wanted, actions)
        notes.append(f"nothing said of the data now, so {now.text}, the best without what is new")
    todo = read_actions(actions, pools, now)
    idle = [n for a in todo for n in a.data.names if not fit.study.used[pools.index(n)]]
    if idle:
        notes.append(
            f"no run draws from {', '.join(dict.fromkeys(idle))}: known from other pools only "
            "(an improved pool is better told by rank=... or utility=... of the pool it was)"
        )
    found = compare(fit, wanted, todo, each, seed)
    names = [f"{a.name} at {format_number(n)}" for n in wanted for a in todo]
    gate = fit.posterior.check(names, found.at.reshape(len(found.at), -1).T)
    if not gate.passed and fit.converged and on_fail != "warn":
        raise GateError(gate.text, gate)
    return ActionDecision(fit, wanted, todo, found, each, prob, gate, tuple(notes))


def positive(price: str | float) -> float:
    """The price of a sample: a finite number above 0."""
    mend = "what training on one sample costs, above 0, in the unit of the column 'cost'"
    return parse_positive("price", price, mend)


def data_now(text: str, pools: Pools) -> Mixture:
    """What would be trained on if nothing were done: a mixture of known pools."""
    try:
        return parse_mixture(text, pools)
    except UsageError as error:
        raise UsageError(str(error).replace("mixture", "data", 1)) from None


def chosen_now(fit: Fit, budgets: np.ndarray, actions: Source) -> Mixture:
    """What ``decide`` chooses from data without the pools that actions would bring in."""
    usable = check_actions(actions, fit.study)
    decision = decide(fit, [float(budgets.max())], usable)
    return decision.candidates[int(decision.best[0])]


def check_actions(actions: Source, study: Study) -> list[str]:
    """What the data may be now: all that was run, without the pools that actions would bring in.

    A table that can be done to none of it is refused here, before anything is computed.
    """
    new = brought_in(actions)
    usable = [c for c in default_candidates(study) if not new & set(c.shares)]
    if not usable:
        raise UsageError("all data that was run holds what an action would add -> pass --data")
    refusals = []
    for now in usable:
        try:
            read_actions(actions, study.pools, now)
        except InputError as error:
            refusals.append(error)
    if len(refusals) == len(usable):
        raise min(refusals, key=lambda error: len(error.problems))
    return [now.text for now in usable]
