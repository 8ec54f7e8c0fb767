"""What the run table itself warns of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.model.noise import trajectories
from qqt_bayes.risk.check import INFO, PASS, REVIEW, Check
from qqt_bayes.risk.context import Context

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

NAME = "table"
SETTING = re.compile(
    r"^(lr|learning_?rate|max_lr|batch|batch_?size|warmup\w*|weight_?decay|optimi[sz]er)$", re.I
)
SAME_BUDGET = 0.02


def check(context: Context) -> tuple[Check, ...]:
    """Warnings of the study, of varying settings, and of repetition never tried."""
    study = context.fit.study
    serious, notes = confounded(context.fit)
    open_end = study.annealed != 1  # of a checkpoint, unless it is said to be annealed
    if np.any((study.annealed == 0) | (open_end & (trajectories(study) >= 0))):
        serious.append(
            "rows from schedules that had not ended, or checkpoints not said to be annealed: "
            "they hide the penalty of repetition"
        )
    sizes = np.asarray(study.pools.sizes, float)
    repeated = study.epochs.max()
    notes += list(study.warnings)
    out = []
    for b, samples in enumerate(context.budgets):
        shares = context.shares[context.decision.best[b]]
        epochs = float((samples * shares / sizes).max())
        here = list(serious)
        if repeated <= 1.0 + SAME_BUDGET < epochs:
            here.append(f"no run repeats a pool, although the target passes {epochs:.1f} epochs")
        out.append(judge(here, notes))
    return tuple(out)


def judge(serious: list[str], notes: list[str]) -> Check:
    """REVIEW for what can turn a comparison round; notes are told only."""
    figures = {"serious": serious, "notes": notes}
    if serious:
        return Check(
            NAME, REVIEW, "; ".join(serious),
            "compare only finished runs under settings tuned alike, and buy one run that repeats "
            "what the target repeats",
            figures,
        )  # fmt: skip
    if notes:
        return Check(NAME, INFO, "; ".join(notes), "", figures)
    return Check(NAME, PASS, "no problem found in the run table", "", figures)


def confounded(fit: Fit) -> tuple[list[str], list[str]]:
    """Columns of training settings that vary with pool or budget: serious ones, and notes."""
    table = fit.runs.table
    serious: list[str] = []
    notes: list[str] = []
    tuned = "tuned" in table and bool(table["tuned"].fillna(False).astype(bool).all())
    if "tuned" in table and bool((~table["tuned"].fillna(True).astype(bool)).any()):
        rows = int((~table["tuned"].fillna(True).astype(bool)).sum())
        were = "row was" if rows == 1 else "rows were"
        serious.append(f"{rows} {were} not tuned: a crossing may be under-tuning")
    budget = (np.log(table["samples"].astype(float)) / SAME_BUDGET).round()
    for column in [c for c in table if SETTING.match(str(c))]:
        text = table[column].astype(str)
        if text.nunique() < 2:
            continue
        with_data = varies(text, table["data"], budget)
        with_budget = varies(text, budget, table["data"])
        if with_data and not tuned:
            serious.append(f"'{column}' differs between data at the same budget")
        elif with_data or with_budget:
            what = "data" if with_data else "budget"
            told = f"'{column}' varies with {what}"
            (notes if tuned else serious).append(told + (", tuned" if tuned else ", tuned or not?"))
    return serious, notes


def varies(values: pd.Series, across: pd.Series, within: pd.Series) -> bool:
    """Whether values differ across groups within some group of the other kind."""
    frame = pd.DataFrame({"v": values, "a": across, "w": within})
    sets = frame.groupby(["w", "a"])["v"].agg(lambda v: tuple(sorted(set(v))))
    return bool((sets.groupby("w").nunique() > 1).any())
