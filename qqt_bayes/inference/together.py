r"""Several studies of the same pools in one walk: the joint density and its gradient, compiled.

Each study t (a metric, a model) keeps its own few and its own prior. What the studies share is how
their pools deviate from the average. A deviation :math:`x_{tk}` (of utility, level or log
half-life, k one of the pools) is standard normal once whitened, and here

.. math:: x_{tk} = \sqrt{\rho}\, f_{tk} + \sqrt{1 - \rho}\, e_{tk}, \qquad
          f_{tk} = \frac{c_k + s_k z_t}{\sqrt{1 + z_t^2}},

with c, s and e standard normal and a correlation :math:`\rho`, uniform, for each of the three
kinds. Without a covariate z the studies are exchangeable (:math:`f = c`); with one, what is common
may change with it. The marginal prior of every single study is the same as alone. With a covariate
the studies' mean log utility and median log half-life are tied in the same way.

Given :math:`\rho`, c and s, the own part of utilities and levels is linear in each study and is
integrated out there, so the walk adds a handful of dimensions to those of the separate fits. Where
it goes is said in :mod:`qqt_bayes.inference.common`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, cfunc, njit, types

from qqt_bayes.inference.chart import density_and_gradient
from qqt_bayes.inference.common import (
    AVERAGE,
    HALF_LIFE,
    INFORMATION,
    LEVEL,
    MEAN,
    UTILITY,
    common_values,
    correlation,
    expected,
    kind_of,
    narrowed,
)  # fmt: skip
from qqt_bayes.inference.native import as_doubles, to_few, unpack
from qqt_bayes.inference.natural import BY_QUALITY, LEANINGS, OWN_LEVEL, OWN_UTILITY, given_shared

# Numbers before the records: studies, pools, finite pools, covariate, end, scalars, own variances.
HEAD = 8
RECORD = 6  # of a study: offset, few, covariate, places of utility, half-life, first deviation

__all__ = ["common_size", "joint_density", "pack_together"]


@njit(cache=True, nogil=True, error_model="numpy")
def common_size(pools, finite, trend):
    """Numbers of correlations, and of coordinates that the studies have in common."""
    return (4, 2 * pools + 3 + finite) if trend else (3, 2 * pools + 1 + finite)


@njit(cache=True, nogil=True, error_model="numpy")
def common_part(values, z):
    """What is common to the studies, as it is at covariate z: f of the module's docstring.

    Of c and s, dims (copy, deviation); without s, z is 0.
    """
    f = values[0] / math.sqrt(1.0 + z * z)
    if values.shape[0] > 1:
        f += z / math.sqrt(1.0 + z * z) * values[1]
    return f


@njit(cache=True, nogil=True, error_model="numpy")
def fill_shared(rho, f, roots, quality_sd, shared):
    """Fill what the density of a study reads; see :func:`given_shared`."""
    pools = roots.shape[1]
    shared[OWN_UTILITY] = 1.0 - rho[UTILITY]
    shared[OWN_LEVEL] = 1.0 - rho[LEVEL]
    shared[BY_QUALITY] = math.sqrt(rho[UTILITY]) * quality_sd * f[pools]
    for i in range(pools):
        a, b = 0.0, 0.0
        for k in range(pools):
            a += roots[0, i, k] * f[k]
            b += roots[1, i, k] * f[pools + 1 + k]
        shared[LEANINGS + i] = math.sqrt(rho[UTILITY]) * a
        shared[LEANINGS + pools + i] = math.sqrt(rho[LEVEL]) * b


@njit(cache=True, nogil=True, error_model="numpy")
def tied(record, finite, pools, trend):
    """Which of a study's few have a common part: places in it, in f, and their kind."""
    out = np.empty((finite + 2, 3), np.int64)
    for k in range(finite):
        out[k] = int(record[5]) + k, 2 * pools + 1 + k, HALF_LIFE
    count = finite
    for j in range(2):
        if trend and record[3 + j] >= 0:
            out[count] = int(record[3 + j]), 2 * pools + 1 + finite + j, AVERAGE
            count += 1
    return out[:count]


@njit(cache=True, nogil=True, error_model="numpy")
def layout_of(buffer):
    """Parts of a packed buffer, in the order of :func:`pack_together`.

    Records of the studies, how utilities and levels are turned, roots of their likeness once they
    are, the pilots and their pulls.
    """
    studies, pools, finite = int(buffer[0]), int(buffer[1]), int(buffer[2])
    scalars = int(buffer[5])
    _, width = common_size(pools, finite, buffer[3] > 0.5)
    records = buffer[HEAD : HEAD + studies * RECORD].reshape((studies, RECORD))
    at = HEAD + studies * RECORD
    turns = buffer[at : at + 2 * pools * pools].reshape((2, pools, pools))
    at += 2 * pools * pools
    roots = buffer[at : at + 2 * pools * pools].reshape((2, pools, pools))
    at += 2 * pools * pools
    pilots = buffer[at : at + studies * width * 2].reshape((studies, width, 2))
    at += studies * width * 2
    pulls = buffer[at : at + studies * scalars * width].reshape((studies, scalars, width))
    return records, turns, roots, pilots, pulls


@njit(cache=True, nogil=True, error_model="numpy")
def follow(theta, rho, f, places, pilot, pulls, pools, finite, wanted, steps):
    """Turn a study's places in its separate fit into its few, given what is common.

    Parameters
    ----------
    theta : numpy.ndarray
        Dim (few,): places, then the few.
    rho, f : numpy.ndarray
        Dim (kind,) and (deviation,).
    places : numpy.ndarray
        From :func:`tied`.
    pilot, pulls : numpy.ndarray
        Dims (deviation, 2) and (scalar, deviation).
    pools, finite : int
        Pools, and those that can be repeated.
    wanted : numpy.ndarray
        Dims (3, deviation), filled: what to expect of the deviations, and its derivatives in what
        is common and in the correlation.
    steps : numpy.ndarray
        Dims (tied, 3), filled: place less the pilot's mean, how much it is narrowed, and the
        derivative of the log of that.
    """
    for j in range(f.shape[0]):
        r = rho[kind_of(j, pools, finite)]
        by_common, constant, common_slope, constant_slope = expected(
            r, pilot[j, INFORMATION], pilot[j, MEAN]
        )
        wanted[0, j] = by_common * f[j] + constant
        wanted[1, j] = by_common
        wanted[2, j] = common_slope * f[j] + constant_slope
    for i in range(pulls.shape[0]):
        for j in range(f.shape[0]):
            theta[i] += pulls[i, j] * (wanted[0, j] - pilot[j, MEAN])
    for k in range(places.shape[0]):
        i, j, b = places[k]
        steps[k, 0] = theta[i] - pilot[j, MEAN]
        steps[k, 1], steps[k, 2] = narrowed(rho[b], pilot[j, INFORMATION])
        theta[i] = wanted[0, j] + steps[k, 1] * steps[k, 0]


@njit(cache=True, nogil=True, error_model="numpy")
def joint_density(u, buffer, gradient):
    """Log joint density where the walk is; fills its gradient."""
    studies, pools, finite = int(buffer[0]), int(buffer[1]), int(buffer[2])
    trend = buffer[3] > 0.5
    kinds, width = common_size(pools, finite, trend)
    records, _, roots, pilots, pulls = layout_of(buffer)
    copies = 2 if trend else 1
    at = kinds + width * copies
    total = 0.0
    rho, turn, d_rho = np.empty(kinds), np.empty(kinds), np.empty(kinds)
    for b in range(kinds):
        rho[b], turn[b] = correlation(u[b])
        total -= 0.5 * u[b] * u[b]
    walked = u[kinds:at].reshape((copies, width))
    values, scale, by_rho = (
        np.empty((copies, width)),
        np.empty((copies, width)),
        np.empty((copies, width)),
    )
    total += common_values(walked, rho, records[:, 2].copy(), pilots, buffer[6:8], pools, finite,
                           values, scale, by_rho, d_rho)  # fmt: skip
    push = -values  # derivatives in c and s
    total -= 0.5 * (values**2).sum()
    shared, slopes = np.empty(LEANINGS + 2 * pools), np.zeros(LEANINGS + 2 * pools)
    wanted = np.empty((3, width))
    for t in range(studies):
        record = records[t]
        offset, size, z = int(record[0]), int(record[1]), record[2]
        study = buffer[offset : offset + int(buffer[offset + 19])]
        chart, alone = unpack(study)
        f = common_part(values, z)
        fill_shared(rho, f, roots, alone.quality_sd, shared)
        theta, inner, d_f = np.empty(size), np.empty(size), np.zeros(width)
        factor = to_few(u[at : at + size], study, theta)
        places = tied(record, finite, pools, trend)
        steps = np.empty((len(places), 3))
        follow(theta, rho, f, places, pilots[t], pulls[t], pools, finite, wanted, steps)
        for k in range(len(places)):
            i, j, b = places[k]
            # the prior is on the own part, not as in a study alone
            own = theta[i] - math.sqrt(rho[b]) * f[j]
            total += 0.5 * (theta[i] ** 2 - own**2 / (1.0 - rho[b]))
            total += math.log(steps[k, 1]) - 0.5 * math.log(1.0 - rho[b])
        cells = given_shared(alone, shared, slopes)
        total += density_and_gradient(theta, chart, cells, inner)
        if not math.isfinite(total):
            return -np.inf
        d_wanted = np.zeros(width)
        for k in range(len(places)):
            i, j, b = places[k]
            own_share, like = 1.0 - rho[b], math.sqrt(rho[b])
            own = (theta[i] - like * f[j]) / own_share
            pull = inner[i] + theta[i] - own
            inner[i] = pull * steps[k, 1]
            d_wanted[j] += pull
            d_f[j] += own * like
            d_rho[b] += inner[i] * steps[k, 2] * steps[k, 0] + steps[k, 2]
            d_rho[b] += 0.5 * own * (f[j] / like - own) + 0.5 / own_share
        for i in range(pulls.shape[1]):
            for j in range(width):
                d_wanted[j] += inner[i] * pulls[t, i, j]
        for j in range(width):
            d_f[j] += d_wanted[j] * wanted[1, j]
            d_rho[kind_of(j, pools, finite)] += d_wanted[j] * wanted[2, j]
        pull = 0.0
        for i in range(pools):
            pull += slopes[LEANINGS + i] * shared[LEANINGS + i]
            level = LEANINGS + pools + i
            d_rho[LEVEL] += 0.5 * slopes[level] * shared[level] / rho[LEVEL]
            for k in range(pools):
                d_f[k] += math.sqrt(rho[UTILITY]) * roots[0, i, k] * slopes[LEANINGS + i]
                d_f[pools + 1 + k] += math.sqrt(rho[LEVEL]) * roots[1, i, k] * slopes[level]
        pull += slopes[BY_QUALITY] * shared[BY_QUALITY]
        d_f[pools] += slopes[BY_QUALITY] * math.sqrt(rho[UTILITY]) * alone.quality_sd
        d_rho[UTILITY] += 0.5 * pull / rho[UTILITY] - slopes[OWN_UTILITY]
        d_rho[LEVEL] -= slopes[OWN_LEVEL]
        weight = 1.0 / math.sqrt(1.0 + z * z)
        for m in range(copies):
            for j in range(width):
                push[m, j] += weight * d_f[j] * (z if m == 1 else 1.0)
        for k in range(size):
            gradient[at + k] = 0.0
            for i in range(k, size):
                gradient[at + k] += factor[i, k] * inner[i]
        at += size
    for m in range(copies):
        for j in range(width):
            gradient[kinds + m * width + j] = push[m, j] * scale[m, j]
            d_rho[kind_of(j, pools, finite)] += push[m, j] * by_rho[m, j]
    for b in range(kinds):
        gradient[b] = d_rho[b] * turn[b] - u[b]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def joint_few(u, buffer, out):
    """What is stored: correlations, what is common, and the few of each study as if alone.

    What is common is told by whitened deviations of the pools, in no direction but theirs.
    """
    studies, pools, finite = int(buffer[0]), int(buffer[1]), int(buffer[2])
    trend = buffer[3] > 0.5
    kinds, width = common_size(pools, finite, trend)
    records, turns, _, pilots, pulls = layout_of(buffer)
    copies = 2 if trend else 1
    at = kinds + width * copies
    rho = out[:kinds]
    for b in range(kinds):
        rho[b] = correlation(u[b])[0]
    values = out[kinds:at].reshape((copies, width))
    scale, by_rho = np.empty((copies, width)), np.empty((copies, width))
    common_values(u[kinds:at].reshape((copies, width)), rho, records[:, 2].copy(), pilots,
                  buffer[6:8], pools, finite, values, scale, by_rho, np.empty(kinds))  # fmt: skip
    for t in range(studies):
        record = records[t]
        offset, size = int(record[0]), int(record[1])
        theta = out[at : at + size]
        to_few(u[at : at + size], buffer[offset : offset + int(buffer[offset + 19])], theta)
        f, places = common_part(values, record[2]), tied(record, finite, pools, trend)
        follow(theta, rho, f, places, pilots[t], pulls[t], pools, finite, np.empty((3, width)),
               np.empty((len(places), 3)))  # fmt: skip
        at += size
    for m in range(copies):
        for kind in range(2):
            a = kind * (pools + 1)
            values[m, a : a + pools] = turns[kind] @ values[m, a : a + pools].copy()


@cfunc(
    types.int64(types.uint64, types.CPointer(types.double), types.CPointer(types.double),
                types.CPointer(types.double), types.voidptr),
    cache=True, error_model="numpy",
)  # fmt: skip
def joint_density_c(size, u_pointer, gradient_pointer, value_pointer, data_pointer):
    """Log density and gradient where the walk is; a return above zero is a rejected point."""
    doubles = as_doubles(data_pointer)
    buffer = carray(doubles, (int(carray(doubles, (HEAD,))[4]),))
    gradient = carray(gradient_pointer, (size,))
    value = joint_density(carray(u_pointer, (size,)), buffer, gradient)
    carray(value_pointer, (1,))[0] = value
    if not np.isfinite(value):
        return 4
    for k in range(size):
        if not np.isfinite(gradient[k]):
            return 3
    return 0


@cfunc(
    types.int64(types.uint64, types.uint64, types.CPointer(types.double),
                types.CPointer(types.double), types.voidptr),
    cache=True,
)  # fmt: skip
def joint_few_c(size, expanded, u_pointer, out_pointer, data_pointer):
    """See :func:`joint_few`."""
    doubles = as_doubles(data_pointer)
    buffer = carray(doubles, (int(carray(doubles, (HEAD,))[4]),))
    joint_few(carray(u_pointer, (size,)), buffer, carray(out_pointer, (expanded,)))
    return 0


def pack_together(
    studies: list[np.ndarray],
    sizes: list[int],
    places: list[tuple[int, int, int]],
    covariate: np.ndarray | None,
    likeness: np.ndarray,
    turns: np.ndarray,
    finite: int,
    pilots: np.ndarray,
    pulls: np.ndarray,
    own: list[float],
) -> np.ndarray:
    """One flat buffer of several packed studies.

    Parameters
    ----------
    studies : list of numpy.ndarray
        From :func:`qqt_bayes.inference.native.pack`.
    sizes : list of int
        Lengths of their few.
    places : list of tuple
        Of the mean utility, the median half-life and the first pool's deviation from it, in the
        few; -1 for one that is fixed or whose prior is not standard normal there.
    covariate : numpy.ndarray or None
        Dim (study,): standardised; None for exchangeable studies.
    likeness : numpy.ndarray
        Dims (pool, pool): prior correlation of the pools.
    turns : numpy.ndarray
        Dims (2, pool, direction): those in which utilities and levels are walked, from
        :func:`qqt_bayes.inference.common.directions`.
    finite : int
        Pools that can be repeated.
    pilots : numpy.ndarray
        Dims (study, deviation, 2): what the separate fits said of the deviations; see
        :mod:`qqt_bayes.inference.common`.
    pulls : numpy.ndarray
        Dims (study, scalar, deviation): by how much the first of the few, in the separate fits,
        follow the deviations.
    own : list of float
        Own variances of utilities and levels; see :func:`qqt_bayes.inference.common.own_variance`.
    """
    pools = len(likeness)
    factor = np.linalg.cholesky(likeness)
    z = np.zeros(len(studies)) if covariate is None else covariate
    begin = HEAD + len(studies) * RECORD + 4 * pools * pools + pilots.size + pulls.size
    offsets = begin + np.concatenate([[0], np.cumsum([len(s) for s in studies])])
    header = np.zeros(HEAD)
    header[:5] = len(studies), pools, finite, covariate is not None, offsets[-1]
    header[5:] = pulls.shape[1], *own
    records = np.array(
        [(o, n, c, *p) for o, n, c, p in zip(offsets, sizes, z, places, strict=False)]
    )
    parts = [records, turns, factor @ turns, pilots, pulls]
    return np.concatenate([header, *(part.ravel() for part in parts), *studies])
