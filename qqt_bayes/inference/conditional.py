"""Exact draws of everything linear, given the few: levels, utilities, drift, predictions.

Matheron's rule: simulate all of it from the prior, observed points included, then add what the
observed residuals say. The draws are exact, joint over all wanted points, and cost linear in them.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from qqt_bayes.inference.cores import threads as allowed
from qqt_bayes.inference.gaussian import solve
from qqt_bayes.inference.natural import (
    IRREDUCIBLE,
    SCALES,
    SPREAD,
    UTILITY,
    Cells,
    cell_exponents,
    cell_noise,
    given_shared,
    leaning,
    level_leaning,
    mean,
    own_shares,
    wander_of,
)
from qqt_bayes.inference.noise import run_effects, subtract_tilt
from qqt_bayes.inference.paths import pack_paths, update_path, walk
from qqt_bayes.laws.effective_utility import pass_bins
from qqt_bayes.model.effects import COMPONENTS, REGIME
from qqt_bayes.model.regime import ahead_of

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design, Points
    from qqt_bayes.model.priors import Prior

CHUNK = 50  # draws that share a random stream: fixed, so that threads cannot change an answer

__all__ = ["Conditional", "condition"]


@dataclass(frozen=True)
class Conditional:
    """Draws of the linear part.

    Attributes
    ----------
    log_reducible : numpy.ndarray
        Dims (draw, point): log of the reducible error, drift and mixture error included.
    utility, level : numpy.ndarray
        Dims (draw, pool).
    parts : numpy.ndarray or None
        Dims (draw, part, point): what each component of :data:`COMPONENTS`, the regime and,
        last, levels' mean and utilities contribute.
    """

    log_reducible: np.ndarray
    utility: np.ndarray
    level: np.ndarray
    parts: np.ndarray | None


@njit(cache=True, nogil=True, error_model="numpy")
def fill(natural, shared, every, paths, first, epochs, shares, edge, edge_first, edge_epochs,
         edge_shares, speed, horizon, factor, rng, out, utility, level, parts):  # fmt: skip
    """Fill the outputs for a block of draws; see :class:`Conditional`."""
    n, pools = every.first.shape
    points = first.shape[0]
    comps = every.kernels.shape[0]
    x = np.empty((n, pools))
    xt = np.empty((points, pools))
    xe = np.empty((edge_first.shape[0], pools))
    no_slopes = np.empty((0, 0, 0))
    other, noise, along = np.empty((2, n)), np.empty(n), np.empty(n)
    track = np.empty(paths.times.shape[0])
    keep_parts = parts.shape[0] > 0
    for s in range(natural.shape[0]):
        row = natural[s]
        cells = given_shared(every, shared[s], every.slopes)
        own_utility, own_level = own_shares(cells)
        toward, level_toward = leaning(row, cells), level_leaning(row, cells)
        d, m_b, spread = row[IRREDUCIBLE], row[UTILITY], row[SPREAD]
        cell_exponents(row, cells, cells.first, cells.epochs, cells.shares, x, no_slopes)
        cell_exponents(row, cells, first, epochs, shares, xt, no_slopes)
        cell_exponents(row, cells, edge_first, edge_epochs, edge_shares, xe, no_slopes)
        resid = mean(row, cells, x)
        cell_noise(row, cells, other[0], other[1], noise, along)
        for r in range(n):
            resid[r] = math.log(cells.value[r] - d) - resid[r]
        subtract_tilt(d, cells, other[1], along, resid)
        apart = noise.copy()  # what is left of the noise beside the run effects
        if n > 0 and cells.run.max() >= 0:
            run_effects(along, cells, rng, apart, resid)
        for r in range(n):
            resid[r] -= math.sqrt(apart[r]) * rng.standard_normal()
        # simulate from the prior
        scale = row[SCALES : SCALES + comps].copy()
        scale[0] *= math.sqrt(own_level)
        base = cells.level_sd * rng.standard_normal()
        quality = cells.quality_sd * rng.standard_normal()
        eps = np.empty(pools)
        for i in range(pools):
            eps[i] = rng.standard_normal()
        for i in range(pools):
            total = quality * cells.quality[i]
            for k in range(pools):
                total += spread * factor[i, k] * eps[k]
            utility[s, i] = m_b * math.sqrt(own_utility) * total
        for r in range(n):
            resid[r] -= base
            for i in range(pools):
                resid[r] += x[r, i] * utility[s, i]
        for e in range(paths.component.shape[0]):
            a, b = paths.first[e], paths.first[e + 1]
            walk(paths.times[a:b], scale[paths.component[e]], paths.constant[e], rng, track[a:b])
            for k in range(paths.seen_first[e], paths.seen_first[e + 1]):
                if paths.seen_time[k] >= 0:
                    resid[paths.seen_row[k]] -= paths.seen_weight[k] * track[a + paths.seen_time[k]]
        # pull towards the observations
        pull = solve(row, cells, x, noise, along, resid)
        base += cells.level_sd**2 * pull.sum()
        xpull = x.T @ pull
        lean = 0.0
        for i in range(pools):
            lean += cells.quality[i] * xpull[i]
        for i in range(pools):
            total = 0.0
            for k in range(pools):
                total += cells.likeness[i, k] * xpull[k]
            utility[s, i] += m_b * toward[i] - own_utility * m_b**2 * (
                spread**2 * total + cells.quality_sd**2 * cells.quality[i] * lean
            )
        reference = 1.0 - d if cells.bounded else d
        start = math.log(reference) + cells.level_mean + base
        for t in range(points):
            total = start
            for i in range(pools):
                total += shares[t, i] * level_toward[i] - xt[t, i] * utility[s, i]
            gained = 0.0
            if edge[t] >= 0:
                for i in range(pools):
                    gained += (xt[t, i] - xe[edge[t], i]) * utility[s, i]
                gained *= speed[s, horizon[t]] - 1.0
            out[s, t] = total - gained
            if keep_parts:
                parts[s, comps, t] = -gained
                parts[s, comps + 1, t] = total
        for e in range(paths.component.shape[0]):
            a, b = paths.first[e], paths.first[e + 1]
            j = paths.component[e]
            lo, hi = paths.seen_first[e], paths.seen_first[e + 1]
            update_path(paths.times[a:b], scale[j] ** 2, paths.constant[e],
                        paths.seen_row[lo:hi], paths.seen_weight[lo:hi], paths.seen_time[lo:hi],
                        pull, track[a:b])  # fmt: skip
            for k in range(paths.want_first[e], paths.want_first[e + 1]):
                if paths.want_time[k] < 0:
                    continue
                piece = paths.want_weight[k] * track[a + paths.want_time[k]]
                out[s, paths.want_row[k]] += piece
                if keep_parts:
                    parts[s, j, paths.want_row[k]] += piece
        for i in range(pools):
            total = start + level_toward[i]
            for k in range(pools):  # the levels' paths are the first ones
                total += factor[i, k] * track[paths.first[k]]
            level[s, i] = total


def condition(
    natural: np.ndarray,
    cells: Cells,
    design: Design,
    points: Points,
    regime: Prior,
    seed: int,
    *,
    shared: np.ndarray | None = None,
    with_parts: bool = False,
    threads: int = 2,
) -> Conditional:
    """Draw the linear part at the points, one draw for each draw of the few.

    Parameters
    ----------
    natural : numpy.ndarray
        Dims (draw, natural).
    cells : Cells
        What was observed.
    design, points : Design, Points
        Where it was observed, and where draws are wanted.
    regime : Prior
        Of the multiple of the wander that is the scale of the change of regime.
    seed : int
        Same seed, same answer, whatever the number of threads.
    shared : numpy.ndarray, optional
        Dims (draw, shared): what the study has in common with others, see
        :func:`qqt_bayes.inference.natural.given_shared`; by default nothing.
    with_parts : bool
        Whether to keep what each component contributes.
    threads : int
        Blocks of draws worked on at a time.
    """
    natural = np.ascontiguousarray(natural)  # every so many draws else compile the kernel anew
    draws, pools = len(natural), design.points.shares.shape[1]
    deepest = max(design.points.epochs.max(initial=1.0), points.epochs.max(initial=1.0))
    start, stop, repeats = pass_bins(float(deepest))
    cells = cells._replace(start=start, lengths=np.log(stop / start), repeats=repeats)
    paths = pack_paths(design.points.effects, points.effects, keep=pools)
    factor = np.linalg.cholesky(design.likeness)
    common = np.empty((draws, 0)) if shared is None else shared
    out = np.empty((draws, len(points)))
    utility, level = np.empty((draws, pools)), np.empty((draws, pools))
    parts = np.zeros((draws if with_parts else 0, REGIME + 2, len(points)))
    # a stream of its own: the same change of regime whatever else is drawn
    rng = np.random.default_rng((seed, REGIME))
    edge, *edges, speed, horizon = ahead_of(points, regime, wander_of(natural), rng)
    blocks = range(0, draws, CHUNK)
    streams = np.random.SeedSequence(seed).spawn(len(blocks))

    def work(job: tuple[int, np.random.SeedSequence]) -> None:
        begin, stream = job
        b = slice(begin, begin + CHUNK)
        fill(natural[b], common[b], cells, paths, points.first, points.epochs, points.shares, edge,
             *edges, speed[b], horizon, factor, np.random.Generator(np.random.PCG64(stream)),
             out[b], utility[b], level[b], parts[b])  # fmt: skip

    with ThreadPoolExecutor(allowed(threads)) as pool:
        list(pool.map(work, zip(blocks, streams, strict=True)))
    return Conditional(out, utility, level, parts if with_parts else None)


assert len(COMPONENTS) == REGIME
