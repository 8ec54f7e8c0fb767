"""Short fits that are not held to the gate: one of hundreds whose errors average out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.sample import Settings, Start, sample_few
from qqt_bayes.kinds import Kind
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import Spec
from qqt_bayes.runs import Runs

QUICK = Settings(draws=250, tune=200)

__all__ = ["QUICK", "quick_fit"]


def quick_fit(
    runs: Runs, metric: str, spec: Spec, *, kind: str | Kind | None = None, seed: int = 1,
    settings: Settings = QUICK, start: Start | None = None,
) -> Fit:  # fmt: skip
    """A short fit that is not held to the gate: one of hundreds whose errors average out."""
    study = runs.study(metric, kind=kind, spec_levels=spec.levels)
    design, priors = build_design(study, spec), spec.priors(study.kind)
    blank = Posterior(design, priors, study.kind, np.empty((0, 0, 0)), {}, 0, seed)
    walk = sample_few(blank.chart, blank.cells, seed, settings, start)
    posterior = replace(blank, theta=walk.theta, stats=walk.stats, gradients=walk.gradients)
    return Fit(runs, study, spec, posterior, seed, settings, {"where": {}, "upto": None})
