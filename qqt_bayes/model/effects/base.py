r"""What an effect is: a Gaussian deviation of the log reducible error, and its covariance.

An effect is one of two things. A *path* adds ``coefficient * path(clock)`` to a point (a candidate
at a budget), where the path is a constant or an integrated Brownian motion,
:math:`K(a,b) = m^2(3M-m)/6` with m, M the smaller and larger clock. A *slope* adds
``-utility * (exponents @ loadings)``: it changes the utilities of the pools. Either has a scale,
which is the parameter of its name: learned, or, where its prior is normal about zero, the standard
deviation of a coefficient that is integrated out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.setting import Setting

NEGLIGIBLE = 1e-13  # of the largest variance: rounding

type Simulate = Callable[[int, np.random.Generator], np.ndarray]

__all__ = ["Effect", "Rows", "factor_of", "ibm_kernel", "kernel", "leading", "motion", "simulator"]


class Rows(NamedTuple):
    """Independent paths of an effect at some points.

    Attributes
    ----------
    coefficient : numpy.ndarray
        Dims (row, point).
    clock : numpy.ndarray or None
        Dims (row, point), or (1, point) where all rows have one clock, in e-folds from the start of
        the path; None for constants.
    """

    coefficient: np.ndarray
    clock: np.ndarray | None = None


@dataclass(frozen=True)
class Effect:
    """One Gaussian effect; its scale is the parameter of the same name.

    Attributes
    ----------
    name : str
        Of the effect and of the prior of its scale.
    title, symbol : str
        As people read it, and as the formulas write its scale.
    part : str
        The part of the variance ledger that it belongs to.
    rows : callable or None
        From points to :class:`Rows`, for a path.
    loadings : callable or None
        From the setting of the study to dims (pool, direction), for a slope.
    """

    name: str
    title: str
    symbol: str
    part: str
    rows: Callable[[Points], Rows] | None = None
    loadings: Callable[[Setting], np.ndarray] | None = None


def ibm_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Covariance of unit integrated Brownian motion between clocks a and b (broadcast)."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return low**2 * (3.0 * high - low) / 6.0


def kernel(effect: Effect, here: Points, there: Points) -> np.ndarray:
    """Covariance of a path between two sets of points at unit scale, dims (point, point)."""
    assert effect.rows is not None
    left, right = effect.rows(here), effect.rows(there)
    if left.clock is None or right.clock is None:
        return left.coefficient.T @ right.coefficient
    if len(left.clock) == 1:
        weight = left.coefficient.T @ right.coefficient
        return weight * ibm_kernel(left.clock[0][:, None], right.clock[0])
    out = np.zeros((left.clock.shape[1], right.clock.shape[1]))
    for row in range(len(left.clock)):
        i, j = np.flatnonzero(left.coefficient[row]), np.flatnonzero(right.coefficient[row])
        block = np.outer(left.coefficient[row, i], right.coefficient[row, j])
        block *= ibm_kernel(left.clock[row, i][:, None], right.clock[row, j])
        out[np.ix_(i, j)] += block
    return out


def simulator(effect: Effect, points: Points) -> Simulate:
    """What simulates the paths of an effect at some points, at unit scale.

    Paths of one clock are simulated by clock, then weighed at the points of each; so neither
    thousands of points nor hundreds of paths make large matrices.

    It takes a number of draws and a generator, and gives dims (draw, point).
    """
    assert effect.rows is not None
    coefficient, clock = effect.rows(points)
    rows, count = coefficient.shape

    def constant(draws: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((draws, rows)) @ coefficient

    if clock is None or rows == 0:  # of one pool alone there is no pair, of unlimited ones no epoch
        return constant
    own = [np.flatnonzero(row) for row in coefficient] if len(clock) > 1 else [np.arange(count)]
    found = [np.unique(c[there], return_inverse=True) for c, there in zip(clock, own, strict=True)]

    def by_row(draws: int, rng: np.random.Generator) -> np.ndarray:
        out = np.zeros((draws, count))
        for row, (there, (times, index)) in enumerate(zip(own, found, strict=True)):
            out[:, there] += coefficient[row, there] * motion(times, (draws,), rng)[0][:, index]
        return out

    def by_clock(draws: int, rng: np.random.Generator) -> np.ndarray:
        times, index = found[0]
        paths = motion(times, (draws, rows), rng)[0]
        out = np.zeros((draws, count))
        if rows <= len(times):  # the shorter loop
            for row in range(rows):
                out += coefficient[row] * paths[:, row, index]
        else:
            for time in range(len(times)):
                out[:, index == time] = paths[:, :, time] @ coefficient[:, index == time]
        return out

    return by_row if len(clock) > 1 else by_clock


def motion(
    times: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw unit integrated Brownian motion, which rests at time 0, and its speed.

    ``times`` (time,): not negative, in ascending order; ``shape``: how many draws, and how many
    paths of each: all but the last of the dims. Gives ``position``, ``speed`` (draw[, path], time).
    """
    h = np.diff(times, prepend=0.0)
    first, second = np.moveaxis(rng.standard_normal((*shape, 2, len(times))), -2, 0)
    gained = np.sqrt(h) * first
    speed = np.cumsum(gained, axis=-1)
    moved = h * (speed - gained) + h**1.5 * (0.5 * first + second / np.sqrt(12.0))
    return np.cumsum(moved, axis=-1), speed


def factor_of(covariance: np.ndarray) -> np.ndarray:
    """Matrix F with F F' equal to a covariance that may be singular, dims (point, direction)."""
    return leading(covariance, NEGLIGIBLE)[0]


def leading(covariance: np.ndarray, left_out: float) -> tuple[np.ndarray, np.ndarray]:
    """Leading directions of a covariance, and what they leave out of the variances.

    By pivoted Cholesky decomposition: unlike eigenvectors, its columns are zero where the
    covariance is, so that a pool's directions stay its own.

    ``covariance`` (point, point); ``left_out``: what may be left out of a variance, as a share of
    the largest. Gives dims (point, direction); dim (point,): variance that is left out.
    """
    rest = np.diag(covariance).copy()
    enough = left_out * max(float(rest.max(initial=0.0)), np.finfo(float).tiny)
    rows, made = np.zeros((len(rest), len(rest))), 0
    while made < len(rest) and rest[pivot := int(np.argmax(rest))] > enough:
        found = covariance[pivot] - rows[:made].T @ rows[:made, pivot]
        found[np.abs(found) < 1e-12 * rest[pivot]] = 0.0  # rounding would couple the pools
        rows[made] = found / np.sqrt(rest[pivot])
        rest -= rows[made] ** 2
        made += 1
    return rows[:made].T.copy(), np.maximum(rest, 0.0)
