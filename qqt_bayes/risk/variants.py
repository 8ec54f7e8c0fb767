"""The same runs under other laws: what a reader could reasonably have assumed instead.

Some differ in one assumption of the fit's own specification, one is another law altogether.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qqt_bayes.model.spec import load_spec
from qqt_bayes.risk.refit import Order, make, order, sound

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.refits import Workers


def none_of(*names: str) -> dict[str, dict[str, Any]]:
    """Priors that switch parameters off."""
    return {name: {"family": "fixed", "value": 0.0} for name in names}


LAWS: dict[str, dict[str, dict[str, Any]]] = {
    "no drift": none_of(
        "early_training", "common_drift", "pool_drift", "repetition_drift", "mixture_drift"
    ),
    "full dilution (as published)": {"dilution": {"family": "fixed", "value": 1.0}},
    "harmless repetition": none_of("harm"),
}

OTHER_LAW = {"effective_utility": "exchange_rate", "exchange_rate": "effective_utility"}

__all__ = ["LAWS", "fit_variants"]


def fit_variants(
    fit: Fit, workers: Workers, progress: Callable[[int, int], None]
) -> dict[str, Fit]:
    """Refit under each law that differs from the fit's own; refits that fail are left out."""
    specs = other_specs(fit)
    jobs = [order(fit, spec=spec, seed=101 + k) for k, spec in enumerate(specs.values())]
    made = workers.run(sound_fit, jobs, progress)
    return {name: other for name, other in zip(specs, made, strict=True) if other is not None}


def sound_fit(ordered: Order) -> Fit | None:
    """An ordered fit, if its draws are good enough."""
    made = make(ordered)
    return made if sound(made) else None


def other_specs(fit: Fit) -> dict[str, Spec]:
    """The other laws by name, those left out that are the fit's own."""
    own, law = fit.spec.priors(fit.study.kind), fit.spec.law
    out = {}
    for name, tables in LAWS.items():
        same = all(
            own[p].fixed and own[p].numbers[0] == table["value"] for p, table in tables.items()
        )
        about_law = "dilution" in tables and law != "effective_utility"
        if not (same or about_law):
            out[name] = fit.spec.with_priors(**tables)
    if law in OTHER_LAW:
        out[OTHER_LAW[law].replace("_", " ")] = load_spec(OTHER_LAW[law])
    return out
