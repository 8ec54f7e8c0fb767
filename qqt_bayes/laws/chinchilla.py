r"""The Chinchilla law with repetition: loss of a model size, samples and unique samples.

.. math::
    L(N, D) = E + \frac{A}{N^{\alpha}} + \frac{B}{D'^{\beta}}, \qquad
    D' = U + U R^* \bigl(1 - e^{-R/R^*}\bigr), \quad R = D/U - 1

(Hoffmann et al. 2022, arXiv:2203.15556, eq. 2; Muennighoff et al. 2023, arXiv:2305.16264, eq. 5),
with :math:`U` the unique samples among those seen and :math:`R^*` the repeats after which
:math:`1 - 1/e` of what repetition can ever give is spent. Parameters beyond what is optimal for the
unique samples may wear out in the same way (their eq. 6), with :math:`R^*_N`.

The terms are written by their logs at a reference :math:`(N_0, D_0)` inside the data, which runs do
know, in place of :math:`A` and :math:`B`, which they hardly know:
:math:`A = e^{l_N} N_0^{\alpha}`, :math:`B = e^{l_D} D_0^{\beta}`.

Every function serves any leading dims of the parameters (draws).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["effective_params", "effective_samples", "optimal_log_params", "reducible"]


def effective_samples(seen: Any, sizes: Any, repeats: Any) -> Any:
    """Fresh samples that would be worth as much as the ones seen, repeats included.

    ``seen`` (row, pool): samples seen of each pool (data, not parameters); ``sizes`` (pool,) or
    (row, pool): unique samples of each pool (data), ``inf`` for an unlimited one; ``repeats`` (...,
    row): R* > 0 of each row's data. Gives dims (..., row): in samples: summed over the pools of a
    mixture.
    """
    seen = np.asarray(seen, float)
    fresh = np.minimum(seen, sizes)
    # repeats beyond the first pass; a pool not seen has none
    again = np.maximum(seen / np.where(fresh > 0, fresh, 1.0) - 1.0, 0.0)
    if not np.any(again > 0):
        return np.sum(fresh, axis=-1) + 0.0 * repeats
    spent = repeats[..., None]
    return np.sum(fresh * (1.0 - spent * np.expm1(-again / spent)), axis=-1)


def optimal_log_params(
    log_samples: Any, params_term: Any, samples_term: Any, alpha: Any, beta: Any
) -> Any:
    """Log of the parameters that are compute-optimal with so many fresh samples (at cost N D).

    ``log_samples`` (..., row): log of fresh samples, relative to the reference; ``params_term``,
    ``samples_term``, ``alpha``, ``beta`` (..., row): as for ``reducible``. Gives dims (..., row):
    relative to the reference: where ``alpha A / N^alpha = beta B / D^beta``.
    """
    balance = np.log(alpha) + params_term - np.log(beta) - samples_term
    return (balance + beta * log_samples) / alpha


def effective_params(log_params: Any, log_optimal: Any, repeats: Any) -> Any:
    """Log of effective parameters: those beyond the optimum for the unique samples wear out.

    ``log_params`` (row,): log of the parameters; ``log_optimal`` (..., row): log of the optimal
    ones for the unique samples, from ``optimal_log_params``; ``repeats`` (..., row): R*_N > 0.
    Gives dims (..., row).
    """
    beyond = np.maximum(log_params - log_optimal, 0.0)
    return log_params - beyond + np.log1p(-repeats * np.expm1(-np.expm1(beyond) / repeats))


def reducible(
    log_params: Any,
    log_samples: Any,
    params_term: Any,
    samples_term: Any,
    alpha: Any,
    beta: Any,
) -> Any:
    """Loss above the irreducible part, ``A / N^alpha + B / D^beta``.

    ``log_params``, ``log_samples`` (..., row): log of (effective) parameters and samples, relative
    to the reference; ``params_term``, ``samples_term`` (..., row): logs of the two terms at the
    reference; ``alpha``, ``beta`` (..., row): exponents of parameters and samples. Gives dims (...,
    row): in the unit of the loss.
    """
    return np.exp(params_term - alpha * log_params) + np.exp(samples_term - beta * log_samples)
