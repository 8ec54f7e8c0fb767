"""What the runs say of everything linear, draw by draw: the cells' Gaussian, factored once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.cores import NUMBERS, in_chunks
from qqt_bayes.model.marginal import (
    Noise,
    cell_noise,
    cholesky,
    covariance,
    exponents,
    low_rank,
    residual,
)

if TYPE_CHECKING:
    from qqt_bayes.model.low_rank import LowRank
    from qqt_bayes.model.marginal import Cells
    from qqt_bayes.model.parameters import Parameters

KEPT = 60_000_000  # numbers in the factors that are kept: .5 GB

__all__ = ["Given"]


@dataclass(frozen=True, eq=False)
class Given:
    """The runs, given some draws of the parameters."""

    parameters: Parameters
    cells: Cells

    @cached_property
    def sums(self) -> np.ndarray:
        """Exponents of the cells, dims (draw, cell, pool)."""
        p, points = self.parameters, self.cells.design.points
        each = points.shares.size * 8
        parts = in_chunks(lambda c: exponents(p.take(c), points), p.draws, each)
        return np.concatenate(parts)

    @cached_property
    def noise(self) -> Noise:
        """Noise of the cells."""
        return cell_noise(self.parameters, self.cells)

    @cached_property
    def residual(self) -> np.ndarray:
        """Log reducible values less their mean, dims (draw, cell)."""
        return residual(self.parameters, self.cells, self.sums, self.noise)

    def covariance(self, chunk: slice) -> np.ndarray:
        """Covariance of the cells for some draws, dims (draw, cell, cell)."""
        noise = Noise(*(part[chunk] for part in self.noise))
        return covariance(self.parameters.take(chunk), self.cells, self.sums[chunk], noise)

    def low_rank(self, chunk: slice) -> LowRank:
        """The covariance of many cells for some draws."""
        noise = Noise(*(part[chunk] for part in self.noise))
        return low_rank(self.parameters.take(chunk), self.cells, self.sums[chunk], noise)

    @property
    def square(self) -> int:
        """Numbers in one covariance."""
        return len(self.cells.design.value) ** 2

    @cached_property
    def roots(self) -> np.ndarray | None:
        """Lower Cholesky factors, dims (draw, cell, cell); None where they are too large."""
        if self.parameters.draws * self.square > KEPT or self.cells.design.many:
            return None
        parts = in_chunks(
            lambda c: cholesky(self.covariance(c)), self.parameters.draws, self.square
        )
        return np.concatenate(parts)

    def root(self, chunk: slice) -> np.ndarray:
        """Lower Cholesky factors of some draws."""
        return cholesky(self.covariance(chunk)) if self.roots is None else self.roots[chunk]

    def solve(self, right: np.ndarray, begin: int = 0) -> np.ndarray:
        """Inverse covariance times vectors, dims (draw, cell), from the draw ``begin`` on."""
        from scipy.linalg.lapack import dpotrs

        if self.cells.design.many:
            chunk = slice(begin, begin + len(right))
            return self.low_rank(chunk).solve(right[:, :, None])[:, :, 0]
        out = np.empty_like(right)
        size = max(1, NUMBERS // self.square)
        for first in range(0, len(right), size):
            last = min(first + size, len(right))
            roots = self.root(slice(begin + first, begin + last))
            for k in range(first, last):
                out[k] = dpotrs(roots[k - first].T, right[k], lower=0)[0]  # no copy is made
        return out

    @cached_property
    def pull(self) -> np.ndarray:
        """Inverse covariance times the residuals, dims (draw, cell)."""
        return self.solve(self.residual)

    def some(self, chosen: slice | np.ndarray) -> Given:
        """The runs given some of the draws, of which nothing is known yet."""
        return Given(self.parameters.take(chosen), self.cells)

    def take(self, chosen: slice | np.ndarray) -> Given:
        """The runs given some of the draws; what is known of all draws is not made again."""
        part = self.some(chosen)
        for name in {"sums", "residual", "roots", "pull"} & vars(self).keys():
            whole = getattr(self, name)
            vars(part)[name] = None if whole is None else whole[chosen]
        if "noise" in vars(self):
            vars(part)["noise"] = Noise(*(each[chosen] for each in self.noise))
        return part
