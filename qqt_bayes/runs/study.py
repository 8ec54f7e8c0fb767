"""What a model is fitted to: one metric of comparable rows, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.kinds import Kind, ask_kind, kind_of
from qqt_bayes.runs.checks import FLAGS, KIND, NUMBERS, REQUIRED
from qqt_bayes.runs.metrics import check_range
from qqt_bayes.runs.mixture import Mixture
from qqt_bayes.runs.numbers import count, format_number
from qqt_bayes.runs.outliers import find_outliers
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.settings import differing, tell_settings
from qqt_bayes.runs.sheet import Sheet, as_text

if TYPE_CHECKING:
    from qqt_bayes.runs.table import Runs

# Rows of different values here are different studies, unless the model has a level for them.
COMPARABLE = ("model", "params")
_OWN = {*REQUIRED, *NUMBERS, *FLAGS, *COMPARABLE, KIND, "seed", "line"}


@dataclass(frozen=True, eq=False)
class Study:
    """One metric of comparable rows. Arrays are read-only, one entry a row.

    Parameters
    ----------
    metric, kind
        The metric and its kind, which says how it is modelled and which way is better.
    samples
        Samples seen (row,).
    value
        The modelled value (row,), lower is better: see `Kind.modelled`.
    shares
        Sampling shares (row, pool); rows sum to 1.
    n_eval, se
        Test items, and standard error in the metric's unit (row,); NaN where not given.
    run, seed
        Names (row,), as text; ``""`` where no seed is given.
    annealed
        1 when the schedule had ended, 0 when not, NaN where not given (row,).
    data
        Mixture expression of each row.
    mixtures
        Expression -> mixture.
    levels
        Column of `spec_levels` -> its value in each row, as text.
    pools
        The pools, in the order of the columns of `shares`.
    warnings
        What to know before trusting a fit.
    trained_on
        Number of `runs` and `rows`, and `max_samples`.
    strange
        Those of `warnings` that name rows far from their kin, kept or set aside.
    aside
        Run and samples of the rows that were set aside.
    pooled
        Those of `warnings` that name settings in which runs differ that count as alike.
    """

    metric: str
    kind: Kind
    samples: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)
    shares: np.ndarray = field(repr=False)
    n_eval: np.ndarray = field(repr=False)
    se: np.ndarray = field(repr=False)
    run: np.ndarray = field(repr=False)
    seed: np.ndarray = field(repr=False)
    annealed: np.ndarray = field(repr=False)
    data: tuple[str, ...] = field(repr=False)
    mixtures: dict[str, Mixture] = field(repr=False)
    levels: dict[str, tuple[str, ...]] = field(repr=False)
    pools: Pools = field(repr=False)
    warnings: tuple[str, ...] = field(repr=False)
    trained_on: dict[str, float]
    strange: tuple[str, ...] = field(default=(), repr=False)
    aside: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    pooled: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def direction(self) -> Literal["min", "max"]:
        """The direction in which the metric is reported (accuracy: ``max``)."""
        return self.kind.direction

    def reported(self, value: Any) -> Any:
        """Performance in the metric's unit (lower is better) as the metric itself, and back."""
        return self.kind.reported(value)

    @property
    def observed(self) -> np.ndarray:
        """The metric itself (row,)."""
        return np.asarray(self.kind.observed(self.value))

    @property
    def used(self) -> np.ndarray:
        """Which pools any row draws from (pool,)."""
        return np.any(self.shares > 0, axis=0)

    @property
    def epochs(self) -> np.ndarray:
        """Epochs of each pool that a row has seen (row, pool); 0 of an unlimited one."""
        return self.samples[:, None] * self.shares / np.asarray(self.pools.sizes, float)


def make_study(runs: Runs, metric: str, kind: Kind | None, levels: Sequence[str]) -> Study:
    """Turn the rows of one metric into a study; see `Runs.study`."""
    strange, told = find_outliers(runs, levels)
    table = runs.table[~strange]
    known = kind or kind_of(metric)
    if known is None:
        raise UsageError(ask_kind(metric))
    unknown = [name for name in levels if name not in table]
    if unknown:
        there = ", ".join(name for name in table if name != "line")
        raise UsageError(f"no column '{unknown[0]}' for a level -> choose from {there}")
    sheet = Sheet(runs.source, files=[runs.source] * len(table), lines=table["line"].tolist())
    sheet.cells["value"] = [as_text(value) for value in table["value"]]
    value = table["value"].to_numpy(float)
    check_range(sheet, metric, known, range(len(table)), value.tolist())
    known = known.scaled_to(value)
    with np.errstate(invalid="ignore", divide="ignore"):  # of values that are flagged
        modelled = np.array(known.modelled(value))
    warnings = _soften_perfect(sheet, known, modelled, _numbers(table, "n_eval"))
    warnings += _check_comparable(table, sheet, levels)
    if sheet.problems:
        raise InputError(sheet.problems)
    arrays = {
        "samples": table["samples"].to_numpy(float, copy=True),
        "value": modelled,
        "shares": np.array([runs.mixtures[text].vector(runs.pools) for text in table["data"]]),
        "n_eval": _numbers(table, "n_eval"),
        "se": _numbers(table, "se"),
        "run": table["run"].to_numpy(str),
        "seed": table["seed"].to_numpy(str) if "seed" in table else np.full(len(table), ""),
        "annealed": _numbers(table, "annealed"),
    }
    for array in arrays.values():
        array.flags.writeable = False
    pooled = tuple(tell_settings(table, levels))
    return Study(
        metric=metric,
        kind=known,
        **arrays,
        data=tuple(table["data"]),
        mixtures=runs.mixtures,
        levels={name: tuple(as_text(v) for v in table[name]) for name in levels},
        pools=runs.pools,
        warnings=(*runs.notes, *told, *pooled, *warnings, *_caveats(runs, arrays, known, levels)),
        trained_on={
            "runs": table["run"].nunique(),
            "rows": len(table),
            "max_samples": float(table["samples"].max()),
        },
        strange=tuple(told),
        aside=tuple(sorted(runs.table.loc[strange, ["run", "samples"]].itertuples(False, None))),
        pooled=pooled,
    )


def _soften_perfect(
    sheet: Sheet, kind: Kind, modelled: np.ndarray, n_eval: np.ndarray
) -> list[str]:
    """Take a perfect value for half a test item wrong, in place: an error of 0 has no logarithm."""
    perfect = np.flatnonzero(modelled <= 0)
    items = kind.fraction & np.isfinite(n_eval[perfect])
    unknown = perfect[~items]
    if len(unknown) and not sheet.problems:
        count = f" in {len(unknown)} rows" if len(unknown) > 1 else ""
        what = f"a perfect {kind}{count}, whose error of 0 has no logarithm"
        mend = "study a metric that can still improve"
        if kind.fraction:
            mend = "say in column n_eval how many test items are behind it"
        sheet.flag(int(unknown[0]), "value", what, mend)
    known = perfect[items]
    modelled[known] = 0.5 / (n_eval[known] + 1.0) / abs(kind.unit)
    if not len(known):
        return []
    return [f"{len(known)} perfect values are taken for half a test item wrong"]


def _numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    if column not in table:
        return np.full(len(table), np.nan)
    return np.array(table[column].to_numpy(float, na_value=np.nan))


def _check_comparable(table: pd.DataFrame, sheet: Sheet, levels: Sequence[str]) -> list[str]:
    """Flag rows that must not be pooled; warn of columns that perhaps should be fixed."""
    text = table.map(as_text)
    for column in COMPARABLE:
        if column in table and column not in levels and _splits(text, column, list(levels)):
            values = list(dict.fromkeys(text[column]))
            shown = ", ".join(value or "(blank)" for value in values[:6])
            example = next((value for value in values if value), "")
            mend = f"choose one: --where {column}={example} "
            mend += f"(Python: where={{'{column}': '{example}'}})"
            mend += ", or let the model know: --covariate params" * (column == "params")
            sheet.flag(None, column, f"{len(values)} values in one study", mend, shown)
    warnings = []
    if "annealed" in table and "annealed" not in levels:
        states = set(text["annealed"])
        if {"true", "false"} <= states:
            what = "annealed and unannealed rows in one study"
            mend = "choose one: --where annealed=true (Python: where={'annealed': 'true'})"
            sheet.flag(None, "annealed", what, mend, "true, false")
        elif len(states) > 1:
            warnings.append(
                f"'annealed' is blank in {int((text['annealed'] == '').sum())} rows: they are "
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


def _splits(text: pd.DataFrame, column: str, within: list[str]) -> bool:
    """Whether the column takes several values among rows equal in the others."""
    if not within:
        return bool(text[column].nunique() > 1)
    return bool((text.groupby(within)[column].nunique() > 1).any())


def _caveats(
    runs: Runs, arrays: dict[str, np.ndarray], kind: Kind, levels: Sequence[str]
) -> list[str]:
    table = runs.table
    notes = []
    lengths = table.groupby("run")["samples"].nunique()
    several = int((lengths > 1).sum())
    if several:
        notes.append(
            f"{several} of {count(len(lengths), 'run')} with several rows: rows of one run share a "
            "run effect and count for less than separate runs"
        )
        if not np.all(arrays["annealed"] == 1):
            notes.append(
                "checkpoints of a run whose schedule is still decaying hide the penalty of "
                "repetition: make one annealed run for each budget, say so in column 'annealed', "
                "and take those alone (--where annealed=true)"
            )
        ends = table[arrays["annealed"] == 1].groupby("run")["samples"].nunique()
        if (ends > 1).any():
            notes.append(
                f"'annealed' is true at several samples of {int((ends > 1).sum())} runs, although "
                f"a schedule ends once: right only where each row was branched off and decayed by "
                f"itself; else write false in all but the last"
            )
    elif np.any(arrays["annealed"] == 0):
        notes.append(
            "unannealed rows: before the schedule has ended, differences between data are not "
            "those of finished runs"
        )
    if not _has_replicates(table, levels):
        notes.append(
            "one run only for each mixture and budget: the spread between seeds is known from "
            "the prior and the fit's residuals alone; buy a few seeds"
        )
    notes += _about_kind(str(table["metric"].iloc[0]), kind, arrays)
    noise = np.isfinite(arrays["n_eval"]) | np.isfinite(arrays["se"])
    if kind.fraction and not noise.all():
        rows = "all" if not noise.any() else f"{int((~noise).sum())} of {len(noise)}"
        notes.append(f"no n_eval or se in {rows} rows: their evaluation noise counts as 0")
    used = arrays["shares"].any(axis=0)
    idle = [name for name, some in zip(runs.pools, used, strict=True) if not some]
    if idle:
        notes.append(f"no run draws from {', '.join(idle)}: known from other pools only")
    if "tuned" in table and bool((~table["tuned"].fillna(True)).any()):
        low = table.loc[~table["tuned"].fillna(True), "samples"]
        notes.append(
            f"{count(len(low), 'row')} not tuned ({format_number(low.min())} to "
            f"{format_number(low.max())} samples): a crossing may be under-tuning"
        )
    return notes


def _about_kind(metric: str, kind: Kind, arrays: dict[str, np.ndarray]) -> list[str]:
    """What was taken for granted of the metric."""
    notes = []
    guessed = kind_of(metric)
    if kind.name not in metric.lower() and guessed is not None and guessed.name == kind.name:
        notes.append(
            f"'{metric}' is taken for {kind.words}, {kind.better}; --kind {quote(metric)}=KIND "
            "(Python: kinds= of read_runs) says otherwise"
        )
    if kind.chance:
        sd = np.sqrt(kind.evaluation_variance(1.0, arrays["n_eval"], arrays["se"]))
        below = int(np.sum(arrays["value"] > 1.0 + 3.0 * np.maximum(sd, 0.01)))
        if below:
            notes.append(
                f"{below} values are further below the chance level of {kind.chance:g} than noise "
                "explains: is it right for this metric?"
            )
    if kind.name == "rate" and np.median(arrays["value"]) > 2.0:
        notes.append("rates above 2 are taken as they are: divide by 100 if they are percents")
    return notes


def _has_replicates(table: pd.DataFrame, levels: Sequence[str]) -> bool:
    """Whether any mixture has two runs at one budget (equal to about 2%), all else alike."""
    budget = (np.log(table["samples"]) / 0.02).round()
    columns = [table["data"], budget] + [
        table[c].map(as_text) for c in dict.fromkeys((*COMPARABLE, *levels)) if c in table
    ]
    return bool((table.groupby(columns)["run"].nunique() > 1).any())
