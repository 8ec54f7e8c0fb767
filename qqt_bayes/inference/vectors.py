"""Four doubles at a time, for compiled kernels.

The compiler does not see by itself that four matrices side by side are one vector. So vectors are
named here: each of the four goes through the very operations that it would go through alone, and
multiplications are never fused with additions, so that the answer is the same on every machine.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

FOUR = 4
WIDE = ir.VectorType(ir.DoubleType(), FOUR)

__all__ = ["FOUR", "broadcast", "load", "madd", "multiply", "store", "subtract", "total"]


class Vector(types.Type):
    """Numba's type of four doubles."""

    def __init__(self) -> None:
        super().__init__(name="FourDoubles")


VECTOR = Vector()


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Four doubles in one register."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, WIDE)


def place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Pointer to four entries of a contiguous array of one dimension."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), WIDE.as_pointer())


@intrinsic
def load(_typing: Any, array: Any, at: Any) -> Any:
    """Four entries of a contiguous array of one dimension from one on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(place(context, builder, signature.args[0], *args), align=8)

    return VECTOR(array, types.uint64), generate


@intrinsic
def store(_typing: Any, array: Any, at: Any, value: Any) -> Any:
    """Set these entries."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], place(context, builder, signature.args[0], *args[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.uint64, VECTOR), generate


@intrinsic
def broadcast(_typing: Any, number: Any) -> Any:
    """Four times the same."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        out = ir.Constant(WIDE, ir.Undefined)
        for k in range(FOUR):
            out = builder.insert_element(out, args[0], ir.IntType(32)(k))
        return out

    return VECTOR(types.float64), generate


@intrinsic
def madd(_typing: Any, start: Any, left: Any, right: Any) -> Any:
    """Add the products of two vectors to one."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fadd(args[0], builder.fmul(args[1], args[2]))

    return VECTOR(VECTOR, VECTOR, VECTOR), generate


@intrinsic
def subtract(_typing: Any, start: Any, left: Any, right: Any) -> Any:
    """Subtract the products of two vectors from one."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fsub(args[0], builder.fmul(args[1], args[2]))

    return VECTOR(VECTOR, VECTOR, VECTOR), generate


@intrinsic
def multiply(_typing: Any, left: Any, right: Any) -> Any:
    """Products of two vectors."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fmul(*args)

    return VECTOR(VECTOR, VECTOR), generate


@intrinsic
def total(_typing: Any, value: Any) -> Any:
    """Sum of the four."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        four = [builder.extract_element(args[0], ir.IntType(32)(k)) for k in range(FOUR)]
        return builder.fadd(builder.fadd(four[0], four[1]), builder.fadd(four[2], four[3]))

    return types.float64(VECTOR), generate
