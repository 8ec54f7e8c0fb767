"""What shares may be: linear limits, a distance, thresholds, and the region they leave."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from qqt_bayes.errors import UsageError

SLACK = 1e-9  # what rounding may take from a constraint
BINDING = 1e-4  # a constraint this near its limit holds the shares back

__all__ = ["Constraint", "Region", "Threshold"]


class Constraint(NamedTuple):
    """Linear limits that people gave in one go: ``low <= rows @ shares <= high``."""

    text: str  # as given
    rows: np.ndarray  # (limit, pool)
    low: np.ndarray  # (limit,)
    high: np.ndarray  # (limit,)
    names: tuple[str, ...]  # what each limit is about

    def binding(self, shares: np.ndarray) -> list[str]:
        """Which of its limits hold these shares back."""
        value = self.rows @ shares
        near = np.minimum(value - self.low, self.high - value) < BINDING
        return [name for name, tight in zip(self.names, near, strict=True) if tight]


class Threshold(NamedTuple):
    """A threshold on a metric: ``general_loss<=2.31``."""

    text: str  # as given
    metric: str
    value: float  # in the metric's unit
    below: bool  # whether the metric must not be above it; else not below


@dataclass(frozen=True, eq=False)
class Region:
    """Shares that meet all constraints, at one budget."""

    pools: tuple[str, ...]  # those that are mixed
    constraints: tuple[Constraint, ...] = ()
    near: float | None = None  # largest distance from a mixture that was run
    # mixtures that were run (run, pool), and what each draws from other pools (run,)
    runs: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    outside: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def limits(self) -> Constraint:
        """All linear limits together; the shares sum to one."""
        one = np.ones(1)
        parts = [Constraint("sum", np.ones((1, len(self.pools))), one, one, ("sum",))]
        parts += self.constraints
        rows, low, high = (np.concatenate([p[k] for p in parts]) for k in (1, 2, 3))
        return Constraint("all", rows, low, high, sum((p.names for p in parts), ()))

    def distances(self, shares: np.ndarray) -> np.ndarray:
        """Distance of mixtures from each run, half the sum of absolute differences; (point, run).

        It is the share of the samples that would have to be drawn from other pools.
        """
        away = np.abs(shares[:, None] - self.runs).sum(axis=2)
        return np.asarray(0.5 * (away + self.outside))

    def violation(self, shares: np.ndarray) -> np.ndarray:
        """By how much mixtures break a constraint, dim (point,); zero where they break none."""
        shares = np.atleast_2d(shares)
        _, rows, low, high, _ = self.limits
        value = shares @ rows.T
        out = np.maximum(np.maximum(low - value, value - high).max(axis=1), -shares.min(axis=1))
        if self.near is not None:
            out = np.maximum(out, self.distances(shares).min(axis=1) - self.near)
        return np.maximum(out, 0.0)

    def solve(self, goal: np.ndarray, anchor: int | None = None) -> np.ndarray | None:
        """Shares of the least ``goal @ shares`` (near one run, if it is named); None if none."""
        from scipy.optimize import linprog  # only shares need it, and it takes .2 s to import

        _, rows, low, high, _ = self.limits
        upper = np.concatenate([rows, -rows])
        most = np.concatenate([high, -low])
        known = np.isfinite(most)
        upper, most = upper[known], most[known]
        cost, count = goal, len(self.pools)
        if anchor is not None:
            upper, most = self.beside(anchor, upper, most)
            cost = np.concatenate([goal, np.full(count, 1e-6)])
        found = linprog(cost, A_ub=upper, b_ub=most, bounds=(0.0, 1.0), method="highs")
        return np.clip(found.x[:count], 0.0, 1.0) if found.status == 0 else None

    def beside(
        self, anchor: int, upper: np.ndarray, most: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Limits ``upper @ shares <= most`` and nearness to one run.

        The distance needs a variable a pool, no smaller than the difference either way.
        """
        assert self.near is not None
        eye, run = np.eye(len(self.pools)), self.runs[anchor]
        total = np.concatenate([np.zeros(len(run)), np.ones(len(run))])
        upper = np.block([[upper, np.zeros_like(upper)], [eye, -eye], [-eye, -eye], [total[None]]])
        most = np.concatenate([most, run, -run, [2.0 * self.near - self.outside[anchor]]])
        return upper, most

    def anchors(self) -> list[int | None]:
        """Runs near which there are shares that meet the constraints; ``[None]`` without near."""
        goal = np.zeros(len(self.pools))
        if self.solve(goal) is None:
            return []
        if self.near is None:
            return [None]
        met = replace(self, near=None).violation(self.runs) <= SLACK
        return [
            k for k in range(len(self.runs))
            if (met[k] and self.outside[k] <= 2.0 * self.near)
            or self.solve(goal, k) is not None
        ]  # fmt: skip

    def without(self, text: str) -> Region:
        """The region without one constraint."""
        kept = tuple(c for c in self.constraints if c.text != text)
        return replace(self, constraints=kept, near=None if text == near_text(self) else self.near)

    @property
    def texts(self) -> list[str]:
        """The constraints as given."""
        return [c.text for c in self.constraints] + ([near_text(self)] if self.near else [])

    def check(self, place: str) -> None:
        """Refuse constraints that no shares meet, naming as few of them as stand in the way."""
        if self.anchors():
            return
        guilty = self
        for text in self.texts:
            fewer = guilty.without(text)
            if not fewer.anchors():
                guilty = fewer
        told = ", ".join(f"'{text}'" for text in guilty.texts)
        one = len(guilty.texts) == 1
        raise UsageError(
            f"no shares of {', '.join(self.pools)} meet {told} {'' if one else 'together '}at "
            f"{place}{why(guilty)} -> loosen {'it' if one else 'one of them'}"
        )


def near_text(region: Region) -> str:
    """The constraint on the distance, in words."""
    return "" if region.near is None else f"near {region.near:g}"


def why(region: Region) -> str:
    """What the limits add up to, where that alone shows that they cannot be met."""
    _, rows, low, high, _ = region.limits
    single = (np.count_nonzero(rows, axis=1) == 1) & np.isfinite(high)
    most = np.ones(len(region.pools))
    for row, top in zip(rows[single], high[single], strict=True):
        most[row > 0] = np.minimum(most[row > 0], top)
    if most.sum() < 1.0:
        return f" (together they allow {most.sum():.0%} of the samples)"
    least = np.zeros(len(region.pools))
    single = (np.count_nonzero(rows, axis=1) == 1) & np.isfinite(low)
    for row, bottom in zip(rows[single], low[single], strict=True):
        least[row > 0] = np.maximum(least[row > 0], bottom)
    return f" (the floors add up to {least.sum():.3g})" if least.sum() > 1.0 else ""
