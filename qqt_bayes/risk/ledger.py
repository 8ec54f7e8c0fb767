r"""The variance ledger: where the uncertainty at a budget comes from.

A new run is a sum of parts, drawn jointly. A part's share is the further share of the variance
(:math:`R^2`) that knowing it explains, averaged over the orders in which the parts may become known
(Lindeman, Merenda & Gold 1980; the Shapley effects of Owen & Prieur 2017, arXiv:1610.02080). Of
independent parts that is their own variance. Data make parts cancel each other: then none goes
below zero, as a covariance with the total would, and shares add up to one. Law disagreement is the
variance between the laws' predictions, which adds to that within the main law.

The scale is that of the log reducible error at the median irreducible part,
:math:`\tilde y / (\tilde y - \tilde d) \log y`. A draw's own d would not do: d and the level of
:math:`y - d` lie on a ridge along which y is known well, and the ridge would drown every other
part. A part counts for what y would lose without it; what then remains is the parameters', the
irreducible part among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.conditional import MEAN, REGIME
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.risk.thresholds import CENTRAL

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

# In this order everywhere; the part of an effect of the user's own comes before the last.
ORDER = ("noise", "parameters", "mixture error", "pool drift", "common drift")
# What each holds of the parts of a conditional draw.
PARTS: dict[str, tuple[int, ...]] = {
    name: tuple(i for i, effect in enumerate(EFFECTS) if effect.part == name)
    for name in (*ORDER, *(e.part for e in EFFECTS), "law disagreement")
}
PARTS["parameters"] += (MEAN,)
PARTS["common drift"] += (REGIME,)
NAMES = tuple(PARTS)
SMALL = 0.005  # shares that are not told

__all__ = ["NAMES", "Ledger", "grouped", "ledger", "told_shares"]


def told_shares(shares: Mapping[str, float]) -> str:
    """Where the variance comes from, largest part first: ``parameters 60%, noise 40%``."""
    parts = grouped(np.array([[shares[name] for name in NAMES]]))
    ordered = sorted(((float(v[0]), name) for name, v in parts if name != "rest"), reverse=True)
    return ", ".join(f"{name} {share:.0%}" for share, name in ordered if share >= SMALL)


@dataclass(frozen=True)
class Ledger:
    """Shares of the variance at some budgets.

    Attributes
    ----------
    budgets : numpy.ndarray
        Dim (budget,).
    levels, differences : numpy.ndarray
        Dims (budget, part), none negative, each row adds up to one: of a new run on the best
        candidate, and of the difference between it and the runner-up. Differences are NaN with one
        candidate only.
    level_sd, difference_sd : numpy.ndarray
        Dim (budget,): what they are shares of, on the log-reducible scale.
    """

    budgets: np.ndarray
    levels: np.ndarray
    differences: np.ndarray
    level_sd: np.ndarray
    difference_sd: np.ndarray

    def shares(self, budget: int, kind: str = "levels") -> dict[str, float]:
        """Part to share at one of the budgets."""
        return {n: float(v) for n, v in zip(NAMES, getattr(self, kind)[budget], strict=True)}


def grouped(shares: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Parts of the variance that are anywhere worth a line, with their shares by budget.

    The others together are "rest". Shares have dims (budget, part), in the order of :data:`NAMES`.
    """
    known = np.nan_to_num(np.asarray(shares, float))
    shown = known.max(axis=0) > SMALL
    out = [(name, column) for name, column in zip(NAMES, known.T, strict=True)
           if column.max() > SMALL]  # fmt: skip
    return out + ([] if shown.all() else [("rest", known[:, ~shown].sum(axis=1))])


def ledger(
    fit: Fit,
    budgets: np.ndarray,
    best: np.ndarray,
    runner_up: np.ndarray | None,
    variants: Sequence[Fit] = (),
    seed: int = 1,
) -> Ledger:
    """Divide the variance of predictions into parts.

    Parameters
    ----------
    fit : Fit
        The main law.
    budgets : numpy.ndarray
        Dim (budget,).
    best, runner_up : numpy.ndarray
        Dims (budget, pool): sampling shares of the two candidates at each budget.
    variants : sequence of Fit
        The same runs under other laws.
    seed : int
        Of the draws.

    Returns
    -------
    Ledger
    """
    pair = [best] if runner_up is None else [best, runner_up]
    shape = (len(pair), len(budgets))
    samples, shares = np.tile(budgets, len(pair)), np.concatenate(pair)
    parts, scale = draw_parts(fit, samples, shares, seed)
    parts = parts.reshape(*parts.shape[:2], *shape)
    laws = np.stack([scale * np.log(medians(f, samples, shares, seed)) for f in (fit, *variants)])
    between = laws.reshape(-1, *shape)
    level, level_sd = divide(parts[:, :, 0], between[:, 0])
    if runner_up is None:
        nothing = np.full_like(level, np.nan)
        return Ledger(budgets, level, nothing, level_sd, np.full(len(budgets), np.nan))
    gap, gap_sd = divide(parts[:, :, 0] - parts[:, :, 1], between[:, 0] - between[:, 1])
    return Ledger(budgets, level, gap, level_sd, gap_sd)


def draw_parts(
    fit: Fit, samples: np.ndarray, shares: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of each part of a new run at points, dims (draw, part, point).

    Their sum is ``scale`` (point,), the metric over its reducible part (medians), times the log of
    the new run's metric, to first order in the noise.
    """
    post = fit.posterior
    drawn = post.at(post.design.points_at(samples, shares), seed=seed, with_parts=True)
    assert drawn.parts is not None
    reducible = np.exp(drawn.log_reducible)
    latent = post.irreducible[:, None] + reducible
    middle = np.median(latent, axis=0)
    scale = middle / (middle - np.median(post.irreducible))
    whole = np.log(latent)
    out = np.zeros((len(latent), len(PARTS), len(samples)))
    for place, components in enumerate(PARTS.values()):
        part = drawn.parts[:, list(components)].sum(axis=1)
        without = reducible * np.exp(part.mean(axis=0) - part)
        out[:, place] = scale * (whole - np.log(post.irreducible[:, None] + without))
    out[:, NAMES.index("noise")] = scale * noise(fit, latent, shares, seed) / latent
    rest = [n for n in NAMES if n not in ("noise", "parameters")]
    other = sum(out[:, NAMES.index(n)] for n in rest)
    out[:, NAMES.index("parameters")] = scale * whole - other
    return out, scale


def noise(fit: Fit, latent: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Seed and evaluation noise of one new run at each point, dims (draw, point)."""
    variance = fit.posterior.noise_variance(latent, shares, median_evaluation(fit.study))
    rng = np.random.default_rng((fit.seed, seed))
    return np.sqrt(variance) * rng.standard_normal(latent.shape)


def medians(fit: Fit, samples: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """A law's median latent performance at each point, dim (point,)."""
    points = fit.posterior.design.points_at(samples, shares)
    return np.median(fit.posterior.latent(points, seed=seed), axis=0)


def divide(parts: np.ndarray, laws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (budget, part) of the variance of the sum of parts, and its root (budget,).

    Parts have dims (draw, part, budget), laws (law, budget). No share is negative, rows add up to
    one.
    """
    shares, sd = np.empty(parts.shape[:0:-1]), np.empty(parts.shape[2])
    extra = laws.var(axis=0)
    for b in range(parts.shape[2]):
        total = parts[:, :, b].sum(axis=1)
        lo, hi = np.quantile(total, [0.5 * (1.0 - CENTRAL), 0.5 * (1.0 + CENTRAL)])
        kept = parts[(total >= lo) & (total <= hi), :, b]
        covariance = np.cov(kept, rowvar=False, bias=True)
        within = float(covariance.sum())
        everything = within + extra[b]
        shares[b] = explained(covariance) * within / everything
        shares[b, NAMES.index("law disagreement")] += extra[b] / everything
        sd[b] = np.sqrt(everything)
    return shares, sd


def explained(covariance: np.ndarray) -> np.ndarray:
    """Share of the variance of a sum of parts that each explains, from their covariance.

    It may be singular. Shares are zero or more and add up to one; see the module.
    """
    sd = np.sqrt(np.diag(covariance))
    parts = [int(i) for i in np.flatnonzero(sd > 0.0)]
    with_total, count = covariance.sum(axis=1), len(parts)
    r2: dict[tuple[int, ...], float] = {(): 0.0}
    for size in range(1, count + 1):
        for known in combinations(parts, size):
            at = list(known)
            correlation = covariance[np.ix_(at, at)] / np.outer(sd[at], sd[at])
            toward = with_total[at] / sd[at]
            inverse = np.linalg.pinv(correlation, rcond=1e-9, hermitian=True)
            r2[known] = float(toward @ inverse @ toward)
    out = np.zeros(len(covariance))
    for known, before in r2.items():
        weight = factorial(len(known)) * factorial(max(count - len(known) - 1, 0))
        for part in set(parts) - set(known):
            more = r2[tuple(sorted((*known, part)))] - before
            out[part] += weight * max(more, 0.0)  # rounding apart, nothing is known less
    return np.asarray(out / out.sum())
