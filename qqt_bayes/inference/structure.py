"""Forms of the covariance for many cells, behind C functions.

Compiled code contains all that it calls, at every level anew: with these forms inside the density
everything took twice as long to compile, for studies that hardly ever need them. So a layout is one
flat array, and the density calls what works with it by its address; it is compiled when the first
study of that form is met, and kept on disk like the rest.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from qqt_bayes.inference.arrow import Arrow, arrow_gradient, arrow_solve, factorise
from qqt_bayes.inference.blocks import Blocks, blocks_gradient, blocks_solve, part

SOLVE, DERIVE = 0, 1  # what is asked of a form
POINTER = types.CPointer(types.double)
SIGNATURE = types.int64(types.int64, POINTER, POINTER, POINTER)
HEAD = 12  # numbers before the arrays of a layout: their total length and sizes
QUESTION, ANSWER = 8, 2  # the same of a question, and of its answer: length, log determinant

__all__ = ["DERIVE", "SOLVE", "Question", "answer_size", "call_form", "packed", "question"]


class Question(NamedTuple):
    """What is asked, as views of one flat array."""

    scales: np.ndarray  # (component,)
    spread: float
    quality_scale: float
    level_sd: float
    quality: np.ndarray  # (pool,)
    shares: np.ndarray  # (cell, pool)
    x: np.ndarray  # (cell, pool)
    noise: np.ndarray  # (cell,)
    along: np.ndarray  # (cell,)
    run: np.ndarray  # (cell,)
    right: np.ndarray  # (column, cell)


@njit(cache=True, nogil=True, error_model="numpy")
def question(scales, spread, quality_scale, level_sd, quality, shares, x, noise, along, run, right):
    """One flat array of a question; see :class:`Question`."""
    n, pools = x.shape
    columns, comps = right.shape[0], scales.shape[0]
    out = np.empty(QUESTION + comps + pools + 2 * n * pools + 3 * n + right.size)
    out[0], out[1], out[2], out[3], out[4] = out.size, n, pools, comps, columns
    out[5], out[6], out[7] = spread, quality_scale, level_sd
    at = QUESTION
    for given in (scales, quality, shares.ravel(), x.ravel(), noise, along):
        out[at : at + given.size] = given
        at += given.size
    out[at : at + n] = run
    out[at + n :] = right.ravel()
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def read_question(flat):
    """The question in a flat array."""
    n, pools, comps, columns = int(flat[1]), int(flat[2]), int(flat[3]), int(flat[4])
    at = QUESTION
    scales = flat[at : at + comps]
    at += comps
    quality = flat[at : at + pools]
    at += pools
    shares = flat[at : at + n * pools].reshape((n, pools))
    at += n * pools
    x = flat[at : at + n * pools].reshape((n, pools))
    at += n * pools
    noise, along = flat[at : at + n], flat[at + n : at + 2 * n]
    at += 2 * n
    run = flat[at : at + n].astype(np.int64)
    at += n
    right = flat[at : at + columns * n].reshape((columns, n))
    return Question(scales, flat[5], flat[6], flat[7], quality, shares, x, noise, along, run,
                    right)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def answer_size(task, n, pools, comps, columns):
    """Length of the answer, whose first number has to say it."""
    return ANSWER + (columns * n if task == SOLVE else 3 * n + n * pools + comps + 2)


@njit(cache=True, nogil=True, error_model="numpy")
def read_answer(flat, n, pools):
    """Views of an answer about derivatives: a, diagonal, by_run, by_x and by_log_scale.

    Inverse covariance times the first column; derivatives in the noise variances, in the run
    effects' deviations, in the exponents and in the logs of the scales.
    """
    at = ANSWER + 3 * n
    return (flat[ANSWER : ANSWER + n], flat[ANSWER + n : ANSWER + 2 * n], flat[ANSWER + 2 * n : at],
            flat[at : at + n * pools].reshape((n, pools)), flat[at + n * pools :])  # fmt: skip


@intrinsic
def call_form(
    context: Any, address: Any, task: Any, layout: Any, question: Any, answer: Any
) -> Any:  # fmt: skip
    """Ask the form at an address about flat arrays; returns 0 for a covariance that is none."""

    def generate(builder_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole, pointer = ir.IntType(64), ir.DoubleType().as_pointer()
        function = ir.FunctionType(whole, [whole, pointer, pointer, pointer]).as_pointer()
        arrays = [
            builder_context.make_array(kind)(builder_context, builder, value).data
            for kind, value in zip(signature.args[2:], args[2:], strict=True)
        ]
        return builder.call(builder.inttoptr(args[0], function), [args[1], *arrays])

    return types.int64(types.int64, types.int64, layout, question, answer), generate


@njit(cache=True, nogil=True, error_model="numpy")
def flat_array(pointer):
    """The array at a pointer, whose first number is its length."""
    return carray(pointer, (int(carray(pointer, (1,))[0]),))


@njit(cache=True, nogil=True, error_model="numpy")
def read_blocks(flat):
    """Views of a layout in blocks."""
    n, pointers, comps, entries = int(flat[1]), int(flat[2]), int(flat[3]), int(flat[4])
    kb, pools, shared = int(flat[5]), int(flat[6]), int(flat[7])
    at = HEAD
    rows = flat[at : at + n].astype(np.int64)
    at += n
    first = flat[at : at + pointers].astype(np.int64)
    at += pointers
    kernels = flat[at : at + comps * entries].reshape((comps, entries))
    at += comps * entries
    border = flat[at : at + n * kb].reshape((n, kb))
    at += n * kb
    component = flat[at : at + kb].astype(np.int64)
    at += kb
    likeness = flat[at : at + pools * shared].reshape((pools, shared))
    return Blocks(rows, first, kernels, border, component, flat[8], likeness)


@njit(cache=True, nogil=True, error_model="numpy")
def read_arrow(flat):
    """Views of an arrow."""
    n, pools, comps, singles = int(flat[1]), int(flat[2]), int(flat[3]), int(flat[4])
    k, kb, touches, mixtures = int(flat[5]), int(flat[6]), int(flat[7]), int(flat[8])
    shared = int(flat[9])
    at = HEAD
    rows = flat[at : at + n].astype(np.int64)
    at += n
    first = flat[at : at + pools + 1].astype(np.int64)
    at += pools + 1
    block = flat[at : at + singles * k].reshape((singles, k))
    at += singles * k
    block_component = flat[at : at + pools * k].astype(np.int64).reshape((pools, k))
    at += pools * k
    border = flat[at : at + n * kb].reshape((n, kb))
    at += n * kb
    border_component = flat[at : at + kb].astype(np.int64)
    at += kb
    residual = flat[at : at + comps * n].reshape((comps, n))
    at += comps * n
    touch_first = flat[at : at + pools + 1].astype(np.int64)
    at += pools + 1
    touch_row = flat[at : at + touches].astype(np.int64)
    at += touches
    touch = flat[at : at + touches * k].reshape((touches, k))
    at += touches * k
    mixed = flat[at : at + comps * mixtures * mixtures].reshape((comps, mixtures, mixtures))
    at += comps * mixtures * mixtures
    likeness = flat[at : at + pools * shared].reshape((pools, shared))
    return Arrow(rows, first, block, block_component, border, border_component, residual,
                 touch_first, touch_row, touch, mixed, flat[10], likeness)  # fmt: skip


def ask_blocks(task, layout_pointer, question_pointer, answer_pointer):
    """Answer about blocks, as a C function."""
    blocks, q = read_blocks(flat_array(layout_pointer)), read_question(flat_array(question_pointer))
    answer = flat_array(answer_pointer)
    parted, ok = part(q.scales, q.spread, q.quality_scale, q.level_sd, q.shares, q.x, q.quality,
                      blocks, q.noise, q.along, q.run)  # fmt: skip
    n, pools = q.x.shape
    if task == SOLVE:
        for k in range(q.right.shape[0]):
            answer[ANSWER + k * n : ANSWER + (k + 1) * n] = blocks_solve(
                blocks, parted, q.right[k]
            )[0]
    elif ok:
        a, diagonal, by_run, by_x, by_log = read_answer(answer, n, pools)
        found, centre = blocks_solve(blocks, parted, q.right[0])
        a[:] = found
        answer[1] = parted.logdet
        blocks_gradient(q.scales, q.spread, q.quality_scale, q.quality, q.x, blocks, parted, found,
                        centre, q.along, q.run, diagonal, by_x, by_run, by_log)  # fmt: skip
    return 1 if ok else 0


def ask_arrow(task, layout_pointer, question_pointer, answer_pointer):
    """Answer about an arrow, as a C function; it has no trajectories."""
    arrow, q = read_arrow(flat_array(layout_pointer)), read_question(flat_array(question_pointer))
    answer = flat_array(answer_pointer)
    factor, ok = factorise(q.scales, q.spread, q.quality_scale, q.level_sd, q.shares, q.x,
                           q.quality, arrow, q.noise)  # fmt: skip
    n, pools = q.x.shape
    if task == SOLVE:
        for k in range(q.right.shape[0]):
            answer[ANSWER + k * n : ANSWER + (k + 1) * n] = arrow_solve(arrow, factor, q.right[k])[
                0
            ]
    elif ok:
        a, diagonal, by_run, by_x, by_log = read_answer(answer, n, pools)
        found, own, centre = arrow_solve(arrow, factor, q.right[0])
        a[:] = found
        answer[1] = factor.logdet
        by_run[:] = 0.0
        arrow_gradient(q.scales, q.spread, q.quality_scale, q.quality, q.x, arrow, factor, found,
                       own, centre, diagonal, by_x, by_log)  # fmt: skip
    return 1 if ok else 0


@cache
def compiled(entry: Any) -> Any:
    """The C function, compiled or loaded at first use; it outlives every density that calls it."""
    return cfunc(SIGNATURE, cache=True, error_model="numpy")(entry)


def packed(layout: Arrow | Blocks) -> tuple[np.ndarray, int]:
    """A layout as one flat array, and the address of what answers about it.

    The address is of this process: cells are built anew in every other.
    """
    pools, shared = layout.shared.shape
    if isinstance(layout, Blocks):
        entry = ask_blocks
        numbers = (
            len(layout.rows), len(layout.first), *layout.kernels.shape,
            len(layout.border_component), pools, shared, layout.apart,
        )  # fmt: skip
    else:
        entry = ask_arrow
        numbers = (
            len(layout.rows), pools, len(layout.residual), *layout.block.shape,
            len(layout.border_component), len(layout.touch_row), layout.mixed.shape[1], shared,
            layout.apart,
        )  # fmt: skip
    arrays = [value for name, value in layout._asdict().items() if name != "apart"]
    head = np.zeros(HEAD)
    head[1 : 1 + len(numbers)] = numbers
    head[0] = HEAD + sum(a.size for a in arrays)
    flat = np.concatenate([head, *(np.asarray(a, float).ravel() for a in arrays)])
    return flat, int(compiled(entry).address)
