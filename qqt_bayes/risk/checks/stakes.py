"""Whether the bands are narrow enough for the decision, and what being wrong costs."""

from __future__ import annotations

import numpy as np

from qqt_bayes.decide.text import cost
from qqt_bayes.risk.check import INFO, PASS, REVIEW, Check
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.thresholds import P_COSTLY
from qqt_bayes.runs.numbers import brief

NAME = "stakes"


def check(context: Context) -> tuple[Check, ...]:
    """Probability and cost of a wrong choice at each budget."""
    d = context.decision
    out = []
    for b in range(len(d.budgets)):
        best, other = int(d.best[b]), d.runner_up(b)
        out.append(
            judge(
                d.latent[:, b], best, context.margin[b], d.chosen(b),
                None if other is None else d.names[other],
            )
        )  # fmt: skip
    return tuple(out)


def judge(latent: np.ndarray, best: int, margin: float, data: str, runner_up: str | None) -> Check:
    """Judge the stakes of the candidate ``best`` from draws (draw, candidate), lower is better.

    ``data`` and ``runner_up`` are the names of the chosen and of the next.
    """
    regret = latent[:, best] - latent.min(axis=1)
    p_best = float(np.mean(np.argmin(latent, axis=1) == best))
    expected, costly = float(regret.mean()), float(np.mean(regret > margin))
    figures = {
        "p_best": p_best, "expected_regret": expected, "margin": margin, "p_costly": costly,
        "level_width90": float(np.subtract(*np.quantile(latent[:, best], [0.95, 0.05]))),
    }  # fmt: skip
    if runner_up is None:
        return Check(NAME, INFO, f"{data} is the only candidate: nothing to choose", "", figures)
    regret_told = cost(expected, figures["level_width90"])
    text = (
        f"P({data} is best) = {p_best:.2f}; expected regret {regret_told}, "
        f"P(it costs more than {brief(margin)}) = {costly:.2f}"
    )
    if expected > margin or costly > P_COSTLY:
        advice = f"buy a run of {data} and of {runner_up} nearer the target before the large one"
        return Check(NAME, REVIEW, text, advice, figures)
    return Check(NAME, PASS, text, "", figures)
