"""Whether another reasonable law would recommend other data, and whether that matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from qqt_bayes.decide.drawn import levels
from qqt_bayes.decide.text import and_list
from qqt_bayes.risk.check import INFO, PASS, REVIEW, Check, instead
from qqt_bayes.risk.context import Context
from qqt_bayes.runs.numbers import brief

NAME = "laws"


def check(context: Context) -> tuple[Check, ...]:
    """The decision at each budget under each other law, on the same runs."""
    d = context.decision
    drawn = {n: levels(f, d.budgets, context.shares) for n, f in context.variants.items()}
    return tuple(
        judge({n: v[:, b] for n, v in drawn.items()}, int(d.best[b]), context.margin[b], d.names)
        for b in range(len(d.budgets))
    )


def judge(latent: dict[str, np.ndarray], best: int, margin: float, names: list[str]) -> Check:
    """Judge the candidate ``best`` of the main law by draws (draw, candidate) of other laws."""
    figures: dict[str, dict[str, Any]] = {}
    for law, draws in latent.items():
        other, lost, p_best = instead(draws, best)
        figures[law] = {
            "best": names[other], "regret_of_choice": lost, "p_best_of_choice": p_best,
            "median": float(np.median(draws[:, best])),
        }  # fmt: skip
    if not figures:
        return Check(NAME, INFO, "no other law could be compared", "", {})
    differ = [law for law, f in figures.items() if f["best"] != names[best]]
    matter = [law for law in differ if figures[law]["regret_of_choice"] > margin]
    if matter:
        text = "; ".join(
            f"under '{law}' {figures[law]['best']} is best, and {names[best]} costs "
            f"{brief(figures[law]['regret_of_choice'])}"
            for law in matter
        )
        advice = "buy the run on which these laws disagree most, or decide by the safer candidate"
        return Check(NAME, REVIEW, text, advice, figures)
    if differ:
        text = f"{and_list(differ, 4)} would choose other data, at a difference below the margin"
        return Check(NAME, PASS, text, "", figures)
    return Check(NAME, PASS, f"{names[best]} is best under each of {len(figures)} other laws", "",
                 figures)  # fmt: skip
