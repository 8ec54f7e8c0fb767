"""From a study to the arrays of the model: cells, exponent lengths and covariances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.laws.effective_utility import first_pass_lengths
from qqt_bayes.limits import no_more
from qqt_bayes.model.covariates import Covariate, coded, covariates_of
from qqt_bayes.model.effects import kernels
from qqt_bayes.model.expected import expecting
from qqt_bayes.model.low_rank import Features, groups_of, work
from qqt_bayes.model.noise import has_run_effect, tells_noise, trajectories

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Pools, Study

MANY = 150  # cells from which on it is tried whether few directions do

__all__ = ["Design", "Points", "Setting", "build_design"]


@dataclass(frozen=True)
class Setting:
    """What is known of a study before its values."""

    law: str  # name of the law
    # dim (pool,): unique samples, quality in standard deviations, and log size over the geometric
    # mean of the finite pools of the same family
    sizes: np.ndarray
    quality: np.ndarray
    log_size: np.ndarray
    # dims (pool, pool): prior correlation of pools, and relative sd of a pair's mixture error
    likeness: np.ndarray
    mixture_weight: np.ndarray
    # dims (pool, free): root of the prior correlation of the log exchange rates
    rate_factor: np.ndarray
    repetition_likeness: float  # prior correlation of two pools' repetition drifts
    anchor: float  # samples at which the levels are defined
    # log samples of the smallest and the largest observed run
    smallest: float
    largest: float
    covariates: tuple[Covariate, ...] = ()  # settings that the runs differ in

    @property
    def at(self) -> np.ndarray:
        """Coded values of the covariates for which answers are given, dim (covariate,)."""
        return np.array([c.code(c.at) for c in self.covariates], float)

    @property
    def finite(self) -> np.ndarray:
        """Which pools can be repeated, dim (pool,)."""
        return np.isfinite(self.sizes)


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


@dataclass(frozen=True)
class Design:
    """A study laid out for the model: replicates collapsed to cells."""

    # dim (cell,): mean of the replicates, their number, their sum of squares about the mean
    value: np.ndarray
    count: np.ndarray
    scatter: np.ndarray
    # dim (cell,): the values less what is probably noise, and the evaluation variance there
    expected: np.ndarray
    eval_var: np.ndarray
    row_cell: np.ndarray  # dim (row,): which cell each row of the study belongs to
    points: Points  # the cells
    # dim (cell,): number of the trajectory that the cell is a checkpoint of; -1 for another
    run: np.ndarray
    noise_by_pool: bool  # whether replicates of several mixtures can tell their noise apart

    @property
    def setting(self) -> Setting:
        """What is known of the study before its values."""
        return self.points.setting

    @cached_property
    def member(self) -> np.ndarray:
        """Which cell is a checkpoint of which trajectory: 1 or 0, dims (cell, trajectory)."""
        return (self.run[:, None] == np.arange(self.run.max(initial=-1) + 1)).astype(float)

    @cached_property
    def features(self) -> tuple[Features, list[tuple[np.ndarray, np.ndarray]]]:
        """The paths as directions; and groups of cells that lie along the same ones."""
        found = Features.of(self.points.kernels)
        return found, groups_of(self, found)

    @cached_property
    def many(self) -> bool:
        """Whether cells are many, and the directions of their covariance less work than it."""
        if len(self.value) < MANY:
            return False
        features, groups = self.features
        return work(groups) + len(features.path) ** 3 / 3.0 < len(self.value) ** 3 / 6.0

    @property
    def pools(self) -> int:
        """Number of pools."""
        return len(self.setting.sizes)

    def answering(self, values: Mapping[str, float]) -> Design:
        """The same runs, asked for other values of the covariates."""
        found = tuple(c._replace(at=values.get(c.name, c.at)) for c in self.setting.covariates)
        points = replace(self.points, setting=replace(self.setting, covariates=found))
        return replace(self, points=points)

    def points_at(
        self, samples: np.ndarray, shares: np.ndarray, growth: np.ndarray | None = None
    ) -> Points:
        """Points for other runs on the same pools.

        ``samples`` (point,); ``shares`` (point, pool); ``growth`` (point, pool): factor by which a
        pool has more unique samples than in the study.
        """
        sizes = self.setting.sizes if growth is None else self.setting.sizes * growth
        log_samples = np.log(np.asarray(samples, float))
        return Points(self.setting, log_samples, np.asarray(shares, float), sizes)


def quality_covariate(rank: np.ndarray) -> np.ndarray:
    """Quality in standard deviations, best highest; zero where no rank is given."""
    known = np.isfinite(rank)
    out = np.zeros(len(rank))
    if known.sum() > 1 and np.ptp(rank[known]) > 0:
        out[known] = -(rank[known] - rank[known].mean()) / rank[known].std()
    return out


def family_matrices(pools: Pools, spec: Spec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What pools of one family share.

    Pools of one family share part of their levels, utilities and half-lives, and mix more
    predictably than foreign ones; those of the same quality rank too are taken for samples of one
    thing and share nearly all. Without families all pools are exchangeable.

    Gives ``likeness``, ``mixture_weight`` (pool, pool): prior correlation, and relative sd of a
    pair's mixture error; ``log_size`` (pool,): log of the size over the geometric mean of the
    finite pools of its family.
    """
    family, rank = pools.family, np.asarray(pools.quality_rank, float)
    sizes = np.asarray(pools.sizes, float)
    count = len(family)
    same = np.array([[a == b and a != "" for b in family] for a in family])
    np.fill_diagonal(same, True)
    likeness, weight, log_size = np.eye(count), np.ones((count, count)), np.zeros(count)
    for i in range(count):
        kin = same[i] & np.isfinite(sizes)
        if np.isfinite(sizes[i]):
            log_size[i] = np.log(sizes[i]) - np.log(sizes[kin]).mean()
    if len(set(family)) > 1 and same.sum() > count:
        likeness = spec.structure["family_likeness"] * same
        weight[same] = spec.structure["family_mixture"]
    twin = same & (rank[:, None] == rank)
    likeness = np.where(twin, spec.structure["twin_likeness"], likeness)
    weight = np.where(twin, spec.structure["twin_mixture"], weight)
    np.fill_diagonal(likeness, 1.0)
    return likeness, weight, log_size


def build_design(study: Study, spec: Spec) -> Design:
    """Lay out a study under a specification.

    Replicates (rows with the same shares and samples) collapse exactly to their mean and spread;
    checkpoints of a trajectory stay apart, for they are correlated with others of their run.
    """
    if spec.law == "chinchilla":
        raise UsageError("the law 'chinchilla' is fitted by `qqt allocate`, not here")
    shares = np.asarray(study.shares, float)
    samples = np.asarray(study.samples, float)
    value = np.asarray(study.value, float)
    run = trajectories(study) if has_run_effect(spec, study.kind) else np.full(len(samples), -1)
    setting = build_setting(study, spec)
    settings = coded(study, setting.covariates)
    alike, shared = np.column_stack([samples, settings]), np.round(shares, 9)
    place = np.unique(alike, axis=0, return_inverse=True)[1].reshape(-1, 1)
    noise_by_pool = tells_noise(np.hstack([place, shared]), np.asarray(study.run))
    key = np.column_stack([alike, shared, run])
    _, index, row_cell = np.unique(key, axis=0, return_index=True, return_inverse=True)
    no_more(
        len(index), "different data at different samples",
        "fit some of the runs (--upto, --where), or every tenth checkpoint of each",
    )  # fmt: skip
    row_cell = row_cell.reshape(-1)
    count = np.bincount(row_cell).astype(float)
    average = np.bincount(row_cell, value) / count
    scatter = np.bincount(row_cell, (value - average[row_cell]) ** 2)

    def evaluation(at: np.ndarray) -> np.ndarray:
        variance = study.kind.evaluation_variance(at[row_cell], study.n_eval, study.se)
        return np.asarray(np.bincount(row_cell, variance) / count)

    points = Points(
        setting, np.log(samples[index]), shares[index], setting.sizes, settings[index]
    )  # fmt: skip
    seen = Design(
        average, count, scatter, average, evaluation(average), row_cell, points, run[index],
        noise_by_pool,
    )  # fmt: skip
    return expecting(seen, spec.priors(study.kind), study.kind, evaluation)


def build_setting(study: Study, spec: Spec) -> Setting:
    """What is known of a study before its values."""
    sizes, samples = np.asarray(study.pools.sizes, float), np.asarray(study.samples, float)
    rank = np.asarray(study.pools.quality_rank, float)
    likeness, weight, log_size = family_matrices(study.pools, spec)
    return Setting(
        spec.law, sizes, quality_covariate(rank), log_size, likeness, weight,
        exchange_factor(likeness, rank), float(spec.structure["repetition_likeness"]),
        float(min(samples.min(), sizes.min())), float(np.log(samples.min())),
        float(np.log(samples.max())), covariates_of(study, spec.covariates),
    )  # fmt: skip


def exchange_factor(likeness: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Root of the prior correlation of log exchange rates, dims (pool, free).

    The pool that alone has the best quality rank is the reference: its rate is 1 (a row of zeros),
    and the others are known relative to it, so that a twin of it has a rate near 1 too. Without
    such a pool all rates are exchangeable about 1.
    """
    pools = len(rank)
    best = np.flatnonzero(rank == np.nanmin(rank)) if np.isfinite(rank).any() else np.empty(0)
    if len(best) != 1:
        return np.linalg.cholesky(likeness)
    relative = np.eye(pools)
    relative[:, int(best[0])] -= 1.0
    others = np.arange(pools) != int(best[0])
    out = np.zeros((pools, pools - 1))
    if pools > 1:
        out[others] = np.linalg.cholesky((relative @ likeness @ relative.T)[np.ix_(others, others)])
    return out
