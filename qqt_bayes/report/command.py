"""The commands that reproduce a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qqt_bayes.runs import format_number, parse_number

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision

SAVED = "fit.nc"

__all__ = ["SAVED", "buy_command", "decide_command", "exact", "report_command"]


def exact(budget: float) -> str:
    """A number of samples as an option, briefly where that loses nothing."""
    short = format_number(budget, 6)
    return short if parse_number(short) == budget else f"{budget!r}".removesuffix(".0")


def report_command(out: Path, decision: Decision, **options: Any) -> str:
    """The command line of a report made from Python, from the fit saved in its folder."""
    words = [
        "qqt", "report", str(out / SAVED), "--budgets", ",".join(map(exact, decision.budgets)),
        "--candidates", ";".join(decision.names),
        "--prob", f"{decision.prob:g}",
    ]  # fmt: skip
    for name, value in options.items():
        words += [] if value is None else [f"--{name}", str(value)]
    if not decision.fit.converged:
        words += ["--on-fail", "warn"]
    return shlex.join([*words, "-o", str(out)])


def decide_command(report: str) -> str:
    """The command whose output is ``decision.json``, from that of the report."""
    words = without(report, ("-o", "--out", "--spend", "--stake", "--answers", "--risk"))
    return shlex.join([words[0], "decide", *words[2:], "--json"])


def buy_command(report: str) -> str:
    """The command whose answer is the report's list of runs to buy."""
    words = without(report, ("-o", "--out", "--prob", "--answers", "--risk"))
    return shlex.join([words[0], "buy", *words[2:]])


def without(command: str, options: tuple[str, ...]) -> list[str]:
    """The words of a command less some options and their values."""
    out: list[str] = []
    skip = False
    for word in shlex.split(command):
        if skip:
            skip = False
        elif word in options:
            skip = True
        else:
            out.append(word)
    return out
