"""What a check says, and the verdict that checks amount to.

A verdict must predict failure, so it is the gravest finding, not a vote: a band that held before
does not mend a pool that was never run. What only informs (notes of the table)
is marked INFO and has no say; each check decides that for itself, under the numbers of
:mod:`qqt_bayes.risk.thresholds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qqt_bayes.decide.drawn import regret_of

PASS, INFO, REVIEW, FAIL = "PASS", "INFO", "REVIEW", "FAIL"
ORDER = (PASS, REVIEW, FAIL)  # of verdicts: what only informs has no say

# What speaks for a budget where no check found a problem.
FOR = ("distance", "record", "stakes")

__all__ = ["FAIL", "INFO", "PASS", "REVIEW", "Check", "combine", "instead", "worst"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, for one budget.

    Attributes
    ----------
    name : str
        Short name, the same at every budget.
    status : {'PASS', 'INFO', 'REVIEW', 'FAIL'}
        What it means for trusting the answer at this budget; INFO tells and does not judge.
    text : str
        What was found, in one or two sentences.
    advice : str
        What to do about it; empty when there is nothing to do.
    figures : dict
        The numbers behind the text, ready for JSON.
    """

    name: str
    status: str
    text: str
    advice: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)


def instead(draws: np.ndarray, best: int) -> tuple[int, float, float]:
    """What other draws (draw, candidate) would choose in place of the best, and say of that.

    The other choice, the expected loss by keeping to the best, and its probability of being best.
    """
    regret = regret_of(draws)
    other = int(np.argmin(regret))
    p_best = float(np.mean(np.argmin(draws, axis=1) == best))
    return other, float(regret[best] - regret[other]), p_best


def worst(statuses: Iterable[str]) -> str:
    """The gravest of some statuses; PASS where none judges."""
    return max((s for s in statuses if s != INFO), key=ORDER.index, default=PASS)


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
