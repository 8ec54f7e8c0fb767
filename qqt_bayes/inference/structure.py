"""Forms of the covariance for many cells, behind C functions.

Compiled code contains all that it calls, at every level anew: with these forms inside the density
everything took twice as long to compile, for studies that hardly ever need them. So a layout is one
flat array, and the density calls what works with it by its address; it is compiled when the first
study of that form is met, and kept on disk like the rest.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from qqt_bayes.inference.arrow import Arrow, arrow_gradient, arrow_solve, factorise
from qqt_bayes.inference.blocks import Blocks, blocks_gradient, blocks_solve, part
from qqt_bayes.inference.question import ANSWER, SOLVE, read_answer, read_question

POINTER = types.CPointer(types.double)
SIGNATURE = types.int64(types.int64, POINTER, POINTER, POINTER)
HEAD = 12  # numbers before the arrays of a layout: their total length and sizes

__all__ = ["call_form", "packed"]


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
def read_shared(flat, at, cells, pools, shared):
    """What any layout ends with: what families share, and what it keeps of the design."""
    likeness = flat[at : at + pools * shared].reshape((pools, shared))
    at += pools * shared
    shares = flat[at : at + cells * pools].reshape((cells, pools))
    at += cells * pools
    quality = flat[at : at + pools]
    at += pools
    return likeness, shares, quality, flat[at : at + cells].astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def read_blocks(flat):
    """Views of a layout in blocks."""
    n, groups, comps, entries = int(flat[1]), int(flat[2]), int(flat[3]), int(flat[4])
    kb, pools, shared, cells = int(flat[5]), int(flat[6]), int(flat[7]), int(flat[8])
    most = int(flat[10])
    at = HEAD
    rows = flat[at : at + n].astype(np.int64)
    at += n
    first = flat[at : at + groups + 1].astype(np.int64)
    at += groups + 1
    count = flat[at : at + groups].astype(np.int64)
    at += groups
    pool = flat[at : at + n * most].astype(np.int64).reshape((most, n))
    at += n * most
    kernels = flat[at : at + comps * entries].reshape((comps, entries))
    at += comps * entries
    border = flat[at : at + n * kb].reshape((kb, n))
    at += n * kb
    component = flat[at : at + kb].astype(np.int64)
    at += kb
    likeness, shares, quality, run = read_shared(flat, at, cells, pools, shared)
    return Blocks(rows, first, count, pool, kernels, border, component, likeness, shares, quality,
                  run, flat[9])  # fmt: skip


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
    border = flat[at : at + n * kb].reshape((kb, n))
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
    likeness, shares, quality, run = read_shared(flat, at, n, pools, shared)
    return Arrow(rows, first, block, block_component, border, border_component, residual,
                 touch_first, touch_row, touch, mixed, likeness, shares, quality, run,
                 flat[10])  # fmt: skip


def ask_blocks(task, layout_pointer, question_pointer, answer_pointer):
    """Answer about blocks, as a C function."""
    blocks = read_blocks(flat_array(layout_pointer))
    asked, flat = read_question(flat_array(question_pointer)), flat_array(answer_pointer)
    parted, ok = part(blocks, asked)
    n, pools = asked.x.shape
    if task == SOLVE:
        for k in range(asked.right.shape[0]):
            found, _ = blocks_solve(blocks, parted, asked.right[k])
            flat[ANSWER + k * n : ANSWER + (k + 1) * n] = found
    elif ok:
        answer = read_answer(flat, n, pools)
        flat[1] = parted.logdet
        answer.a[:], centre = blocks_solve(blocks, parted, asked.right[0])
        blocks_gradient(blocks, asked, parted, centre, answer)
    return 1 if ok else 0


def ask_arrow(task, layout_pointer, question_pointer, answer_pointer):
    """Answer about an arrow, as a C function; it has no trajectories."""
    arrow = read_arrow(flat_array(layout_pointer))
    asked, flat = read_question(flat_array(question_pointer)), flat_array(answer_pointer)
    factor, ok = factorise(arrow, asked)
    n, pools = asked.x.shape
    if task == SOLVE:
        for k in range(asked.right.shape[0]):
            found, _, _ = arrow_solve(arrow, factor, asked.right[k])
            flat[ANSWER + k * n : ANSWER + (k + 1) * n] = found
    elif ok:
        answer = read_answer(flat, n, pools)
        flat[1] = factor.logdet
        answer.a[:], own, centre = arrow_solve(arrow, factor, asked.right[0])
        arrow_gradient(arrow, asked, factor, own, centre, answer)
    return 1 if ok else 0


@cache
def compiled(entry: Any) -> Any:
    """The C function, compiled or loaded at first use; it outlives every density that calls it."""
    return cfunc(SIGNATURE, cache=True, error_model="numpy")(entry)


def packed(layout: Arrow | Blocks) -> tuple[np.ndarray, int]:
    """A layout as one flat array, and the address of what answers about it.

    The address is of this process: cells are built anew in every other.
    """
    cells, pools = layout.shares.shape
    shared = layout.shared.shape[1]
    if isinstance(layout, Blocks):
        entry = ask_blocks
        numbers = (
            len(layout.rows), len(layout.lanes), *layout.kernels.shape,
            len(layout.border), pools, shared, cells, layout.apart, len(layout.pool),
        )  # fmt: skip
    else:
        entry = ask_arrow
        numbers = (
            cells, pools, len(layout.residual), *layout.block.shape, len(layout.border),
            len(layout.touch_row), layout.mixed.shape[1], shared, layout.apart,
        )  # fmt: skip
    arrays = [value for name, value in layout._asdict().items() if name != "apart"]
    head = np.zeros(HEAD)
    head[1 : 1 + len(numbers)] = numbers
    head[0] = HEAD + sum(a.size for a in arrays)
    flat = np.concatenate([head, *(np.asarray(a, float).ravel() for a in arrays)])
    return flat, int(compiled(entry).address)
