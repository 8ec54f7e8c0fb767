"""Log prior and log likelihood of draws, priors raised to a power, and what the runs informed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from qqt_bayes.inference.reweight import densities

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.priors import Prior

__all__ = ["contraction", "log_likelihood", "log_prior", "powered", "powered_priors"]


def log_prior(posterior: Posterior) -> np.ndarray:
    """Log prior density of the sampled parameters, dim (draw,), each in its own unit.

    Those of the top level only: in a hierarchy, scaling what lies below would scale the pooling.
    """
    scalars, harm = posterior.scalars(), posterior.priors["harm"]
    found = [posterior.priors[name].log_density(values) for name, values in scalars.items()]
    if not harm.fixed:
        harms = posterior.harms[:, posterior.design.setting.finite]
        found.append(harm.log_density(harms).sum(axis=1))
    return np.asarray(sum(found, np.zeros(len(posterior))))


def powered_priors(posterior: Posterior, power: float) -> dict[str, dict[str, float | str]]:
    """The priors of :func:`log_prior` raised to a power, as tables of a specification."""
    names = [*posterior.scalars(), "harm"]
    return {n: powered(posterior.priors[n], power) for n in names if not posterior.priors[n].fixed}


def powered(prior: Prior, power: float) -> dict[str, float | str]:
    """A prior's density raised to a power: every family is closed under it.

    A half-t that would have no tail left to integrate is a ValueError.
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
    """Log density of the runs given the parameters, dim (draw,); all linear integrated out."""
    return densities(posterior.parameters, posterior.cells)


def contraction(posterior: Posterior) -> dict[str, float]:
    """Posterior spread over prior spread (interquartile ranges) of each sampled scalar."""
    out = {}
    for name, values in posterior.scalars().items():
        lower, upper = posterior.priors[name].at_score(ndtri([0.25, 0.75]))
        out[name] = float(np.subtract(*np.quantile(values, [0.75, 0.25])) / (upper - lower))
    return out
