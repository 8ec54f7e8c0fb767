r"""Change of regime: beyond the largest run the law's local exponents may speed up or slow down.

Real curves steepen or flatten where no smaller run shows it, and all candidates together. So beyond
the largest run, h e-folds on, every local exponent is multiplied by one common factor
:math:`\phi(h) = \min(e^{\xi(h)}, 10)`, with :math:`\xi` a Brownian motion from zero. Its scale per
root e-fold is a multiple, with a prior of its own, of how much the exponents wander *within* the
data, relative to their size (:func:`relative_wander`): a study whose curves are smooth over many
e-folds is not expected to break, one whose curves bend is. What the law gains beyond the largest
run is multiplied by the mean of :math:`\phi` up to there,

.. math:: E(n) \to E(n_{max}) + \bar\phi(h)\,(E(n) - E(n_{max})).

Unlike an additive error this cannot turn progress into loss, so that expected performance and
regret exist whatever the tail, and it leaves alone a pool that is worn out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit

from qqt_bayes.errors import UsageError

if TYPE_CHECKING:
    from qqt_bayes.model.priors import Prior

STEP = 0.1  # e-folds between the points at which the path is drawn
LARGEST = np.log(10.0)  # log of the largest factor
FAMILIES = ("halfstudent", "halfnormal", "fixed")

__all__ = [
    "check_regime", "factors_at", "mean_factors", "regime_scales", "relative_wander", "stretch",
]  # fmt: skip


def check_regime(prior: Prior) -> None:
    """Refuse a prior of the scale that is not half-t, half-normal or fixed."""
    if prior.family not in FAMILIES:
        raise UsageError(
            f"prior 'regime' must be halfstudent, halfnormal or fixed, not {prior.family}."
        )


def relative_wander(utility: np.ndarray, common: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """How much a pool's exponent wanders in one e-fold of samples, relative to its size.

    ``utility``, ``common``, ``pool`` (draw,): mean utility, and the scales of common and pool
    drift.
    """
    return np.sqrt(common**2 + pool**2) / utility


def regime_scales(prior: Prior, wander: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scales of the path, dim (draw,): multiples of the wander, which has the same dim.

    The multiples are quantiles of the prior in random order, rather than draws: few draws of a
    heavy tail would differ much between seeds.
    """
    if prior.fixed:
        return prior.pair[0] * wander
    middle = 0.5 + 0.5 * (np.arange(len(wander)) + 0.5) / len(wander)
    df, scale = prior.pair
    unit = ndtri(middle) if prior.family == "halfnormal" else stdtrit(df, middle)
    return rng.permutation(scale * unit) * wander


def mean_factors(scales: np.ndarray, horizons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    r"""Mean of the factor from the largest run to each horizon, :math:`\bar\phi(h)`.

    ``scales`` (draw,): sd of the log factor at one e-fold; ``horizons`` (horizon,): e-folds beyond
    the largest run; at zero and below the factor is one; ``rng``: of the paths: one for each draw,
    joint over the horizons. Gives dims (draw, horizon).
    """
    horizons = np.asarray(horizons, float)
    out = np.ones((len(scales), len(horizons)))
    ahead = np.flatnonzero(horizons > 0.0)
    if len(ahead) == 0 or not np.any(scales > 0.0):
        return out
    steps = int(np.ceil(horizons.max() / STEP))
    log_factor = np.zeros((steps + 1, len(scales)))
    # one row a step: asking for a further horizon leaves the nearer ones as they were
    log_factor[1:] = np.sqrt(STEP) * scales * rng.standard_normal((steps, len(scales)))
    factor = np.exp(np.minimum(np.cumsum(log_factor, axis=0), LARGEST))
    gained = np.zeros_like(factor)
    np.cumsum(0.5 * STEP * (factor[1:] + factor[:-1]), axis=0, out=gained[1:])
    for k in ahead:
        h = horizons[k]
        low = min(int(h / STEP), steps - 1)
        share = h / STEP - low
        out[:, k] = ((1.0 - share) * gained[low] + share * gained[low + 1]) / h
    return out


def factors_at(
    regime: Prior, wander: np.ndarray, horizons: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Mean factors drawn from the prior of their scale, dims (draw, horizon).

    ``regime``: of the multiple that sets the scale of the path; ``wander`` (draw,): from
    ``relative_wander``; ``horizons`` (horizon,): e-folds beyond the largest run.
    """
    return mean_factors(regime_scales(regime, wander, rng), horizons, rng)


def stretch(
    sums: np.ndarray, edge: np.ndarray, index: np.ndarray, factor: np.ndarray
) -> np.ndarray:
    """Exponent sums with what lies beyond the largest run multiplied by the factor.

    ``sums`` (draw, point, pool); ``edge`` (draw, edge, pool): the sums of the same data at the
    largest run; ``index`` (point,): which edge belongs to a point, -1 for a point within the data;
    ``factor`` (draw, point).
    """
    out = sums.copy()
    ahead = np.flatnonzero(index >= 0)
    start = edge[:, index[ahead]]
    out[:, ahead] = start + factor[:, ahead, None] * (sums[:, ahead] - start)
    return out
