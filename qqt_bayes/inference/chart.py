"""From the sampler's unconstrained vector to the natural few, with their priors.

Each parameter is walked on a scale of its own (:mod:`qqt_bayes.inference.coordinates`); the
half-lives are non-centred about their population median. The irreducible part is walked between
zero and the smallest value seen, which is where it must lie. With trajectories the checkpoints' own
noise is walked in place of all of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.coordinates import bounded, scalar
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.natural import (
    DILUTION,
    IRREDUCIBLE,
    NOISE,
    NOISE_SPREAD,
    RUN_SHARE,
    SCALES,
    UTILITY,
)
from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.noise import informed
from qqt_bayes.model.priors import NO_RATES, Prior

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design

SCALARS = (
    "irreducible", "utility", "utility_spread", "seed_noise", "dilution", "run_share",
    "seed_noise_spread", *COMPONENTS, "half_life", "half_life_spread",
)  # fmt: skip
HALF_LIFE, HALF_LIFE_SPREAD = len(SCALARS) - 2, len(SCALARS) - 1

__all__ = ["SCALARS", "Chart", "build_chart", "density_and_gradient", "dimension", "to_natural"]


class Chart(NamedTuple):
    """Priors and layout of the unconstrained vector, as plain arrays."""

    code: np.ndarray  # (scalar,) family of each scalar in SCALARS
    a: np.ndarray  # (scalar,)
    b: np.ndarray  # (scalar,)
    upper: float  # bound of the irreducible part
    harm_code: int
    harm_a: float
    harm_b: float
    finite: np.ndarray  # (pool,) bool: only finite pools can be repeated
    life_factor: np.ndarray  # (finite pool, finite pool) root of the half-lives' prior correlation
    log_size: np.ndarray  # (pool,) log size over the geometric mean of the pool's family
    rated: bool  # whether the law has exchange rates, which then follow the harms
    rate_sd: float  # of a log exchange rate
    rate_factor: np.ndarray  # (pool, free) root of their prior correlation; zeros for a reference
    pivot: float  # utility at which the walked rates are the standard normal ones
    centre: float  # mean of the values
    noisy: bool  # whether seed noise differs by pool


def build_chart(priors: dict[str, Prior], design: Design) -> Chart:
    """Chart of a study with these priors."""
    priors = informed(priors, design)
    finite = np.isfinite(design.sizes)
    upper = float(design.value.min())
    factor = np.linalg.cholesky(design.likeness[np.ix_(finite, finite)])
    chosen = [priors[name] for name in SCALARS]
    if chosen[IRREDUCIBLE].family == "beta":
        upper = min(upper, 1.0)  # where its density ends, even if every value is above
    pairs = np.array([p.pair for p in chosen])
    harm, rate = priors["harm"], priors.get("exchange_rate", NO_RATES)
    rated = find_law(design.law).rated
    check_rate(rate, rated, design.law)
    free = design.rate_factor if rated and not rate.fixed else design.rate_factor[:, :0]
    return Chart(
        np.array([p.code for p in chosen]), pairs[:, 0].copy(), pairs[:, 1].copy(), float(upper),
        harm.code, *harm.pair, finite, factor, design.log_size, rated, float(rate.pair[1]),
        np.ascontiguousarray(free), prior_median(priors["utility"]),
        float(design.value.mean()),
        not (priors["seed_noise_spread"].fixed and priors["seed_noise_spread"].numbers[0] == 0.0),
    )  # fmt: skip


def prior_median(prior: Prior) -> float:
    """Median of a prior that has a positive one; 1 of another."""
    value = prior.numbers[0] if prior.fixed else float(prior.distribution().median())
    return value if value > 0.0 else 1.0


def check_rate(prior: Prior, rated: bool, law: str) -> None:
    """Check the prior of the log exchange rates.

    Raises
    ------
    UsageError
        Unless it is normal about 0, or fixed at 0 (always so for a law without them).
    """
    if not (prior.family in ("normal", "fixed") and prior.numbers[0] == 0.0):
        raise UsageError(
            "prior 'exchange_rate' (of the log rate) must be normal with mu = 0, or fixed at 0, "
            f"not {prior.text}."
        )
    if not (rated or prior.fixed):
        raise UsageError(f"law '{law}' has no exchange rates: remove prior 'exchange_rate'.")


def dimension(chart: Chart) -> int:
    """Length of the unconstrained vector."""
    pools = int(chart.finite.sum())
    per_pool = pools * (2 if chart.harm_code else 1)
    ratios = len(chart.finite) if chart.noisy else 0
    return int((chart.code > 0).sum()) + per_pool + ratios + chart.rate_factor.shape[1]


@njit(cache=True, nogil=True, error_model="numpy")
def rate_ratio(chart, values):
    """Log exchange rates over what is walked for them.

    The runs tell by how much pools differ in the metric: utility times log rate times the gap to
    the irreducible part. That product is walked, else the three lie on a curved ridge.
    """
    gap = 1.0 - values[IRREDUCIBLE] / chart.centre
    return chart.pivot / (values[UTILITY] * gap)


@njit(cache=True, nogil=True, error_model="numpy")
def own_noise(chart):
    """Whether the noise is walked as that of a checkpoint about its own run, s sqrt(1 - share).

    That is what trajectories tell; how much more their runs differ takes many runs to learn. In
    other coordinates the two lie on a curved ridge. A lognormal prior only, which stays normal.
    """
    return chart.code[RUN_SHARE] > 0 and chart.code[NOISE] == 2


@njit(cache=True, nogil=True, error_model="numpy")
def to_natural(theta, chart, natural, slope, d_prior):
    """Fill the natural vector; return the log prior.

    ``slope`` (scalars, then harm) and ``d_prior`` (like theta) are filled for the chain rule.
    """
    pools = chart.finite.shape[0]
    scalars = chart.code.shape[0]
    tau0 = scalars - 2
    log_prior = 0.0
    at = 0
    places = np.full(scalars, -1)  # in theta
    values = np.empty(scalars)
    for s in range(scalars):
        if chart.code[s] == 0:
            values[s] = chart.a[s]
            slope[s] = 0.0
            continue
        if s == IRREDUCIBLE:
            x, dx, lp, dlp = bounded(chart.code[s], chart.a[s], chart.b[s], theta[at], chart.upper)
        else:
            x, dx, lp, dlp = scalar(chart.code[s], chart.a[s], chart.b[s], theta[at])
        places[s] = at
        values[s] = x
        slope[s] = dx
        d_prior[at] = dlp
        log_prior += lp
        at += 1
    if own_noise(chart):
        apart, b = 1.0 - values[RUN_SHARE], chart.b[NOISE]
        walked = theta[places[NOISE]]
        u = walked - 0.5 * math.log(apart) / b
        values[NOISE] = math.exp(chart.a[NOISE] + b * u)
        slope[NOISE] = b * values[NOISE]
        log_prior += 0.5 * (walked * walked - u * u)
        d_prior[places[NOISE]] = -u
        d_prior[places[RUN_SHARE]] -= u * 0.5 * slope[RUN_SHARE] / (apart * b)
    slope[tau0] /= values[tau0]  # the half-lives need the slope of the median's log
    natural[:tau0] = values[:tau0]
    row = 0
    for i in range(pools):
        natural[tau0 + i] = math.log(values[tau0])
        natural[tau0 + pools + i] = chart.harm_a if chart.harm_code == 0 else 0.0
        if chart.finite[i]:
            natural[tau0 + i] += natural[DILUTION] * chart.log_size[i]
            for k in range(row + 1):
                natural[tau0 + i] += values[tau0 + 1] * chart.life_factor[row, k] * theta[at + k]
            row += 1
    for _ in range(row):
        log_prior -= 0.5 * theta[at] ** 2
        d_prior[at] = -theta[at]
        at += 1
    for i in range(pools):
        slope[scalars + i] = 0.0
        if chart.finite[i] and chart.harm_code > 0:
            x, dx, lp, dlp = scalar(chart.harm_code, chart.harm_a, chart.harm_b, theta[at])
            natural[tau0 + pools + i] = x
            slope[scalars + i] = dx
            log_prior += lp
            d_prior[at] = dlp
            at += 1
    for i in range(pools):
        natural[tau0 + 2 * pools + i] = 0.0
        if chart.noisy:
            natural[tau0 + 2 * pools + i] = values[NOISE_SPREAD] * theta[at]
            log_prior -= 0.5 * theta[at] ** 2
            d_prior[at] = -theta[at]
            at += 1
    if chart.rated:
        free = chart.rate_factor.shape[1]
        ratio = rate_ratio(chart, values)
        for i in range(pools):
            natural[tau0 + 3 * pools + i] = 0.0
            for k in range(free):
                natural[tau0 + 3 * pools + i] += (
                    chart.rate_sd * chart.rate_factor[i, k] * ratio * theta[at + k]
                )
        for k in range(free):
            eps = ratio * theta[at + k]
            log_prior += math.log(ratio) - 0.5 * eps * eps
            d_prior[at + k] = -eps * ratio
            pull = eps * eps - 1.0
            if places[UTILITY] >= 0:
                d_prior[places[UTILITY]] += pull * slope[UTILITY] / values[UTILITY]
            if places[IRREDUCIBLE] >= 0:
                gap = chart.centre - values[IRREDUCIBLE]
                d_prior[places[IRREDUCIBLE]] -= pull * slope[IRREDUCIBLE] / gap
    return log_prior


@njit(cache=True, nogil=True, error_model="numpy")
def dimension_before_noise(chart):
    """Where the pools' ratios of seed noise begin in the unconstrained vector."""
    finite = chart.finite.sum()
    return (chart.code > 0).sum() + (2 * finite if chart.harm_code > 0 else finite)


@njit(cache=True, nogil=True, error_model="numpy")
def density_and_gradient(theta, chart, cells, gradient):
    """Log posterior density of the unconstrained vector; fills its gradient."""
    pools = chart.finite.shape[0]
    scalars = chart.code.shape[0]
    tau0 = scalars - 2
    blocks = 4 if chart.rated else 3
    natural = np.empty(tau0 + blocks * pools)
    slope = np.empty(scalars + pools)
    inner = np.empty(tau0 + blocks * pools)
    total = to_natural(theta, chart, natural, slope, gradient)
    total += log_density(natural, cells, inner)
    if not math.isfinite(total):
        return -np.inf
    at = 0
    spread = chart.a[tau0 + 1]
    ratio = rate_ratio(chart, natural)
    if chart.rated:
        for i in range(pools):
            pull = inner[tau0 + 3 * pools + i] * natural[tau0 + 3 * pools + i]
            inner[UTILITY] -= pull / natural[UTILITY]
            inner[IRREDUCIBLE] += pull / (chart.centre - natural[IRREDUCIBLE])
    if own_noise(chart):
        inner[RUN_SHARE] += 0.5 * inner[NOISE] * natural[NOISE] / (1.0 - natural[RUN_SHARE])
    if chart.noisy:
        before = dimension_before_noise(chart)
        for i in range(pools):
            pull = inner[tau0 + 2 * pools + i]
            inner[NOISE_SPREAD] += pull * theta[before + i]
            gradient[before + i] += pull * natural[NOISE_SPREAD]
    d_median = 0.0
    for i in range(pools):
        d_median += inner[tau0 + i]
        if chart.finite[i]:  # a larger pool of a family lives longer, by the dilution's exponent
            inner[DILUTION] += inner[tau0 + i] * chart.log_size[i]
    where_spread = -1
    for s in range(scalars):
        if chart.code[s] == 0:
            continue
        if s < tau0:
            gradient[at] += inner[s] * slope[s]
        elif s == tau0:
            gradient[at] += d_median * slope[s]
        else:
            where_spread = at
            spread = scalar(chart.code[s], chart.a[s], chart.b[s], theta[at])[0]
        at += 1
    row = 0
    for i in range(pools):
        if chart.finite[i]:
            for k in range(row + 1):
                pull = inner[tau0 + i] * chart.life_factor[row, k]
                gradient[at + k] += pull * spread
                if where_spread >= 0:
                    gradient[where_spread] += pull * theta[at + k] * slope[scalars - 1]
            row += 1
    at += row
    for i in range(pools):
        if chart.finite[i] and chart.harm_code > 0:
            gradient[at] += inner[tau0 + pools + i] * slope[scalars + i]
            at += 1
    if chart.noisy:
        at += pools
    for k in range(chart.rate_factor.shape[1]):
        for i in range(pools):
            gradient[at + k] += (
                inner[tau0 + 3 * pools + i] * chart.rate_sd * chart.rate_factor[i, k] * ratio
            )
    return total


def natural_length(chart: Chart) -> int:
    """Length of the natural vector: scalars, component scales, and what there is one of a pool.

    These are log half-lives, harms, log ratios of seed noise, and log exchange rates.
    """
    return SCALES + len(COMPONENTS) + (4 if chart.rated else 3) * len(chart.finite)


def natural_draws(theta: np.ndarray, chart: Chart) -> np.ndarray:
    """Natural vectors of unconstrained draws, dims (draw, natural)."""
    out = np.empty((len(theta), natural_length(chart)))
    slope, d_prior = np.empty(len(SCALARS) + len(chart.finite)), np.empty(theta.shape[1])
    for row, vector in zip(out, theta, strict=True):
        to_natural(vector, chart, row, slope, d_prior)
    return out
