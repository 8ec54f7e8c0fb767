"""Short fits that are not held to the gate: one of hundreds whose errors average out."""

from __future__ import annotations

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings, Start
from qqt_bayes.kinds import Kind
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import Spec
from qqt_bayes.runs import Runs

QUICK = Settings(draws=1000, engine="importance", values=8192)

__all__ = ["QUICK", "quick_fit"]


def quick_fit(
    runs: Runs, metric: str, spec: Spec, *, kind: str | Kind | None = None, seed: int = 1,
    settings: Settings = QUICK, start: Start | None = None,
) -> Fit:  # fmt: skip
    """A short fit that is not held to the gate: one of hundreds whose errors average out."""
    study = runs.study(metric, kind=kind, spec_levels=spec.levels)
    posterior = sample_posterior(
        build_design(study, spec), spec.priors(study.kind), study.kind.name, seed, settings, start
    )
    return Fit(runs, study, spec, posterior, seed, settings, {"where": {}, "upto": None})
