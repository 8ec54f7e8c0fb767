r"""The three forms in which the QQT scaling law was published or released.

"Scaling Laws for Data Filtering" (Goyal et al. 2024, arXiv:2404.07177) describes one pool of
:math:`N` unique samples by its utility :math:`b < 0` and its half-life :math:`\tau` in epochs. Its
paper and its released code do not compute the same numbers; here are

* :func:`paper_form`, the law as printed: the irreducible error d is added last;
* :func:`released_utility_form`, the utility law as coded: d is added *before* the product over
  repeated passes, and so decays with it;
* :func:`effective_data_form`, the effective-data law as coded.

In all three the published ``a`` scales the samples *inside* the power, :math:`(a n/c)^b` with
:math:`c = 10^5`. It is no amplitude but an anchor: the reducible error of every pool is 1 at
:math:`n_0 = c/a` samples. In a law ``a * n**b`` the published values would mean something else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["effective_data_form", "paper_form", "released_utility_form"]


def _by_pool(utilities: Any, half_lives: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Utilities and half-lives with a last axis over pools, and its length."""
    first, second = (np.atleast_1d(np.asarray(v, float)) for v in (utilities, half_lives))
    lengths = {first.shape[-1], second.shape[-1]}
    if len(lengths) > 1:
        msg = f"utilities and half_lives disagree on the number of pools: {sorted(lengths)}"
        raise ValueError(msg)
    return first, second, lengths.pop()


def _passes(samples: np.ndarray, first_pass: Any) -> int:
    """As many passes as the longest run begins."""
    return max(1, int(np.ceil(np.max(samples) / np.min(first_pass) - 1e-9)))


def _parts(
    samples: Any, utilities: Any, half_lives: Any, pool_size: Any, shares: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """E-folds in the first pass (from one sample), and in the later ones; utilities; the shares.

    Dims of the first two: the broadcast of ``samples`` and the leading dims of ``half_lives``, then
    pool. E-folds of later passes are discounted.
    """
    utilities, half_lives, count = _by_pool(utilities, half_lives)
    sizes = np.broadcast_to(np.asarray(pool_size, float), (count,))
    if shares is None:
        if not np.isfinite(sizes).all():
            msg = "pool_size must be finite unless the sampling shares are given"
            raise ValueError(msg)
        weights = sizes / sizes.sum()
    else:
        weights = np.broadcast_to(np.asarray(shares, float), (count,))
        if not (weights > 0).all() or abs(weights.sum() - 1.0) > 1e-6:
            msg = f"shares must be positive and sum to 1, not {weights.tolist()}"
            raise ValueError(msg)
    samples, first_pass = np.asarray(samples, float), sizes / weights
    log_end = np.log(first_pass)  # (pool,), where each pool has been seen once
    log_samples = np.log(samples)[..., None]
    repeats = np.arange(1, _passes(samples, first_pass))
    starts = log_end[:, None] + np.log(repeats)  # (pool, pass)
    ends = log_end[:, None] + np.log(repeats + 1)
    lengths = np.maximum(np.minimum(log_samples[..., None], ends) - starts, 0.0)
    discounts = 0.5 ** (repeats * weights[:, None] / half_lives[..., None])
    later = np.sum(lengths * discounts, axis=-1)
    return np.minimum(log_samples, log_end), later, utilities, weights


def paper_form(
    samples: Any,
    utilities: Any,
    half_lives: Any,
    pool_size: Any,
    a: Any,
    d: Any,
    normalizer: float = 1e5,
    *,
    shares: Any = None,
) -> Any:
    r"""QQT as printed: closed form of one pool, Theorem 1 for a mixture.

    For p equal pools sampled uniformly, with :math:`n_j` the samples seen at the end of pass j over
    the mixture (:math:`n_j = jpN`, the last one cut at n),

    .. math::
        y = d + \Bigl(\frac{n_1}{n_0}\Bigr)^{\bar b_1}
            \prod_{j \ge 2} \Bigl(\frac{n_j}{n_{j-1}}\Bigr)^{\bar b_j}, \qquad
        \bar b_j = \frac1p \sum_i b_i\, 2^{-(j-1)/(p\tau_i)}, \qquad n_0 = c/a.

    One pool (p = 1) is the closed form of arXiv:2404.07177 (its section on repetition); p > 1 is
    its Theorem 1: half-lives stretch to :math:`p\tau_i` and utilities are averaged.

    Theorem 1 says nothing of unequal pools or shares. Cutting each pool into equal parts reduces
    a union to equal pools, and gives what ``shares`` and a vector ``pool_size`` compute: each pool
    keeps its own passes, of length :math:`N_i/w_i`, with half-life :math:`\tau_i/w_i`, and
    log-reducible errors are averaged with weights :math:`w_i`. For equal pools both are one.

    Parameters
    ----------
    samples : array, any dims
        Samples seen, > 0.
    utilities : array, dims (..., pool)
        b, negative as published; leading dims broadcast with ``samples``. A scalar is one pool.
    half_lives : array, dims (..., pool)
        tau in epochs.
    pool_size : float or array, dim (pool,)
        Unique samples of each pool (one number: of every pool); ``inf`` needs ``shares``.
    a : scalar or array broadcasting with the result
        Dimensionless; with ``normalizer`` it sets the anchor n0 = normalizer/a in samples.
    d : scalar or array broadcasting with the result
        Irreducible error, in the unit of the metric.
    normalizer : float
        c in samples; 1e5 in the released files.
    shares : array, dim (pool,), optional
        Sampling shares, positive, summing to one. By default in proportion to size, which for
        equal pools is Theorem 1.

    Returns
    -------
    array
        Error or loss; dims of ``samples`` broadcast with the leading dims of the parameters.

    Examples
    --------
    The best tenth by T-MARS, ten epochs of 12.8M samples:

    >>> round(float(paper_form(128e6, -0.16, 6.7272727272727275, 12.8e6, a=0.025, d=0.1)), 4)
    0.7361
    """
    first, later, utilities, weights = _parts(samples, utilities, half_lives, pool_size, shares)
    log_anchor = np.log(normalizer / np.asarray(a))[..., None]
    return np.asarray(d) + np.exp(
        np.sum(weights * utilities * (first - log_anchor + later), axis=-1)
    )


def released_utility_form(
    samples: Any,
    utilities: Any,
    half_lives: Any,
    pool_size: float,
    a: Any,
    d: Any,
    normalizer: float = 1e5,
) -> Any:
    r"""QQT as coded by its authors: d inside the product over repeated passes.

    .. math::
        y = \Bigl[\Bigl(\frac{n_1}{n_0}\Bigr)^{\bar b_1} + d\Bigr]
            \prod_{j \ge 2} \Bigl(\frac{n_j}{n_{j-1}}\Bigr)^{\bar b_j},

    with :math:`n_j, \bar b_j, n_0` as in :func:`paper_form` (compare arXiv:2404.07177, Theorem 1,
    where d is the last term). Within the first pass the two agree. Afterwards d shrinks with the
    reducible error, so this form is the more hopeful one, and for runs of one pool that all reach
    past the first pass only the bracket is identified, not n0 and d.

    Arguments and result as for :func:`paper_form`, but the pools are equal (``pool_size`` is one
    finite number), sampled uniformly, and d is not the limit of the curve.
    """
    first, later, utilities, weights = _parts(samples, utilities, half_lives, pool_size, None)
    log_anchor = np.log(normalizer / np.asarray(a))[..., None]
    bracket = np.exp(np.sum(weights * utilities * (first - log_anchor), axis=-1)) + np.asarray(d)
    return bracket * np.exp(np.sum(weights * utilities * later, axis=-1))


def effective_data_form(
    samples: Any,
    utilities: Any,
    half_lives: Any,
    pool_size: float,
    a: Any,
    d: Any,
    normalizer: float = 1e5,
) -> Any:
    r"""Effective-data law as coded: repeats count as ever fewer fresh samples.

    One pool, with :math:`m_k` the samples drawn in pass k and :math:`n_0 = c/a`:

    .. math:: y = d + \Bigl(\frac{1}{n_0} \sum_k m_k\, 2^{-(k-1)/\tau}\Bigr)^{b}.

    A uniform mixture of p equal pools, with :math:`\delta_i = 2^{-1/(p\tau_i)}` and k = 0, 1, ...
    completed passes over the mixture (:math:`n_1` samples at the end of the first):

    .. math::
        y = d + \Bigl(\frac{n_1}{n_0}\Bigr)^{b_0}
            \prod_{k \ge 1} \Bigl(\frac{S_k}{S_{k-1}}\Bigr)^{b_k}, \quad
        b_k = \frac{\sum_i b_i \delta_i^k}{\sum_i \delta_i^k}, \quad
        S_k = \sum_{j \le k} \frac{m_j}{p} \sum_i \delta_i^j.

    This is the alternative that arXiv:2404.07177 fits beside its utility law (after Muennighoff et
    al. 2023, arXiv:2305.16264). For one pool the product telescopes to the first formula.

    Arguments and result as for :func:`paper_form`, but the pools are equal (``pool_size`` is one
    finite number) and sampled uniformly, and tau is the half-life of the worth of a sample, not of
    the utility. The two tables of published half-lives cannot be exchanged.
    """
    utilities, half_lives, count = _by_pool(utilities, half_lives)
    samples = np.asarray(samples, float)
    first_pass = count * float(pool_size)
    if not np.isfinite(first_pass):
        msg = "the effective-data form needs a finite pool_size"
        raise ValueError(msg)
    done = np.arange(_passes(samples, first_pass))  # completed passes
    rates = 1.0 / (count * half_lives)
    slowest = np.min(rates, axis=-1, keepdims=True)  # divided out of b_k, against underflow
    relative = 0.5 ** ((rates - slowest)[..., None] * done)  # (..., pool, pass)
    exponents = np.sum(utilities[..., None] * relative, axis=-2) / np.sum(relative, axis=-2)
    worth = np.mean(0.5 ** (rates[..., None] * done), axis=-2)
    drawn = np.minimum(np.maximum(samples[..., None] - first_pass * done, 0.0), first_pass)
    log_worth = np.log(np.cumsum(drawn * worth, axis=-1))
    start = exponents[..., 0] * (log_worth[..., 0] - np.log(normalizer / np.asarray(a)))
    steps = np.sum(exponents[..., 1:] * (log_worth[..., 1:] - log_worth[..., :-1]), axis=-1)
    return np.asarray(d) + np.exp(start + steps)
