"""What all checks of one report look at, computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.refits import Workers
from qqt_bayes.risk.closed_form import LeaveOneOut, leave_one_out
from qqt_bayes.risk.history import Record, back_test
from qqt_bayes.risk.variants import fit_variants
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.fitting import Fit

__all__ = ["Context"]


def silent(_label: str, _done: float) -> None:
    """Report no progress."""


@dataclass(frozen=True, eq=False)
class Context:
    """The fit, its decision and what several checks share."""

    fit: Fit
    decision: Decision
    margin: np.ndarray  # (budget,): regret, in the metric's unit, that does not matter
    seed: int
    quick: bool  # leave out what needs refits of the final fit
    workers: Workers = field(default_factory=Workers, repr=False)
    progress: Callable[[str, float], None] = field(default=silent, repr=False)

    @property
    def budgets(self) -> np.ndarray:
        """Dim (budget,), samples."""
        return self.decision.budgets

    @property
    def largest(self) -> float:
        """Samples of the largest run fitted."""
        return float(self.fit.study.samples.max())

    @property
    def shares(self) -> np.ndarray:
        """Sampling shares, dims (candidate, pool)."""
        return self.decision.shares

    @cached_property
    def left_out(self) -> LeaveOneOut:
        """Every cell predicted from the others."""
        return leave_one_out(self.fit.posterior)

    @cached_property
    def record(self) -> Record:
        """Roll-forward back-tests within the fitted runs."""
        return back_test(self.fit, self.seed, self.workers, self.share("back-tests"))

    @cached_property
    def variants(self) -> dict[str, Fit]:
        """The same runs under other laws; none in a quick report."""
        if self.quick:
            return {}
        return fit_variants(self.fit, self.workers, self.share("other laws"))

    def share(self, label: str) -> Callable[[int, int], None]:
        """Progress of one stage, from numbers done and to do."""
        return lambda done, total: self.progress(label, done / total)

    def runs_of(self, cell: int) -> list[str]:
        """Names of the runs behind a cell."""
        rows = self.fit.posterior.design.row_cell == cell
        return list(dict.fromkeys(map(str, self.fit.study.run[rows])))

    def cell_name(self, cell: int) -> str:
        """A cell for people: its data and budget, and which run it is or how many."""
        row = int(np.flatnonzero(self.fit.posterior.design.row_cell == cell)[0])
        study, runs = self.fit.study, self.runs_of(cell)
        told = f"run {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs"
        return f"{study.data[row]} at {format_number(study.samples[row])} ({told})"
