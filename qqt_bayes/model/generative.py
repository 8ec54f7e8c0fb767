r"""The plain generative form: every effect a variable, the reference likelihood.

This is the model as one would write it down, and the standard that the default engine is tested
against (:mod:`qqt_bayes.inference.marginal` integrates its linear part out and linearises its
noise). It is slow to sample: scales and effects form funnels. With :math:`L L^\top` the likeness of
the pools, log-size relative to the pool's family and :math:`\epsilon, \eta` standard normal,

.. math::
    l_i &= \log r(d) + \text{level} + s_l (L\epsilon^l)_i, \\
    \beta_i &= m_\beta\,(1 + \gamma\,\text{quality}_i + r\,(L\epsilon^\beta)_i), \\
    \log \tau_i &= \log \tau + q\,\text{log-size}_i + s_\tau (L\eta)_i, \\
    f &= d + \exp\Bigl(\sum_i w_i l_i - \sum_i \beta_i X_i + \text{drift} + \text{mixture}\Bigr), \\
    \bar y &\sim \mathrm{Normal}(f, v/m), \quad v = (s f)^2 + \mathrm{se}^2, \qquad
    \textstyle\sum (y - \bar y)^2 / v \sim \chi^2_{m-1},

with :math:`r(d) = d` for a loss and :math:`1 - d` for an error, m replicates a cell, and s the seed
noise of the cell's mixture (:mod:`qqt_bayes.model.noise`). A checkpoint of run j has, with u
standard normal,

.. math::
    y \sim \mathrm{Normal}\bigl(f + \sqrt\rho\, s f u_j,\; (1 - \rho)(s f)^2 + \mathrm{se}^2\bigr).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.noise import informed, seed_factor
from qqt_bayes.model.prior_predictive import kernel_factor
from qqt_bayes.model.priors import NO_RATES

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.priors import Prior

# A scatter of exactly zero (rounded replicates) has no gamma density; this changes the log density
# by a constant only.
LEAST_SCATTER = 1e-30

__all__ = ["generative_model"]


def variable(prior: Prior, name: str, **shape: Any) -> Any:
    """The parameter as a random variable of this name; a constant where its prior is fixed."""
    a, b = prior.pair
    match prior.family:
        case "fixed":
            return pt.as_tensor(np.float64(a))
        case "normal":
            return pm.Normal(name, a, b, **shape)
        case "lognormal":
            return pm.LogNormal(name, a, b, **shape)
        case "halfnormal":
            return pm.HalfNormal(name, b, **shape)
        case "halfstudent":
            return pm.HalfStudentT(name, nu=a, sigma=b, **shape)
    return pm.Beta(name, a, b, **shape)


def structural_error(design: Design, scales: dict[str, Any]) -> Any:
    """Drift and mixture error of the cells, dim (cell,): non-centred, from the design's kernels."""
    total = pt.zeros(len(design.value))
    for component, kernel in zip(COMPONENTS, design.kernels, strict=True):
        factor = kernel_factor(kernel)
        if component == "level_spread" or not factor.shape[1]:
            continue
        effects = pm.Normal(f"{component}_effects", shape=factor.shape[1])
        total += scales[component] * (factor @ effects)
    return total


def seed_noise(design: Design, priors: dict[str, Prior], common: Any) -> Any:
    """Relative seed noise of the cells, dim (cell,)."""
    spread = priors["seed_noise_spread"]
    if spread.fixed and spread.numbers[0] == 0.0:
        return common
    effects = pm.Normal("seed_noise_effects", dims="pool")
    log_ratio = variable(spread, "seed_noise_spread") * effects
    pm.Deterministic("pool_noise", common * pt.exp(log_ratio), dims="pool")
    return common * seed_factor(log_ratio, design.points.shares, xp=pt)


def run_effect(design: Design, priors: dict[str, Prior]) -> tuple[Any, Any]:
    """Standard normal effect of the run of each cell, and its share of the seed variance.

    Both have dim (cell,) and are zero for a cell that is no checkpoint of a trajectory.
    """
    if design.run.max(initial=-1) < 0:
        return 0.0, 0.0
    effects = pm.Normal("run_effects", shape=int(design.run.max()) + 1)
    share = variable(priors["run_share"], "run_share") * (design.run >= 0)
    return effects[np.maximum(design.run, 0)], share


def generative_model(
    design: Design, priors: dict[str, Prior], kind: str, *, drift: bool = True
) -> pm.Model:
    """The generative form of a study, with the reference likelihood.

    Parameters
    ----------
    design : Design
        From :func:`qqt_bayes.model.design.build_design`.
    priors : dict of Prior
        From :meth:`qqt_bayes.model.spec.Spec.priors`.
    kind : {'loss', 'error', 'accuracy'}
        What levels are relative to: the irreducible part of a loss, one less it otherwise.
    drift : bool
        False takes the law and its mixture rule as exact: no drift and no mixture error.

    Returns
    -------
    pymc.Model
        Coords ``pool`` and ``cell`` (positions). Free variables carry the names of the priors but
        for ``utility_mean`` and ``half_life_median``; ``utility``, ``level``, ``half_life``,
        ``harm`` (dim pool) and ``latent``, the performance f (dim cell), are deterministic.
        Observed are ``y``, the means of the replicates, and ``replicate_scatter``, their sums of
        squares, so that prior and posterior predictive draws need nothing else.
    """
    priors = informed(priors, design)
    pools, finite = len(design.sizes), np.flatnonzero(np.isfinite(design.sizes))
    coords = {
        "pool": np.arange(pools),
        "finite_pool": finite,
        "cell": np.arange(len(design.value)),
    }
    spread_over_pools = np.linalg.cholesky(design.likeness)
    spread_over_finite = np.linalg.cholesky(design.likeness[np.ix_(finite, finite)])
    scatter_into_pools = np.eye(pools)[:, finite]
    points = design.points
    with pm.Model(coords=coords) as model:
        value = pm.Data("value", design.value, dims="cell")
        count = pm.Data("count", design.count, dims="cell")
        eval_var = pm.Data("eval_var", design.eval_var, dims="cell")
        chosen = {n: variable(priors[n], n) for n in ("irreducible", "seed_noise", "dilution")}
        scales = {n: variable(priors[n], n) for n in COMPONENTS}

        median = variable(priors["half_life"], "half_life_median")
        spread = variable(priors["half_life_spread"], "half_life_spread")
        eta = pm.Normal("half_life_effects", dims="finite_pool")
        apart = scatter_into_pools @ (spread_over_finite @ eta)
        log_half_life = pt.log(median) + chosen["dilution"] * design.log_size + spread * apart
        pm.Deterministic("half_life", pt.exp(log_half_life), dims="pool")
        harm = variable(priors["harm"], "harm_finite", dims="finite_pool")
        harm = harm * pt.ones(pools) if priors["harm"].fixed else scatter_into_pools @ harm
        pm.Deterministic("harm", harm, dims="pool")

        mean = variable(priors["utility"], "utility_mean")
        eps = pm.Normal("utility_effects", dims="pool")
        relative = variable(priors["utility_spread"], "utility_spread") * (spread_over_pools @ eps)
        quality = variable(priors["quality_effect"], "quality_effect") * design.quality
        utility = pm.Deterministic("utility", mean * (1.0 + quality + relative), dims="pool")

        reference = chosen["irreducible"] if kind == "loss" else 1.0 - chosen["irreducible"]
        common = pt.log(reference) + variable(priors["level"], "level_mean")
        eps = pm.Normal("level_effects", dims="pool")
        level = pm.Deterministic(
            "level", common + scales["level_spread"] * (spread_over_pools @ eps), dims="pool"
        )

        law, log_rate = find_law(design.law), 0.0
        rate = priors.get("exchange_rate", NO_RATES)
        if law.rated and not rate.fixed:
            eps = pm.Normal("exchange_rate_effects", shape=design.rate_factor.shape[1])
            log_rate = rate.pair[1] * (design.rate_factor @ eps)
            pm.Deterministic("exchange_rate", pt.exp(log_rate), dims="pool")
        sums = law.sums(
            points.first, points.epochs, points.shares, log_half_life, chosen["dilution"], harm,
            log_rate, xp=pt,
        )  # fmt: skip
        log_reducible = points.shares @ level - sums @ utility
        if drift:
            log_reducible += structural_error(design, scales)
        latent = pm.Deterministic(
            "latent", chosen["irreducible"] + pt.exp(log_reducible), dims="cell"
        )
        spread = seed_noise(design, priors, chosen["seed_noise"]) * latent
        effect, share = run_effect(design, priors)
        variance = (1.0 - share) * spread**2 + eval_var
        centre = latent + pt.sqrt(share) * spread * effect
        pm.Normal("y", centre, pt.sqrt(variance / count), observed=value, dims="cell")
        repeated = np.flatnonzero(design.count > 1)
        if len(repeated):
            # a sum of squares over its variance is chi-square: a gamma with a scale, which, unlike
            # a potential, can be simulated too
            scatter = pm.Data("scatter", np.maximum(design.scatter[repeated], LEAST_SCATTER))
            pm.Gamma(
                "replicate_scatter",
                alpha=0.5 * (design.count[repeated] - 1.0),
                beta=0.5 / variance[repeated],
                observed=scatter,
            )
    return model
