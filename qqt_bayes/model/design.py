"""From a study to the arrays of the model: replicates collapsed to cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.limits import no_more
from qqt_bayes.model.covariates import coded
from qqt_bayes.model.expected import expecting
from qqt_bayes.model.low_rank import Features, groups_of, work
from qqt_bayes.model.noise import has_run_effect, tells_noise, trajectories
from qqt_bayes.model.points import Points
from qqt_bayes.model.setting import Setting, build_setting

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Study

MANY = 150  # cells from which on it is tried whether few directions do
# No value is known better than to four digits: without a floor, runs that lie on a law exactly let
# the seed noise, and with it the whole density, run into a point that no sampler finds.
EXACT = 1e-4

__all__ = ["Design", "build_design"]


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
        floor = (EXACT * np.abs(at)) ** 2
        return np.maximum(np.bincount(row_cell, variance) / count, floor)

    points = Points(
        setting, np.log(samples[index]), shares[index], setting.sizes, settings[index]
    )  # fmt: skip
    seen = Design(
        average, count, scatter, average, evaluation(average), row_cell, points, run[index],
        noise_by_pool,
    )  # fmt: skip
    return expecting(seen, spec.priors(study.kind), study.kind, evaluation)
