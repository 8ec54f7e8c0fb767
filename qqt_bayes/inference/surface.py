"""Draws of the log reducible error as *functions* of the shares, at one budget.

:func:`qqt_bayes.inference.conditional.condition` draws at given points, anew at each call. A search
goes on from where it is, so it needs the same functions at points that it does not know yet. By
Matheron's rule such a function is one of the prior, kept by its values at knots, and what the runs
say, kept by one vector.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.conditional import (
    exponents_ahead,
    less_noise,
    less_slopes,
    slopes_seen,
)
from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.model.effects import AT_PATHS, PATHS, kernels, motion

if TYPE_CHECKING:
    from qqt_bayes.inference.given import Given
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.effects import Rows
    from qqt_bayes.model.points import Points

KNOTS = 40  # of a path whose clock differs between mixtures

__all__ = ["Surface"]


@dataclass(frozen=True)
class Path:
    """A draw of the rows of one effect: constants, or integrated Brownian motions at knots."""

    knots: np.ndarray  # dim (knot,), e-folds; empty for constants
    # dims (draw, row, knot); of constants the last dim is one
    position: np.ndarray
    speed: np.ndarray

    @classmethod
    def drawn(cls, rows: Rows, seen: int, draws: int, rng: np.random.Generator) -> Path:
        """Simulate at unit scale, given the rows at the cells (the first ``seen``) and corners."""
        count = len(rows.coefficient)
        if rows.clock is None or count == 0:
            constant = rng.standard_normal((draws, count, 1))
            return cls(np.empty(0), constant, np.zeros_like(constant))
        ahead = np.unique(rows.clock[:, seen:])
        if len(rows.clock) == 1 and len(ahead) == 1:  # a clock of budgets alone: exact
            knots = np.unique(np.append(rows.clock, 0.0))
            knots = knots if len(knots) > 1 else np.array([0.0, 1.0])
        else:
            knots = np.linspace(0.0, max(float(rows.clock.max()), 1e-6), KNOTS)
        return cls(knots, *motion(knots, (draws, count), rng))

    def at(self, clock: np.ndarray, row: int | slice) -> np.ndarray:
        """Cubic through the knots, dims (draw[, row], point)."""
        at = np.clip(np.searchsorted(self.knots, clock, side="right") - 1, 0, len(self.knots) - 2)
        h = self.knots[at + 1] - self.knots[at]
        s = np.clip((clock - self.knots[at]) / h, 0.0, 1.0)
        y, v = self.position[:, row], self.speed[:, row]
        left, right = s * s * (2.0 * s - 3.0) + 1.0, s * s * (3.0 - 2.0 * s)
        return np.asarray(
            left * y[..., at] + right * y[..., at + 1]
            + h * s * (1.0 - s) ** 2 * v[..., at] - h * s * s * (1.0 - s) * v[..., at + 1]
        )  # fmt: skip

    def values(self, rows: Rows, chunk: slice) -> np.ndarray:
        """Of some draws at some points, dims (draw, point)."""
        mine = Path(self.knots, self.position[chunk], self.speed[chunk])
        coefficient, clock = rows
        if clock is None or len(coefficient) == 0:
            return np.asarray(mine.position[:, :, 0] @ coefficient)
        out = np.zeros((len(mine.position), coefficient.shape[1]))
        if len(clock) == 1:
            for time in np.unique(clock[0]):
                there = clock[0] == time
                moved = mine.at(np.array([time]), slice(None))[..., 0]
                out[:, there] = moved @ coefficient[:, there]
            return out
        for row in range(len(coefficient)):
            there = np.flatnonzero(coefficient[row])
            out[:, there] += coefficient[row, there] * mine.at(clock[row, there], row)
        return out


@dataclass(frozen=True, eq=False)
class Surface:
    """Functions of the shares at one budget, one a draw."""

    posterior: Posterior
    given: Given  # the runs, given the draws of the parameters behind the functions
    samples: float  # the budget
    seed: int
    relative: np.ndarray = field(repr=False)
    pull: np.ndarray = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)

    @classmethod
    def of(cls, posterior: Posterior, samples: float, draws: np.ndarray, seed: int = 0) -> Surface:
        """Draw the functions.

        ``draws`` (draw,): which draws of the posterior to take; ``seed``: together with the
        posterior's own.
        """
        given, design = posterior.given.take(draws), posterior.design
        p, cells, number = given.parameters, len(design.value), posterior.seed * 1_000_003 + seed
        rng = np.random.default_rng(number)
        corners = points_at(design, samples, np.eye(design.pools))
        both = design.points.joined(corners)
        found = [effect.rows(both) for effect in PATHS if effect.rows is not None]
        paths = tuple(Path.drawn(rows, cells, p.draws, rng) for rows in found)
        every = slice(None)
        relative, away = less_slopes(given, every, rng)
        seen = [effect.rows(design.points) for effect in PATHS if effect.rows is not None]
        for i, path, rows in zip(AT_PATHS, paths, seen, strict=True):
            away -= p.scales[:, i, None] * path.values(rows, every)
        pull = given.solve(less_noise(away, given, every, rng))
        relative = slopes_seen(given, every, relative, pull)
        return cls(posterior, given, samples, number, relative, pull, paths)

    @property
    def irreducible(self) -> np.ndarray:
        """Dim (draw,)."""
        return self.given.parameters.irreducible

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Log reducible error of mixtures, dims (draw, point).

        ``shares`` (point, pool).
        """
        cells, p = self.given.cells, self.given.parameters
        wanted = points_at(cells.design, self.samples, shares)
        smooth, extra = exponents_ahead(p, wanted, self.posterior.priors["regime"], self.seed)
        cross = kernels(cells.design.points, wanted)
        rows = [effect.rows(wanted) for effect in PATHS if effect.rows is not None]
        mean = cells.log_reference(p.irreducible) + cells.level_mean
        worth = p.utility[:, None] * (1.0 + self.relative)

        def work(chunk: slice) -> np.ndarray:
            fall = ((smooth[chunk] + extra[chunk]) @ worth[chunk, :, None])[..., 0]
            total = mean[chunk, None] - fall
            for i, path, row, between in zip(AT_PATHS, self.paths, rows, cross, strict=True):
                scale = p.scales[chunk, i, None]
                total += scale * path.values(row, chunk) + scale**2 * (self.pull[chunk] @ between)
            return np.asarray(total)

        return np.concatenate(in_chunks(work, p.draws, 8 * len(shares)))


def points_at(design: Design, samples: float, shares: np.ndarray) -> Points:
    """Mixtures at one budget."""
    return design.points_at(np.full(len(shares), samples), shares)
