"""What to know of the rows of a study before a fit is trusted: how they differ, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

import numpy as np
import pandas as pd

from qqt_bayes.kind_names import kind_of
from qqt_bayes.kinds import Kind
from qqt_bayes.runs.checks import FLAGS, KIND, NUMBERS, REQUIRED
from qqt_bayes.runs.numbers import count, format_number
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.settings import differing
from qqt_bayes.runs.sheet import Sheet, as_text

# Rows of different values here are different studies, unless the model has a level for them.
COMPARABLE = ("model", "params")
_OWN = {*REQUIRED, *NUMBERS, *FLAGS, *COMPARABLE, KIND, "seed", "line"}


def apart(table: pd.DataFrame, levels: Sequence[str] = ()) -> dict[str, list[str]]:
    """Columns by which rows are different studies, with their values; one of them to be chosen."""
    text, known, found = table.map(as_text), list(levels), {}
    for column in COMPARABLE:
        if column in table and column not in known and _splits(text, column, known):
            known.append(column)  # a size that follows from the model is one problem
            found[column] = list(dict.fromkeys(text[column]))
    if (
        "annealed" in table
        and "annealed" not in levels
        and {"true", "false"} <= {*text["annealed"]}
    ):
        found["annealed"] = ["true", "false"]
    return found


def check_comparable(table: pd.DataFrame, sheet: Sheet, levels: Sequence[str]) -> list[str]:
    """Flag rows that must not be pooled; warn of columns that perhaps should be fixed."""
    text, split = table.map(as_text), apart(table, levels)
    for column, values in split.items():
        shown = ", ".join(value or "(blank)" for value in values[:6])
        what = f"{len(values)} values in one study"
        mend = _choose(column, next((value for value in values if value), ""))
        if column == "annealed":
            what = "annealed and unannealed rows in one study"
        else:
            mend += f", or answer for each: qqt tasks --by {column}"
            mend += ", or let the model know: --covariate params" * (column == "params")
        sheet.flag(None, column, what, mend, shown)
    warnings = []
    if "annealed" in table and "annealed" not in (*levels, *split):
        states = set(text["annealed"])
        if len(states) > 1:
            warnings.append(
                f"'annealed' is blank in {(text['annealed'] == '').sum()} rows: they are "
                f"taken to be {(states - {''}).pop()} like the others"
            )
    same = [c for c in ("data", "samples", "seed", *levels) if c in table]
    told = {*_OWN, *levels, *differing(table)}
    for column in [c for c in table if c not in told]:
        if _splits(text, column, same) and text[column].nunique() < len(text):
            values = list(dict.fromkeys(text[column]))[:4]
            warnings.append(
                f"column '{column}' differs ({', '.join(values)}) between rows of the same data, "
                f"samples and seed: they count as replicates; --where {column}={values[0]} "
                f"takes one of them"
            )
    return warnings


def _choose(column: str, value: str) -> str:
    return f"choose one: --where {column}={value} (Python: where={{'{column}': '{value}'}})"


def _splits(text: pd.DataFrame, column: str, within: list[str]) -> bool:
    """Whether the column takes several values among rows equal in the others."""
    if not within:
        return bool(text[column].nunique() > 1)
    return bool((text.groupby(within)[column].nunique() > 1).any())


def caveats(
    table: pd.DataFrame,
    arrays: dict[str, np.ndarray],
    metric: str,
    kind: Kind,
    pools: Pools,
    levels: Sequence[str],
) -> list[str]:
    """What to know before trusting a fit to rows of one metric, with their `arrays`."""
    notes = [*_of_checkpoints(table, arrays["annealed"])]
    if not _has_replicates(table, levels):
        notes.append(
            "one run only for each mixture and budget: the spread between seeds is known from "
            "the prior and the fit's residuals alone; buy a few seeds"
        )
    notes += _of_metric(metric, kind, arrays)
    idle = [name for name, used in zip(pools, arrays["shares"].any(axis=0), strict=True)
            if not used]  # fmt: skip
    if idle:
        notes.append(f"no run draws from {', '.join(idle)}: known from other pools only")
    if "tuned" in table:
        low = table.loc[~table["tuned"].fillna(True), "samples"]
        if len(low):
            notes.append(
                f"{count(len(low), 'row')} not tuned ({format_number(low.min())} to "
                f"{format_number(low.max())} samples): a crossing may be under-tuning"
            )
    return notes


def _of_checkpoints(table: pd.DataFrame, annealed: np.ndarray) -> Iterator[str]:
    """What rows of one run, and of runs whose schedule had not ended, cannot tell."""
    lengths = table.groupby("run")["samples"].nunique()
    several = int((lengths > 1).sum())
    if not several:
        if np.any(annealed == 0):
            yield (
                "unannealed rows: before the schedule has ended, differences between data are not "
                "those of finished runs"
            )
        return
    yield (
        f"{several} of {count(len(lengths), 'run')} with several rows: rows of one run share a "
        "run effect and count for less than separate runs"
    )
    if not np.all(annealed == 1):
        yield (
            "checkpoints of a run whose schedule is still decaying hide the penalty of "
            "repetition: make one annealed run for each budget, say so in column 'annealed', "
            "and take those alone (--where annealed=true)"
        )
    ends = table[annealed == 1].groupby("run")["samples"].nunique()
    if (ends > 1).any():
        yield (
            f"'annealed' is true at several samples of {(ends > 1).sum()} runs, although "
            f"a schedule ends once: right only where each row was branched off and decayed by "
            f"itself; else write false in all but the last"
        )


def _of_metric(metric: str, kind: Kind, arrays: dict[str, np.ndarray]) -> Iterator[str]:
    """What was taken for granted of the metric."""
    guessed = kind_of(metric)
    if kind.name not in metric.lower() and guessed is not None and guessed.name == kind.name:
        yield (
            f"'{metric}' is taken for {kind.words}, {kind.better}; --kind {quote(metric)}=KIND "
            "(Python: kinds= of read_runs) says otherwise"
        )
    if kind.chance:
        sd = np.sqrt(kind.evaluation_variance(1.0, arrays["n_eval"], arrays["se"]))
        below = np.sum(arrays["value"] > 1.0 + 3.0 * np.maximum(sd, 0.01))
        if below:
            yield (
                f"{below} values are further below the chance level of {kind.chance:g} than noise "
                "explains: is it right for this metric?"
            )
    if kind.name == "rate" and np.median(arrays["value"]) > 2.0:
        yield "rates above 2 are taken as they are: divide by 100 if they are percents"
    noise = np.isfinite(arrays["n_eval"]) | np.isfinite(arrays["se"])
    if kind.fraction and not noise.all():
        rows = f"{(~noise).sum()} of {len(noise)}" if noise.any() else "all"
        yield f"no n_eval or se in {rows} rows: their evaluation noise counts as 0"


def _has_replicates(table: pd.DataFrame, levels: Sequence[str]) -> bool:
    """Whether any mixture has two runs at one budget (equal to about 2%), all else alike."""
    budget = (np.log(table["samples"]) / 0.02).round()
    columns = [table["data"], budget] + [
        table[c].map(as_text) for c in dict.fromkeys((*COMPARABLE, *levels)) if c in table
    ]
    return bool((table.groupby(columns)["run"].nunique() > 1).any())
