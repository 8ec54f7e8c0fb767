"""The parameters that are sampled: all that the log reducible error is not linear in.

:class:`Parameters` holds them draw by draw, in the units of the specification. :class:`Coordinates`
maps them from scores: each parameter is a quantile of its prior at a standard normal score, so
that the prior of all scores is the standard normal one, with Gaussian tails that importance
sampling can follow, and the posterior density of the scores is that of the runs times it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from qqt_bayes.errors import UsageError
from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.noise import check_noise, informed
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.regime import check_regime

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design

SINGLE = ("irreducible", "utility", "seed_noise", "dilution", "run_share", "seed_noise_spread",
          "half_life", "half_life_spread")  # fmt: skip
# What PyMC and ArviZ call a parameter of which each pool has its own, in the middle.
RENAMED = {"utility": "utility_mean", "half_life": "half_life_median"}
FARTHEST = 37.0  # a score further out has a probability of zero in double precision

__all__ = ["RENAMED", "SINGLE", "Coordinates", "Parameters"]


class Parameters(NamedTuple):
    """Draws of the parameters; every array has the draws first."""

    # dim (draw,)
    irreducible: np.ndarray  # as modelled
    utility: np.ndarray  # mean over the pools
    seed_noise: np.ndarray  # seed-to-seed sd relative to the metric
    dilution: np.ndarray  # its exponent
    run_share: np.ndarray  # share of the seed variance that is a run's
    seed_noise_spread: np.ndarray  # pool-to-pool sd of the log seed noise
    half_life: np.ndarray  # population median in epochs
    half_life_spread: np.ndarray  # sd of its log
    scales: np.ndarray  # dims (draw, effect), in the order of ``EFFECTS``
    # dims (draw, pool)
    log_half_life: np.ndarray
    harm: np.ndarray  # of repetition
    noise_ratio: np.ndarray  # log of the seed noise over the common one
    log_rate: np.ndarray  # log of the exchange rate

    def take(self, chosen: slice | np.ndarray) -> Parameters:
        """Some of the draws."""
        return Parameters(*(values[chosen] for values in self))

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.irreducible)

    def scale(self, effect: str) -> np.ndarray:
        """Scale of an effect, dim (draw,)."""
        return self.scales[:, [e.name for e in EFFECTS].index(effect)]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Scores of the parameters of a study."""

    priors: dict[str, Prior]  # with what the runs say nothing about fixed (``informed``)
    # gives the pools, and the expected values that the irreducible part must lie below
    design: Design

    @classmethod
    def of(cls, priors: dict[str, Prior], design: Design) -> Coordinates:
        """Coordinates of a study under these priors."""
        used = informed(priors, design)
        check_priors(used, design)
        return cls(used, design)

    @property
    def effects(self) -> tuple[tuple[int, Prior], ...]:
        """Place and prior of each effect."""
        return tuple((i, self.priors[e.name]) for i, e in enumerate(EFFECTS))

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each score, in order."""
        pools, finite = range(self.design.pools), np.flatnonzero(self.design.setting.finite)
        out = [n for n in SINGLE if not self.priors[n].fixed]
        out += [p.name for _, p in self.effects if is_scale(p)]
        if not self.priors["half_life_spread"].none:
            out += [f"half_life[{i}]" for i in finite]
        if not self.priors["harm"].fixed:
            out += [f"harm[{i}]" for i in finite]
        if not self.priors["seed_noise_spread"].none:
            out += [f"noise_ratio[{i}]" for i in pools]
        return (*out, *(f"exchange_rate[{k}]" for k in range(self.rate_factor.shape[1])))

    @property
    def rate_factor(self) -> np.ndarray:
        """From scores to log exchange rates, dims (pool, free)."""
        prior = self.priors["exchange_rate"]
        if prior.fixed:
            return np.zeros((self.design.pools, 0))
        return prior.pair[1] * self.design.setting.rate_factor

    @property
    def life_factor(self) -> np.ndarray:
        """Root of the prior correlation of the log half-lives, dims (finite pool, finite pool)."""
        finite = self.design.setting.finite
        return np.linalg.cholesky(self.design.setting.likeness[np.ix_(finite, finite)])

    @property
    def upper(self) -> float:
        """Prior probability of an irreducible part below the smallest expected value."""
        return float(self.priors["irreducible"].cdf(np.array(self.design.expected.min())))

    def parameters(self, scores: np.ndarray) -> Parameters:
        """Parameters at some scores, dims (draw, score)."""
        draws, setting = len(scores), self.design.setting
        scores = np.clip(scores, -FARTHEST, FARTHEST)
        columns = iter(scores.T)

        def of(prior: Prior) -> np.ndarray:
            return np.full(draws, prior.pair[0]) if prior.fixed else prior.at_score(next(columns))

        def by_pool(count: int) -> np.ndarray:
            return np.array([next(columns) for _ in range(count)]).reshape(count, draws).T

        single = {}
        for name in SINGLE:
            prior = self.priors[name]
            if name == "irreducible" and not prior.fixed:
                single[name] = prior.at_score(ndtri(ndtr(next(columns)) * self.upper))
            else:
                single[name] = of(prior)
        scales = np.empty((draws, len(EFFECTS)))
        for i, prior in self.effects:
            scales[:, i] = of(prior) if is_scale(prior) else fixed_scale(prior)
        finite, pools = setting.finite, self.design.pools
        count = int(finite.sum())
        life = np.log(single["half_life"])[:, None] + single["dilution"][:, None] * setting.log_size
        if not self.priors["half_life_spread"].none:
            apart = by_pool(count) @ self.life_factor.T
            life[:, finite] += single["half_life_spread"][:, None] * apart
        harm = np.full((draws, pools), self.priors["harm"].pair[0])
        if not self.priors["harm"].fixed:
            harm[:] = 0.0
            harm[:, finite] = self.priors["harm"].at_score(by_pool(count))
        ratio = np.zeros((draws, pools))
        if not self.priors["seed_noise_spread"].none:
            ratio = single["seed_noise_spread"][:, None] * by_pool(pools)
        rate = by_pool(self.rate_factor.shape[1]) @ self.rate_factor.T
        return Parameters(**single, scales=scales, log_half_life=life, harm=harm, noise_ratio=ratio,
                          log_rate=rate)  # fmt: skip

    def scores(self, parameters: Parameters) -> np.ndarray:
        """Scores of some parameters, dims (draw, score): the inverse of :meth:`parameters`."""
        p, setting = parameters, self.design.setting
        columns = []
        for name in SINGLE:
            prior = self.priors[name]
            if prior.fixed:
                continue
            below = prior.cdf(getattr(p, name))
            columns.append(below / self.upper if name == "irreducible" else below)
        columns += [q.cdf(p.scales[:, i]) for i, q in self.effects if is_scale(q)]
        whole = [ndtri(np.clip(c, 1e-300, 1.0 - 1e-16))[:, None] for c in columns]
        finite = setting.finite
        if not self.priors["half_life_spread"].none:
            middle = np.log(p.half_life)[:, None] + p.dilution[:, None] * setting.log_size
            apart = (p.log_half_life - middle)[:, finite] / p.half_life_spread[:, None]
            whole.append(np.linalg.solve(self.life_factor, apart.T).T)
        if not self.priors["harm"].fixed:
            below = self.priors["harm"].cdf(p.harm[:, finite])
            whole.append(ndtri(np.clip(below, 1e-300, 1.0 - 1e-16)))
        if not self.priors["seed_noise_spread"].none:
            whole.append(p.noise_ratio / p.seed_noise_spread[:, None])
        if self.rate_factor.shape[1]:
            whole.append(np.linalg.lstsq(self.rate_factor, p.log_rate.T)[0].T)
        return np.concatenate([np.empty((p.draws, 0)), *whole], axis=1)


def is_scale(prior: Prior) -> bool:
    """Whether the prior is that of a scale to learn; a coefficient's own is normal, or fixed."""
    return not prior.fixed and prior.family != "normal"


def fixed_scale(prior: Prior) -> float:
    """Scale of an effect that is not learned: that of its coefficient, or a fixed one.

    The level's mean is no scale: fixed, it is known.
    """
    if prior.family == "normal":
        return prior.pair[1]
    return 0.0 if prior.name == "level" else prior.pair[0]


def check_priors(priors: dict[str, Prior], design: Design) -> None:
    """Check that the model can use the priors."""
    if priors["level"].family not in ("normal", "fixed"):
        raise UsageError(
            "prior 'level' is integrated out exactly and must be normal or fixed, "
            f"not {priors['level'].family}."
        )
    for effect in EFFECTS[1:]:
        prior = priors[effect.name]
        if prior.family == "normal" and prior.pair[0] != 0.0:
            raise UsageError(
                f"prior '{effect.name}' must have mean zero (mu = 0, or fixed), not {prior.text}."
            )
        if prior.family == "beta" or (prior.fixed and prior.pair[0] < 0.0):
            raise UsageError(
                f"prior '{effect.name}' must be normal (a coefficient), or halfnormal, halfstudent "
                f"or lognormal (a scale to learn), or fixed at 0 or more, not {prior.text}."
            )
    check_regime(priors["regime"])
    check_noise(priors)
    law, rate = find_law(design.setting.law), priors["exchange_rate"]
    if not (rate.family in ("normal", "fixed") and rate.numbers[0] == 0.0):
        raise UsageError(
            "prior 'exchange_rate' (of the log rate) must be normal with mu = 0, or fixed at 0, "
            f"not {rate.text}."
        )
    if not (law.one_utility or rate.fixed):
        raise UsageError(f"law '{law.name}' has no exchange rates: remove prior 'exchange_rate'.")
    for effect in (e for e in EFFECTS if e.loadings is not None and law.one_utility):
        if not priors[effect.name].none:
            raise UsageError(
                f"law '{law.name}' has one utility for all pools: prior '{effect.name}' must be "
                f"fixed at 0, not {priors[effect.name].text}."
            )
