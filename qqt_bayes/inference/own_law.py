"""Laws of the user's own, as C functions that the compiled density calls by their address.

The engine is compiled once for all laws; only the user's few lines are compiled for a new one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, njit, types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from qqt_bayes.errors import UsageError
from qqt_bayes.laws.registry import Law

SIGNATURE = types.double(
    types.int64, types.CPointer(types.double), types.CPointer(types.double),
    types.CPointer(types.double), types.CPointer(types.double), types.double,
    types.CPointer(types.double), types.CPointer(types.double),
)  # fmt: skip
_COMPILED: dict[Any, Any] = {}  # the C functions have to outlive every density that calls them

__all__ = ["address_of", "call_law"]


def address_of(law: Law) -> int:
    """Address of the user's law, compiled at first use.

    Raises
    ------
    UsageError
        If numba cannot compile it.
    """
    if law.point not in _COMPILED:
        inner = njit(error_model="numpy")(law.point)

        def entry(pools, first, epochs, shares, log_half_life, dilution, harm, log_rate):
            return inner(
                carray(first, (pools,)), carray(epochs, (pools,)), carray(shares, (pools,)),
                np.exp(carray(log_half_life, (pools,))), dilution, carray(harm, (pools,)),
                np.exp(carray(log_rate, (pools,))),
            )  # fmt: skip

        try:
            _COMPILED[law.point] = cfunc(SIGNATURE, error_model="numpy")(entry)
        except NumbaError as error:
            raise UsageError(
                f"law '{law.name}' cannot be compiled by numba -> use loops, math and plain NumPy "
                f"in it, and return one number: {error}"
            ) from None
    return int(_COMPILED[law.point].address)


@intrinsic
def call_address(
    context: Any, address: Any, pools: Any, first: Any, epochs: Any, shares: Any, life: Any,
    dilution: Any, harm: Any, rate: Any,
) -> Any:  # fmt: skip
    """Call the C function at an address; arrays are given by theirs."""

    def generate(builder_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double, whole = ir.DoubleType(), ir.IntType(64)
        pointer = double.as_pointer()
        kinds = [whole, pointer, pointer, pointer, pointer, double, pointer, pointer]
        function = ir.FunctionType(double, kinds).as_pointer()
        given = [
            builder.inttoptr(value, kind) if kind is pointer else value
            for value, kind in zip(args[1:], kinds, strict=True)
        ]
        return builder.call(builder.inttoptr(args[0], function), given)

    place = types.uintp
    return types.double(types.int64, types.int64, place, place, place, place, types.double, place,
                        place), generate  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def call_law(law, first, epochs, shares, log_half_life, dilution, harm, log_rate):
    """Exponent of one point; every array of dim (pool,) and contiguous."""
    return call_address(
        law, first.shape[0], first.ctypes.data, epochs.ctypes.data, shares.ctypes.data,
        log_half_life.ctypes.data, dilution, harm.ctypes.data, log_rate.ctypes.data,
    )  # fmt: skip
