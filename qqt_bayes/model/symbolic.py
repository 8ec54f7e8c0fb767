r"""The model in PyMC, in two forms: for a user to extend, and to judge the sampler by.

Both have the same parameters. The *generative* form is the model as one would write it down, every
effect a variable, with the reference likelihood; scales and effects form funnels, so that it is
slow to sample. The *marginal* form has the density of :mod:`qqt_bayes.model.marginal`, that very
code, as a potential: everything linear is integrated out and the noise linearised. With
:math:`L L^\top` the likeness of the pools, log-size relative to the pool's family, B the loadings
of the slopes and :math:`\epsilon, \eta` standard normal, the generative form is

.. math::
    l_i &= \log r(d) + \text{level} + s_l (L\epsilon^l)_i, \\
    \beta_i &= m_\beta\,\Bigl(1 + \sum_k s_k (B_k\epsilon^k)_i\Bigr), \\
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

from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Kind
from qqt_bayes.model.effects import EFFECTS, PATHS, SLOPES, factor_of, loadings
from qqt_bayes.model.marginal import Cells, exponents, log_density
from qqt_bayes.model.noise import seed_factor
from qqt_bayes.model.parameters import (
    RENAMED,
    SINGLE,
    Coordinates,
    Parameters,
    fixed_scale,
    is_scale,
)

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.priors import Prior

# A scatter of exactly zero (rounded replicates) has no gamma density; this changes the log density
# by a constant only.
LEAST_SCATTER = 1e-30

__all__ = ["symbolic_model"]


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


def irreducible_part(prior: Prior, design: Design, form: str) -> Any:
    """The irreducible part: below every expected value in the marginal form, whose logs need it."""
    if prior.fixed or form == "generative":
        return variable(prior, "irreducible")
    a, b = prior.pair
    plain = {
        "normal": pm.Normal.dist, "lognormal": pm.LogNormal.dist, "beta": pm.Beta.dist,
        "halfnormal": lambda _, sigma: pm.HalfNormal.dist(sigma),
        "halfstudent": lambda nu, sigma: pm.HalfStudentT.dist(nu=nu, sigma=sigma),
    }[prior.family](a, b)  # fmt: skip
    share = pm.Uniform("irreducible_share")  # of the smallest expected value
    value = pm.Deterministic("irreducible", share * design.expected.min())
    pm.Potential("irreducible_prior", pm.logp(plain, value))
    return value


def parameters(coordinates: Coordinates, form: str) -> Parameters:
    """The sampled parameters as random variables, with one draw: every array has a first dim 1."""
    priors, design = coordinates.priors, coordinates.design
    setting, pools = design.setting, design.pools
    single = {
        n: irreducible_part(priors[n], design, form) if n == "irreducible"
        else variable(priors[n], RENAMED.get(n, n)) for n in SINGLE
    }  # fmt: skip
    scales = []
    for effect in EFFECTS:
        prior = priors[effect.name]
        own = variable(prior, effect.name) if is_scale(prior) else np.float64(fixed_scale(prior))
        scales.append(pt.as_tensor(own))
    into_pools = np.eye(pools)[:, setting.finite]
    life = pt.log(single["half_life"]) + single["dilution"] * setting.log_size
    if not priors["half_life_spread"].none:
        eta = pm.Normal("half_life_effects", dims="finite_pool")
        life = life + single["half_life_spread"] * (into_pools @ (coordinates.life_factor @ eta))
    pm.Deterministic("half_life", pt.exp(life), dims="pool")
    harm = variable(priors["harm"], "harm_finite", dims="finite_pool")
    harm = harm * pt.ones(pools) if priors["harm"].fixed else into_pools @ harm
    pm.Deterministic("harm", harm, dims="pool")
    ratio = pt.zeros(pools)
    if not priors["seed_noise_spread"].none:
        ratio = single["seed_noise_spread"] * pm.Normal("seed_noise_effects", dims="pool")
        pm.Deterministic("pool_noise", single["seed_noise"] * pt.exp(ratio), dims="pool")
    rate = pt.zeros(pools)
    if coordinates.rate_factor.shape[1]:
        free = pm.Normal("exchange_rate_effects", shape=coordinates.rate_factor.shape[1])
        rate = coordinates.rate_factor @ free
        pm.Deterministic("exchange_rate", pt.exp(rate), dims="pool")
    one = {n: pt.atleast_1d(v) for n, v in single.items()}
    return Parameters(**one, scales=pt.stack(scales)[None], log_half_life=life[None],
                      harm=harm[None], noise_ratio=ratio[None], log_rate=rate[None])  # fmt: skip


def log_reducible(p: Parameters, cells: Cells) -> Any:
    """Log reducible error of the cells, dim (cell,), every effect a variable."""
    points = cells.design.points
    scale = {effect.name: p.scales[0, i] for i, effect in enumerate(EFFECTS)}
    utility = pt.ones(cells.design.pools)
    for effect, loading in zip(SLOPES, loadings(points.setting), strict=True):
        effects = pm.Normal(f"{effect.name}_effects", shape=loading.shape[1])
        utility = utility + scale[effect.name] * (loading @ effects)
    utility = pm.Deterministic("utility", p.utility[0] * utility, dims="pool")
    total = cells.log_reference(p.irreducible[0], pt) + cells.level_mean
    for effect, kernel in zip(PATHS, points.kernels, strict=True):
        factor = factor_of(kernel)
        if factor.shape[1]:
            effects = pm.Normal(f"{effect.name}_effects", shape=factor.shape[1])
            total = total + scale[effect.name] * (factor @ effects)
    return total - pt.dot(exponents(p, points, pt)[0], utility)


def observe(p: Parameters, cells: Cells, latent: Any) -> None:
    """The reference likelihood: means of the replicates and their sums of squares."""
    design, share, effect = cells.design, 0.0, 0.0
    spread = p.seed_noise[0] * seed_factor(p.noise_ratio, design.points.shares, pt)[0]
    spread = spread * cells.size(latent)
    if design.run.max(initial=-1) >= 0:
        effects = pm.Normal("run_effects", shape=int(design.run.max()) + 1)
        effect, share = effects[np.maximum(design.run, 0)], p.run_share[0] * (design.run >= 0)
    variance = (1.0 - share) * spread**2 + design.eval_var
    centre = latent + pt.sqrt(share) * spread * effect
    count, value = pm.Data("count", design.count, dims="cell"), design.value
    pm.Normal("y", centre, pt.sqrt(variance / count), observed=value, dims="cell")
    repeated = np.flatnonzero(design.count > 1)
    if len(repeated):
        # a sum of squares over its variance is chi-square: a gamma with a scale, which, unlike
        # a potential, can be simulated too
        pm.Gamma(
            "replicate_scatter",
            alpha=0.5 * (design.count[repeated] - 1.0),
            beta=0.5 / variance[repeated],
            observed=np.maximum(design.scatter[repeated], LEAST_SCATTER),
        )


def symbolic_model(
    design: Design, priors: dict[str, Prior], kind: str | Kind, form: str = "generative"
) -> pm.Model:
    """The model of a study in PyMC.

    Parameters
    ----------
    design : Design
        From :func:`qqt_bayes.model.design.build_design`.
    priors : dict of Prior
        From :meth:`qqt_bayes.model.spec.Spec.priors`.
    kind : str or Kind
        What levels are relative to: the irreducible part of a loss, one less it of an error.
    form : {'generative', 'marginal'}
        Every effect a variable, or everything linear integrated out.

    Returns
    -------
    pymc.Model
        Coords ``pool``, ``finite_pool`` and ``cell`` (positions). Free variables carry the names of
        the priors but for ``utility_mean`` and ``half_life_median``; ``half_life``, ``harm`` and,
        in the generative form, ``utility`` (dim pool) and ``latent``, the performance f (dim cell),
        are deterministic. In the generative form ``y``, the means of the replicates, and
        ``replicate_scatter``, their sums of squares, are observed, so that prior and posterior
        predictive draws need nothing else.
    """
    coordinates = Coordinates.of(priors, design)
    cells = Cells.of(design, priors, kind_named(kind))
    coords = {
        "pool": np.arange(design.pools),
        "finite_pool": np.flatnonzero(design.setting.finite),
        "cell": np.arange(len(design.value)),
    }
    with pm.Model(coords=coords) as model:
        p = parameters(coordinates, form)
        if form == "marginal":
            pm.Potential("runs", log_density(p, cells, pt)[0])
            return model
        reducible = pt.exp(log_reducible(p, cells))
        observe(p, cells, pm.Deterministic("latent", p.irreducible[0] + reducible, dims="cell"))
    return model
