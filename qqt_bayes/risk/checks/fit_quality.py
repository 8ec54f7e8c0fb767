"""Whether the model describes the runs it was fitted to, and which of them are influential."""

from __future__ import annotations

import numpy as np

from qqt_bayes.decide.text import and_list
from qqt_bayes.risk.check import FAIL, INFO, PASS, REVIEW, Check
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.thresholds import OUTLIER, PIT_FAIL, PIT_REVIEW

NAME = "fit"


def check(context: Context) -> tuple[Check, ...]:
    """Leave-one-out predictive checks of the cells, the same at every budget."""
    left = context.left_out
    names = [context.cell_name(i) for i in range(len(left.pit))]
    runs = {name: context.runs_of(i) for i, name in enumerate(names)}
    return (judge(left.pit, left.k_hat, left.good_k, names, runs),) * len(context.budgets)


def judge(
    pit: np.ndarray, k_hat: np.ndarray, good_k: float, names: list[str],
    runs: dict[str, list[str]],
) -> Check:  # fmt: skip
    """Judge leave-one-out PITs (cell,): uniform, and none too far out.

    Cells with a Pareto shape above ``good_k`` are influential; ``runs`` are those behind each.
    """
    from scipy.stats import kstest, norm

    z = norm.ppf(np.clip(pit, 1e-9, 1.0 - 1e-9))
    p_value = float(kstest(pit, "uniform").pvalue)
    far = np.abs(z) > norm.ppf(1.0 - 0.5 * OUTLIER / len(z))
    high = k_hat > good_k
    outliers = [f"{names[i]}: {z[i]:+.1f} sd" for i in np.argsort(-np.abs(z)) if far[i]]
    influential = [names[i] for i in np.argsort(-k_hat) if high[i]]
    figures = {
        "pit_p_value": p_value,
        "residual_sd": float(np.std(z)),
        "largest_residual": float(np.max(np.abs(z))),
        "outliers": outliers,
        "k_hat_max": float(np.max(k_hat)),
        "k_hat_limit": float(good_k),
        "influential": {name: runs[name] for name in influential},
        "pit": pit,
    }
    text = (
        f"each of {len(z)} cells predicted from the others: standardised errors have "
        f"sd {np.std(z):.2f} (1 expected), uniformity p = {p_value:.2g}"
    )
    if len(z) < 2:
        return Check(
            NAME, INFO, "one cell only: there are no others to predict it from", "", figures
        )
    if influential:
        text += f"; influential, kept: {and_list(influential, 3)}"
    if p_value < PIT_FAIL:
        shape = "too narrow" if np.std(z) > 1 else "too wide"
        return Check(
            NAME, FAIL, f"{text}: the bands are {shape} even inside your runs",
            "look for rows that are not comparable (schedules, learning rates, evaluation sets), "
            "or use another specification",
            figures,
        )  # fmt: skip
    if outliers:
        return Check(
            NAME, REVIEW, f"{text}; outliers: {and_list(outliers, 3)}",
            "check these runs for a fault and repeat them with another seed; do not just drop them",
            figures,
        )  # fmt: skip
    if p_value < PIT_REVIEW:
        return Check(
            NAME, REVIEW, f"{text}: not what this model expects",
            "compare with another specification (--spec)", figures,
        )  # fmt: skip
    return Check(NAME, PASS, text, "", figures)
