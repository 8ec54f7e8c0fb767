"""What is asked of a form of the covariance, and what it answers, as flat arrays.

A form is called as a C function (:mod:`qqt_bayes.inference.structure`), to which everything has to
go as plain arrays of doubles, whose first number is their length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

SOLVE, DERIVE = 0, 1  # what is asked of a form
QUESTION, ANSWER = 7, 2  # numbers at the head: length and sizes; length and log determinant

__all__ = [
    "ANSWER",
    "DERIVE",
    "SOLVE",
    "Answer",
    "Question",
    "answer_size",
    "question",
    "read_answer",
    "read_question",
]


class Question(NamedTuple):
    """What is asked, as views of one flat array."""

    scales: np.ndarray  # (component,)
    spread: float  # standard deviation of a pool's utility
    quality_scale: float  # of the effect of quality
    level_sd: float  # of the mean level
    x: np.ndarray  # (cell, pool) exponents
    noise: np.ndarray  # (cell,) variances
    along: np.ndarray  # (cell,) standard deviations of run effects, zero off trajectories
    right: np.ndarray  # (column, cell)


class Answer(NamedTuple):
    """Derivatives of the log density, as views of one flat array."""

    a: np.ndarray  # (cell,) inverse covariance times the first column
    diagonal: np.ndarray  # (cell,) derivatives in the noise variances
    by_run: np.ndarray  # (cell,) in the run effects' standard deviations
    by_x: np.ndarray  # (cell, pool) in the exponents
    by_log: np.ndarray  # (component + 2,) in the logs of scales, spread and effect of quality


@njit(cache=True, nogil=True, error_model="numpy")
def question(scales, spread, quality_scale, level_sd, x, noise, along, right):
    """One flat array of a question; see :class:`Question`."""
    n, pools = x.shape
    columns, comps = right.shape[0], scales.shape[0]
    out = np.empty(QUESTION + comps + n * pools + 2 * n + right.size)
    out[0], out[1], out[2], out[3] = out.size, pools, comps, columns
    out[4], out[5], out[6] = spread, quality_scale, level_sd
    at = QUESTION
    for given in (scales, x.ravel(), noise, along, right.ravel()):
        out[at : at + given.size] = given
        at += given.size
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def read_question(flat):
    """The question in a flat array."""
    pools, comps, columns = int(flat[1]), int(flat[2]), int(flat[3])
    n = (flat.size - QUESTION - comps) // (pools + 2 + columns)
    at = QUESTION + comps
    x = flat[at : at + n * pools].reshape((n, pools))
    at += n * pools
    noise, along = flat[at : at + n], flat[at + n : at + 2 * n]
    at += 2 * n
    return Question(flat[QUESTION : QUESTION + comps], flat[4], flat[5], flat[6], x, noise, along,
                    flat[at : at + columns * n].reshape((columns, n)))  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def answer_size(task, n, pools, comps, columns):
    """Length of the answer, whose first number has to say it."""
    return ANSWER + (columns * n if task == SOLVE else 3 * n + n * pools + comps + 2)


@njit(cache=True, nogil=True, error_model="numpy")
def read_answer(flat, n, pools):
    """Views of an answer about derivatives."""
    at = ANSWER + 3 * n
    return Answer(flat[ANSWER : ANSWER + n], flat[ANSWER + n : ANSWER + 2 * n],
                  flat[ANSWER + 2 * n : at], flat[at : at + n * pools].reshape((n, pools)),
                  flat[at + n * pools :])  # fmt: skip
