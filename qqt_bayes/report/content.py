"""What a report is made of, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes.decide.predict import interval
from qqt_bayes.report.sampler import by_chains
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.buy import Plan
    from qqt_bayes.decide import Decision
    from qqt_bayes.fitting import Fit
    from qqt_bayes.risk import Risk

PRIOR_DRAWS = 400
MEDIAN = np.sqrt(np.pi / 2)  # standard error of a median over that of a mean

__all__ = ["Content"]


@dataclass(frozen=True, eq=False)
class Content:
    """The answers that a report tells.

    `risk` and `plan` are None where nobody asked; `command` makes it again; `versions` are by
    package; `answers` are what only the user knows, by the key of an item of the checklists.
    """

    fit: Fit = field(repr=False)
    decision: Decision = field(repr=False)
    risk: Risk | None = field(repr=False)
    plan: Plan | None = field(repr=False)
    command: str
    versions: dict[str, str]
    answers: dict[str, str]

    @property
    def stamp(self) -> str:
        """Warning that everything must carry; empty when all converged."""
        if self.fit.stamp:
            return self.fit.stamp.strip()
        return "" if self.decision.gate.passed else "NOT CONVERGED: do not rely on this."

    @property
    def largest(self) -> float:
        """Samples of the largest run fitted."""
        return float(self.fit.study.trained_on["max_samples"])

    @property
    def factor(self) -> float:
        """Largest budget asked over the largest run."""
        return float(self.decision.budgets.max() / self.largest)

    @cached_property
    def seen_epochs(self) -> float:
        """Most epochs that any run passed over any pool."""
        return float(self.fit.study.epochs.max())

    @cached_property
    def asked_epochs(self) -> float:
        """Most epochs of any pool in the choices made."""
        d, sizes = self.decision, np.asarray(self.fit.study.pools.sizes, float)
        return float((d.budgets[:, None] * d.shares[d.best] / sizes).max())

    @cached_property
    def prior_p_best(self) -> tuple[str, float]:
        """The candidate most probably best before any data at the largest budget, and how."""
        from qqt_bayes.model.prior_predictive import draw_prior

        fit, d = self.fit, self.decision
        design = fit.posterior.design
        points = design.points_at(np.full(len(d.candidates), d.budgets.max()), d.shares)
        latent, _ = draw_prior(
            design, points, fit.posterior.priors, fit.study.kind, PRIOR_DRAWS, fit.seed
        )
        p = np.bincount(np.argmin(latent, axis=1), minlength=len(d.candidates)) / len(latent)
        return d.candidates[int(np.argmax(p))].text, float(p.max())

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """Each parameter and derived quantity: posterior and how well it was computed."""
        names, draws = [], []
        for name, values in self.fit.draws.data_vars.items():
            by_pool = "pool" in values.dims
            for i in range(values.sizes["pool"] if by_pool else 1):
                array = values.values[..., i] if by_pool else values.values
                if np.all(np.isfinite(array)) and np.ptp(array) > 0:
                    pool = f"[{values['pool'].values[i]}]" if by_pool else ""
                    names.append(f"{name}{pool}")
                    draws.append(array.ravel())
        d = self.decision
        told = [f"{name} at {format_number(n)}" for n in d.budgets for name in d.names]
        reported = np.asarray(d.fit.study.reported(d.latent)).reshape(-1, len(told))
        predicted = np.ascontiguousarray(reported.T)
        return pd.concat(
            [
                self.measured(names, np.array(draws), "parameter"),
                self.measured(told, predicted, "prediction"),
            ],
            ignore_index=True,
        )

    def measured(self, names: list[str], draws: np.ndarray, kind: str) -> pd.DataFrame:
        """Quantities with their interval and how well they are known, dims (quantity, draw)."""
        mid, lo, hi = interval(draws.T, self.decision.prob)
        found = {name: (ess, last) for name, ess, last in self.fit.posterior.check(
            names, draws).table}  # fmt: skip
        ess, last = np.array([found.get(name, (np.nan, np.nan)) for name in names]).T
        error = MEDIAN * draws.std(axis=1) / np.sqrt(ess)
        how = "r_hat" if by_chains(self.fit) else "apart"
        return pd.DataFrame(
            {"quantity": names, "kind": kind, "median": mid, "lo": lo, "hi": hi,
             "mcse_median": error, how: last, "ess": ess}
        )  # fmt: skip

    def risk_check(self, name: str) -> list[tuple[float, Any]]:
        """(budget, check) of one of the risk report's checks; empty if it was not made."""
        if self.risk is None:
            return []
        return [(a.samples, c) for a in self.risk.assessments for c in a.checks if c.name == name]
