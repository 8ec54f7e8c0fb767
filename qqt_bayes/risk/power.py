"""Log prior and log likelihood of the few, priors raised to a power, and what the runs informed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.marginal import log_density

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.priors import Prior

PRIOR_DRAWS = 4000

__all__ = ["contraction", "log_likelihood", "log_prior", "powered_priors"]


def log_pdf(prior: Prior, values: np.ndarray) -> np.ndarray:
    """Log density of a prior, up to a constant."""
    a, b = prior.pair
    match prior.family:
        case "normal":
            return -0.5 * ((values - a) / b) ** 2
        case "lognormal":
            return -0.5 * ((np.log(values) - a) / b) ** 2 - np.log(values)
        case "halfnormal":
            return -0.5 * (values / b) ** 2
        case "halfstudent":
            return -0.5 * (a + 1.0) * np.log1p(values**2 / (a * b * b))
        case "beta":
            return (a - 1.0) * np.log(values) + (b - 1.0) * np.log1p(-values)
    return np.zeros(len(values))


def log_prior(posterior: Posterior) -> np.ndarray:
    """Log prior density of the sampled few, dim (draw,), each on its natural scale.

    Those of the top level only: in a hierarchy, scaling what lies below would scale the pooling.
    """
    total = np.zeros(len(posterior.natural))
    for name, values in posterior.scalars().items():
        total += log_pdf(posterior.priors[name], values)
    harm = posterior.priors["harm"]
    if not harm.fixed:
        for values in posterior.harms.T:
            if np.all(np.isfinite(values)):
                total += log_pdf(harm, values)
    return total


def powered_priors(posterior: Posterior, power: float) -> dict[str, dict[str, float | str]]:
    """The priors of :func:`log_prior` raised to a power, as tables of a specification."""
    names = [*posterior.scalars(), "harm"]
    return {n: powered(posterior.priors[n], power) for n in names if not posterior.priors[n].fixed}


def powered(prior: Prior, power: float) -> dict[str, float | str]:
    """A prior's density raised to a power: every family is closed under it.

    Raises
    ------
    ValueError
        Where a half-t would have no tail left to integrate.
    """
    a, b = prior.pair
    match prior.family:
        case "normal":
            return {"family": "normal", "mu": a, "sigma": b / np.sqrt(power)}
        case "lognormal":  # x^-power leaves x^(1 - power) beside the lognormal's own 1/x
            variance = b * b / power
            return {
                "family": "lognormal", "mu": a + (1.0 - power) * variance,
                "sigma": float(np.sqrt(variance)),
            }  # fmt: skip
        case "halfnormal":
            return {"family": "halfnormal", "sigma": b / np.sqrt(power)}
        case "halfstudent":
            df = (a + 1.0) * power - 1.0
            if df <= 0.0:
                raise ValueError(f"a half-t with {a:g} degrees of freedom has no power {power:g}")
            return {"family": "halfstudent", "df": df, "sigma": b * float(np.sqrt(a / df))}
        case "beta":
            alpha, beta = 1.0 + power * (a - 1.0), 1.0 + power * (b - 1.0)
            return {"family": "beta", "alpha": alpha, "beta": beta}
    return {"family": "fixed", "value": a}


def log_likelihood(posterior: Posterior) -> np.ndarray:
    """Log density of the runs given the few, dim (draw,); all that is linear integrated out."""
    cells, scratch = posterior.cells, np.empty(posterior.natural.shape[1])
    return np.array([log_density(row, cells, scratch) for row in posterior.natural])


def contraction(posterior: Posterior, seed: int = 0) -> dict[str, float]:
    """Posterior spread over prior spread (interquartile ranges) of each sampled scalar."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, values in posterior.scalars().items():
        prior = posterior.priors[name].draw(PRIOR_DRAWS, rng)
        wide = np.subtract(*np.quantile(prior, [0.75, 0.25]))
        out[name] = float(np.subtract(*np.quantile(values, [0.75, 0.25])) / wide)
    return out
