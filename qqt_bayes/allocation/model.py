"""The model: every unknown is a function of one vector of standard normals.

All priors are normal or lognormal, so that one vector ``z`` of standard normals holds them: the
law's parameters, the pools' deviations from them, and the components of the misfit. One source of
the prediction serves sampling and predictions, all draws at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qqt_bayes.allocation.misfit import Misfit, misfit_of
from qqt_bayes.allocation.sizes import Points, Sizes
from qqt_bayes.errors import UsageError
from qqt_bayes.laws.chinchilla import (
    effective_params,
    effective_samples,
    optimal_log_params,
    reducible,
)
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.spec import Spec

# What varies by pool -> the prior of its pool-to-pool sd (on the log scale).
BY_POOL = {
    "irreducible": "irreducible_spread",
    "params_term": "term_spread",
    "samples_term": "term_spread",
    "params_exponent": "exponent_spread",
    "samples_exponent": "exponent_spread",
    "repeats": "repeats_spread",
}
# Parts of ``z`` that hold a misfit's components -> the prior of their scale.
SURFACES = {"misfit surface": "misfit", "pool surfaces": "pool_misfit"}
POSITIVE = ("irreducible", "params_exponent", "samples_exponent", "repeats")
POOL_COMPONENTS = 10  # of the misfit that a pool has of its own

__all__ = ["Model", "build_model"]


@dataclass(frozen=True, eq=False)
class Model:
    """Data, priors and the layout of ``z``."""

    points: Points  # one entry a run
    log_loss: np.ndarray  # dim (row,)
    # dim (row,): evaluation noise relative to the loss; zero where not given
    relative_se: np.ndarray
    priors: Mapping[str, Prior]
    layout: Mapping[str, slice]  # where the parts of ``z`` are
    misfit: Misfit
    laws: int  # number of laws
    excess: bool  # whether parameters beyond the optimum for the unique samples wear out
    log_reference: float  # log of the reference samples

    @cached_property
    def basis(self) -> np.ndarray:
        """Components of the misfit at the runs, dims (row, component)."""
        return self.components(self.points)

    @property
    def size(self) -> int:
        """Length of ``z``."""
        return max(part.stop for part in self.layout.values())

    @property
    def own(self) -> int:
        """Components of the misfit that each pool has of its own."""
        return min(self.misfit.size, POOL_COMPONENTS)

    def scalar(self, name: str, z: Any) -> Any:
        """A parameter of the population; dims (...), the leading dims of ``z``."""
        prior = self.priors[name]
        if prior.fixed:
            return prior.pair[0] + 0.0 * z[..., 0]
        at = self.layout[name].start
        value = prior.pair[0] + prior.pair[1] * z[..., at]
        return np.exp(value) if prior.family == "lognormal" else value

    def centre(self, name: str, z: Any) -> Any:
        """Mean over laws, dims (...); on the log scale where the parameter is positive."""
        value = self.scalar(name, z)
        return np.log(value) if name in POSITIVE else value

    def by_law(self, name: str, z: Any) -> Any:
        """A parameter of each law; dims (..., law)."""
        value = self.centre(name, z)[..., None] + np.zeros(self.laws)
        if f"{name} by pool" in self.layout:
            spread = self.scalar(BY_POOL[name], z)
            value = value + spread[..., None] * z[..., self.layout[f"{name} by pool"]]
        return np.exp(value) if name in POSITIVE else value

    def components(self, points: Points) -> np.ndarray:
        """Components of the common misfit and of the pools' own, dims (row, component)."""
        common = self.misfit.basis(points.place)
        if self.laws == 1:
            return common
        own = self.own
        pools = np.zeros((len(points), self.laws, own))
        pools[np.arange(len(points)), points.law] = common[:, :own]
        return np.concatenate([common, pools.reshape(len(points), -1)], axis=1)

    def surface(self, z: Any, basis: np.ndarray) -> Any:
        """The misfit that the components carry, dims (..., row): a log factor of the reducible."""
        count = self.misfit.size
        common = self.scalar("misfit", z)[..., None]
        value = common * (z[..., self.layout["misfit surface"]] @ basis[:, :count].T)
        if self.laws > 1:
            own = self.scalar("pool_misfit", z)[..., None]
            value = value + own * (z[..., self.layout["pool surfaces"]] @ basis[:, count:].T)
        return value

    def wandered(self, z: np.ndarray, points: Points, rng: np.random.Generator) -> np.ndarray:
        """Draws of the misfit anywhere, dims (draw, row): with what the components leave out."""
        value = self.surface(z, self.components(points))
        rest = self.misfit.remainder(points.place)
        scale = self.scalar("misfit", z)[:, None]
        value = value + scale * (rng.standard_normal((len(z), len(points))) @ rest.T)
        if self.laws > 1:
            scale = self.scalar("pool_misfit", z)[:, None]
            for law in np.unique(points.law):
                rows = np.flatnonzero(points.law == law)
                rest = self.misfit.remainder(points.place[rows], self.own)
                value[:, rows] += scale * (rng.standard_normal((len(z), len(rows))) @ rest.T)
        return value

    def terms(self, z: Any, points: Points) -> tuple[Any, Any]:
        """Irreducible and reducible loss by the law alone, dims (..., row)."""
        law = points.law
        got = {name: self.by_law(name, z)[..., law] for name in BY_POOL}
        terms = tuple(got[name] for name in list(BY_POOL)[1:5])
        worth = effective_samples(points.seen, points.unique, got["repeats"])
        log_samples = np.log(worth) - self.log_reference
        log_params: Any = points.log_params
        if self.excess:
            fresh = np.minimum(points.seen, points.unique).sum(axis=1)
            fresh = np.log(fresh) - self.log_reference
            best = optimal_log_params(fresh, *terms)
            spent = self.scalar("excess", z)[..., None]
            log_params = effective_params(log_params, best, spent)
        return got["irreducible"], reducible(log_params, log_samples, *terms)

    def predict(self, z: Any, points: Points, surface: Any) -> Any:
        """Log of the loss, dims (..., row), with a misfit of dims (..., row)."""
        floor, above = self.terms(z, points)
        return np.log(floor + above * np.exp(surface))

    def fitted(self, z: Any) -> Any:
        """Log of the loss at the runs, dims (..., row)."""
        return self.predict(z, self.points, self.surface(z, self.basis))

    def noise(self, z: Any) -> tuple[Any, Any]:
        """Scale (..., row) and degrees of freedom (..., 1) of the runs' noise."""
        spread = self.scalar("noise", z)[..., None]
        return np.sqrt(spread**2 + self.relative_se**2), self.scalar("tails", z)[..., None]


def build_model(sizes: Sizes, spec: Spec) -> Model:
    """Lay out a study under a specification."""
    if spec.law != "chinchilla":
        raise UsageError(f"the law '{spec.law}' does not know model size -> use chinchilla")
    priors = spec.priors("loss")
    for name, prior in priors.items():
        wanted = ("normal", "fixed") if name.endswith("_term") else ("lognormal", "fixed")
        if prior.family not in wanted:
            raise UsageError(
                f"prior '{name}' is {prior.family} -> this law takes {' or '.join(wanted)} there"
            )
    laws, study = len(sizes.laws), sizes.study
    misfit = misfit_of(sizes.points.place)
    excess = bool(spec.structure["excess_params"])
    lengths = {name: 1 for name, prior in priors.items() if not prior.fixed}
    if not excess:
        lengths.pop("excess", None)
    if laws == 1:
        for name in (*BY_POOL.values(), "pool_misfit"):
            lengths.pop(name, None)
    else:
        lengths |= {f"{name} by pool": laws for name in BY_POOL}
        lengths["pool surfaces"] = laws * min(misfit.size, POOL_COMPONENTS)
    lengths["misfit surface"] = misfit.size
    ends = np.cumsum(list(lengths.values()))
    layout = {
        name: slice(int(end) - length, int(end))
        for (name, length), end in zip(lengths.items(), ends, strict=True)
    }
    value = np.asarray(study.value, float)
    se = np.nan_to_num(np.asarray(study.se, float)) / value
    return Model(
        sizes.points, np.log(value), se, priors, layout, misfit, laws, excess,
        float(np.log(sizes.reference[1])),
    )  # fmt: skip
