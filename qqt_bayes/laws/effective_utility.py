r"""The effective-utility law (QQT), for any sampling shares and pool sizes.

One pool of :math:`N` unique samples follows :math:`y = d + e^{l}(n/n_0)^{-\beta}` during its first
pass; each further pass multiplies the utility :math:`\beta` by :math:`2^{-1/\tau}`, with
:math:`\tau` the half-life in epochs (Goyal et al. 2024, arXiv:2404.07177, eq. 3). For sampling
shares :math:`w_i` this package writes the log of the reducible error as

.. math::
    \log(y - d) = \sum_i w_i l_i - \sum_i \beta_i X_i(n), \qquad
    X_i(n) = w_i \int_{\log n_0}^{\log n} g\bigl(k_i(t)\bigr)\,dt,

with :math:`k_i` the pass that pool :math:`i` is in when :math:`e^t` samples have been seen, and
:math:`g(k) = (1+h)\,2^{-(k-1) w_i^q/\tau_i} - h` (harm :math:`h = 0` and dilution :math:`q = 1` in
the paper, whose Theorem 1 is the case of equal pools and equal shares). The integrand is constant
within a pass, so the *exponent sums* :math:`X_i` are exact finite sums: no quadrature.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qqt_bayes.laws.law import Law

LN2 = float(np.log(2.0))
EXACT_PASSES = 256
BIN_RATIO = 1.01
ROUNDING = 1e-9  # epochs: a run of exactly one pass does not begin another

__all__ = ["LAW", "exponent_sums", "first_pass_lengths", "pass_bins"]


def pass_bins(max_epochs: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split the repeated passes into bins of constant weight.

    Passes 2 to 256 are bins of their own (exact). Later passes are grouped geometrically, 1% of
    log-epochs a bin, so that a pool repeated ten thousand times costs no more than a few hundred
    terms; the weight of such a bin is taken at its mean pass.

    ``max_epochs``: the largest number of epochs of any pool in any row. Gives ``start``, ``stop``,
    ``repeats`` (bin,): epochs at which the bin begins and ends, and repeats (pass number less one)
    that its weight is taken at. Empty when nothing is repeated.
    """
    last = int(np.ceil(max_epochs - ROUNDING)) if np.isfinite(max_epochs) else 1
    exact = np.arange(1.0, min(last, EXACT_PASSES))
    start, stop, repeats = list(exact), list(exact + 1.0), list(exact)
    edge = float(EXACT_PASSES)
    while edge < last:
        upper = np.ceil(edge * BIN_RATIO)
        start.append(edge)
        stop.append(upper)
        repeats.append(0.5 * (edge + upper - 1.0))
        edge = upper
    return np.array(start), np.array(stop), np.array(repeats)


def first_pass_lengths(
    log_samples: Any, shares: Any, sizes: Any, anchor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log-length of each pool's first pass and its epochs.

    ``log_samples`` (row,): log of the samples seen; ``shares`` (row, pool): sampling shares, each
    row sums to one; ``sizes`` (pool,) or (row, pool): unique samples, ``inf`` for an unlimited
    pool; ``anchor``: samples at which the levels are defined; not above any end of a first pass.
    Gives ``first`` (row, pool): e-folds from the anchor to the end of the first pass (or to the
    run's end, if it comes sooner); zero where the pool has no share; ``epochs`` (row, pool).
    """
    log_samples, shares = np.asarray(log_samples, float), np.asarray(shares, float)
    seen = np.exp(log_samples)[:, None] * shares
    epochs = seen / np.asarray(sizes, float)
    with np.errstate(divide="ignore"):
        repeated = np.log(np.maximum(epochs, 1.0))
    first = np.where(shares > 0, log_samples[:, None] - np.log(anchor) - repeated, 0.0)
    return first, epochs


def exponent_sums(
    first: Any,
    epochs: Any,
    shares: Any,
    log_half_life: Any,
    dilution: Any = 1.0,
    harm: Any = 0.0,
    log_rate: Any = 0.0,
    *,
    xp: Any = np,
) -> Any:
    r"""Exponent sums :math:`X_i` of the law, so that :math:`\log(y-d) = w \cdot l - X \beta`.

    ``first``, ``epochs`` (row, pool): from ``first_pass_lengths`` (data, not parameters);
    ``shares`` (row, pool): sampling shares (data); ``log_half_life`` (pool,) or (draw, 1, pool):
    log of the half-life in epochs; ``dilution`` (draw, 1, 1): exponent q of the dilution of
    repetition by mixing; 1 in the paper; ``harm``: h >= 0: repeats can hurt; 0 in the paper;
    ``log_rate``: this law has no exchange rates; ``xp``: ``numpy`` (default) or
    ``pytensor.tensor``: the same source serves both. Gives dims (row, pool) or (draw, row, pool).
    """
    first, epochs, shares = (np.asarray(a, float) for a in (first, epochs, shares))
    out = shares * first + 0.0 * log_half_life
    row, pool = np.nonzero((shares > 0) & (epochs > 1.0 + ROUNDING) & np.isfinite(epochs))
    if len(row) == 0:
        return out
    start, stop, repeats = pass_bins(float(epochs[row, pool].max()))
    # The decay of a pool's passes depends on its share alone: one sum for all runs of one share.
    groups, group = np.unique(
        np.column_stack([pool, shares[row, pool]]), axis=0, return_inverse=True
    )
    of, log_share = groups[:, 0].astype(int), np.log(groups[:, 1])
    rate = LN2 * xp.exp(dilution * log_share - log_half_life[..., of])  # (..., group)
    weight = xp.exp(-rate[..., None] * repeats)  # (..., group, pass)
    done = xp.cumsum(weight * np.log(stop / start), axis=-1)
    whole = np.searchsorted(stop, epochs[row, pool], side="right")  # passes that have ended
    current = np.minimum(whole, len(start) - 1)
    begun = np.where(whole < len(start), np.log(epochs[row, pool] / start[current]), 0.0)
    group = group.reshape(-1)
    fresh = done[..., group, np.maximum(whole - 1, 0)] * (whole > 0)
    fresh += begun * weight[..., group, current]
    hurt = harm if np.ndim(harm) == 0 else harm[..., pool]
    more = shares[row, pool] * ((1.0 + hurt) * fresh - hurt * np.log(epochs[row, pool]))
    if out.ndim > 2:
        more = more[..., 0, :]  # parameters have one entry for all rows
    if xp is np:
        out[..., row, pool] += more
        return out
    return xp.inc_subtensor(out[..., row, pool], more)


LAW = Law("effective_utility", exponent_sums, one_utility=False)
