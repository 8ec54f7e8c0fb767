r"""What tasks share about the pools: a hierarchy over fits that were made one by one.

A pool that is better than the others for one task tends to be so for another, and wears out alike.
In each fit the deviations of its pools from their average (utilities, log half-lives) are standard
normal beforehand, once whitened; call them :math:`x_{tk}` for task t and coordinate k. The
hierarchy leaves that prior of every task as it is and adds a correlation between tasks,

.. math:: x_{tk} = \sqrt{\rho}\, c_k + \sqrt{1 - \rho}\, e_{tk},

with what is common :math:`c_k` and what is the task's own :math:`e_{tk}` standard normal, and
:math:`\rho` uniform, one for utilities and one for half-lives. It is sampled in two stages (Lunn et
al. 2013, Applied Statistics 62, section 3): the draws of the separate fits are the first; a Gibbs
sampler that picks one of them for each task is the second, so no task is refitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qqt_bayes.errors import UsageError

BURN = 300
GRID = np.linspace(0.0, 0.99, 100)  # correlations

__all__ = ["Pooled", "pool_draws"]


@dataclass(frozen=True, eq=False)
class Pooled:
    """Joint draws over tasks.

    Attributes
    ----------
    index : numpy.ndarray
        Dims (sample, task): which draw of the task's own fit each joint draw takes.
    correlation : numpy.ndarray
        Dims (sample, block): of a pool's deviation between two tasks.
    effective : numpy.ndarray
        Dim (task,): draws of the separate fit that the joint ones rest on, by how often each was
        taken. Few of them mean that the tasks contradict each other, or that one fit is too
        vague to be resampled.
    joined : bool
        False where the tasks were kept apart.
    """

    index: np.ndarray
    correlation: np.ndarray
    effective: np.ndarray
    joined: bool = True


def pool_draws(
    deviations: Sequence[np.ndarray], blocks: np.ndarray, draws: int, seed: int
) -> Pooled:
    """Joint draws of the tasks under the hierarchy.

    Parameters
    ----------
    deviations : sequence of numpy.ndarray
        One a task, dims (own draw, coordinate): standard normal beforehand.
    blocks : numpy.ndarray
        Dim (coordinate,): 0, 1, ...; coordinates of one block share a correlation.
    draws : int
        Joint draws.
    seed : int
        Same seed, same answer.

    Raises
    ------
    UsageError
        If the tasks have different coordinates.
    """
    if len({d.shape[1] for d in deviations}) > 1 or deviations[0].shape[1] != len(blocks):
        raise UsageError("the tasks have different pools -> give tasks of one pool table")
    rng = np.random.default_rng(seed)
    tasks, kinds = len(deviations), int(blocks.max(initial=-1)) + 1
    index = np.array([rng.integers(len(d)) for d in deviations])
    rho = np.full(kinds, 0.5)
    squares = [d**2 for d in deviations]
    taken, correlation = np.empty((draws, tasks), int), np.empty((draws, kinds))
    for step in range(BURN + draws):
        x = np.array([d[i] for d, i in zip(deviations, index, strict=True)])
        for b in range(kinds):
            rho[b] = draw_correlation(x[:, blocks == b], rng)
        share = rho[blocks]
        precision = 1.0 + tasks * share / (1.0 - share)
        centre = np.sqrt(share) / (1.0 - share) * x.sum(axis=0) / precision
        common = centre + rng.standard_normal(len(blocks)) / np.sqrt(precision)
        # log N(x; sqrt(rho) c, 1 - rho) - log N(x; 0, 1), up to what does not depend on x
        curve = 0.5 * (1.0 - 1.0 / (1.0 - share))
        slope = np.sqrt(share) * common / (1.0 - share)
        for t in range(tasks):
            log_weight = squares[t] @ curve + deviations[t] @ slope
            weight = np.exp(log_weight - log_weight.max())
            total = np.cumsum(weight)
            index[t] = min(np.searchsorted(total, rng.uniform() * total[-1]), len(weight) - 1)
        if step >= BURN:
            taken[step - BURN], correlation[step - BURN] = index, rho
    counts = [np.bincount(taken[:, t]) for t in range(tasks)]
    return Pooled(taken, correlation, np.array([draws**2 / float(n @ n) for n in counts]))


def draw_correlation(x: np.ndarray, rng: np.random.Generator) -> float:
    """Draw a block's correlation given its deviations (task, coordinate), what is common out."""
    tasks, coordinates = x.shape
    whole = 1.0 - GRID + tasks * GRID
    log_det = (tasks - 1) * np.log1p(-GRID) + np.log(whole)
    squares, sums = float((x**2).sum()), float((x.sum(axis=0) ** 2).sum())
    log_p = -0.5 * (
        coordinates * log_det + (squares - GRID * sums / whole) / (1.0 - GRID)
    )  # fmt: skip
    total = np.cumsum(np.exp(log_p - log_p.max()))
    return float(GRID[np.searchsorted(total, rng.uniform() * total[-1])])
