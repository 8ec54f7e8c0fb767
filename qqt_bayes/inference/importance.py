r"""Adaptive importance sampling: weighted draws from any density of a vector.

Rounds of draws from Student-t proposals, each laid around the weighted draws so far, and where that
is not enough one more where they are too thin (Raftery & Bao 2010, *Incremental Mixture Importance
Sampling*). All draws of all rounds are weighed against the mixture of all proposals (the balance
heuristic: Veach & Guibas 1995; Cornuet et al. 2012, *Adaptive Multiple Importance Sampling*), and
the weights are Pareto smoothed (Vehtari et al., arXiv:1507.02646). There are no chains: the error
is known from the effective sample size and from the shape k of the tail of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln, logsumexp

type Density = Callable[[np.ndarray], np.ndarray]

FREEDOM = 8.0  # degrees of freedom of a proposal: tails heavier than those of the posterior
WIDER = 1.05  # of the covariance of the draws so far
FLATTER = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1)  # powers of the weights
PER_DIMENSION = 8  # effective draws a dimension that a covariance needs
K_WANTED = 0.6  # of the tail of the weights, before the draws are enough
NEAREST = 256  # draws that a proposal around the heaviest draw is laid over, or more
HOPELESS = 5  # rounds without any density: there is none
FEWEST = 20  # draws in the tail that a shape needs

__all__ = ["Proposal", "Weighted", "adapt", "smoothed", "taken"]


@dataclass(frozen=True)
class Proposal:
    """A multivariate Student-t distribution."""

    mean: np.ndarray  # dim (score,)
    root: np.ndarray  # dims (score, score): lower Cholesky factor of its scale matrix

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse of the root, dims (score, score)."""
        return np.linalg.inv(self.root)

    @classmethod
    def around(cls, draws: np.ndarray, weights: np.ndarray) -> Proposal:
        """A proposal with the weighted mean and, a little wider, the covariance of draws."""
        mean = weights @ draws
        return cls(mean, root_about(draws - mean, weights))

    @classmethod
    def where_thin(cls, draws: np.ndarray, weights: np.ndarray) -> Proposal:
        """A proposal at the heaviest draw, with the covariance of its neighbours about it."""
        apart = draws - draws[np.argmax(weights)]
        distance = np.linalg.norm(apart @ cls.around(draws, weights).inverse.T, axis=1)
        near = np.argsort(distance)[: max(NEAREST, PER_DIMENSION * draws.shape[1])]
        share = weights[near] + 1.0 / len(weights)
        return cls(draws[np.argmax(weights)], root_about(apart[near], share / share.sum()))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws, dims (draw, score)."""
        white = rng.standard_normal((count, len(self.mean)))
        white /= np.sqrt(rng.chisquare(FREEDOM, count) / FREEDOM)[:, None]
        return np.asarray(self.mean + white @ self.root.T)

    def log_density(self, draws: np.ndarray) -> np.ndarray:
        """Log density at some draws, dim (draw,)."""
        size = len(self.mean)
        white = (draws - self.mean) @ self.inverse.T
        constant = gammaln(0.5 * (FREEDOM + size)) - gammaln(0.5 * FREEDOM)
        constant -= 0.5 * size * np.log(FREEDOM * np.pi) + np.log(np.diag(self.root)).sum()
        square = np.einsum("ij,ij->i", white, white)
        return np.asarray(constant - 0.5 * (FREEDOM + size) * np.log1p(square / FREEDOM))


@dataclass(frozen=True)
class Weighted:
    """Weighted draws."""

    draws: np.ndarray  # dims (draw, score)
    weights: np.ndarray  # dim (draw,): they sum to one
    k: float  # Pareto shape of the tail of the weights; up to .7 they can be trusted
    # dim (draw,): 0 or 1, which of two independent halves of the proposals a draw is of
    half: np.ndarray
    proposals: tuple[Proposal, ...]
    log_evidence: float  # log of the integral of the density
    values: int  # values of the density that it took

    @property
    def size(self) -> float:
        """Effective sample size of the weights."""
        return float(1.0 / np.sum(self.weights**2))

    @property
    def least_size(self) -> float:
        """The smallest effective sample size of any score, of its mean and of both its tails."""
        order = np.argsort(self.draws, axis=0)
        below = np.empty_like(self.draws)  # weighted share of the draws below
        np.put_along_axis(below, order, np.cumsum(self.weights[order], axis=0), axis=0)
        sizes = []
        for values in (self.draws, (below < 0.05).astype(float), (below > 0.95).astype(float)):
            apart = (values - self.weights @ values) ** 2
            error = self.weights**2 @ apart
            known = np.divide(self.weights @ apart, error, out=np.full(len(error), np.inf),
                              where=error > 0.0)  # fmt: skip
            sizes.append(float(known.min(initial=np.inf)))
        return min(sizes)

    def evenly(self, each: int, rng: np.random.Generator) -> np.ndarray:
        """Places of draws that weigh the same, so many of each half, dims (half, draw)."""
        halves = (np.flatnonzero(self.half == half) for half in (0, 1))
        return np.stack([own[taken(self.weights[own], each, rng)] for own in halves])


def taken(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """So many places in ascending order, each as often as its weight says, but for rounding."""
    below = np.cumsum(weights / weights.sum())
    at = np.searchsorted(below, (np.arange(count) + rng.random()) / count)
    return np.minimum(at, len(weights) - 1)


def smoothed(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Pareto-smoothed weights that sum to one, and the shape k of their tail.

    The largest weights are replaced by quantiles of the generalised Pareto distribution fitted to
    them (Zhang & Stephens 2009), as in ArviZ, whose import takes longer than a fit.

    ``log_weights`` (draw,): minus infinity for a draw without weight.
    """
    count = len(log_weights)
    log_weights = log_weights - log_weights.max()
    tail = int(np.ceil(min(0.2 * count, 3.0 * np.sqrt(count))))
    order = np.argsort(log_weights)
    top = order[-tail:]
    cut = np.exp(log_weights[order[-tail - 1]])
    above = np.exp(log_weights[top]) - cut
    k = np.inf
    weights = np.exp(log_weights)
    if tail >= FEWEST and np.ptp(above) > 1e-12 and np.sum(above > 0) > FEWEST // 2:
        k, scale = generalised_pareto(above)
        places = (np.arange(tail) + 0.5) / tail
        with np.errstate(over="ignore"):  # a tail without end: it is cut at one below
            steps = -np.log1p(-places)
            fitted = scale * np.expm1(k * steps) / k if k else scale * steps
        weights[top] = np.minimum(cut + fitted, 1.0)  # `top` is in ascending order
    elif tail >= FEWEST and np.ptp(log_weights) < 1e-6:
        k = -np.inf  # equal weights have no tail
    return weights / weights.sum(), float(k)


def generalised_pareto(above: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, from sorted excesses."""
    above = np.maximum(above, 1e-300)
    count = len(above)
    guesses = 30 + int(np.sqrt(count))
    b = 1.0 - np.sqrt(guesses / (np.arange(1, guesses + 1) - 0.5))
    b = b / (3.0 * above[int(count / 4 + 0.5) - 1]) + 1.0 / above[-1]
    shape = np.log1p(-b[:, None] * above).mean(axis=1)
    likelihood = count * (np.log(-b / shape) - shape - 1.0)
    weights = np.exp(likelihood - logsumexp(likelihood))
    b_mean = float(np.sum(b * weights))
    k = float(np.log1p(-b_mean * above).mean())
    scale = -k / b_mean
    # a weak prior about 1/2, of ten observations
    return k * count / (count + 10.0) + 5.0 / (count + 10.0), scale


def root_about(apart: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lower Cholesky factor of the covariance of weighted draws, a little wider.

    ``apart`` (draw, score): how far each is from the middle; directions may lack.
    """
    cov = WIDER * ((apart * weights[:, None]).T @ apart)
    return np.linalg.cholesky(cov + 1e-6 * np.diag(np.diag(cov)) + 1e-10 * np.eye(len(cov)))


def flattened(log_weights: np.ndarray, wanted: float) -> np.ndarray:
    """Weights raised to the largest power that leaves enough effective draws."""
    for power in FLATTER:
        scaled = power * log_weights
        flat = np.exp(scaled - scaled.max())
        flat /= flat.sum()
        if 1.0 / np.sum(flat**2) > wanted:
            break
    return flat


def next_proposals(draws: np.ndarray, log_weights: np.ndarray, found: Weighted) -> list[Proposal]:
    """Around all draws, which comes last; first where they are thin, if only that is lacking.

    That is so where the covariance is known and the tail of the weights is still long: the density
    bends or has shoulders, as where few scores of many runs depend on each other.
    """
    wanted = PER_DIMENSION * draws.shape[1]
    around = Proposal.around(draws, flattened(log_weights, wanted))
    if found.k < K_WANTED or found.size < wanted:
        return [around]
    return [Proposal.where_thin(draws, found.weights), around]


def adapt(
    density: Density,
    start: tuple[Proposal, ...],
    *,
    seed: int,
    count: int,
    rounds: int,
    enough: Callable[[Weighted], bool],
) -> Weighted | None:
    """Draw in rounds until it is enough, or the rounds are over.

    ``density``: log density, dims (draw, score) to (draw,); not finite where there is none;
    ``count``, ``rounds``: draws a round, and rounds at most; ``enough``: whether the draws so far
    will do. None where no draw had any density.
    """
    size = len(start[0].mean)
    proposals, counts = [], []
    draws, values, half = np.empty((0, size)), np.empty(0), np.empty(0, int)
    mixture = np.empty((0, 0))  # log density of each draw under each proposal
    fresh_proposals, found = list(start), None
    for number in range(rounds):
        each = max(count // (2 * len(fresh_proposals)), 1)
        batches = [
            p.draw(each, np.random.default_rng((seed, number, i, h)))
            for i, p in enumerate(fresh_proposals) for h in (0, 1)
        ]  # fmt: skip
        fresh = np.concatenate(batches)
        by_new = np.array([p.log_density(draws) for p in fresh_proposals])
        proposals += fresh_proposals
        counts += [2 * each] * len(fresh_proposals)
        mixture = np.vstack([mixture, by_new])
        mixture = np.hstack([mixture, np.array([p.log_density(fresh) for p in proposals])])
        draws, values = np.vstack([draws, fresh]), np.concatenate([values, density(fresh)])
        half = np.concatenate([half, np.tile(np.repeat([0, 1], each), len(fresh_proposals))])
        shares = np.log(np.array(counts) / sum(counts))[:, None]
        log_weights = values - logsumexp(mixture + shares, axis=0)
        log_weights = np.where(np.isfinite(log_weights), log_weights, -np.inf)
        top = float(log_weights.max())
        if not np.isfinite(top) and number == HOPELESS:
            break
        if not np.isfinite(top):  # nothing but values outside: closer to the middle
            fresh_proposals = [Proposal(p.mean, 0.5 * p.root) for p in fresh_proposals]
            continue
        weights, k = smoothed(log_weights)
        evidence = top + float(np.log(np.mean(np.exp(log_weights - top))))
        found = Weighted(draws, weights, k, half, tuple(proposals), evidence, len(draws))
        if enough(found):
            break
        fresh_proposals = next_proposals(draws, log_weights, found)
    return found
