"""What a model is fitted to: one metric of comparable rows, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.kind_names import ask_kind
from qqt_bayes.kinds import Kind
from qqt_bayes.runs.caveats import caveats, check_comparable
from qqt_bayes.runs.metrics import check_range
from qqt_bayes.runs.mixture import Mixture
from qqt_bayes.runs.outliers import find_outliers
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.settings import tell_settings
from qqt_bayes.runs.sheet import Sheet, as_text

if TYPE_CHECKING:
    from qqt_bayes.runs.table import Runs


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
    if kind is None:
        raise UsageError(ask_kind(metric))
    strange, told = find_outliers(runs, levels)
    table = runs.table[~strange]
    unknown = [name for name in levels if name not in table]
    if unknown:
        there = ", ".join(name for name in table if name != "line")
        raise UsageError(f"no column '{unknown[0]}' for a level -> choose from {there}")
    sheet = Sheet(runs.source, files=[runs.source] * len(table), lines=table["line"].tolist())
    sheet.cells["value"] = [as_text(value) for value in table["value"]]
    n_eval, value = _numbers(table, "n_eval"), _numbers(table, "value")
    check_range(sheet, metric, kind, range(len(table)), value.tolist())
    kind = kind.scaled_to(value)
    with np.errstate(invalid="ignore", divide="ignore"):  # of values that are flagged
        modelled = np.array(kind.modelled(value))
    warnings = _soften_perfect(sheet, kind, modelled, n_eval)
    warnings += check_comparable(table, sheet, levels)
    if sheet.problems:
        raise InputError(sheet.problems)
    arrays = {
        "samples": _numbers(table, "samples"),
        "value": modelled,
        "shares": np.array([runs.mixtures[text].vector(runs.pools) for text in table["data"]]),
        "n_eval": n_eval,
        "se": _numbers(table, "se"),
        "run": table["run"].to_numpy(str),
        "seed": table["seed"].to_numpy(str) if "seed" in table else np.full(len(table), ""),
        "annealed": _numbers(table, "annealed"),
    }
    for array in arrays.values():
        array.flags.writeable = False
    pooled = tell_settings(table, levels)
    warnings += caveats(table, arrays, metric, kind, runs.pools, levels)
    return Study(
        metric=metric,
        kind=kind,
        **arrays,
        data=tuple(table["data"]),
        mixtures=runs.mixtures,
        levels={name: tuple(as_text(v) for v in table[name]) for name in levels},
        pools=runs.pools,
        warnings=(*runs.notes, *told, *pooled, *warnings),
        trained_on={
            "runs": table["run"].nunique(),
            "rows": len(table),
            "max_samples": float(table["samples"].max()),
        },
        strange=tuple(told),
        aside=tuple(sorted(runs.table.loc[strange, ["run", "samples"]].itertuples(False, None))),
        pooled=tuple(pooled),
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
