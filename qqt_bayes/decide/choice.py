"""What answers about the best of some candidates share: how they are judged, and how it is told."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.decide.drawn import share_best
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.runs import Mixture

__all__ = ["Choice"]


class Choice(Shown):
    """A choice among candidates at each budget; an answer gives what is declared here."""

    budgets: np.ndarray
    candidates: tuple[Mixture, ...]

    @property
    def judged(self) -> np.ndarray:
        """Draws to judge by, lower is better, dims (sample, budget, candidate)."""
        raise NotImplementedError

    @property
    def expected_regret(self) -> np.ndarray:
        """Expected shortfall from the draw-wise best, dims (budget, candidate)."""
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        """What the candidates are called."""
        return [c.text for c in self.candidates]

    @cached_property
    def p_best(self) -> np.ndarray:
        """Share of draws in which a candidate is best, dims (budget, candidate)."""
        return share_best(self.judged)

    @cached_property
    def best(self) -> np.ndarray:
        """Candidate of least expected regret, dim (budget,)."""
        return np.argmin(self.expected_regret, axis=1)

    @property
    def order(self) -> np.ndarray:
        """Candidates by their expected regret, least first, dims (budget, candidate)."""
        return np.argsort(self.expected_regret, axis=1, kind="stable")

    def runner_up(self, budget: int) -> int | None:
        """The candidate of second least expected regret, if there is a second."""
        order = self.order[budget]
        return int(order[1]) if len(order) > 1 else None

    @property
    def is_best(self) -> np.ndarray:
        """Whether a candidate is the choice, dims (budget, candidate)."""
        return np.arange(len(self.names)) == self.best[:, None]

    def chosen(self, budget: int) -> str:
        """The choice at a budget."""
        return self.names[self.best[budget]]

    @property
    def choices(self) -> str:
        """The choice at each budget, with its probability of being the best, on a line."""
        told = zip(self.budgets, self.best, self.p_best, strict=True)
        names = self.names
        return ", ".join(f"{names[k]} (P = {p[k]:.2f}) at {format_number(n)}" for n, k, p in told)

    def beside_best(self, draws: np.ndarray) -> np.ndarray:
        """Draws (sample, budget, candidate) less those of the choice."""
        return draws - np.take_along_axis(draws, self.best[None, :, None], axis=2)

    def framed(self, called: str = "data", **columns: Any) -> pd.DataFrame:
        """One row a budget and candidate, from columns of dims (budget, candidate)."""
        names, count = self.names, len(self.budgets)
        head = {"samples": np.repeat(self.budgets, len(names)), called: names * count}
        return pd.DataFrame(head | {name: np.ravel(values) for name, values in columns.items()})

    def rows(self, budget: int, of: pd.DataFrame | None = None) -> pd.DataFrame:
        """Rows at a budget, of the table or of another."""
        table = self.table if of is None else of
        return table[table["samples"] == self.budgets[budget]]

    def labelled(self, draws: np.ndarray, name: str | None = None, **more: Any) -> Any:
        """Draws with their dims (sample, ..., budget, data) named."""
        import xarray as xr

        coords = more | {"budget": self.budgets, "data": self.names}
        return xr.DataArray(draws, dims=("sample", *coords), coords=coords, name=name)
