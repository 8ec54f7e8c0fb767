"""Places where the law is evaluated: data at numbers of samples, and what the paths are there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qqt_bayes.laws.effective_utility import first_pass_lengths
from qqt_bayes.model.effects import kernels
from qqt_bayes.model.setting import Setting

__all__ = ["Beyond", "Points"]


@dataclass(frozen=True)
class Beyond:
    """Points beyond the largest run, and the same data at that run (its *edge*)."""

    edges: Points  # the data of the points, at the largest run
    # dim (point,): which edge and which horizon belong to a point; edge -1 within the data
    edge: np.ndarray
    horizon: np.ndarray
    horizons: np.ndarray  # dim (horizon,): e-folds beyond the largest run


@dataclass(frozen=True)
class Points:
    """Places where the law is evaluated: cells that were observed, or candidates at budgets."""

    setting: Setting
    log_samples: np.ndarray  # dim (point,)
    shares: np.ndarray  # dims (point, pool)
    sizes: np.ndarray  # dim (pool,), or dims (point, pool) where a pool has grown at some points
    # dims (point, covariate), coded; None: those for which answers are given
    settings: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.log_samples)

    def joined(self, other: Points) -> Points:
        """These points, then the other ones."""
        sizes = [np.broadcast_to(p.sizes, p.shares.shape) for p in (self, other)]
        return Points(
            self.setting, np.concatenate([self.log_samples, other.log_samples]),
            np.concatenate([self.shares, other.shares]), np.concatenate(sizes),
            np.concatenate([self.covariates, other.covariates]),
        )  # fmt: skip

    def and_anchors(self) -> Points:
        """These points, then every pool alone at the anchor, where it is at its level.

        No path but the constant ones has begun there.
        """
        sizes = self.setting.sizes
        log_samples = np.full(len(sizes), np.log(self.setting.anchor))
        return self.joined(Points(self.setting, log_samples, np.eye(len(sizes)), sizes))

    @property
    def covariates(self) -> np.ndarray:
        """Coded covariates, dims (point, covariate)."""
        if self.settings is None:
            return np.tile(self.setting.at, (len(self), 1))
        return self.settings

    @cached_property
    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """E-folds in the first pass, and epochs; dims (point, pool)."""
        return first_pass_lengths(self.log_samples, self.shares, self.sizes, self.setting.anchor)

    @property
    def first(self) -> np.ndarray:
        """E-folds from the anchor to the end of the first pass, dims (point, pool)."""
        return self.lengths[0]

    @property
    def epochs(self) -> np.ndarray:
        """Epochs of each pool, dims (point, pool)."""
        return self.lengths[1]

    @property
    def since_smallest(self) -> np.ndarray:
        """E-folds since the smallest observed run, dim (point,)."""
        return np.maximum(self.log_samples - self.setting.smallest, 0.0)

    @property
    def log_shares(self) -> np.ndarray:
        """Dims (point, pool); minus infinity for a pool without share."""
        with np.errstate(divide="ignore"):
            return np.log(self.shares)

    @cached_property
    def kernels(self) -> np.ndarray:
        """Covariances of the paths at unit scale, dims (path, point, point)."""
        return kernels(self, self)

    @cached_property
    def beyond(self) -> Beyond | None:
        """What the change of regime needs; None where no point lies beyond the largest run."""
        ahead = self.log_samples > self.setting.largest
        if not ahead.any():
            return None
        edge, horizon = np.full(len(self), -1), np.zeros(len(self), int)
        sizes = np.broadcast_to(self.sizes, self.shares.shape)
        both = np.concatenate([self.shares, sizes, self.covariates], axis=1)[ahead]
        both, found = np.unique(both, axis=0, return_inverse=True)
        edge[ahead] = found.reshape(-1)
        horizons, found = np.unique(
            self.log_samples[ahead] - self.setting.largest, return_inverse=True
        )
        horizon[ahead] = found.reshape(-1)
        pools = self.shares.shape[1]
        shares, grown, settings = np.split(both, [pools, 2 * pools], axis=1)
        largest = np.full(len(both), self.setting.largest)
        edges = Points(self.setting, largest, shares, grown, settings)
        return Beyond(edges, edge, horizon, horizons)
