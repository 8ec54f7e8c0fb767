"""The record: what this model would have said at earlier budgets of the same runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.backtest import coverage_interval, foretold, judge, judge_choice, origins
from qqt_bayes.backtest.origins import FACTORS, factor_group, groups, joined, spread_out
from qqt_bayes.inference.settings import Settings
from qqt_bayes.refits import Workers
from qqt_bayes.risk.thresholds import MAX_ORIGINS, MIN_TARGETS

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

__all__ = ["Coverage", "Record", "back_test"]


@dataclass(frozen=True)
class Coverage:
    """Share of targets inside their 90% band, with a 90% interval."""

    rate: float
    lo: float
    hi: float
    targets: int
    groups: int  # targets of one origin and budget share their errors
    tested_to: float  # farthest factor beyond the origin

    @property
    def text(self) -> str:
        """For example ``17 of 20 (interval .64 to .95)``."""
        hits = round(self.rate * self.targets)
        return f"{hits} of {self.targets} (90% interval {self.lo:.2f} to {self.hi:.2f})"


@dataclass(frozen=True)
class Record:
    """Scores of all back-tests."""

    scores: pd.DataFrame  # as from qqt_bayes.backtest.judge, all origins together; perhaps empty
    choices: pd.DataFrame  # as from qqt_bayes.backtest.judge_choice
    origins: tuple[float, ...]  # budgets up to which the model was fitted
    seed: int = 1  # of the bootstrap behind coverage intervals

    def at(self, what: str, factor: float) -> pd.DataFrame:
        """Scores of levels or differences at a budget this far beyond the data.

        Those of the same group (up to 2x, 4x, 8x); where they are too few, nearer ones too.
        """
        if self.scores.empty:
            return self.scores
        chosen = self.scores[self.scores["what"] == what]
        reach = group_of(factor)
        same = chosen[chosen["factor"] == reach]
        return same if len(same) >= MIN_TARGETS else chosen[chosen["factor"] <= reach]

    def choices_at(self, factor: float) -> pd.DataFrame:
        """Choices at a budget this far beyond the data, nearer ones included."""
        if self.choices.empty:
            return self.choices
        return self.choices[self.choices["factor"] <= group_of(factor)]

    def coverage(self, what: str, factor: float) -> Coverage | None:
        """Coverage of 90% bands; None when nothing was tested."""
        rows = self.at(what, factor)
        if rows.empty:
            return None
        group = groups(rows)
        inside = rows["in90"].to_numpy(float)
        rng = np.random.default_rng(self.seed)
        rate, lo, hi = coverage_interval(inside, group, rng)
        return Coverage(rate, lo, hi, len(rows), len(np.unique(group)), float(rows["factor"].max()))


def group_of(factor: float) -> float:
    """The group of distances that a factor falls in (the farthest for any beyond)."""
    return FACTORS[min(int(factor_group(np.array(factor))), len(FACTORS) - 1)]


def back_test(
    fit: Fit, seed: int, workers: Workers, progress: Callable[[int, int], None]
) -> Record:
    """Fit up to every origin the runs allow, predict the runs beyond, judge.

    With the seed and draws that `calibrate` and `stack` use: near ties fall the same way.
    """
    covariates = fit.spec.covariates
    every = list(origins(fit.runs, fit.study.metric, covariates=covariates))
    splits = spread_out(every, MAX_ORIGINS)
    settings = Settings(draws=fit.settings.draws)
    jobs = [(origin, fit.spec, seed, settings) for origin in splits]
    found = zip(splits, workers.run(foretold, jobs, progress), strict=True)
    done = [(origin, draws) for origin, draws in found if draws is not None]
    return Record(
        joined([judge(*one) for one in done]), joined([judge_choice(*one) for one in done]),
        tuple(origin.upto for origin, _ in done), seed,
    )  # fmt: skip
