r"""The exchange-rate law: samples of every pool are worth so many of the reference pool's.

.. math::
    y = d + e^{l} \left(\frac{D}{n_0}\right)^{-\beta}, \qquad D = \sum_i \kappa_i D_i, \qquad
    D_i = \begin{cases} w_i n & e_i \le 1 \\
    N_i \bigl(1 + R_i (1 - e^{-(e_i - 1)/R_i})\bigr) & e_i > 1, \end{cases}

with :math:`e_i = w_i n / N_i` the epochs of pool i and :math:`\kappa_i` its *exchange rate*. The
value of a further epoch decays as in Muennighoff et al. 2023 (arXiv:2305.16264, eq. 5), with
:math:`R_i = \tau_i / (w_i^q \ln 2)`: the **half-life** :math:`\tau_i` is that of effective utility,
in epochs, and a dilution q of zero is the published form. Harm (:math:`h_i \ge 0`, zero there)
counts the e-folds of repetition that brought nothing,
:math:`\sum_i w_i h_i \log(e_i N_i / D_i)`, against the run.

In the form of the engine, :math:`\log(y-d) = w \cdot l - \beta \sum_i X_i`: with one utility for
all pools only the sum matters, so the log of D is split over the pools by their shares.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qqt_bayes.laws.effective_utility import LN2
from qqt_bayes.laws.law import Law

__all__ = ["LAW", "exponent", "exponent_sums"]


def exponent(
    first: Any, epochs: Any, shares: Any, half_life: Any, dilution: Any, harm: Any, rate: Any, *,
    xp: Any = np,
) -> Any:  # fmt: skip
    r"""Exponent of the law, :math:`\log(D/n_0)` less the harm; see :class:`qqt_bayes.laws.law.Law`.

    Gives dims (row,) or (draw, row).
    """
    seen = np.where(np.isfinite(epochs), epochs, 0.0)
    more = np.maximum(seen - 1.0, 0.0)
    log_share = np.log(np.where(shares > 0, shares, 1.0))
    decay = LN2 * xp.exp(dilution * log_share) / half_life  # 1 / R
    log_worth = xp.log(1.0 - xp.expm1(-more * decay) / decay)  # log(D_i / N_i) past the first pass
    value = shares * np.exp(first) * rate * xp.exp(log_worth)
    barren = shares * harm * (np.log(np.maximum(seen, 1.0)) - log_worth)
    return xp.log(xp.sum(value, axis=-1)) - xp.sum(barren, axis=-1)


LAW = Law.of_total("exchange_rate", exponent)
exponent_sums = LAW.exponents
