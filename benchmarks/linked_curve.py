"""The error of runs as a rising curve of their loss, for benchmarks/linked.py.

On the scale of the logit of the error between a floor and chance: a line in the log of the loss,
bent as a cubic spline where asked, an offset of each pool, and a misfit of each data expression
that wanders with log samples. Closed form but for six numbers, which importance sampling draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtr

LEVEL = 3.0  # prior scale of the logit of the error at the middle of the losses seen
LEAST, MOST = 0.001, 0.98  # of the way from floor to chance; beyond, a logit tells nothing
# Log-normal priors of the link, median and log scale, set before any error was forecast: slope of
# the logit in log loss, bend relative to it, offset of a pool, wander, noise relative to the error.
PRIORS = np.log([3.0, 0.5, 0.2, 0.1, 0.015]), np.array([0.8, 1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Points:
    """Runs as a link sees them, but for their loss: log samples and shares."""

    time: np.ndarray
    shares: np.ndarray

    def parts(self, other: Points) -> list[np.ndarray]:
        """Covariances of unit scale: offset of pools, wander of a data expression."""
        alike = np.all(np.isclose(self.shares[:, None], other.shares[None]), axis=2)
        wander = alike * np.minimum(self.time[:, None], other.time[None])
        return [self.shares @ other.shares.T, wander]


def bend(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Covariance of unit scale of a cubic spline, from the middle both ways."""
    a, b = one[:, None], other[None]
    near, far = np.minimum(abs(a), abs(b)), np.maximum(abs(a), abs(b))
    return (a * b > 0) * near**2 * (3.0 * far - near) / 6.0


def whole(scales: list[float], parts: list[np.ndarray]) -> np.ndarray:
    """Covariance of curve and misfit."""
    return LEVEL**2 + sum(s**2 * part for s, part in zip(scales, parts, strict=True) if s)


@dataclass(frozen=True)
class Curve:
    """The error of runs as a curve of their loss; `bent` or straight."""

    points: Points
    place: np.ndarray
    error: np.ndarray
    evaluation: np.ndarray
    bent: bool

    def scales(self, z: np.ndarray) -> tuple[float, list[float], float, float]:
        """Slope, scales of the parts, noise and floor of a standard normal vector."""
        slope, bend, *rest = np.exp(PRIORS[0] + PRIORS[1] * np.clip(z[:5], -4.0, 4.0))
        scales = [slope * bend if self.bent else 0.0, *rest[:2]]
        return slope, scales, rest[2], 0.95 * float(ndtr(z[5])) * self.error.min()

    @cached_property
    def parts(self) -> list[np.ndarray]:
        """Covariances among the runs."""
        return [bend(self.place, self.place), *self.points.parts(self.points)]

    def solved(self, z: np.ndarray) -> tuple[tuple, np.ndarray, float]:
        """Factor of the covariance, what is left of the line, log density of the errors."""
        slope, scales, noise, floor = self.scales(z)
        share = np.clip((self.error - floor) / (1.0 - floor), LEAST, MOST)
        steep = share * (1.0 - share) * (1.0 - floor)
        own = (self.evaluation + (noise * self.error) ** 2) / steep**2 + 1e-8
        tied = whole(scales, self.parts)
        factor = cho_factor(tied + np.diag(own + 1e-9 * tied.max()), lower=True)
        rest = logit(share) - slope * self.place
        density = -0.5 * rest @ cho_solve(factor, rest) - np.log(np.diag(factor[0]) * steep).sum()
        return factor, rest, float(density)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draws of the standard normal vector given the runs, by importance sampling."""

        def target(z: np.ndarray) -> float:
            return self.solved(z)[2] - 0.5 * float(z @ z)

        found = minimize(lambda z: -target(z), np.zeros(6), method="BFGS", options={"maxiter": 40})
        centre, spread = found.x, found.hess_inv + 0.01 * np.eye(6)
        for _ in range(3):
            root = cholesky(1.3 * spread, lower=True)
            normal = rng.normal(size=(200, 6)) / np.sqrt(rng.chisquare(6, (200, 1)) / 6)
            z = centre + normal @ root.T
            log = np.array([target(v) for v in z]) + 6.0 * np.log1p((normal**2).sum(axis=1) / 6)
            weight = np.exp(log - log.max())
            weight = np.minimum(weight, weight.sum() / 15)  # no draw is to be taken by itself
            weight /= weight.sum()
            centre = weight @ z
            spread = (z - centre).T @ ((z - centre) * weight[:, None]) + 0.01 * np.eye(6)
        return z[rng.choice(len(z), size, p=weight)]

    def draw(
        self, at: Points, places: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Expected errors and noise relative to them, one draw for each row of places."""
        out, noises, kept = [], [], {}
        cross, inner = self.points.parts(at), at.parts(at)
        for z, place in zip(self.sample(rng, len(places)), places, strict=True):
            slope, scales, noise, floor = self.scales(z)
            if z.tobytes() not in kept:
                kept[z.tobytes()] = self.solved(z)[:2]
            factor, rest = kept[z.tobytes()]
            tie = whole(scales, [bend(self.place, place), *cross])
            told = cho_solve(factor, tie)
            left = whole(scales, [bend(place, place), *inner]) - tie.T @ told
            root = cholesky(left + 1e-6 * (1.0 + left.max()) * np.eye(len(left)), lower=True)
            y = slope * place + told.T @ rest + root @ rng.normal(size=len(left))
            out.append(floor + (1.0 - floor) * expit(y))
            noises.append(noise)
        return np.array(out), np.array(noises)[:, None]
