"""What a check says: a status, figures, one sentence and advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qqt_bayes._json import plain

PASS, INFO, REVIEW, FAIL = "PASS", "INFO", "REVIEW", "FAIL"
ORDER = (PASS, REVIEW, FAIL)  # of verdicts: what only informs has no say

__all__ = ["FAIL", "INFO", "PASS", "REVIEW", "Check", "worst"]


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

    def to_json(self) -> dict[str, Any]:
        """Name, status, text, advice and figures."""
        return dict(plain(vars(self)))


def worst(statuses: Iterable[str]) -> str:
    """The gravest of some statuses; PASS where none judges."""
    return max((s for s in statuses if s != INFO), key=ORDER.index, default=PASS)
