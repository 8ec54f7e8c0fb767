"""The report in words, for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from qqt_bayes.decide.place import at, extrapolation
from qqt_bayes.decide.sizes import middle_notes
from qqt_bayes.risk.check import FAIL, PASS, REVIEW
from qqt_bayes.risk.ledger import told_shares
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.risk.report import Assessment, Risk

WIDTH = 100
MEANING = {
    PASS: "no check found a problem",
    REVIEW: "look at these points before relying on it",
    FAIL: "do not rely on it",
}

__all__ = ["describe"]


def describe(made: Risk) -> str:
    """One block a budget: verdict, reasons, every check, and where the uncertainty comes from."""
    study = made.fit.study
    trained = study.trained_on
    lines = [
        f"{made.fit.stamp}{study.metric}, fitted to {count(trained['runs'], 'run')} up to "
        f"{format_number(trained['max_samples'])} samples"
    ]
    for found in made.assessments:
        inside = "" if extrapolation(found.samples, study) else ", inside your runs"
        verdict = f"{found.verdict} ({MEANING[found.verdict]})"
        head = f"{at(found.samples, study)}{inside}, choosing {found.pair[0]}: {verdict}"
        lines += ["", *fold(head, "", "  ")]
        lines += block(found)
    shown = [check.text for found in made.assessments for check in found.checks]
    lines += [f"note: {note}" for note in study.strange if not any(note in t for t in shown)]
    lines += [f"note: {note}" for note in middle_notes(made.fit)]
    if made.quick:
        lines += ["", "Quick report: other laws and leave-one-out refits were not run."]
    return "\n".join(lines)


def block(found: Assessment) -> list[str]:
    """Checks, then the ledger; advice under each check that asks for something."""
    lines = []
    wide = max(len(c.name) for c in found.checks)
    for c in found.checks:
        head = f"  {c.status:<6} {c.name:<{wide}}  "
        lines += fold(c.text, head, " " * len(head))
        if c.advice:
            lines += fold(c.advice, " " * len(head) + "-> ", " " * len(head) + "   ")
    whole = {f"a new run on {found.pair[0]}": found.ledger}
    whole |= {" less ".join(found.pair): found.ledger_difference}
    for name, shares in whole.items():
        if shares:
            lines += fold(f"variance of {name}: {told_shares(shares)}", "  ", " " * 4)
    return lines


def fold(text: str, first: str, rest: str) -> list[str]:
    """Lines of at most 100 characters."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False
    )
