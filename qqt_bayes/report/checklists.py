"""Checklists of good practice, filled in from what is known."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qqt_bayes._text import nearest
from qqt_bayes.errors import UsageError
from qqt_bayes.harmless import one_line
from qqt_bayes.model.toml import read_toml
from qqt_bayes.report.known import KNOWN, evidence

if TYPE_CHECKING:
    from qqt_bayes.report.content import Content

ANSWERED, UNKNOWN, APART = "answered", "not known: tell us", "does not apply"

__all__ = ["Checklist", "Item", "check_answers", "make_checklists", "questions", "read_answers"]


@dataclass(frozen=True)
class Item:
    """One item of a checklist; by its key the user answers it."""

    group: str
    key: str
    question: str
    status: str
    answer: str


@dataclass(frozen=True)
class Checklist:
    """A checklist filled in."""

    name: str
    title: str
    source: str
    url: str
    items: tuple[Item, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many items have each status."""
        found = Counter(item.status for item in self.items)
        return {status: found[status] for status in (ANSWERED, UNKNOWN, APART)}

    @property
    def groups(self) -> list[tuple[str, list[Item]]]:
        """Items by group, in order."""
        found: dict[str, list[Item]] = {}
        for item in self.items:
            found.setdefault(item.group, []).append(item)
        return list(found.items())

    @property
    def text(self) -> str:
        """The count in a sentence."""
        c = self.counts
        return (
            f"{len(self.items)} items: {c[ANSWERED]} answered, {c[UNKNOWN]} not known, "
            f"{c[APART]} not applicable"
        )


# (group, key, question); a key that `known` has no answer for is the user's to answer.
REPORTING = (
    ("Purpose", "goals", "What is the analysis for?"),
    ("Purpose", "why_bayes", "Why a Bayesian analysis?"),
    ("Model", "variables", "Which data are modelled, in which units?"),
    ("Model", "origin", "Where do the data come from, and how were they collected?"),
    ("Model", "likelihood", "What are the likelihood and its parameters?"),
    ("Model", "priors", "What are the priors, and why these?"),
    ("Model", "formula", "Is the model specified formally?"),
    ("Model", "prior_predictive", "What do the priors imply before any data?"),
    ("Computation", "software", "Which software, in which versions?"),
    ("Computation", "convergence", "Did the computation converge, for every parameter?"),
    ("Computation", "derived", "Did they for every derived quantity that is reported?"),
    ("Computation", "resolution", "Are there enough effective draws?"),
    ("Posterior", "predictive_check", "Does the model describe the data?"),
    ("Posterior", "summary", "Which point and interval summarise the posterior?"),
    ("Posterior", "comparison", "Are models compared, and how?"),
    ("Decision", "decision", "What is decided, by which rule?"),
    ("Decision", "loss", "What would a wrong decision cost?"),
    ("Sensitivity", "sensitivity", "Does the answer depend on the priors?"),
    ("Reproducibility", "seed", "Are seeds and settings given?"),
    ("Reproducibility", "data", "Can the data be identified?"),
    ("Reproducibility", "command", "Can the analysis be run again?"),
    ("Reproducibility", "url", "Where are the data and the code to be found?"),
)
SCALING = (
    ("Hypothesis", "form", "Which functional form?"),
    ("Hypothesis", "inputs", "Which variables does it take?"),
    ("Hypothesis", "parameters", "Which parameters are fitted, and which are fixed?"),
    ("Hypothesis", "rationale", "Why this form?"),
    ("Hypothesis", "relations", "Which relations between runs are assumed?"),
    ("Training", "models", "Which models, of which sizes?"),
    ("Training", "data_used", "How much data did each run see?"),
    ("Training", "repetition", "Was data repeated?"),
    ("Training", "counting", "How are samples, parameters and compute counted?"),
    ("Training", "tuned", "Were hyperparameters tuned at each size?"),
    ("Training", "schedule", "Which learning-rate schedule, and had it ended?"),
    ("Training", "url", "Are code and checkpoints open?"),
    ("Collection", "metric", "Which metric?"),
    ("Collection", "test_set", "On which test set?"),
    ("Collection", "checkpoints", "Which checkpoints were taken?"),
    ("Collection", "filtering", "Were rows left out, smoothed or averaged before the fit?"),
    ("Collection", "seeds", "How many seeds?"),
    ("Fitting", "objective", "Which objective?"),
    ("Fitting", "algorithm", "Which algorithm, with which settings and start?"),
    ("Fitting", "excluded", "Which points were excluded from the fit?"),
    ("Fitting", "held_out", "Was it tested on points held out?"),
    ("Fitting", "uncertainty", "How uncertain is the prediction?"),
    ("Fitting", "fit_sensitivity", "How sensitive is it to these choices?"),
    ("Forecast", "extrapolation", "How far beyond the runs does it reach?"),
    ("Forecast", "epochs", "How often is data repeated, in the runs and in the forecast?"),
    ("Forecast", "drift", "How much of the variance is error of the law?"),
    ("Forecast", "simple_rule", "How would ranking by the largest run have done?"),
    ("Forecast", "optimism", "How much better does the optimum look than it is expected to be?"),
)
LISTS = (
    (
        "reporting", "Bayesian reporting", "Kruschke 2021, in our words",
        "https://doi.org/10.1038/s41562-021-01177-7", REPORTING,
    ),
    (
        "scaling", "Scaling law", "qqt_bayes's own list, after published surveys",
        "https://arxiv.org/abs/2502.18969", SCALING,
    ),
)  # fmt: skip


def check_answers(answers: dict[str, object], where: str = "answers") -> dict[str, str]:
    """Answers with their keys checked."""
    valid = list(dict.fromkeys(key for *_, items in LISTS for _, key, _ in items))
    out = {}
    for key, value in answers.items():
        if key not in valid:
            near = nearest(key, valid, 0.6)
            hint = f"did you mean '{near}'? " if near else ""
            raise UsageError(f"{where}: no item '{key}' -> {hint}choose from {', '.join(valid)}")
        if not isinstance(value, str | int | float):
            raise UsageError(f'{where}: {key} must be a text -> write {key} = "..."')
        out[key] = ("yes" if value else "no") if isinstance(value, bool) else str(value).strip()
    return {key: value for key, value in out.items() if value}


def read_answers(path: str | Path) -> dict[str, str]:
    """Read what only the user knows from a TOML file: ``schedule = "cosine to zero"``.

    Raises
    ------
    UsageError
        If there is no such file, it is not TOML, or a key is not known.
    """
    path = Path(path)
    if not path.exists():
        mend = "a report writes questions.toml, to be filled in"
        raise UsageError(f"no such file: {path} -> {mend}")
    return check_answers(read_toml(path), str(path))


def make_checklists(content: Content) -> tuple[Checklist, ...]:
    """Fill in both checklists: the user's answers first, then what the objects tell."""
    found = evidence(content)
    return tuple(
        Checklist(name, title, source, url, tuple(fill(content, found, *item) for item in items))
        for name, title, source, url, items in LISTS
    )


def fill(
    content: Content, found: dict[str, str | None], group: str, key: str, question: str
) -> Item:
    """One item filled in; evidence of None means that it does not apply."""
    told = content.answers.get(key)
    if key in found:
        known = found[key]
        if known is None:
            return Item(group, key, question, ANSWERED if told else APART, told or "")
        if known:
            return Item(group, key, question, ANSWERED, " ".join(filter(None, [told, known])))
    if told:
        return Item(group, key, question, ANSWERED, told)
    hint = KNOWN.get(key, f'answer it in a TOML file: {key} = "..."')
    return Item(group, key, question, UNKNOWN, hint)


def questions(lists: tuple[Checklist, ...], told: dict[str, str]) -> str:
    """A TOML file of what is not known, to fill in and hand back by ``--answers``.

    What was told already stands first, so that the file may replace the one it was read from.
    """
    lines = ["# Fill in what applies, then: qqt report ... --answers questions.toml"]
    lines += [f"{key} = {json.dumps(one_line(a), ensure_ascii=False)}" for key, a in told.items()]
    seen = set(told)
    for item in (i for c in lists for i in c.items if i.status == UNKNOWN):
        if item.key not in seen:
            lines += ["", f"# {item.question}", f'{item.key} = ""']
            seen.add(item.key)
    return "\n".join([*lines, ""])
