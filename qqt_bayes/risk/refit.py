"""Refits with other rows or another specification: fewer draws, warm-started, never gated.

They compare decisions, so some hundred draws do; one whose draws do not represent its posterior is
not used. A refit is ordered first and made later, perhaps by another process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.drawn import levels
from qqt_bayes.fitting import Fit, sampled
from qqt_bayes.inference.gate import K
from qqt_bayes.inference.settings import Settings, Start
from qqt_bayes.risk.thresholds import REFIT_ESS

if TYPE_CHECKING:
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Runs, Study

SHORT = Settings(draws=600, engine="importance")
ARRAYS = ("samples", "value", "shares", "n_eval", "se", "run", "seed", "annealed")

__all__ = ["SHORT", "Order", "latent_of", "make", "order", "sound", "subset"]


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
            "runs": len(set(study.run[keep])), "rows": len(data),
            "max_samples": float(samples.max()),
        },
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Order:
    """One refit, with all that it takes and without the draws of the fit it starts from."""

    runs: Runs
    study: Study
    spec: Spec
    seed: int
    start: Start
    selection: dict[str, Any]


def order(fit: Fit, study: Study | None = None, spec: Spec | None = None, *, seed: int) -> Order:
    """Order a fit of other rows or under another specification; by default the same.

    The seed is added to the fit's own.
    """
    return Order(
        fit.runs, study or fit.study, spec or fit.spec, fit.seed * 7919 + seed,
        fit.posterior.start, fit.selection,
    )  # fmt: skip


def make(o: Order) -> Fit:
    """Make an ordered fit. It is not gated: see :func:`sound`."""
    posterior = sampled(o.study, o.spec, o.seed, replace(SHORT, start=o.start))
    return Fit(o.runs, o.study, o.spec, posterior, o.seed, SHORT, o.selection)


def sound(fit: Fit) -> bool:
    """Whether the draws of a short refit are good enough to compare decisions."""
    figures = fit.posterior.gate.figures
    return figures["k"] <= K and figures["ess"] >= REFIT_ESS


def latent_of(job: tuple[Order, np.ndarray, np.ndarray]) -> np.ndarray | None:
    """Draws of the candidates' performance under an ordered fit; None where it is not sound."""
    ordered, budgets, shares = job
    other = make(ordered)
    return levels(other, budgets, shares) if sound(other) else None
