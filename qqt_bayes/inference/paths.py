"""The random effects at observed and wanted points together, packed for simulation.

A path is simulated once, at the sorted clocks of all points that use it: integrated Brownian
motion is Markov together with its slope, so the cost is linear in the number of points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.model.effects import Effects

__all__ = ["Paths", "pack_paths", "update_path", "walk"]


class Paths(NamedTuple):
    """Effects in compressed rows; times of effect e are ``times[first[e]:first[e + 1]]``."""

    component: np.ndarray  # (effect,)
    constant: np.ndarray  # (effect,) bool: no clock
    first: np.ndarray  # (effect + 1,)
    times: np.ndarray
    seen_first: np.ndarray  # (effect + 1,)
    seen_row: np.ndarray
    seen_weight: np.ndarray
    seen_time: np.ndarray  # index into the effect's times, -1 at clock zero
    want_first: np.ndarray
    want_row: np.ndarray
    want_weight: np.ndarray
    want_time: np.ndarray


def compress(weight: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows of the nonzero weights, their weights and places, with pointers."""
    rows = [np.flatnonzero(w) for w in weight]
    first = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    return (
        first,
        np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int64),
        np.concatenate([*(w[r] for w, r in zip(weight, rows, strict=True)), np.empty(0)]),
        np.concatenate(
            [*(p[r] for p, r in zip(place, rows, strict=True)), np.empty(0, np.int64)]
        ).astype(np.int64),
    )


def pack_paths(seen: Effects, want: Effects, keep: int) -> Paths:
    """Pack the effects of observed and wanted points.

    Effects that touch no wanted and no observed point are dropped, but for the first ``keep``
    (the pools' levels, which are reported by pool).
    """
    used = np.any(seen.coefficient != 0, axis=1) | np.any(want.coefficient != 0, axis=1)
    used[:keep] = True
    rows = np.flatnonzero(used)
    split = seen.clock.shape[1]
    constant = np.zeros(len(rows), bool)
    times: list[np.ndarray] = []
    place = np.full((len(rows), split + want.clock.shape[1]), -1)
    for new, old in enumerate(rows):
        clock = np.concatenate([seen.clock[old], want.clock[old]])
        if clock[0] < 0:
            constant[new] = True
            times.append(np.zeros(1))
            place[new] = 0
            continue
        unique, index = np.unique(clock, return_inverse=True)
        start = int(unique[0] <= 0.0)
        times.append(unique[start:])
        place[new] = index.reshape(-1) - start
    first = np.concatenate([[0], np.cumsum([len(t) for t in times])]).astype(np.int64)
    return Paths(
        seen.component[rows].astype(np.int64), constant, first, np.concatenate(times),
        *compress(seen.coefficient[rows], place[:, :split]),
        *compress(want.coefficient[rows], place[:, split:]),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def walk(times, scale, constant, rng, out):
    """Simulate a path at sorted times: a constant, or integrated Brownian motion from zero."""
    if constant:
        out[0] = scale * rng.standard_normal()
        return
    position = 0.0
    slope = 0.0
    before = 0.0
    for k in range(times.shape[0]):
        h = times[k] - before
        root = math.sqrt(h)
        a = rng.standard_normal()
        b = rng.standard_normal()
        # increments of slope and position have covariance [[h, h^2/2], [h^2/2, h^3/3]]
        position += slope * h + h * root * (0.5 * a + b / math.sqrt(12.0))
        slope += root * a
        out[k] = scale * position
        before = times[k]


@njit(cache=True, nogil=True, error_model="numpy")
def update_path(times, variance, constant, rows, weight, place, pull, out):
    """Add to a simulated path what the residuals say: its covariance with them, times pull.

    Times are sorted, and the covariance of two is a cubic in the earlier one: running sums over
    those before and those after are enough.
    """
    if constant:
        total = 0.0
        for k in range(rows.shape[0]):
            total += weight[k] * pull[rows[k]]
        out[0] += variance * total
        return
    force = np.zeros(times.shape[0])
    for k in range(rows.shape[0]):
        if place[k] >= 0:
            force[place[k]] += variance * weight[k] * pull[rows[k]]
    square, cube = 0.0, 0.0
    for u in range(times.shape[0]):
        t = times[u]
        square += force[u] * t * t
        cube += force[u] * t * t * t
        out[u] += 0.5 * t * square - cube / 6.0
    whole, moment = 0.0, 0.0
    for back in range(times.shape[0]):
        u = times.shape[0] - 1 - back
        t = times[u]
        out[u] += 0.5 * t * t * moment - t * t * t * whole / 6.0
        whole += force[u]
        moment += force[u] * t
