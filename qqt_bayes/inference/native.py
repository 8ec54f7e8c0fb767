"""The density as a C function that nutpie calls without Python in between.

A call through Python costs several times the density itself and holds the interpreter's lock, so
that chains do not run side by side. nutpie's compiled models hold nothing but the address of a C
function and a pointer to its data: the function here is compiled once for all studies (and kept on
disk by numba), and a study is one flat buffer. Refitting other data therefore compiles nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numba import carray, cfunc, njit, types
from numba.extending import intrinsic

from qqt_bayes.inference.chart import Chart, density_and_gradient, dimension
from qqt_bayes.inference.natural import Cells

HEADER = 24

__all__ = ["compiled_model", "native_model", "pack"]


@intrinsic
def as_doubles(context: Any, pointer: Any) -> Any:
    """Read an untyped pointer as one to doubles."""

    def generate(builder_context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = builder_context.get_value_type(signature.return_type)
        return builder.bitcast(args[0], target)

    return types.CPointer(types.double)(types.voidptr), generate


def pack(chart: Chart, cells: Cells, centre: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """One flat buffer: a header with the sizes and numbers, then the arrays in order.

    The sampler walks u, the few are ``centre + factor @ u``. The last two arrays hold these, at the
    place that the header gives.
    """
    n, pools = cells.first.shape
    header = np.zeros(HEADER)
    header[:19] = (
        n, pools, cells.kernels.shape[0], len(cells.start), len(chart.code), cells.level_mean,
        cells.level_sd, cells.quality_sd, cells.bounded, chart.upper, chart.harm_code,
        chart.harm_a, chart.harm_b, cells.law, chart.rated, chart.rate_sd,
        chart.rate_factor.shape[1], chart.pivot, chart.centre,
    )  # fmt: skip
    arrays = [
        cells.value, cells.replicates, cells.scatter, cells.eval_var, cells.first, cells.epochs,
        cells.shares, cells.kernels, cells.likeness, cells.quality, cells.start, cells.lengths,
        cells.repeats, cells.run, chart.code, chart.a, chart.b, chart.finite,
        chart.life_factor, chart.log_size, chart.rate_factor,
    ]  # fmt: skip
    header[23] = chart.noisy
    header[21:23] = len(cells.layout), cells.form
    arrays.append(cells.layout)
    header[20] = HEADER + sum(a.size for a in arrays)
    arrays += [centre, factor]
    header[19] = HEADER + sum(a.size for a in arrays)
    return np.concatenate([header, *(np.asarray(a, float).ravel() for a in arrays)])


@njit(cache=True, nogil=True, error_model="numpy")
def unpack(buffer):
    """Views of the arrays in a packed buffer."""
    n, pools, comps = int(buffer[0]), int(buffer[1]), int(buffer[2])
    bins, scalars = int(buffer[3]), int(buffer[4])
    at = HEADER
    value = buffer[at : at + n]
    at += n
    count = buffer[at : at + n]
    at += n
    scatter = buffer[at : at + n]
    at += n
    eval_var = buffer[at : at + n]
    at += n
    first = buffer[at : at + n * pools].reshape((n, pools))
    at += n * pools
    epochs = buffer[at : at + n * pools].reshape((n, pools))
    at += n * pools
    shares = buffer[at : at + n * pools].reshape((n, pools))
    at += n * pools
    whole = n if buffer[21] == 0.0 else 0  # cells whose covariance is kept whole
    kernels = buffer[at : at + comps * whole * whole].reshape((comps, whole, whole))
    at += comps * whole * whole
    likeness = buffer[at : at + pools * pools].reshape((pools, pools))
    at += pools * pools
    quality = buffer[at : at + pools]
    at += pools
    start = buffer[at : at + bins]
    at += bins
    lengths = buffer[at : at + bins]
    at += bins
    repeats = buffer[at : at + bins]
    at += bins
    run = buffer[at : at + n].astype(np.int64)
    at += n
    code = buffer[at : at + scalars].astype(np.int64)
    at += scalars
    a = buffer[at : at + scalars]
    at += scalars
    b = buffer[at : at + scalars]
    at += scalars
    finite = buffer[at : at + pools] > 0.5
    at += pools
    limited = int(finite.sum())
    life_factor = buffer[at : at + limited * limited].reshape((limited, limited))
    at += limited * limited
    log_size = buffer[at : at + pools]
    at += pools
    free = int(buffer[16])
    rate_factor = buffer[at : at + pools * free].reshape((pools, free))
    at += pools * free
    layout = buffer[at : at + int(buffer[21])]
    cells = Cells(value, count, scatter, eval_var, first, epochs, shares, kernels, likeness,
                  quality, start, lengths, repeats, buffer[5], buffer[6], buffer[7],
                  buffer[8] > 0.5, run, int(buffer[13]), layout, int(buffer[22]),
                  buffer[:0], buffer[:0])  # fmt: skip
    chart = Chart(code, a, b, buffer[9], int(buffer[10]), buffer[11], buffer[12], finite,
                  life_factor, log_size, buffer[14] > 0.5, buffer[15], rate_factor,
                  buffer[17], buffer[18], buffer[23] > 0.5)  # fmt: skip
    return chart, cells


@njit(cache=True, nogil=True, error_model="numpy")
def to_few(u, buffer, theta):
    """Fill the few at a point of the walk; return the factor between them."""
    size = u.shape[0]
    at = int(buffer[20])
    factor = buffer[at + size : at + size + size * size].reshape((size, size))
    for i in range(size):
        theta[i] = buffer[at + i]
        for k in range(i + 1):
            theta[i] += factor[i, k] * u[k]
    return factor


@cfunc(
    types.int64(types.uint64, types.CPointer(types.double), types.CPointer(types.double),
                types.CPointer(types.double), types.voidptr),
    cache=True, error_model="numpy",
)  # fmt: skip
def density_c(size, u_pointer, gradient_pointer, value_pointer, data_pointer):
    """Log density and gradient where the walk is; a return above zero is a rejected point."""
    doubles = as_doubles(data_pointer)
    header = carray(doubles, (HEADER,))
    buffer = carray(doubles, (int(header[19]),))
    chart, cells = unpack(buffer)
    theta, inner = np.empty(size), np.empty(size)
    factor = to_few(carray(u_pointer, (size,)), buffer, theta)
    gradient = carray(gradient_pointer, (size,))
    value = density_and_gradient(theta, chart, cells, inner)
    carray(value_pointer, (1,))[0] = value
    if not np.isfinite(value):
        return 4
    for k in range(size):
        total = 0.0
        for i in range(k, size):
            total += factor[i, k] * inner[i]
        gradient[k] = total
        if not np.isfinite(total):
            return 3
    return 0


@cfunc(
    types.int64(types.uint64, types.uint64, types.CPointer(types.double),
                types.CPointer(types.double), types.voidptr),
    cache=True,
)  # fmt: skip
def expand_c(size, expanded, u_pointer, out_pointer, data_pointer):
    """What is stored: the few."""
    doubles = as_doubles(data_pointer)
    header = carray(doubles, (HEADER,))
    buffer = carray(doubles, (int(header[19]),))
    to_few(carray(u_pointer, (size,)), buffer, carray(out_pointer, (expanded,)))
    return 0


def initial_point(seed: int, size: int, jitter: float) -> np.ndarray:
    """A start near zero, which is the middle of the priors, or of the posterior started from."""
    return np.random.default_rng(seed).normal(0.0, jitter, size)


def native_model(
    chart: Chart, cells: Cells, centre: np.ndarray, factor: np.ndarray, jitter: float
) -> Any:
    """The study as a compiled model that :func:`nutpie.sample` takes.

    Parameters
    ----------
    chart, cells
        The study.
    centre, factor : numpy.ndarray
        Dims (few,) and (few, few): the few are ``centre + factor @ u`` at the point u of the walk,
        the factor lower triangular.
    jitter : float
        Spread of the starts, in u.
    """
    buffer = pack(chart, cells, centre, factor)
    return compiled_model(buffer, density_c, expand_c, dimension(chart), jitter)


def compiled_model(buffer: np.ndarray, density: Any, expand: Any, size: int, jitter: float) -> Any:
    """C functions of a walk, and the buffer that they read, as a model for nutpie.

    Parameters
    ----------
    buffer : numpy.ndarray
        What the functions read.
    density, expand : numba C function
        As :func:`density_c` and :func:`expand_c`.
    size : int
        Length of the vector that is walked, and of the one stored.
    jitter : float
        Spread of the starts.
    """
    from nutpie.compile_pymc import CompiledPyMCModel

    return CompiledPyMCModel(
        dims={"theta": ("few",)},
        reparameterized_names=[],
        compiled_logp_func=density,
        compiled_expand_func=expand,
        initial_point_func=partial(initial_point, size=size, jitter=jitter),
        shared_data={},
        shared_var_keys={},
        user_data=buffer,
        n_expanded=size,
        shape_info=(["theta"], [slice(0, size)], [(size,)]),
        logp_func=None,
        expand_func=None,
        _n_dim=size,
        _shapes={"theta": (size,)},
        _coords={"few": pd.RangeIndex(size)},
    )
