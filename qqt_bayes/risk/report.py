"""The report: all checks at all budgets, one verdict for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._json import as_object
from qqt_bayes._shown import Shown
from qqt_bayes.decide.decision import check_margin
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.errors import UsageError
from qqt_bayes.refits import Workers, opened
from qqt_bayes.risk.check import FAIL, Check, combine, worst
from qqt_bayes.risk.checks import CHECKS, SLOW
from qqt_bayes.risk.context import Context, silent
from qqt_bayes.risk.history import Record
from qqt_bayes.risk.ledger import Ledger, ledger
from qqt_bayes.risk.thresholds import MARGIN
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.fitting import Fit

SCHEMA = 1
COLUMNS = ["samples", "verdict", "check", "status", "text", "advice"]

__all__ = ["Assessment", "Risk", "risk"]


@dataclass(frozen=True)
class Assessment:
    """What was found at one budget.

    Attributes
    ----------
    samples : float
        The budget.
    verdict : {'PASS', 'REVIEW', 'FAIL'}
        The gravest of the checks.
    reasons : tuple of str
        Why, gravest first; what speaks for it where no check found a problem.
    checks : tuple of Check
        In the order in which they are told.
    pair : tuple of str
        The best candidate here and the runner-up, if there is one.
    ledger, ledger_difference : dict
        Share of the variance by part: of a new run on the best candidate, and of the difference
        between the pair (empty with one candidate).
    """

    samples: float
    verdict: str
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    pair: tuple[str, ...]
    ledger: dict[str, float]
    ledger_difference: dict[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class Risk(Shown):
    """How far a fit can be trusted; made by ``fit.risk``.

    Attributes
    ----------
    fit : Fit
        What was judged.
    decision : Decision
        The decision that was judged.
    assessments : tuple of Assessment
        One a budget, in the order given.
    record : Record
        The back-tests.
    variants : dict of Fit
        The same runs under other laws, by name; empty for a quick report.
    quick : bool
        Whether the checks that refit the runs were left out.
    """

    fit: Fit = field(repr=False)
    decision: Decision = field(repr=False)
    assessments: tuple[Assessment, ...] = field(repr=False)
    record: Record = field(repr=False)
    variants: dict[str, Fit] = field(repr=False)
    quick: bool
    seed: int

    @property
    def headline(self) -> str:
        """The verdict at each budget."""
        told = ", ".join(f"{a.verdict} at {format_number(a.samples)}" for a in self.assessments)
        return f"{self.fit.stamp}{self.fit.study.metric}: {told} samples"

    @property
    def verdict(self) -> str:
        """The gravest verdict of all budgets."""
        return worst(a.verdict for a in self.assessments)

    @property
    def draws(self) -> Any:
        """Latent performance of the candidates: the draws of the decision judged."""
        return self.decision.draws

    @property
    def exit_code(self) -> int:
        """1 when any budget fails, so that a pipeline can stop on it; else 0."""
        return int(self.verdict == FAIL)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a budget and check."""
        rows = [
            (a.samples, a.verdict, c.name, c.status, c.text, c.advice)
            for a in self.assessments
            for c in a.checks
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    @property
    def text(self) -> str:
        """The report for people."""
        from qqt_bayes.risk.text import describe

        return describe(self)

    def ledger_at(self, budgets: np.ndarray, asked: np.ndarray) -> Ledger:
        """The ledger of best and runner-up at the budgets ``asked`` (positions), at others."""
        d, variants = self.decision, [*self.variants.values()]
        best = d.shares[[d.order[a][0] for a in asked]]
        other = d.shares[[d.order[a][1] for a in asked]] if len(d.candidates) > 1 else None
        return ledger(self.fit, budgets, best, other, variants, self.seed)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        out = {
            "schema": SCHEMA,
            "metric": self.fit.study.metric,
            "verdict": self.verdict,
            "quick": self.quick,
            "trained_on": self.fit.study.trained_on,
            "budgets": [
                {
                    "samples": a.samples,
                    "verdict": a.verdict,
                    "best": a.pair[0],
                    "runner_up": a.pair[1] if len(a.pair) > 1 else None,
                    "reasons": a.reasons,
                    "checks": [vars(c) for c in a.checks],
                    "ledger": a.ledger,
                    "ledger_difference": a.ledger_difference,
                }
                for a in self.assessments
            ],
        }
        return as_object(out, middle_notes(self.fit), self.fit.stamp)

    def plot(self, what: str = "ledger", **options: Any) -> Any:
        """A matplotlib figure.

        Parameters
        ----------
        what : {'ledger', 'parameters'}
            Where the variance comes from against the budget, or each parameter's posterior beside
            its prior, with those marked that the runs do not identify.
        **options
            Of :func:`qqt_bayes.plots.plot_ledger` or :func:`qqt_bayes.plots.plot_parameters`.

        Raises
        ------
        UsageError
            For another name.
        """
        plots = import_module("qqt_bayes.plots")
        if what == "ledger":
            return plots.plot_ledger(self, **options)
        if what == "parameters":
            return plots.plot_parameters(self.fit, **options)
        raise UsageError(f"no picture '{what}' -> choose from ledger, parameters")


def risk(
    fit: Fit, budgets: Any, candidates: Any = None, *, margin: float | None = None, seed: int = 1,
    quick: bool = False, workers: int | Workers = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Risk:  # fmt: skip
    """Judge how far a fit can be trusted.

    Parameters
    ----------
    fit : Fit
        What to judge.
    budgets : str, number or list
        In samples: ``"480k,1.92M"``.
    candidates : str or list of str, optional
        As for ``fit.decide``.
    margin : float, optional
        Regret, in the metric's unit, that does not matter; by default 1% of the metric predicted
        for the best candidate.
    seed : int
        Of back-tests, refits and draws.
    quick : bool
        Leave out the checks that refit the final runs: other laws, leave one out.
    workers : int or Workers
        Processes for the refits; the same answer whatever their number.
    progress : callable, optional
        Called with the name of a stage and the share done of it.

    Returns
    -------
    Risk

    Raises
    ------
    UsageError
        For a bad argument.
    """
    check_margin(margin)
    if margin is not None and not margin > 0:
        raise UsageError(f"margin is {margin:g} -> give a positive regret in the metric's unit")
    decision = fit.decide(budgets, candidates, on_fail="warn")
    if len(decision.latent) < len(fit.posterior):
        raise UsageError(
            f"{len(decision.candidates)} candidates at {len(decision.budgets)} budgets are too "
            "many to judge -> name those between which you choose"
        )
    level = np.median(
        np.take_along_axis(decision.latent, decision.best[None, :, None], axis=2)[..., 0], axis=0
    )
    margins = MARGIN * level if margin is None else np.full(len(level), float(margin))
    with opened(workers) as crew:
        context = Context(fit, decision, margins, seed, quick, crew, progress or silent)
        results = {
            name: check(context) for name, check in CHECKS.items() if not (quick and name in SLOW)
        }
        record, variants = context.record, context.variants
    made = Risk(fit, decision, (), record, variants, quick, seed)
    assessments = []
    for b, samples in enumerate(decision.budgets):
        checks = tuple(found[b] for found in results.values())
        verdict, reasons = combine(checks)
        pair = tuple(decision.candidates[c].text for c in decision.order[b][:2])
        divided = made.ledger_at(decision.budgets[[b]], np.array([b]))
        assessments.append(
            Assessment(
                float(samples), verdict, reasons, checks, pair, divided.shares(0),
                divided.shares(0, "differences") if len(pair) > 1 else {},
            )
        )  # fmt: skip
    return replace(made, assessments=tuple(assessments))
