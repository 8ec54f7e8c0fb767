"""From a design of many cells to what the structured densities read: features, or blocks.

Integrated Brownian motion is smooth, so that a drift at hundreds of clocks is, to far below the
noise, a combination of a few *features*: the columns of an incomplete Cholesky factor of its
kernel, whose pivots are the clocks worst known from those before. What they leave out goes to the
diagonal, so that variances stay exact; with as many features as distinct clocks nothing is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

from qqt_bayes.inference.arrow import Arrow
from qqt_bayes.inference.blocks import Blocks
from qqt_bayes.inference.vectors import FOUR
from qqt_bayes.model.effects import COMPONENTS, Effects, ibm_kernel, unit_kernels

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design

LEVEL = 0  # component of the pools' levels, whose prior correlation the utilities have too
# Largest unit-scale variance that the features of a drift may leave out: at a scale of .05 per root
# e-fold a standard deviation of 5e-4 of the reducible error, against noise of 1e-3 and more.
TOLERANCE = 1e-4
# The same of blocks, which keep what is left out but for its covariance between blocks.
BETWEEN = 3e-4
NEGLIGIBLE = 1e-12
WIDEST = 100  # cells of a block that is worked on beside three others

__all__ = [
    "TOLERANCE",
    "build_arrow",
    "build_blocks",
    "incomplete_factor",
    "leading_factor",
    "tied_pools",
]


def incomplete_factor(clock: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Features of unit integrated Brownian motion at distinct clocks.

    Parameters
    ----------
    clock : numpy.ndarray
        Dim (time,).
    tolerance : float
        Features are added until no variance left out is larger.

    Returns
    -------
    features : numpy.ndarray
        Dims (time, feature): independent and of unit variance; at the pivots nothing is left out.
    left : numpy.ndarray
        Dim (time,): variance left out.
    """
    left = ibm_kernel(clock, clock)
    floor = max(tolerance, NEGLIGIBLE * left.max(initial=0.0))
    columns = np.empty((len(clock), 0))
    while left.max(initial=0.0) > floor:
        at = int(np.argmax(left))
        column = ibm_kernel(clock, clock[at]) - columns @ columns[at]
        column /= np.sqrt(left[at])
        columns = np.column_stack([columns, column])
        left = np.maximum(left - column**2, 0.0)
        left[at] = 0.0
    return columns, left


def leading_factor(clock: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`incomplete_factor`, with the fewest features: the leading eigenvectors."""
    columns, left = incomplete_factor(clock, tolerance / 10.0)
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    every = vectors * values
    # what is left out if only so many are kept, a row a number of features, from none
    after = np.cumsum((every**2)[:, ::-1], axis=1)[:, ::-1] + left[:, None]
    enough = np.flatnonzero(np.append(after.max(axis=0), left.max()) <= max(tolerance, left.max()))
    kept = int(enough[0])
    return every[:, :kept], left + (every[:, kept:] ** 2).sum(axis=1)


def effect_features(effects: Effects, e: int, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Features of one effect, dims (point, feature), and the variance left out, dim (point,)."""
    coefficient = effects.coefficient[e]
    if effects.clock[e, 0] < 0:
        return coefficient[:, None], np.zeros(len(coefficient))
    touched = np.flatnonzero(coefficient)
    distinct, index = np.unique(effects.clock[e, touched], return_inverse=True)
    columns, left = leading_factor(distinct, tolerance)
    features, rest = np.zeros((len(coefficient), columns.shape[1])), np.zeros(len(coefficient))
    features[touched] = coefficient[touched, None] * columns[index.reshape(-1)]
    rest[touched] = coefficient[touched] ** 2 * left[index.reshape(-1)]
    return features, rest


def split_likeness(likeness: np.ndarray) -> tuple[float, np.ndarray]:
    """A prior correlation as what pools have each for themselves and what they share.

    Returns
    -------
    apart : float
        Variance that every pool has for itself.
    shared : numpy.ndarray
        Dims (pool, factor), so that the correlation is ``apart * I + shared @ shared.T``.
    """
    values, vectors = np.linalg.eigh(likeness)
    apart = max(float(values[0]), 0.0)
    more = values - apart
    kept = more > NEGLIGIBLE
    return apart, np.ascontiguousarray(vectors[:, kept] * np.sqrt(more[kept]))


def build_arrow(design: Design, tolerance: float = TOLERANCE) -> Arrow:
    """Lay out a design: pools' own cells as blocks, what all share as border, mixtures last.

    An effect belongs to the block of the one pool whose own cells it touches, to the border if it
    touches those of several, and to the mixtures' covariance if it touches none.
    """
    points, effects = design.points, design.points.effects
    pools = points.shares.shape[1]
    alone = points.shares.max(axis=1) >= 1.0 - NEGLIGIBLE
    pool = np.argmax(points.shares, axis=1)
    mixed = np.flatnonzero(~alone)
    own = [np.flatnonzero(alone & (pool == p)) for p in range(pools)]
    touch = [np.flatnonzero(points.shares[mixed, p] > 0) for p in range(pools)]
    residual = np.zeros((len(COMPONENTS), len(alone)))
    blocks: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(pools)]
    border: list[tuple[int, np.ndarray]] = []
    only_mixed = np.zeros(len(effects.component), bool)
    for e, component in enumerate(effects.component):
        touched = np.flatnonzero(effects.coefficient[e])
        if component == LEVEL or len(touched) == 0:
            continue
        seen = np.unique(pool[touched][alone[touched]])
        if len(seen) == 0:
            only_mixed[e] = True
            continue
        features, left = effect_features(effects, e, tolerance)
        residual[component] += left
        place = blocks[seen[0]] if len(seen) == 1 else border
        place += [(int(component), column) for column in features.T]
    width = max(len(b) for b in blocks)
    block = [np.zeros((len(r), width)) for r in own]
    touched_block = [np.zeros((len(t), width)) for t in touch]
    block_component = np.zeros((pools, width), np.int64)  # what is missing has no features
    for p, columns in enumerate(blocks):
        for k, (component, column) in enumerate(columns):
            block_component[p, k] = component
            block[p][:, k], touched_block[p][:, k] = column[own[p]], column[mixed[touch[p]]]
    rows = np.concatenate([*own, mixed])
    edge = np.array([column[rows] for _, column in border]).reshape(len(border), len(rows))
    rest = Effects(
        effects.component[only_mixed], effects.clock[only_mixed][:, mixed],
        effects.coefficient[only_mixed][:, mixed],
    )  # fmt: skip
    apart, shared = split_likeness(design.likeness)
    return Arrow(
        rows, pointers(own), np.concatenate(block), block_component, edge,
        np.array([c for c, _ in border], np.int64), np.ascontiguousarray(residual[:, rows]),
        pointers(touch), np.concatenate(touch), np.concatenate(touched_block),
        unit_kernels(rest, rest), shared, points.shares, design.quality, design.run, apart,
    )  # fmt: skip


def tied_pools(shares: np.ndarray) -> np.ndarray:
    """Which group each pool is of, dim (pool,): mixtures tie their pools together.

    Parameters
    ----------
    shares : numpy.ndarray
        Dims (point, pool).
    """
    together = (shares > 0).astype(float)
    return np.asarray(connected_components(together.T @ together)[1])


def build_blocks(design: Design, tolerance: float = BETWEEN) -> Blocks:
    """Lay out a design: cells of pools that mixtures tie as blocks, what all share as border."""
    points, effects = design.points, design.points.effects
    tied = tied_pools(points.shares)
    group = tied[np.argmax(points.shares, axis=1)]
    groups = side_by_side([np.flatnonzero(group == g) for g in np.unique(group)])
    border: list[tuple[int, np.ndarray]] = []
    for e, component in enumerate(effects.component):
        touched = np.unique(group[effects.coefficient[e] != 0.0])
        if component != LEVEL and len(touched) > 1:
            features, _ = effect_features(effects, e, tolerance)
            border += [(int(component), column) for column in features.T]
    # one more column for rows without a cell
    edge = np.zeros((len(border), len(group) + 1))
    edge[:, :-1] = np.array([column for _, column in border]).reshape(len(border), len(group))
    kind = np.array([c for c, _ in border], np.int64)
    apart, shared = split_likeness(design.likeness)

    def beyond(block: np.ndarray) -> np.ndarray:
        """Covariances within a block that the border leaves, dims (component, row, row)."""
        mine = Effects(effects.component, effects.clock[:, block], effects.coefficient[:, block])
        kernel = unit_kernels(mine, mine)
        level = points.shares[block] @ shared
        kernel[LEVEL] -= level @ level.T
        for component in np.unique(kind):
            part = edge[kind == component][:, block]
            kernel[component] -= part.T @ part
        return kernel

    kernels = []
    for blocks in groups:
        size = len(blocks)
        four = np.zeros((len(COMPONENTS), size, size, blocks.shape[1]))
        for k, block in enumerate(blocks.T):
            full = int((block >= 0).sum())
            four[:, :full, :full, k] = beyond(block[:full])
        kernels.append(four.reshape(len(COMPONENTS), -1))
    rows = np.concatenate([g.ravel() for g in groups])
    members = [np.flatnonzero(tied == g) for g in range(tied.max() + 1)]
    pool = np.full((max(map(len, members)), len(rows)), -1)
    for row in np.flatnonzero(rows >= 0):
        mine = members[group[rows[row]]]
        pool[: len(mine), row] = mine
    return Blocks(
        rows, pointers([g.ravel() for g in groups]), np.array([g.shape[1] for g in groups]), pool,
        np.ascontiguousarray(np.concatenate(kernels, axis=1)), np.ascontiguousarray(edge[:, rows]),
        kind, shared, points.shares, design.quality, design.run, apart,
    )  # fmt: skip


def side_by_side(blocks: list[np.ndarray]) -> list[np.ndarray]:
    """Blocks in groups of four where that is faster, dims (row, block); -1 where there is no cell.

    Empty rows cost as much as others, and a group of four little more than one large block.
    """
    order = sorted(blocks, key=len)
    groups = []
    while order:
        taken = 1
        for k in range(2, min(FOUR, len(order)) + 1):
            size = len(order[k - 1])
            if size <= WIDEST and 2 * size**2 <= sum(len(b) ** 2 for b in order[:k]):
                taken = k
        four, order = order[:taken], order[taken:]
        group = np.full((len(four[-1]), FOUR if taken > 1 else 1), -1)
        for k, block in enumerate(four):
            group[: len(block), k] = block
        groups.append(group)
    return groups


def pointers(parts: list[np.ndarray]) -> np.ndarray:
    """Where each part begins and the last one ends, when they are put one after the other."""
    return np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
