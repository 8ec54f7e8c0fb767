"""The commands that reproduce a report."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qqt_bayes.runs import format_number, parse_number

SAVED = "fit.nc"

__all__ = ["SAVED", "buy_command", "decide_command", "exact", "report_command"]


def exact(budget: float) -> str:
    """A number of samples as an option, briefly where that loses nothing."""
    short = format_number(budget, 6)
    return short if parse_number(short) == budget else f"{budget!r}".removesuffix(".0")


def report_command(
    out: Path,
    budgets: Iterable[float],
    *,
    candidates: Any = None,
    prob: float = 0.9,
    spend: str | float | None = None,
    stake: str | float | None = None,
    risk: str | None = None,
    converged: bool = True,
) -> str:
    """The command line of a report made from Python, from the fit saved in its folder."""
    words = ["qqt", "report", str(out / SAVED), "--budgets", ",".join(map(exact, budgets))]
    if candidates is not None:
        named = candidates if isinstance(candidates, str) else ";".join(candidates)
        words += ["--candidates", named]
    words += ["--prob", f"{prob:g}"]
    if spend is not None:
        words += ["--spend", str(spend)]
    if stake is not None:
        words += ["--stake", str(stake)]
    if risk is not None:
        words += ["--risk", risk]
    if not converged:
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
