r"""Random effects: levels, drift and mixture error, as one list of Gaussian effects.

The law holds only approximately, so its local exponents wander. Each *effect* contributes
``coefficient * path(clock)`` to the log reducible error of a point (a candidate at a budget):

============== ============================== ====================================== ============
component      one effect for each            clock (e-folds)                        coefficient
============== ============================== ====================================== ============
level          pool                           none (constant)                        w_i
common_drift   study                          samples, from the smallest budget      1
pool_drift     pool                           the pool's own samples, from there     w_i
repetition_dr. finite pool                    the pool's epochs past the first       w_i sqrt(1-r)
repetition_dr. study                          the mean of those clocks, by shares    sqrt(r)
mixture_error  pair of pools                  none                                   4 w_i w_j
mixture_drift  pair of pools                  samples, from the smallest budget      4 w_i w_j
============== ============================== ====================================== ============

Paths are constants or integrated Brownian motions, :math:`K(a,b) = m^2(3M-m)/6` with m, M the
smaller and larger clock: the error h e-folds past the data grows as :math:`h^{3/2}/\sqrt 3`. The
prior correlation r of two pools' repetition drifts is high: how decay departs from a half-life is
more a matter of the law than of a pool. The coefficients are smooth in the shares, so refining a
grid of shares cannot change an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPONENTS = (
    "level_spread", "common_drift", "pool_drift", "repetition_drift", "mixture_error",
    "mixture_drift",
)  # fmt: skip
# The change of regime (:mod:`qqt_bayes.model.regime`) is no such effect; where what each component
# contributes is listed, it follows them.
REGIME = len(COMPONENTS)

__all__ = ["COMPONENTS", "REGIME", "Effects", "build_effects", "ibm_kernel", "unit_kernels"]


@dataclass(frozen=True)
class Effects:
    """Effects at a set of points; ``clock`` is -1 for an effect without one (a constant).

    Attributes
    ----------
    component : numpy.ndarray
        Dim (effect,): index into :data:`COMPONENTS`.
    clock, coefficient : numpy.ndarray
        Dims (effect, point).
    """

    component: np.ndarray
    clock: np.ndarray
    coefficient: np.ndarray


def build_effects(
    log_samples: np.ndarray,
    shares: np.ndarray,
    sizes: np.ndarray,
    likeness: np.ndarray,
    mixture_weight: np.ndarray,
    repetition_likeness: float,
    smallest: float,
) -> Effects:
    """Effects at the points.

    Parameters
    ----------
    log_samples : numpy.ndarray
        Dim (point,).
    shares : numpy.ndarray
        Dims (point, pool).
    sizes : numpy.ndarray
        Dim (pool,), unique samples; or dims (point, pool), where a pool has grown at some points.
    likeness, mixture_weight : numpy.ndarray
        Dims (pool, pool): prior correlation of the pools' levels, and the relative sd of the
        mixture error of a pair.
    repetition_likeness : float
        Prior correlation of two pools' repetition drifts at the same number of epochs.
    smallest : float
        Log samples of the smallest observed run.
    """
    points, pools = shares.shape
    constant = np.full(points, -1.0)
    since_start = np.maximum(log_samples - smallest, 0.0)
    with np.errstate(divide="ignore"):
        own = np.maximum(log_samples[:, None] + np.log(shares) - smallest, 0.0)
        epochs = np.maximum(log_samples[:, None] + np.log(shares) - np.log(sizes), 0.0)
    finite = np.isfinite(np.atleast_2d(sizes)).any(axis=0)
    rows: list[tuple[int, np.ndarray, np.ndarray]] = []
    factor = np.linalg.cholesky(likeness)
    for i in range(pools):
        rows.append((0, constant, shares @ factor[:, i]))
    rows.append((1, since_start, np.ones(points)))
    rows += [(2, own[:, i], shares[:, i]) for i in range(pools)]
    own_part, common_part = np.sqrt(1.0 - repetition_likeness), np.sqrt(repetition_likeness)
    rows += [(3, epochs[:, i], own_part * shares[:, i]) for i in range(pools) if finite[i]]
    if finite.any():
        rows.append((3, (shares * epochs).sum(axis=1), np.full(points, common_part)))
    for i in range(pools):
        for j in range(i + 1, pools):
            both = 4.0 * shares[:, i] * shares[:, j] * mixture_weight[i, j]
            rows.append((4, constant, both))
            rows.append((5, since_start, both))
    return Effects(
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        np.array([r[2] for r in rows]),
    )


def ibm_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Covariance of unit integrated Brownian motion between clocks a and b (broadcast)."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return low**2 * (3.0 * high - low) / 6.0


def unit_kernels(left: Effects, right: Effects) -> np.ndarray:
    """Covariances at unit scale, dims (component, left point, right point)."""
    out = np.zeros((len(COMPONENTS), left.clock.shape[1], right.clock.shape[1]))
    for e, component in enumerate(left.component):
        here, there = np.flatnonzero(left.coefficient[e]), np.flatnonzero(right.coefficient[e])
        if not (len(here) and len(there)):
            continue
        block = np.outer(left.coefficient[e, here], right.coefficient[e, there])
        if left.clock[e, 0] >= 0:
            block = block * ibm_kernel(left.clock[e, here][:, None], right.clock[e, there])
        out[component][np.ix_(here, there)] += block
    return out
