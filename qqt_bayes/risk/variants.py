"""The same runs under other laws: what a reader could reasonably have assumed instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qqt_bayes.risk.refit import FEW, mixed, refit

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit


def none_of(*names: str) -> dict[str, dict[str, Any]]:
    """Priors that switch parameters off."""
    return {name: {"family": "fixed", "value": 0.0} for name in names}


LAWS: dict[str, dict[str, dict[str, Any]]] = {
    "no drift": none_of("common_drift", "pool_drift", "repetition_drift", "mixture_drift"),
    "full dilution (as published)": {"dilution": {"family": "fixed", "value": 1.0}},
    "harmless repetition": none_of("harm"),
}

MORE = replace(FEW, draws=3 * FEW.draws, tune=3 * FEW.tune, target_accept=0.97)

__all__ = ["LAWS", "Variant", "fit_variants"]


@dataclass(frozen=True)
class Variant:
    """A fit under another law."""

    name: str
    fit: Fit


def fit_variants(fit: Fit, progress: Callable[[float], None]) -> tuple[Variant, ...]:
    """Refit under each law that differs from the fit's own; those that do not mix are left out."""
    own = fit.spec.priors(fit.study.kind)
    out = []
    for k, (name, tables) in enumerate(LAWS.items()):
        same = all(
            own[p].fixed and own[p].numbers[0] == table["value"] for p, table in tables.items()
        )
        if not same:
            spec = fit.spec.with_priors(**tables)
            other = refit(fit, spec=spec, seed=101 + k)
            if not mixed(other):  # a law that fits badly walks slowly
                other = refit(fit, spec=spec, seed=151 + k, settings=MORE)
            if mixed(other):
                out.append(Variant(name, other))
        progress((k + 1) / len(LAWS))
    return tuple(out)
