"""Refits with other rows or another specification: few draws, warm-started, never gated.

They compare decisions, so a few hundred draws do; one that has not mixed is not used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.fitting import Fit
from qqt_bayes.inference.chart import dimension
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.sample import Settings, sample_few
from qqt_bayes.model.design import build_design
from qqt_bayes.risk.thresholds import REFIT_R_HAT

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Study

FEW = Settings(draws=200, tune=250, chains=2)
ARRAYS = ("samples", "value", "shares", "n_eval", "se", "run", "seed", "annealed", "line")

__all__ = ["FEW", "mixed", "refit", "subset"]


def subset(study: Study, keep: np.ndarray) -> Study:
    """The rows of a study for which ``keep``, dim (row,), is true."""
    data = tuple(d for d, k in zip(study.data, keep, strict=True) if k)
    samples = study.samples[keep]
    return replace(
        study,
        **{name: getattr(study, name)[keep] for name in ARRAYS},
        data=data,
        levels={n: tuple(np.array(v)[keep]) for n, v in study.levels.items()},
        trained_on={
            "runs": len(set(study.run[keep])),
            "rows": len(data),
            "max_samples": float(samples.max()),
        },
    )


def refit(
    fit: Fit, study: Study | None = None, spec: Spec | None = None, *, seed: int = 0,
    settings: Settings = FEW,
) -> Fit:  # fmt: skip
    """Fit again with other rows or under another specification.

    Parameters
    ----------
    fit : Fit
        The fit to start from.
    study : Study, optional
        Other rows; by default the same.
    spec : Spec, optional
        Another specification; by default the same.
    seed : int
        Added to the fit's own.
    settings : Settings
        Draws, warm-up, chains.

    Returns
    -------
    Fit
        Not gated: see :func:`mixed`.
    """
    study, spec = study or fit.study, spec or fit.spec
    number = fit.seed * 7919 + seed
    blank = Posterior(
        build_design(study, spec), spec.priors(study.kind), study.kind, np.empty((0, 0, 0)), {}, 0,
        number,
    )  # fmt: skip
    centre = fit.posterior.theta.mean(axis=(0, 1))
    start = centre if len(centre) == dimension(blank.chart) else None
    walk = sample_few(blank.chart, blank.cells, number, settings, start)
    posterior = replace(blank, theta=walk.theta, stats=walk.stats, gradients=walk.gradients)
    return Fit(fit.runs, study, spec, posterior, number, settings, fit.selection)


def mixed(fit: Fit) -> bool:
    """Whether the chains of a short refit agree well enough to compare decisions."""
    return fit.posterior.gate.figures.get("r_hat", np.inf) <= REFIT_R_HAT
