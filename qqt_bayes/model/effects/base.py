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
    from qqt_bayes.model.design import Points, Setting

NEGLIGIBLE = 1e-13  # eigenvalues below this share of the largest are rounding, not directions

__all__ = ["Effect", "Rows", "factor_of", "features", "ibm_kernel", "kernel"]


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


def features(effect: Effect, points: Points) -> np.ndarray:
    """Matrix F with F F' equal to the covariance of a path at unit scale, dims (point, direction).

    Its directions depend on the clocks of the points alone, so that a path can be simulated at
    thousands of points by one product.
    """
    assert effect.rows is not None
    coefficient, clock = effect.rows(points)
    if clock is None:
        return coefficient.T
    columns = [np.zeros((coefficient.shape[1], 0))]
    if len(coefficient) == 0:  # of one pool alone there is no pair, of unlimited ones no epoch
        return columns[0]
    times, index = np.unique(clock[0], return_inverse=True)
    root = factor_of(ibm_kernel(times[:, None], times))[index]
    for row in range(len(coefficient)):
        if len(clock) > 1:
            there = np.flatnonzero(coefficient[row])
            times, index = np.unique(clock[row, there], return_inverse=True)
            found = factor_of(ibm_kernel(times[:, None], times))
            root = np.zeros((len(coefficient[row]), found.shape[1]))
            root[there] = found[index]
        columns.append(coefficient[row][:, None] * root)
    return np.concatenate(columns, axis=1)


def factor_of(covariance: np.ndarray) -> np.ndarray:
    """Matrix F with F F' equal to a covariance that may be singular, dims (point, direction)."""
    values, vectors = np.linalg.eigh(covariance)
    keep = values > NEGLIGIBLE * max(float(values.max(initial=0.0)), np.finfo(float).tiny)
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))
