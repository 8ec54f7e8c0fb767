r"""Least squares of the effective-utility law: the point fit of the bootstrap and of conformal.

.. math:: \min_\theta \sum_c m_c \bigl(\log \bar y_c - \log f_c(\theta)\bigr)^2
          + \sigma_0^2\,\lVert R(\theta - \theta_0)\rVert^2

over cells c of :math:`m_c` replicates; :math:`\theta` is the shared irreducible error and the
level, utility and half-life of each pool (q = 1, no harm). The ridge is what a log residual of
:math:`\sigma_0` = 0.2% would weigh against wide defaults: it decides only what the runs leave open
(the half-life of a pool that was never repeated; a pool with one budget; the irreducible error of
short curves), and there the answer is the default's. Defaults and their widths: irreducible error
half of the smallest value, .5 of it; levels and utilities about their mean over pools, 1 and .2;
mean utility .2, .3; half-lives 5 epochs, a factor of e^1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from qqt_bayes.calibrate.baselines.cells import Cells
from qqt_bayes.calibrate.baselines.levenberg import solve_many
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths

RIDGE = 0.002
HALF_LIFE = 5.0
UTILITY = 0.2
HIGHEST = 0.99  # of the smallest value: the largest irreducible error
STARTS = tuple((share, tau) for share in (0.1, 0.5, 0.85) for tau in (2.0, 20.0))
MIN_CELLS = 4
STEP = 1e-6  # of the log half-life, for derivatives by differences

__all__ = ["Fit", "Places", "applicable", "fit_cells", "problem"]


@dataclass(frozen=True)
class Places:
    """Where the law is evaluated: first-pass lengths, epochs and shares, dims (place, pool)."""

    first: np.ndarray
    epochs: np.ndarray
    shares: np.ndarray

    @classmethod
    def at(
        cls, samples: np.ndarray, shares: np.ndarray, sizes: np.ndarray, anchor: float
    ) -> Places:
        """Places at samples (place,) and shares (place, pool)."""
        first, epochs = first_pass_lengths(np.log(samples), shares, sizes, anchor)
        return cls(first, epochs, shares)

    def exponents(self, log_half_life: np.ndarray) -> np.ndarray:
        """Exponents of the law for some half-lives (..., pool), dims (..., place, pool)."""
        flat = log_half_life.reshape(-1, 1, log_half_life.shape[-1])
        sums = exponent_sums(self.first, self.epochs, self.shares, flat)
        return np.asarray(sums).reshape(*log_half_life.shape[:-1], *self.shares.shape)


@dataclass
class Problem:
    """Residuals and their derivatives; `target` is the log of the cell values."""

    places: Places
    floor: float
    target: np.ndarray
    weight: np.ndarray
    ridge: np.ndarray
    centre: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def law(self, theta: np.ndarray, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Log of the law and its derivatives, dims (..., place) and (..., place, parameter)."""
        pools = places.shares.shape[1]
        level, utility, log_tau = np.split(theta[..., 1:, None], [pools, 2 * pools], axis=-2)
        tau = log_tau[..., 0]
        sums, moved = places.exponents(np.stack([tau, tau + STEP]))
        slope = (moved - sums) / STEP  # a pool's exponent depends on its own half-life alone
        log_reducible = (places.shares @ level - sums @ utility)[..., 0]
        reducible = np.exp(np.clip(log_reducible, -60.0, 60.0))
        value = theta[..., :1] * self.floor + reducible
        part = (reducible / value)[..., None]
        by_tau = -part * slope * np.swapaxes(utility, -1, -2)
        slopes = [self.floor / value[..., None], part * places.shares, -part * sums, by_tau]
        return np.log(value), np.concatenate(slopes, axis=-1)

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        """Weighted residuals, then the ridge."""
        fitted, _ = self.law(theta, self.places)
        return np.append(self.weight * (fitted - self.target), self.ridge @ (theta - self.centre))

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Derivatives of the residuals."""
        _, slopes = self.law(theta, self.places)
        return np.vstack([self.weight[:, None] * slopes, self.ridge])

    def start(self, share: float, tau: float) -> np.ndarray:
        """Levels and utilities by linear least squares, given the rest."""
        pools = self.places.shares.shape[1]
        theta = self.centre.copy()
        theta[0], theta[1 + 2 * pools :] = share, np.log(tau)
        sums = self.places.exponents(theta[1 + 2 * pools :])
        reducible = np.maximum(np.exp(self.target) - share * self.floor, 1e-3 * self.floor)
        linear = slice(1, 1 + 2 * pools)
        weight = self.weight * reducible / np.exp(self.target)
        design = np.vstack(
            [weight[:, None] * np.hstack([self.places.shares, -sums]), self.ridge[:, linear]]
        )
        wanted = np.append(weight * np.log(reducible), self.ridge[:, linear] @ self.centre[linear])
        theta[linear] = np.linalg.lstsq(design, wanted, rcond=None)[0]
        return np.clip(theta, self.lower + 1e-3, self.upper - 1e-3)

    def solve(self, start: np.ndarray) -> tuple[np.ndarray, float]:
        """Local optimum and its cost."""
        span = 1e-6 * (self.upper - self.lower)
        start = np.clip(start, self.lower + span, self.upper - span)
        found = least_squares(
            self.residuals, start, self.jacobian, bounds=(self.lower, self.upper),
            x_scale="jac", max_nfev=200, ftol=1e-9, xtol=1e-7, gtol=1e-10,
        )  # fmt: skip
        return found.x, float(found.cost)

    def refit(self, start: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Local optima (replicate, parameter) for other targets (replicate, cell)."""

        def residuals(theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            fitted, slopes = self.law(theta, self.places)
            error = self.weight * (fitted - targets[which])
            ridge = np.broadcast_to(self.ridge, (len(theta), *self.ridge.shape))
            pull = (theta - self.centre) @ self.ridge.T
            return np.hstack([error, pull]), np.hstack([self.weight[:, None] * slopes, ridge])

        starts = np.tile(start, (len(targets), 1))
        return solve_many(residuals, starts, self.lower, self.upper, tolerance=1e-6)[0]


@dataclass(frozen=True)
class Fit:
    """A point fit: its parameters, the leverage of each cell (cell,), degrees of freedom left."""

    problem: Problem
    theta: np.ndarray
    used: np.ndarray
    sizes: np.ndarray
    anchor: float
    leverage: np.ndarray
    freedom: float

    def places(self, samples: np.ndarray, shares: np.ndarray) -> tuple[Places, np.ndarray]:
        """Targets, and which of them (target,) draw only on pools with training runs."""
        known = ~np.any(shares[:, ~self.used] > 0, axis=1)
        return Places.at(samples, shares[:, self.used], self.sizes, self.anchor), known


def applicable(cells: Cells) -> bool:
    """At least four cells, at two budgets of one mixture."""
    spread = [np.ptp(np.log(cells.samples[cells.mixture == m])) for m in np.unique(cells.mixture)]
    return len(cells) >= MIN_CELLS and max(spread, default=0.0) > 0.05


def problem(places: Places, cells: Cells) -> Problem:
    """Lay out the least squares of cells on the pools that they draw from."""
    pools = places.shares.shape[1]
    count = 1 + 3 * pools
    floor = float(cells.value.min())
    centre, lower, upper = np.empty(count), np.empty(count), np.empty(count)
    blocks = [slice(0, 1), *(slice(1 + k * pools, 1 + (k + 1) * pools) for k in range(3))]
    typical = np.log(0.5 * cells.value.max())
    middles = (0.5, typical, UTILITY, np.log(HALF_LIFE))
    lows = (0.0, typical - 20.0, -1.0, np.log(0.05))
    highs = (HIGHEST, typical + 20.0, 4.0, np.log(5000.0))
    for block, middle, low, high in zip(blocks, middles, lows, highs, strict=True):
        centre[block], lower[block], upper[block] = middle, low, high
    apart, mean = np.eye(pools) - 1.0 / pools, np.full((1, pools), 1.0 / pools)
    rows = [np.zeros((k, count)) for k in (1, pools, 1, pools, 1, pools)]
    parts = (np.eye(1) / 0.5, apart / 1.0, mean / 3.0, apart / 0.2, mean / 0.3, np.eye(pools) / 1.5)
    for row, part, block in zip(rows, parts, np.array([0, 1, 1, 2, 2, 3]), strict=True):
        row[:, blocks[block]] = part
    ridge = RIDGE * np.vstack(rows)
    weight = np.sqrt(cells.count)
    return Problem(places, floor, np.log(cells.value), weight, ridge, centre, lower, upper)


def fit_cells(cells: Cells, sizes: np.ndarray) -> Fit:
    """Point fit of cells, the best of six starts; pools that no cell draws from are left out."""
    used = np.any(cells.shares > 0, axis=0)
    anchor = float(min(cells.samples.min(), sizes[used].min()))
    places = Places.at(cells.samples, cells.shares[:, used], sizes[used], anchor)
    task = problem(places, cells)
    theta, _ = min((task.solve(task.start(*s)) for s in STARTS), key=lambda found: found[1])
    orthogonal = np.linalg.qr(task.jacobian(theta))[0][: len(cells)]
    left = np.eye(len(cells)) - orthogonal @ orthogonal.T
    freedom = float(np.sum(left**2) + np.sum(cells.count - 1))
    return Fit(task, theta, used, sizes[used], anchor, 1.0 - np.diag(left), freedom)
