"""How far beyond the runs, in samples and epochs, and whether the best data was ever run."""

from __future__ import annotations

import numpy as np

from qqt_bayes.decide.caveats import ALIKE, CONTENDER, overlap
from qqt_bayes.decide.place import outside, times
from qqt_bayes.decide.text import and_list
from qqt_bayes.risk.check import FAIL, PASS, REVIEW, Check, worst
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.thresholds import (
    EPOCHS_FAR,
    EPOCHS_TOO_FAR,
    FAR,
    HARMLESS_EPOCHS,
    NEAR,
    OWN_RUN,
    TOO_FAR,
)  # fmt: skip

NAME = "distance"


def check(context: Context) -> tuple[Check, ...]:
    """Distance of each budget, at the candidate recommended there."""
    study = context.fit.study
    sizes = np.asarray(study.pools.sizes, float)
    seen_epochs = float(study.epochs.max())
    used = study.used
    out = []
    for b, samples in enumerate(context.budgets):
        shares = context.shares[context.decision.best[b]]
        same = overlap(study.shares, shares) >= ALIKE
        own = float(study.samples[same].max()) if same.any() else 0.0
        level = context.record.coverage("level", samples / context.largest)
        tested = 1.0 if level is None else level.tested_to
        strangers = [
            n for n, s, u in zip(study.pools.names, shares, used, strict=True) if s > 0 and not u
        ]
        out.append(
            judge(
                factor=outside(samples, study), tested=tested,
                epochs=float((samples * shares / sizes).max()), seen_epochs=seen_epochs,
                data=context.decision.chosen(b), own=own / context.largest, strangers=strangers,
                untried=untried(context, b),
            )
        )  # fmt: skip
    return tuple(out)


def untried(context: Context, budget: int) -> list[str]:
    """Contenders for a budget, the best apart, that no run was made of."""
    d, study = context.decision, context.fit.study
    return [
        c.text
        for i, c in enumerate(d.candidates)
        if i != d.best[budget]
        and d.p_best[budget, i] >= CONTENDER
        and overlap(study.shares, context.shares[i]).max() < ALIKE
    ]


def judge(
    *, factor: float, tested: float, epochs: float, seen_epochs: float, data: str, own: float,
    strangers: list[str], untried: list[str],
) -> Check:  # fmt: skip
    """Judge a distance, at the best candidate of a budget.

    ``factor`` is the budget over the largest run beyond it, over the smallest below it, 1 inside
    the runs; ``tested`` the farthest at which back-tests judged this kind of prediction. ``epochs``
    and ``seen_epochs`` are the most of any pool at ``data``, the best candidate, and in any run.
    ``own`` is its own largest run over the largest of all, 0 when it was never run; ``strangers``
    are pools of it that no run draws from, ``untried`` other contenders that were never run.
    """
    found: list[tuple[str, str]] = []
    folds = np.log(factor)
    reach = f"back-tests of these runs reach {tested:g}x"
    if factor < 1.0:
        status = FAIL if 1.0 / factor > NEAR else REVIEW
        found.append(
            (status, f"{times(1.0 / factor)} below the smallest run: extrapolated downwards, where "
             "no back-test looks")
        )  # fmt: skip
    elif factor > TOO_FAR:
        found.append((FAIL, f"{times(factor)} the largest run is farther than any record reaches"))
    elif factor > FAR:
        found.append(
            (REVIEW, f"at {factor:.1f}x the largest run slopes have changed before; {reach}")
        )
    elif factor > NEAR:
        found.append(
            (REVIEW, f"{factor:.1f}x the largest run: it rests on the slope going on; {reach}")
        )
    more = epochs / max(seen_epochs, 1.0)
    if epochs > HARMLESS_EPOCHS and more > EPOCHS_FAR:
        status = FAIL if more > EPOCHS_TOO_FAR else REVIEW
        found.append(
            (status, f"{data} would pass {epochs:.1f} epochs; no run passed {seen_epochs:.1f}")
        )
    if strangers:
        found.append((FAIL, f"no run draws from {and_list(strangers, 4)}, of which {data} is made"))
    elif own == 0.0 and factor != 1.0:
        found.append((REVIEW, f"{data} itself was never run: it is inferred from other mixtures"))
    elif own < OWN_RUN:
        what = "was never run" if own == 0.0 else f"was run to {own:.0%} of the largest run only"
        found.append((REVIEW, f"{data} itself {what}"))
    if untried:  # at any distance: mixture rules are off by percents inside the runs too
        found.append((REVIEW, f"{and_list(untried, 4)} may be better, but was never run"))
    figures = {
        "untried": untried,
        "factor": factor, "e_folds": folds, "tested_factor": tested, "epochs": epochs,
        "seen_epochs": seen_epochs, "own_run": own, "pools_never_run": strangers,
    }  # fmt: skip
    status = worst(s for s, _ in found)
    if status == PASS:
        where = f"{times(factor)} the largest run" if factor > 1.0 else "inside your runs"
        text = f"{where}, {epochs:.1f} epochs ({seen_epochs:.1f} seen)"
        return Check(NAME, PASS, text, "", figures)
    nearer = (
        "ask for a budget that was run, or run the two leading candidates there"
        if factor < 1.0
        else "run the two leading candidates once at a quarter to a half of the target"
    )
    return Check(NAME, status, "; ".join(t for _, t in found), nearer, figures)
