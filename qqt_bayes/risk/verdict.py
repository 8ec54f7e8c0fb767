"""From checks to a verdict.

A verdict must predict failure, so it is the gravest finding, not a vote: a band that held before
does not mend a pool that was never run. What only informs (room in the bands, notes of the table)
is marked INFO and has no say; each check decides that for itself, under the numbers of
:mod:`qqt_bayes.risk.thresholds`.
"""

from __future__ import annotations

from qqt_bayes.risk.check import INFO, ORDER, PASS, Check, worst

# What speaks for a budget where no check found a problem.
FOR = ("distance", "record", "stakes")

__all__ = ["combine"]


def combine(checks: tuple[Check, ...]) -> tuple[str, tuple[str, ...]]:
    """Verdict and reasons, gravest first, each with its advice."""
    verdict = worst(c.status for c in checks)
    if verdict == PASS:
        return PASS, tuple(c.text for c in checks if c.name in FOR)
    judged = (c for c in checks if c.status not in (PASS, INFO))
    against = sorted(judged, key=lambda c: -ORDER.index(c.status))
    return verdict, tuple(
        f"{c.name}: {c.text}" + (f" -> {c.advice}" if c.advice else "") for c in against
    )
