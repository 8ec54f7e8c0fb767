"""How much room the bands have for changes beyond the data, of the size seen on real runs.

No record within the data can show a change that comes after them. So this tells how large a change
of slope, or a harm of repetition, the band would still hold, and does not judge it: the bands carry
a change of regime in proportion to how much the curves of *this* study bend, so a band with little
room is that of a smooth study, and failed no more often than others when it was tried.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.decide.place import outside
from qqt_bayes.risk.check import INFO, Check
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.thresholds import HARM, SLOPE_CHANGE

NAME = "stress"


def check(context: Context) -> tuple[Check, ...]:
    """Room in the band of the best candidate at each budget, for changes of the usual size."""
    d, study = context.decision, context.fit.study
    floor = float(study.kind.to_unit(np.median(context.fit.posterior.irreducible)))
    sizes = np.asarray(study.pools.sizes, float)
    seen = np.maximum(study.epochs.max(axis=0), 1.0)
    out = []
    for b, samples in enumerate(d.budgets):
        lo, middle, hi = np.quantile(d.latent[:, b, d.best[b]], [0.05, 0.5, 0.95])
        shares = context.shares[d.best[b]]
        past = np.maximum(np.log(np.maximum(samples * shares / sizes, 1e-12) / seen), 0.0)
        out.append(
            judge(
                better=(middle - lo) / (middle - floor), worse=(hi - middle) / (middle - floor),
                factor=outside(samples, study), repeated=float(shares @ past),
                data=d.chosen(b),
            )
        )  # fmt: skip
    return tuple(out)


def judge(*, better: float, worse: float, factor: float, repeated: float, data: str) -> Check:
    """Tell the room in the band of a candidate.

    ``better`` and ``worse`` are half-widths of the 90% band over the reducible error, ``factor``
    the distance as elsewhere, ``repeated`` the e-folds of epochs past the most seen, over pools by
    their share.
    """
    folds = np.log(factor) if factor > 1.0 else 0.0
    slope = min(better, worse) / folds if folds else np.inf
    harm = worse / repeated if repeated > 0.0 else np.inf
    figures = {
        "slope_tolerated": slope, "harm_tolerated": harm, "e_folds": folds,
        "repetition_e_folds": repeated,
    }  # fmt: skip
    if factor < 1.0:
        text = "looks beyond the largest run, not below the smallest"
        return Check(NAME, INFO, text, "", figures)
    if not folds:
        return Check(NAME, INFO, "inside your runs: nothing is extrapolated", "", figures)
    found = []
    if slope < SLOPE_CHANGE:
        found.append(
            f"a slope that changes by {SLOPE_CHANGE:g} per e-fold beyond the largest run, as real "
            f"ones have, would leave the band (it has room for {slope:.2f})"
        )
    if harm < HARM:
        hurt = f"repetition that hurts beyond the epochs seen of {data}'s pools"
        room = f"(room for {harm:.2f} per e-fold, {HARM:g} has been seen)"
        found.append(f"so would {hurt} {room}" if found else f"{hurt} would leave the band {room}")
    if found:
        return Check(NAME, INFO, "; ".join(found), "", figures)
    text = f"the band has room for a slope that changes by {slope:.2f} per e-fold"
    return Check(NAME, INFO, text, "", figures)
