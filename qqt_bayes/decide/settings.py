"""What a setting of the runs does to each pool: the change from its lowest to its highest value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.decide.drawn import keyed
from qqt_bayes.decide.predict import interval
from qqt_bayes.model.covariates import values_of
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

DRAWS = 1000  # more would not show in two figures
SHOWN = 4

__all__ = ["setting_effects", "setting_lines"]


def setting_effects(fit: Fit, prob: float = 0.9) -> pd.DataFrame:
    """What each covariate does to each pool trained on alone for as long as the largest run.

    One row a covariate and pool: ``setting, from, to`` (its lowest and highest value), ``pool`` and
    ``change`` of the metric with ``change_lo`` and ``change_hi``, all other covariates at the
    values that answers are for.
    """
    design, names = fit.posterior.design, fit.study.pools.names
    n, rows = float(fit.study.samples.max()), []
    every = max(1, len(fit.posterior) // DRAWS)
    for k, covariate in enumerate(design.setting.covariates):
        ends = np.array([f(values_of(fit.study, covariate.name)) for f in (np.min, np.max)])
        settings = np.tile(design.setting.at, (2, len(names), 1))
        settings[:, :, k] = covariate.code(ends)[:, None]
        shares = np.tile(np.eye(len(names)), (2, 1))
        points = replace(
            design.points_at(np.full(len(shares), n), shares),
            settings=settings.reshape(len(shares), -1),
        )
        drawn = fit.posterior.latent(points, seed=keyed(n), every=every)
        values = fit.study.kind.observed(drawn)
        low, high = np.split(np.asarray(values), 2, axis=1)
        found = interval(high - low, prob).T
        rows += [
            {"setting": covariate.name, "from": ends[0], "to": ends[1], "pool": name,
             "change": mid, "change_lo": lo, "change_hi": hi}
            for name, (mid, lo, hi) in zip(names, found, strict=True)
        ]  # fmt: skip
    return pd.DataFrame(rows)


def setting_lines(fit: Fit) -> list[str]:
    """One line a covariate; none without one."""
    if not fit.spec.covariates:
        return []
    n, lines = format_number(float(fit.study.samples.max())), []
    for (name, low, high), rows in setting_effects(fit).groupby(["setting", "from", "to"]):
        told = ", ".join(
            f"{r.pool} {r.change:+.2g} [{r.change_lo:+.2g}, {r.change_hi:+.2g}]"
            for r in rows.head(SHOWN).itertuples()
        )
        lines.append(
            f"{name} from {low:g} to {high:g} changes {fit.study.metric} after {n} samples of one "
            f"pool by [90%]: {told}"
        )
    return lines
