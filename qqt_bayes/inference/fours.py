"""Four symmetric matrices of one size side by side, for compiled kernels.

Matrices of ten rows are too short for vector instructions along a row. Four at a time, with the
matrix as the last axis, fill one vector whatever the size. They are given flat: entry (r, s) of the
four begins at ``4 (n r + s)``.
"""

from __future__ import annotations

import math

from numba import njit, uint64

from qqt_bayes.inference.vectors import FOUR, broadcast, load, madd, multiply, store, subtract

__all__ = ["add_squares_four", "invert_four", "multiply_four", "times_four"]


@njit(cache=True, nogil=True, error_model="numpy")
def invert_four(c, size, out):
    """Inverses of positive definite matrices, and the sum of their log-determinants.

    Overwrites c. ``ok`` is False if one of them is not positive definite.
    """
    n, one, four = uint64(size), uint64(1), uint64(FOUR)
    row = n * four
    logdet = 0.0
    for j in range(n):  # the upper factors, row by row, whose diagonal is kept inverted
        for k in range(j * (row + four), j * (row + four) + four):
            if not c[k] > 0.0:
                return 0.0, False
            logdet += math.log(c[k])
            c[k] = 1.0 / math.sqrt(c[k])
        scale = load(c, j * (row + four))
        for k in range(j + one, n):
            store(c, j * row + k * four, multiply(scale, load(c, j * row + k * four)))
        for i in range(j + one, n):
            f = load(c, j * row + i * four)
            for k in range(i, n):
                at = i * row + k * four
                store(c, at, subtract(load(c, at), f, load(c, j * row + k * four)))
    for i in range(n):  # the inverse of each, below its diagonal
        scale = load(c, i * (row + four))
        for k in range(i):
            s = broadcast(0.0)
            for j in range(k, i):
                s = subtract(s, load(c, j * row + i * four), load(c, j * row + k * four))
            store(c, i * row + k * four, multiply(s, scale))
    for i in range(n):
        for k in range(i + one):
            s = broadcast(0.0)
            for j in range(i, n):
                s = madd(s, load(c, j * row + i * four), load(c, j * row + k * four))
            store(out, i * row + k * four, s)
            store(out, k * row + i * four, s)
    return logdet, True


@njit(cache=True, nogil=True, error_model="numpy")
def multiply_four(left, begin, c, size, out):
    """Rows times each matrix: those of ``left`` from a column on, four columns a matrix row.

    Two rows are worked on together, so that one need not wait for its own sum.
    """
    n, lo, four, one = uint64(size), uint64(begin), uint64(FOUR), uint64(1)
    rows, width = uint64(left.shape[0]), uint64(left.shape[1])
    given, filled = left.reshape(-1), out.reshape(-1)
    for k in range(uint64(0), rows, uint64(2)):
        first = k * width + lo
        second = first + width if k + one < rows else first
        for r in range(n):
            s, t = broadcast(0.0), broadcast(0.0)
            for i in range(n):
                f = load(c, (r * n + i) * four)
                s = madd(s, f, load(given, first + i * four))
                t = madd(t, f, load(given, second + i * four))
            store(filled, first + r * four, s)
            store(filled, second + r * four, t)


@njit(cache=True, nogil=True, error_model="numpy")
def add_squares_four(left, begin, c, size):
    """Add ``left' left`` of the same columns to each matrix."""
    n, lo, four, one = uint64(size), uint64(begin), uint64(FOUR), uint64(1)
    rows, width = uint64(left.shape[0]), uint64(left.shape[1])
    given = left.reshape(-1)
    for r in range(n):
        for i in range(uint64(0), r + one, uint64(2)):
            other = i + one if i < r else i
            to, more = (r * n + i) * four, (r * n + other) * four
            s, t = load(c, to), load(c, more)
            for k in range(rows):
                at = k * width + lo
                f = load(given, at + r * four)
                s = madd(s, f, load(given, at + i * four))
                t = madd(t, f, load(given, at + other * four))
            store(c, to, s)
            store(c, more, t)
            store(c, (i * n + r) * four, s)
            store(c, (other * n + r) * four, t)


@njit(cache=True, nogil=True, error_model="numpy")
def times_four(c, size, begin, vector, out):
    """Each matrix times its part of a vector, four entries a row."""
    n, lo, four = uint64(size), uint64(begin), uint64(FOUR)
    for r in range(n):
        s = broadcast(0.0)
        for i in range(n):
            s = madd(s, load(c, (r * n + i) * four), load(vector, lo + i * four))
        store(out, lo + r * four, s)
