"""Refits with other rows or another specification: few draws, warm-started, never gated.

They compare decisions, so a few hundred draws do; one that has not mixed is not used. A refit is
ordered first and made later, perhaps by another process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.drawn import levels
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.chart import dimension
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.sample import Settings, Start, sample_few
from qqt_bayes.model.design import build_design
from qqt_bayes.risk.thresholds import REFIT_R_HAT

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Runs, Study

FEW = Settings(draws=200, tune=250, chains=2)  # much of the warm-up is spared by a warm start
ARRAYS = ("samples", "value", "shares", "n_eval", "se", "run", "seed", "annealed", "line")

__all__ = ["FEW", "Order", "latent_of", "make", "mixed", "order", "subset"]


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


@dataclass(frozen=True, eq=False)
class Order:
    """One refit, with all that it takes and without the draws of the fit it starts from."""

    runs: Runs
    study: Study
    spec: Spec
    seed: int
    settings: Settings
    start: Start
    selection: dict[str, Any]


def order(
    fit: Fit, study: Study | None = None, spec: Spec | None = None, *, seed: int = 0,
    settings: Settings = FEW,
) -> Order:  # fmt: skip
    """Order a fit of other rows or under another specification.

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
    """
    return Order(
        fit.runs, study or fit.study, spec or fit.spec, fit.seed * 7919 + seed, settings,
        Start.of(fit.posterior.theta), fit.selection,
    )  # fmt: skip


def make(o: Order) -> Fit:
    """Make an ordered fit. It is not gated: see :func:`mixed`."""
    blank = Posterior(
        build_design(o.study, o.spec), o.spec.priors(o.study.kind), o.study.kind,
        np.empty((0, 0, 0)), {}, 0, o.seed,
    )  # fmt: skip
    start = o.start if len(o.start.centre) == dimension(blank.chart) else None
    walk = sample_few(blank.chart, blank.cells, o.seed, o.settings, start)
    posterior = replace(blank, theta=walk.theta, stats=walk.stats, gradients=walk.gradients)
    return Fit(o.runs, o.study, o.spec, posterior, o.seed, o.settings, o.selection)


def mixed(fit: Fit) -> bool:
    """Whether the chains of a short refit agree well enough to compare decisions."""
    return fit.posterior.gate.figures.get("r_hat", np.inf) <= REFIT_R_HAT


def latent_of(job: tuple[Order, np.ndarray, np.ndarray]) -> np.ndarray | None:
    """Draws of the candidates' performance under an ordered fit; None where it did not mix."""
    ordered, budgets, shares = job
    other = make(ordered)
    return levels(other, budgets, shares) if mixed(other) else None
