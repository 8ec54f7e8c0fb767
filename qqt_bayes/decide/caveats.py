"""What a decision rests on beyond its probabilities, each in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.place import outside, times
from qqt_bayes.decide.text import and_list
from qqt_bayes.model.covariates import values_of
from qqt_bayes.runs import format_number
from qqt_bayes.runs.untold import untold

if TYPE_CHECKING:
    from qqt_bayes.decide.decision import Decision
    from qqt_bayes.fitting import Fit

# A mixture that has this share of its samples in common with one that was run counts as run:
# between neighbouring shares the predicted curve is smooth, and held on published mixtures.
ALIKE = 0.8
# A candidate with this chance of being best is a contender: it should have been run.
CONTENDER = 0.05
# Practitioners tell each other not to go tenfold, and no back-test of this package does.
TOO_FAR = 10.0
NAMED = 3

__all__ = ["ALIKE", "CONTENDER", "answered_at", "caveats", "overlap"]


def overlap(run: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Share of the samples that runs have in common with a mixture, dim (run,)."""
    return 1.0 - 0.5 * np.abs(run - shares).sum(axis=1)


def caveats(d: Decision) -> tuple[str, ...]:
    """Strange rows, settings, what never ran, what the runs cannot tell, and far targets."""
    study = d.fit.study
    ran = [bool(overlap(study.shares, s).max() >= ALIKE) for s in d.shares]
    chosen = dict.fromkeys(int(c) for c in d.best)
    missing = [d.candidates[c].text for c in chosen if not ran[c]]
    rivals = [
        c.text for i, c in enumerate(d.candidates)
        if i not in chosen and not ran[i] and d.p_best[:, i].max() >= CONTENDER
    ]  # fmt: skip
    notes = [*study.strange, *study.pooled]
    if missing:
        notes.append(
            f"no run is like the choice {and_list(missing, NAMED)}: it is inferred from other data"
        )
    if rivals:
        verb = "is a rival that" if len(rivals) == 1 else "are rivals that"
        notes.append(f"{and_list(rivals, NAMED)} {verb} no run is like: inferred from other data")
    notes += untold(study.samples, study.shares, study.pools)
    far = [n for n in d.budgets if outside(n, study) > TOO_FAR]
    if far:
        at = and_list((f"{format_number(n)} ({times(outside(n, study))})" for n in far), NAMED)
        verb = "is" if len(far) == 1 else "are"
        notes.append(
            f"{at} {verb} more than ten times the largest run: no record reaches there "
            "-> run the leading candidates on the way"
        )
    return tuple(notes)


def answered_at(fit: Fit) -> tuple[str, ...]:
    """For which values of its covariates a fit answers, and how many runs have them."""
    asked = {name: at for name, at in fit.spec.covariates.items() if at is not None}
    if not asked:
        return ()
    study, notes = fit.study, []
    like = np.ones(len(study), bool)
    for name, at in asked.items():
        values = values_of(study, name)
        like &= np.isclose(values, at, rtol=1e-9, atol=0.0)
        if not values.min() <= at <= values.max():
            notes.append(
                f"{name} = {at:g} lies outside the runs ({values.min():g} to {values.max():g}): "
                "its effect is carried on"
            )
    count = len(set(study.run[like]))
    listed = ", ".join(f"{name} = {at:g}" for name, at in asked.items())
    other = " ".join(f"--at {name}=VALUE" for name in asked)
    told = f"answers are for {listed} ({count} of {len(set(study.run))} runs)"
    return (f"{told} -> {other} for another", *notes)
