"""The Gaussian of many cells: a few directions, and a diagonal.

Drift is smooth, so that of hundreds of runs few directions matter, and a pool's own directions
touch only the cells that hold it. What the directions leave out of a variance is kept on the
diagonal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.model.effects import AT_PATHS, leading, loadings

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design

JITTER = 1e-12  # of the largest variance: keeps rounding from making a covariance indefinite
LEFT_OUT = 1e-6  # of the largest variance of a path: .01 in the log density at noise of .3%
MOST_GROUPS = 64

__all__ = ["JITTER", "Features", "LowRank", "groups_of", "work"]


class Features(NamedTuple):
    """The paths at some points as directions of unit scale."""

    matrix: np.ndarray  # dims (point, direction)
    path: np.ndarray  # dim (direction,): which path a direction is of
    rest: np.ndarray  # dims (path, point): variance that is left out

    @classmethod
    def of(cls, kernels: np.ndarray) -> Features:
        """Directions of kernels, dims (path, point, point)."""
        found = [leading(kernel, LEFT_OUT) for kernel in kernels]
        path = np.repeat(np.arange(len(found)), [part.shape[1] for part, _ in found])
        return cls(np.hstack([part for part, _ in found]), path, np.stack([r for _, r in found]))


def groups_of(design: Design, features: Features) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cells on the same pools, and the directions that they lie along: slopes, runs, features."""
    held = design.points.shares > 0
    slopes = [held @ np.abs(loading) for loading in loadings(design.setting)]
    touched = np.hstack([*slopes, design.member, features.matrix]) != 0.0
    patterns, which = np.unique(held, axis=0, return_inverse=True)
    members = [np.flatnonzero(which.reshape(-1) == g) for g in range(len(patterns))]
    groups = [(cells, np.flatnonzero(touched[cells].any(axis=0))) for cells in members]
    whole = [(np.arange(len(touched)), np.arange(touched.shape[1]))]
    return whole if len(groups) > MOST_GROUPS or work(groups) > 0.5 * work(whole) else groups


def work(groups: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Multiplications that the precision of the directions takes."""
    return float(sum(len(cells) * len(columns) ** 2 for cells, columns in groups))


class LowRank(NamedTuple):
    """A covariance F F' and a diagonal."""

    root: np.ndarray  # dims (draw, cell): root of the diagonal
    # F over the root, where it is not zero: dims (cell,), (direction,) and (draw, cell, direction)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    size: int  # number of directions

    @classmethod
    def of(
        cls, design: Design, few: np.ndarray, diagonal: np.ndarray, scales: np.ndarray
    ) -> LowRank:
        """The covariance given the parameters.

        ``design``: whose paths have features; ``few`` (draw, cell, direction): factor by slopes and
        run effects; ``diagonal`` (draw, cell): noise of each cell alone; ``scales`` (draw, effect).
        """
        features, groups = design.features
        by_path = scales[:, AT_PATHS]
        diagonal = diagonal + by_path**2 @ features.rest
        diagonal += JITTER * diagonal.max(axis=1, keepdims=True)
        root, first = np.sqrt(diagonal), few.shape[2]
        parts = []
        for cells, columns in groups:
            own, at = columns[columns < first], columns[columns >= first] - first
            smooth = features.matrix[np.ix_(cells, at)] * by_path[:, None, features.path[at]]
            white = np.concatenate([few[:, cells][:, :, own], smooth], axis=2)
            parts.append((cells, columns, white / root[:, cells, None]))
        return cls(root, parts, first + len(features.path))

    @property
    def precision(self) -> np.ndarray:
        """One and the products of the directions, dims (draw, direction, direction)."""
        out = np.zeros((len(self.root), self.size, self.size))
        out[:, np.arange(self.size), np.arange(self.size)] = 1.0
        for _, columns, white in self.parts:
            out[:, columns[:, None], columns] += np.swapaxes(white, 1, 2) @ white
        return out

    def along(self, scaled: np.ndarray) -> np.ndarray:
        """Products of the directions with vectors, (draw, cell, vector) to (.., direction, ..)."""
        out = np.zeros((len(scaled), self.size, scaled.shape[2]))
        for cells, columns, white in self.parts:
            out[:, columns] += np.swapaxes(white, 1, 2) @ scaled[:, cells]
        return out

    def solve(self, right: np.ndarray) -> np.ndarray:
        """Inverse covariance times vectors, dims (draw, cell, vector)."""
        out = right / self.root[:, :, None]
        inner = np.linalg.solve(self.precision, self.along(out))
        for cells, columns, white in self.parts:
            out[:, cells] -= white @ inner[:, columns]
        return np.asarray(out / self.root[:, :, None])
