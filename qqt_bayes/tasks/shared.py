r"""What tasks share, fitted to what each task's own fit says of it.

A deviation :math:`x_{tk}` of task t (of utilities, levels or log half-lives of pool k from their
average, or a further parameter of the task) is standard normal beforehand, and here

.. math:: x_{tk} = \sqrt{\rho}\, f_{tk} + \sqrt{1 - \rho}\, e_{tk}, \qquad
          f_{tk} = \frac{c_k + s_k z_t}{\sqrt{1 + z_t^2}},

with c, s and e standard normal and a correlation :math:`\rho`, uniform, for each kind of deviation.
Without a covariate z the tasks are exchangeable (:math:`f = c`). What the runs of a task say of x is
taken as Gaussian, with the mean and covariance of the separate fit less its prior. Given the
correlations all is then linear and Gaussian, and the correlations are drawn by importance sampling.
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

COUNT, ROUNDS = 512, 12  # values of the density a round, and rounds at most
SIZE = 1000.0  # effective draws of the correlations that will do
LEAST = 1e-6  # a correlation stays this far from 0 and 1

__all__ = ["Common", "Told", "common_to", "told_by"]


class Told(NamedTuple):
    """What the runs of the tasks say of their deviations, and how tasks may differ.

    Attributes
    ----------
    precision, pull : numpy.ndarray
        Dims (task, deviation, deviation) and (task, deviation): of the Gaussian likelihoods.
    weight : numpy.ndarray
        Dims (task, copy, deviation): of c and, with a covariate, of s in what is common.
    kind : numpy.ndarray
        Dim (deviation,): number of its kind.
    """

    precision: np.ndarray
    pull: np.ndarray
    weight: np.ndarray
    kind: np.ndarray


class Common(NamedTuple):
    """Draws of what tasks share.

    Attributes
    ----------
    correlation : numpy.ndarray
        Dims (draw, kind).
    parts : numpy.ndarray
        Dims (draw, copy, deviation): c and, with a covariate, s.
    kind, steady : numpy.ndarray
        Dim (deviation,): number of its kind, and whether it does not change with the covariate.
    """

    correlation: np.ndarray
    parts: np.ndarray
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
    draws: Sequence[np.ndarray], kind: np.ndarray, z: np.ndarray | None, steady: np.ndarray
) -> Told:
    """What separate fits say of deviations.

    Parameters
    ----------
    draws : sequence of numpy.ndarray
        One a task, dims (draw, deviation).
    kind : numpy.ndarray
        Dim (deviation,).
    z : numpy.ndarray, optional
        Dim (task,): covariate.
    steady : numpy.ndarray
        Dim (deviation,): what does not change with it.
    """
    precision, pull = [], []
    for own in draws:
        inverse = np.linalg.inv(np.cov(own, rowvar=False).reshape(len(kind), -1))
        values, vectors = np.linalg.eigh(inverse - np.eye(len(kind)))
        precision.append((vectors * np.maximum(values, 0.0)) @ vectors.T)
        pull.append(inverse @ own.mean(axis=0))
    here = np.zeros(len(draws)) if z is None else z
    weight = weights_at(here, 1 if z is None else 2, steady)
    return Told(np.array(precision), np.array(pull), weight, kind)


def solved(rho: np.ndarray, told: Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is common given correlations, dims (draw, kind): the log density, and the Gaussian.

    Returns
    -------
    log_density : numpy.ndarray
        Dim (draw,): of what the tasks' runs say, up to a constant.
    precision, pull : numpy.ndarray
        Dims (draw, common, common) and (draw, common): of c and s, those of one copy together.
    """
    width, copies = len(told.kind), told.weight.shape[1]
    shared = np.sqrt(rho[:, told.kind])
    own = np.sqrt(1.0 - shared**2)[:, None, :]  # (draw, 1, deviation)
    inner = own[..., None] * told.precision * own[..., None, :] + np.eye(width)
    root = np.linalg.cholesky(inner)
    pulled = np.linalg.solve(inner, (own * told.pull)[..., None])[..., 0]
    total = 0.5 * np.sum(own * told.pull * pulled, axis=(1, 2))
    total -= np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=(1, 2))
    spread = own[..., None] * told.precision
    left = told.precision - np.swapaxes(spread, 2, 3) @ np.linalg.solve(inner, spread)
    left *= shared[:, None, :, None] * shared[:, None, None, :]
    toward = shared[:, None] * (told.pull - np.einsum("tjk,dtk->dtj", told.precision, own * pulled))
    precision = np.einsum("taj,tbk,dtjk->dajbk", told.weight, told.weight, left)
    precision = precision.reshape(len(rho), copies * width, -1) + np.eye(copies * width)
    pull = np.einsum("taj,dtj->daj", told.weight, toward).reshape(len(rho), -1)
    root = np.linalg.cholesky(precision)
    total -= np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    total += 0.5 * np.sum(pull * np.linalg.solve(precision, pull[..., None])[..., 0], axis=1)
    return total, precision, pull


def correlations(scores: np.ndarray) -> np.ndarray:
    """Correlations, uniform where the scores are standard normal."""
    return np.clip(ndtr(scores), LEAST, 1.0 - LEAST)


def common_to(told: Told, steady: np.ndarray, draws: int, seed: int) -> Common:
    """Draw what tasks share.

    Parameters
    ----------
    told : Told
    steady : numpy.ndarray
        Dim (deviation,), as for :func:`told_by`.
    draws : int
        How many; the first half of them is independent of the second.
    seed : int
        Same seed, same draws.

    Raises
    ------
    GateError
        If the weights of the correlations have no finite variance.
    """
    kinds = int(told.kind.max()) + 1
    each = len(told.weight) * len(told.kind) ** 2 + told.weight.shape[1] ** 2 * len(told.kind) ** 2

    def density(scores: np.ndarray) -> np.ndarray:
        rho = correlations(scores)
        found = in_chunks(lambda c: solved(rho[c], told)[0], len(rho), each)
        return np.asarray(np.concatenate(found) - 0.5 * np.sum(scores**2, axis=1))

    def enough(found: Weighted) -> bool:
        return found.size >= SIZE and found.k < K

    start = (Proposal(np.zeros(kinds), 1.2 * np.eye(kinds)),)
    found = adapt(density, start, seed=seed, count=COUNT, rounds=ROUNDS, enough=enough)
    if found is None or found.k > K:
        raise GateError("what the tasks share could not be sampled", None)
    rng = np.random.default_rng((seed, 53))
    picks = []
    for half in np.array_split(np.arange(draws), 2):
        own = np.flatnonzero(found.half == len(picks))
        weights = found.weights[own] / found.weights[own].sum()
        picks.append(rng.choice(own, len(half), p=weights))
    rho = correlations(found.draws[np.concatenate(picks)])

    def work(chunk: slice) -> np.ndarray:
        _, precision, pull = solved(rho[chunk], told)
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, pull[..., None])
        white = np.random.default_rng((seed, chunk.start)).standard_normal(pull.shape)
        return (mean + np.linalg.solve(np.swapaxes(root, 1, 2), white[..., None]))[..., 0]

    parts = np.concatenate(in_chunks(work, draws, each))
    return Common(rho, parts.reshape(draws, told.weight.shape[1], -1), told.kind, steady)
