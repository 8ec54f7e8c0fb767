"""What the compiled density reads: the natural few in order, and the cells of a study."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.inference.exponents import exponents
from qqt_bayes.inference.noise import observation_noise
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.regime import relative_wander

ALONE = np.empty(0)  # for a study that shares nothing with others

# Order of the scalars at the head of the natural vector; component scales, log half-lives, harms,
# log ratios of seed noise and, for a law that has them, log exchange rates follow.
IRREDUCIBLE, UTILITY, SPREAD, NOISE, DILUTION, RUN_SHARE, NOISE_SPREAD, SCALES = range(8)

# No fast-math flags anywhere: they gain nothing here, and what they reorder depends on what was
# inlined, so that two installations would answer differently for one seed.


class Cells(NamedTuple):
    """What the density reads: one row a cell (replicates of one data and samples collapsed)."""

    value: np.ndarray  # (cell,) mean of the modelled metric
    replicates: np.ndarray  # (cell,)
    scatter: np.ndarray  # (cell,) sum of squares about the mean
    eval_var: np.ndarray  # (cell,) evaluation variance of one replicate
    first: np.ndarray  # (cell, pool) e-folds in the first pass
    epochs: np.ndarray  # (cell, pool)
    shares: np.ndarray  # (cell, pool)
    kernels: np.ndarray  # (component, cell, cell) unit-scale covariances, (component, 0, 0) if many
    likeness: np.ndarray  # (pool, pool) prior correlation of pools
    quality: np.ndarray  # (pool,) centred quality covariate
    start: np.ndarray  # (bin,)
    lengths: np.ndarray  # (bin,)
    repeats: np.ndarray  # (bin,)
    level_mean: float  # prior mean of the log reducible share at the anchor
    level_sd: float
    quality_sd: float  # prior sd of the effect of quality on utility (relative)
    bounded: bool  # an error in [0, 1]: levels are relative to 1 - d, else to d
    run: np.ndarray  # (cell,) number of the trajectory it is a checkpoint of, else -1
    law: int  # code of the law, or the address of the user's own
    layout: np.ndarray  # of a form for many cells; empty where the covariance is kept whole
    form: int  # address of the C function that works with it, else 0
    shared: np.ndarray = ALONE  # (0,), or what several studies have in common: see `given_shared`
    slopes: np.ndarray = ALONE  # same length: filled with the derivatives in it


# Order of what several studies share (see `given_shared`): the share of the variance of utilities
# and of levels that is a study's own, the effect of quality, and the pools' leanings in both.
OWN_UTILITY, OWN_LEVEL, BY_QUALITY, LEANINGS = 0, 1, 2, 3


@njit(cache=True, nogil=True, error_model="numpy")
def given_shared(cells, shared, slopes):
    """The cells of a study, given what it shares with others.

    Its pools' utilities are then ``utility (1 + spread (a + own) + quality (b + own))`` and its
    levels ``level + level_spread (l + own)``, with a, b and l the leanings in ``shared`` (those of
    pools with their correlation), and ``own`` what is left to integrate out, whose variance is the
    given share of what it is in a study alone.
    """
    return Cells(cells.value, cells.replicates, cells.scatter, cells.eval_var, cells.first,
                 cells.epochs, cells.shares, cells.kernels, cells.likeness, cells.quality,
                 cells.start, cells.lengths, cells.repeats, cells.level_mean, cells.level_sd,
                 cells.quality_sd, cells.bounded, cells.run, cells.law, cells.layout,
                 cells.form, shared, slopes)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def leaning(natural, cells):
    """What to expect of the pools' utilities, relative to their mean, dim (pool,)."""
    out = np.ones(cells.quality.shape[0])
    if cells.shared.shape[0] > 0:
        for i in range(out.shape[0]):
            out[i] += natural[SPREAD] * cells.shared[LEANINGS + i]
            out[i] += cells.shared[BY_QUALITY] * cells.quality[i]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def level_leaning(natural, cells):
    """What to expect of the pools' levels, relative to their mean, dim (pool,)."""
    pools = cells.quality.shape[0]
    if cells.shared.shape[0] > 0:
        return natural[SCALES] * cells.shared[LEANINGS + pools :]
    return np.zeros(pools)


@njit(cache=True, nogil=True, error_model="numpy")
def own_shares(cells):
    """Share of the variance of utilities, and of levels, that is the study's own."""
    if cells.shared.shape[0] > 0:
        return cells.shared[OWN_UTILITY], cells.shared[OWN_LEVEL]
    return 1.0, 1.0


def wander_of(natural: np.ndarray) -> np.ndarray:
    """Relative wandering of the exponents, dim (draw,), from natural vectors, dims (draw, few)."""
    common, pool = (natural[:, SCALES + COMPONENTS.index(f"{n}_drift")] for n in ("common", "pool"))
    return relative_wander(natural[:, UTILITY], common, pool)


@njit(cache=True, nogil=True, error_model="numpy")
def cell_exponents(natural, cells, first, epochs, shares, out, slopes):
    """Exponents at some points, dims (point, pool), given a natural vector; see `exponents`."""
    pools = first.shape[1]
    tau0 = SCALES + cells.kernels.shape[0]
    exponents(cells.law, first, epochs, shares, natural[tau0 : tau0 + pools], natural[DILUTION],
              natural[tau0 + pools : tau0 + 2 * pools], natural[tau0 + 3 * pools :], cells.start,
              cells.lengths, cells.repeats, out, slopes)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def cell_noise(natural, cells, factor, single, noise, along):
    """Noise of the cells given a natural vector; see `observation_noise`."""
    pools = cells.first.shape[1]
    at = SCALES + cells.kernels.shape[0] + 2 * pools
    observation_noise(natural[NOISE], natural[RUN_SHARE], natural[at : at + pools],
                      natural[IRREDUCIBLE], cells, factor, single, noise, along)  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def mean(natural, cells, x):
    """Marginal mean of z, dim (cell,)."""
    reference = 1.0 - natural[IRREDUCIBLE] if cells.bounded else natural[IRREDUCIBLE]
    start = math.log(reference) + cells.level_mean
    return (
        start
        + cells.shares @ level_leaning(natural, cells)
        - natural[UTILITY] * (x @ leaning(natural, cells))
    )


@njit(cache=True, nogil=True, error_model="numpy")
def own_scales(natural, cells):
    """Scales of the components, of utilities and of the effect of quality, as the study's own."""
    own_utility, own_level = own_shares(cells)
    scales = natural[SCALES : SCALES + cells.kernels.shape[0]].copy()
    scales[0] *= math.sqrt(own_level)
    m_b = natural[UTILITY] * math.sqrt(own_utility)
    return scales, m_b * natural[SPREAD], m_b * cells.quality_sd
