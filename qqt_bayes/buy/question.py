"""What is asked: a choice that is to be made, and the runs that could be bought before it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.runs import Mixture

if TYPE_CHECKING:
    from qqt_bayes.buy.designs import Designs
    from qqt_bayes.fitting import Fit

SEARCHED = 13  # budgets at which a crossover is looked for

__all__ = ["Question"]


@dataclass(frozen=True, eq=False)
class Question:
    """A choice that is to be made, and the runs that could be bought before it.

    Attributes
    ----------
    fit : Fit
        What is known now.
    budgets : numpy.ndarray
        Dim (budget,), samples: where data is chosen, or where a crossover is looked for.
    weights : numpy.ndarray
        Of the budgets asked, summing to one; a crossover has one of them.
    candidates : tuple of Mixture
        Data to choose from.
    designs : Designs
        What could be bought.
    objective : str
        What a run is valued by; see :data:`qqt_bayes.buy.value.OBJECTIVES`.
    seed : int
        Of the simulated outcomes.
    """

    fit: Fit = field(repr=False)
    budgets: np.ndarray
    weights: np.ndarray
    candidates: tuple[Mixture, ...] = field(repr=False)
    designs: Designs = field(repr=False)
    objective: str = "regret"
    seed: int = 0

    @cached_property
    def shares(self) -> np.ndarray:
        """Sampling shares, dims (candidate, pool)."""
        return np.array([c.vector(self.fit.study.pools) for c in self.candidates])

    def among(self, which: np.ndarray) -> Question:
        """The same question with some of its candidates only."""
        return replace(self, candidates=tuple(self.candidates[c] for c in which))

    def searched(self) -> Question:
        """The question as it is worked on: a crossover is looked for on the way to its budget."""
        if self.objective != "crossover":
            return self
        top = float(self.budgets.max())
        first = min(float(self.fit.study.samples.min()), 0.5 * top)
        return replace(self, budgets=np.geomspace(first, top, SEARCHED))
