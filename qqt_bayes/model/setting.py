"""What is known of a study before its values: pools, their families and ranks, and the range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.covariates import Covariate, covariates_of

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Pools, Study

__all__ = ["Setting", "build_setting"]


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
