"""Small dense matrices in compiled kernels: against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from qqt_bayes.inference.dense import multiply_lower, symmetric_products
from qqt_bayes.inference.fours import add_squares_four, invert_four, multiply_four, times_four


def four(size: int, seed: int) -> np.ndarray:
    """Positive definite matrices, dims (row, row, matrix)."""
    root = np.random.default_rng(seed).normal(size=(4, size, size))
    return np.moveaxis(root @ np.swapaxes(root, 1, 2) + np.eye(size), 0, -1).copy()


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_four_inverses(size: int) -> None:
    c = four(size, 1)
    out = np.empty(c.size)
    logdet, ok = invert_four(c.ravel().copy(), size, out)
    each = np.moveaxis(c, -1, 0)
    assert ok
    assert logdet == pytest.approx(np.linalg.slogdet(each)[1].sum(), abs=1e-9)
    found = np.moveaxis(out.reshape(c.shape), -1, 0)
    np.testing.assert_allclose(found, np.linalg.inv(each), rtol=1e-8, atol=1e-10)


def test_one_of_four_without_an_inverse() -> None:
    c = four(3, 2)
    c[2, 2, 1] = -5.0
    assert invert_four(c.ravel(), 3, np.empty(c.size))[1] is False


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_products_of_four(rows: int) -> None:
    """The columns of four matrices begin after three others."""
    size, begin = 6, 3
    c, rng = four(size, 3), np.random.default_rng(4)
    left = rng.normal(size=(rows, begin + 4 * size + 2))
    mine = left[:, begin : begin + 4 * size].reshape(rows, size, 4)
    out = np.full_like(left, 7.0)
    multiply_four(left, begin, c.ravel(), size, out)
    wanted = np.full_like(left, 7.0)
    product = np.einsum("kil,ril->krl", mine, c)
    wanted[:, begin : begin + 4 * size] = product.reshape(rows, -1)
    np.testing.assert_allclose(out, wanted, rtol=1e-12)
    squares = c.ravel().copy()
    add_squares_four(left, begin, squares, size)
    wanted = c + np.einsum("krl,kil->ril", mine, mine)
    np.testing.assert_allclose(squares.reshape(c.shape), wanted, rtol=1e-12)
    vector = np.full(left.shape[1], 7.0)
    times_four(c.ravel(), size, begin, left[0].copy(), vector)
    np.testing.assert_allclose(vector[begin : begin + 4 * size], product[0].ravel(), rtol=1e-12)
    assert (vector[:begin] == 7.0).all()
    assert (vector[begin + 4 * size :] == 7.0).all()


@pytest.mark.parametrize("rows", [1, 4, 7])
@pytest.mark.parametrize("columns", [1, 4, 8, 23])
def test_products_of_rows(rows: int, columns: int) -> None:
    rng = np.random.default_rng(5)
    left, kernel = rng.normal(size=(rows, columns)), rng.normal(size=(columns, columns))
    right = left @ (kernel + kernel.T)
    c = np.eye(rows)
    symmetric_products(left, right, c)
    np.testing.assert_allclose(c, np.eye(rows) + left @ right.T, rtol=1e-11, atol=1e-11)
    lower = np.tril(rng.normal(size=(rows, rows)))
    np.testing.assert_allclose(multiply_lower(lower, left), lower @ left, rtol=1e-11, atol=1e-12)
