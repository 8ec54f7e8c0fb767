r"""What tasks share, fitted to what each task's own fit says of it.

A deviation :math:`x_{tk}` of task t (of utilities, levels or log half-lives of pool k from their
average, or a further parameter of the task) is standard normal beforehand, and here

.. math:: x_{tk} = \sqrt{\rho}\, f_{tk} + \sqrt{1 - \rho}\, e_{tk}, \qquad
          f_{tk} = \frac{c_k + s_k z_t}{\sqrt{1 + z_t^2}},

with c, s and e standard normal and a correlation :math:`\rho`, uniform, for each kind of deviation.
Without a covariate z the tasks are exchangeable (:math:`f = c`). How far pools are apart may be
common too: then x is told in units of it. What the runs of a task say of its deviations is taken
as Gaussian, with the mean and covariance of the separate fit less its prior. Given the correlations
and the common units all is then linear and Gaussian; these are drawn by importance sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from qqt_bayes.errors import GateError
from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.gate import K
from qqt_bayes.inference.importance import Proposal, Weighted, adapt
from qqt_bayes.model.marginal import cholesky
from qqt_bayes.tasks.deviations import Deviations, kind_of

COUNT, ROUNDS = 512, 12  # values of the density a round, and rounds at most
SIZE = 1000.0  # effective draws of the correlations that will do
LEAST = 1e-6  # a correlation stays this far from 0 and 1

__all__ = ["Common", "Told", "common_to", "told_by"]


class Told(NamedTuple):
    """What the runs of the tasks say of their deviations, and how tasks may differ."""

    # dims (task, deviation, deviation) and (task, deviation): of the Gaussian likelihoods
    precision: np.ndarray
    pull: np.ndarray
    # dims (task, copy, deviation): of c and, with a covariate, of s in what is common
    weight: np.ndarray
    # dim (deviation,): number of its kind, and whether it does not change with the covariate
    kind: np.ndarray
    steady: np.ndarray
    deviations: Deviations  # whose prior they have


class Common(NamedTuple):
    """Draws of what tasks share."""

    correlation: np.ndarray  # dims (draw, kind)
    parts: np.ndarray  # dims (draw, copy, deviation): c and, with a covariate, s
    units: np.ndarray  # dims (draw, unit): scores of the units
    # as of ``Told``
    kind: np.ndarray
    steady: np.ndarray

    def at(self, z: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of a task's deviations at a covariate, dims (draw, deviation)."""
        rho = self.correlation[:, self.kind]
        weight = weights_at(np.array([z]), self.parts.shape[1], self.steady)[0]
        f = np.sum(weight * self.parts, axis=1)
        return np.sqrt(rho) * f, 1.0 - rho


def weights_at(z: np.ndarray, copies: int, steady: np.ndarray) -> np.ndarray:
    """Weights of c and s in what is common at some covariates, dims (task, copy, deviation)."""
    z = np.where(steady, 0.0, z[:, None])
    root = np.sqrt(1.0 + z**2)
    return np.stack([1.0 / root, z / root], axis=1)[:, :copies]


def told_by(
    found: Sequence[tuple[np.ndarray, np.ndarray]], deviations: Deviations, z: np.ndarray | None
) -> Told:
    """What separate fits say of deviations.

    ``found``: one a task, from ``draws``; ``z`` (task,): covariate.
    """
    kinds, names = deviations.kinds, deviations.names
    kind = np.array([kinds.index(kind_of(n)) for n in names])
    steady = np.array([kind_of(n) == "spread" for n in names])
    precision, pull = [], []
    for own, root in found:
        white = np.linalg.solve(root, own.T)
        inverse = np.linalg.inv(np.cov(white).reshape(len(names), -1))
        values, vectors = np.linalg.eigh(inverse - np.eye(len(names)))
        turned = np.linalg.solve(root.T, vectors)
        precision.append((turned * np.maximum(values, 0.0)) @ turned.T)
        pull.append(np.linalg.solve(root.T, inverse @ white.mean(axis=1)))
    here = np.zeros(len(found)) if z is None else z
    weight = weights_at(here, 1 if z is None else 2, steady)
    return Told(np.array(precision), np.array(pull), weight, kind, steady, deviations)


def solved(scores: np.ndarray, told: Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is common given correlations and units: the log density, and the Gaussian.

    ``scores`` (draw, score): of the correlations, then of the units. Gives ``log_density`` (draw,):
    of what the tasks' runs say, up to a constant; ``precision``, ``pull``: dims (draw, common,
    common) and (draw, common): of c and s, those of one copy together.
    """
    width, copies = len(told.kind), told.weight.shape[1]
    kinds = int(told.kind.max()) + 1
    shared = np.sqrt(correlations(scores[:, :kinds])[:, told.kind])
    root = told.deviations.root(scores[:, kinds:])[:, None]
    information = np.swapaxes(root, 2, 3) @ told.precision @ root
    told_pull = (told.pull[:, None] @ root)[:, :, 0]
    own = np.sqrt(1.0 - shared**2)[:, None, :]  # (draw, 1, deviation)
    inner = own[..., None] * information * own[..., None, :] + np.eye(width)
    pulled = np.linalg.solve(inner, (own * told_pull)[..., None])[..., 0]
    total = 0.5 * np.sum(own * told_pull * pulled, axis=(1, 2))
    pivots = np.diagonal(cholesky(inner), axis1=2, axis2=3)
    total -= np.log(pivots).sum(axis=(1, 2))
    spread = own[..., None] * information
    left = information - np.swapaxes(spread, 2, 3) @ np.linalg.solve(inner, spread)
    left *= shared[:, None, :, None] * shared[:, None, None, :]
    toward = shared[:, None] * (told_pull - (information @ (own * pulled)[..., None])[..., 0])
    precision = np.einsum("taj,tbk,dtjk->dajbk", told.weight, told.weight, left)
    precision = precision.reshape(len(scores), copies * width, -1) + np.eye(copies * width)
    pull = np.einsum("taj,dtj->daj", told.weight, toward).reshape(len(scores), -1)
    pivots = np.diagonal(cholesky(precision), axis1=1, axis2=2)
    total -= np.log(pivots).sum(axis=1)
    total += 0.5 * np.sum(pull * np.linalg.solve(precision, pull[..., None])[..., 0], axis=1)
    return total, precision, pull


def correlations(scores: np.ndarray) -> np.ndarray:
    """Correlations, uniform where the scores are standard normal."""
    return np.clip(ndtr(scores), LEAST, 1.0 - LEAST)


def common_to(told: Told, draws: int, seed: int) -> Common:
    """Draw what tasks share.

    ``draws``: how many; the first half of them is independent of the second.
    """
    kinds = int(told.kind.max()) + 1
    each = len(told.weight) * len(told.kind) ** 2 + told.weight.shape[1] ** 2 * len(told.kind) ** 2

    def density(scores: np.ndarray) -> np.ndarray:
        found = in_chunks(lambda c: solved(scores[c], told)[0], len(scores), each)
        return np.asarray(np.concatenate(found) - 0.5 * np.sum(scores**2, axis=1))

    def enough(found: Weighted) -> bool:
        return found.size >= SIZE and found.k < K

    size = kinds + len(told.deviations.units)
    start = (Proposal(np.zeros(size), 1.2 * np.eye(size)),)
    found = adapt(density, start, seed=seed, count=COUNT, rounds=ROUNDS, enough=enough)
    if found is None or found.k > K:
        raise GateError("what the tasks share could not be sampled", None)
    rng = np.random.default_rng((seed, 53))
    picks: list[np.ndarray] = []
    for half in np.array_split(np.arange(draws), 2):
        own = np.flatnonzero(found.half == len(picks))
        weights = found.weights[own] / found.weights[own].sum()
        picks.append(rng.choice(own, len(half), p=weights))
    scores = found.draws[np.concatenate(picks)]

    def work(chunk: slice) -> np.ndarray:
        _, precision, pull = solved(scores[chunk], told)
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, pull[..., None])
        white = np.random.default_rng((seed, chunk.start)).standard_normal(pull.shape)
        return (mean + np.linalg.solve(np.swapaxes(root, 1, 2), white[..., None]))[..., 0]

    parts = np.concatenate(in_chunks(work, draws, each))
    parts = parts.reshape(draws, told.weight.shape[1], -1)
    return Common(correlations(scores[:, :kinds]), parts, scores[:, kinds:], told.kind, told.steady)
