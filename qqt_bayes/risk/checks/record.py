"""Whether this model would have been right before, on these runs."""

from __future__ import annotations

import numpy as np

from qqt_bayes.decide.place import outside
from qqt_bayes.risk.check import FAIL, INFO, PASS, REVIEW, Check, worst
from qqt_bayes.risk.context import Context
from qqt_bayes.risk.history import Coverage, Record
from qqt_bayes.risk.thresholds import COVERAGE_FAIL, COVERAGE_REVIEW, OVERCONFIDENT
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import brief

NAME = "record"
NOMINAL = 0.9


def check(context: Context) -> tuple[Check, ...]:
    """Coverage, scores and regret of roll-forward back-tests at each budget's distance."""
    return tuple(
        judge(context.record, outside(n, context.fit.study), margin)
        for n, margin in zip(context.budgets, context.margin, strict=True)
    )


def judge(record: Record, factor: float, margin: float) -> Check:
    """Judge the record at a distance; what was tested nearer says less of it.

    ``factor`` is the budget over the largest run beyond it, over the smallest below it, 1 inside.
    """
    if factor < 1.0:
        return Check(
            NAME, INFO, "back-tests look beyond the largest run, not below the smallest", "",
            {"origins": list(record.origins)},
        )  # fmt: skip
    level, gap = record.coverage("level", factor), record.coverage("difference", factor)
    if level is None and factor == 1.0:
        text = "no back-test is possible, and inside your runs none is needed"
        return Check(NAME, PASS, text, "", {"origins": list(record.origins)})
    if level is None:
        return Check(
            NAME, REVIEW,
            "no back-test is possible: it takes runs at three budgets or more, and four rows "
            "below the last",
            "run a few candidates at one more, smaller budget: a record costs little there",
            {"origins": list(record.origins)},
        )  # fmt: skip
    chosen = choice_figures(record, factor)
    figures = {
        "origins": list(record.origins),
        "level": figures_of(record, "level", factor, level),
        "difference": None if gap is None else figures_of(record, "difference", factor, gap),
        "choices": chosen,
    }
    statuses = [grade(c) for c in (level, gap) if c is not None]
    origins = f"{format_number(record.origins[0])} to {format_number(record.origins[-1])}"
    text = (
        f"fitted up to {origins} and judged up to {level.tested_to:g}x beyond, the 90% bands held "
        f"{level.text} runs"
    )
    if gap is not None:
        text += f" and {gap.text} differences"
    if chosen["choices"]:
        text += (
            f"; its {chosen['choices']} choices lost {brief(chosen['regret'])} on average, "
            f"{brief(chosen['regret_expected'])} expected "
            f"(ranking by the largest run: {number(chosen['regret_rank'])})"
        )
        if chosen["regret"] > margin + OVERCONFIDENT * chosen["regret_expected"]:
            statuses.append(REVIEW)
    status = worst(statuses)
    if status == PASS and beaten(chosen):
        status = INFO
        text += ": the simpler rule lost less"
    advice = ""
    if status in (REVIEW, FAIL):
        advice = (
            "take the bands as too narrow; go no further than the record shows, or buy one run of "
            "the two leading candidates nearer the target"
        )
    return Check(NAME, status, text, advice, figures)


def beaten(chosen: dict[str, float]) -> bool:
    """Whether ranking by the largest run would have lost less, as far as two figures show."""
    if not chosen["choices"] or not np.isfinite(chosen["regret_rank"]):
        return False
    return number(chosen["regret"]) != number(chosen["regret_rank"]) and bool(
        chosen["regret"] > chosen["regret_rank"]
    )


def grade(coverage: Coverage) -> str:
    """Bad only when the rate is low and its interval excludes the nominal one."""
    if coverage.hi >= NOMINAL:
        return PASS
    if coverage.rate < COVERAGE_FAIL:
        return FAIL
    return REVIEW if coverage.rate < COVERAGE_REVIEW else PASS


def figures_of(record: Record, what: str, factor: float, coverage: Coverage) -> dict[str, float]:
    """Coverage and mean scores at a distance."""
    rows = record.at(what, factor)
    return {
        "coverage": coverage.rate, "coverage_lo": coverage.lo, "coverage_hi": coverage.hi,
        "targets": coverage.targets, "groups": coverage.groups, "tested_to": coverage.tested_to,
        "crps": float(rows["crps"].mean()), "interval_score90": float(rows["score90"].mean()),
        "log_score": float(rows["log_score"].mean()),
    }  # fmt: skip


def choice_figures(record: Record, factor: float) -> dict[str, float]:
    """Mean regret of the choices, beside what was expected and ranking by the largest run."""
    rows = record.choices_at(factor)
    names = ("regret", "regret_expected", "regret_rank", "p_true")
    if rows.empty:
        return {"choices": 0} | dict.fromkeys(names, np.nan)
    return {"choices": len(rows)} | {name: float(rows[name].mean()) for name in names}


def number(value: float) -> str:
    """A regret in two figures; a dash where there is none."""
    return brief(value) if np.isfinite(value) else "-"
