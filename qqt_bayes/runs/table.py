"""The run table: what was trained, on what, for how long, and how well it did."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from functools import cached_property

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import KINDS, kind_named, kind_of, settle
from qqt_bayes.kinds import Kind
from qqt_bayes.runs import summary
from qqt_bayes.runs.build import build_table, find_pools
from qqt_bayes.runs.checks import HEADER, KIND
from qqt_bayes.runs.mixture import Mixture, parse_mixture
from qqt_bayes.runs.numbers import count, format_number
from qqt_bayes.runs.pools import Pools
from qqt_bayes.runs.select import tell_where, upper_limit, where_mask
from qqt_bayes.runs.sheet import Sheet, Source, read_sheet
from qqt_bayes.runs.study import Study, make_study


@dataclass(frozen=True, eq=False, repr=False)
class Runs(Shown):
    """Checked results of training runs; made by `read_runs`.

    Parameters
    ----------
    table
        One row an evaluation of one run. `run`, `data`, `metric` (text), `samples`, `value`
        (float), those given of `n_eval`, `se`, `params`, `cost` (float, NaN where blank), `seed`,
        `model` (text), `annealed`, `tuned`, `keep` (boolean), all other columns, and `line`, the
        line of the file. A mixture spelled in several ways has the first spelling everywhere.
    pools
        The pool table.
    mixtures
        Text of the `data` column -> mixture.
    source
        File name, or ``<DataFrame>``.
    kinds
        Kinds given for metrics, beside what their names tell.
    notes
        What was taken for granted on reading.
    left_out
        Runs left out on reading, by name.
    """

    table: pd.DataFrame = field(repr=False)
    pools: Pools
    mixtures: dict[str, Mixture]
    source: str
    kinds: Mapping[str, Kind]
    notes: tuple[str, ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def headline(self) -> str:
        """What there is, in a line."""
        return (
            f"{self.source}: {count(self.table['run'].nunique(), 'run')}, "
            f"{count(len(self), 'row')}, "
            f"{len(self.mixtures)} mixtures of {len(self.pools)} pools, "
            f"metrics {', '.join(self.metrics)}"
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, sorted."""
        return tuple(sorted(self.table["metric"].unique()))

    @property
    def text(self) -> str:
        """A summary for people: rows, budgets, pools, metrics, epochs at the largest budget."""
        return summary.describe(self)

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: the same for any order of rows and columns and any spelling."""
        return summary.content_hash(self)

    def budgets(self, metric: str | None = None, tolerance: float = 0.1) -> np.ndarray:
        """Budgets at which there are results, ascending, in samples.

        Parameters
        ----------
        metric
            Of this metric only.
        tolerance
            Budgets this close (relative to the smallest of them) count as one, given as its
            largest, so that `select(upto=budget)` takes all its rows. 0 gives every value.

        Returns
        -------
        ndarray
            (budget,)
        """
        samples = np.unique(self._of_metric(metric)["samples"].to_numpy(float))
        budgets: list[float] = []
        start = -np.inf
        for seen in samples:
            if seen > start * (1 + tolerance):
                start = seen
                budgets.append(seen)
            else:
                budgets[-1] = seen
        return np.array(budgets)

    def select(
        self,
        metric: str | None = None,
        where: Mapping[str, str] | None = None,
        upto: str | float | None = None,
    ) -> Runs:
        """The rows that meet all conditions.

        Parameters
        ----------
        metric
            Name of one metric.
        where
            Column -> value, compared as text (numbers and booleans by their meaning), or several
            values, or a condition: ``{"step": "<10000", "run": "!=a3", "seed": [0, 1]}``.
        upto
            Largest number of samples. A text such as ``"480k"`` is nominal: rows up to 2.5% above
            count, since a run planned for 480k really sees 480,256. A number is exact.

        Returns
        -------
        Runs

        Raises
        ------
        UsageError
            For an unknown metric, column or value (naming those there are), or when no row is left.
        """
        table = self._of_metric(metric)
        for column, wanted in (where or {}).items():
            gone = self.left_out if column == "run" else ()
            table = table[where_mask(table, column, wanted, self.key_of, self.table, gone)]
        if upto is not None:
            least = table["samples"].min()
            table = table[table["samples"] <= upper_limit(upto)]
            if table.empty:
                raise UsageError(
                    f"no rows up to {upto} samples -> the smallest budget left is "
                    f"{format_number(least, 6)}: raise --upto"
                )
        if table.empty:
            raise UsageError(f"no row has {tell_where(where)} together -> drop one of them")
        table = table.reset_index(drop=True)
        used = {text: self.mixtures[text] for text in dict.fromkeys(table["data"])}
        return changed(self, table=table, mixtures=used)

    def key_of(self, text: str) -> str:
        """What all spellings of one mixture share; a text that is none stays itself."""
        try:
            return (self.mixtures.get(text) or parse_mixture(text, self.pools)).key
        except UsageError:
            return text

    def replace(self, table: pd.DataFrame) -> Runs:
        """The same study with another run table, checked like a file.

        Raises
        ------
        InputError
            Listing every problem of the table.
        """
        checked, _, mixtures = build_table([read_sheet(table, HEADER)], self.pools, self.kinds)
        return changed(self, table=checked, mixtures=mixtures)

    def append(self, new_rows: pd.DataFrame) -> Runs:
        """These runs and some more, checked together; columns may be missing.

        Raises
        ------
        InputError
            Listing every problem, of the new rows (``<new rows>``, counted from 0) and with these.
        """
        old = read_sheet(self.table, HEADER, self.source)
        old.lines = self.table["line"].astype(int).tolist()
        new = read_sheet(new_rows, HEADER, "<new rows>")
        table, _, mixtures = build_table([old, new], self.pools, self.kinds)
        return changed(self, table=table, mixtures=mixtures)

    def study(
        self,
        metric: str,
        where: Mapping[str, str] | None = None,
        upto: str | float | None = None,
        spec_levels: Sequence[str] = (),
    ) -> Study:
        """What a model is fitted to: one metric of comparable rows, as arrays.

        Parameters
        ----------
        metric
            Name of the metric.
        where, upto
            As for `select`.
        spec_levels
            Columns that are levels of the model, and so may take several values.

        Returns
        -------
        Study

        Raises
        ------
        UsageError
            For bad arguments, or a metric whose kind neither its name nor `kinds` tells.
        InputError
            When rows are not comparable (several models, annealed and unannealed) or a value is
            outside the range of the kind.
        """
        chosen = self.select(metric, where, upto)
        return make_study(chosen, metric, chosen.kind_of(metric), spec_levels)

    def with_kind(self, metric: str, kind: str | Kind) -> Runs:
        """These runs, of which one metric is of a kind: one of `qqt_bayes.kinds.KINDS`.

        Raises
        ------
        UsageError
            For an unknown kind.
        """
        return changed(self, kinds={**self.kinds, metric: kind_named(kind)})

    def kind_of(self, metric: str) -> Kind | None:
        """Kind of a metric with its chance level: as given, else by its name; None if unknown."""
        known = self.kinds.get(metric) or kind_of(metric)
        if known is not None and known.fraction and not known.chance and "chance" in self.table:
            levels = self._of_metric(metric)["chance"].dropna()
            if len(levels) and levels.iloc[0] > 0:
                known = known.with_chance(float(levels.iloc[0]))
        return known

    def _of_metric(self, metric: str | None) -> pd.DataFrame:
        if metric is None:
            return self.table
        if not isinstance(metric, str):
            raise UsageError(
                f"metric {metric!r} -> give the name of one: {', '.join(self.metrics)}"
            )
        table = self.table[self.table["metric"] == metric]
        if table.empty:
            raise UsageError(f"no metric '{metric}' -> choose from {', '.join(self.metrics)}")
        return table


def read_runs(
    source: Source,
    pools: Source | Pools | None = None,
    *,
    kinds: Mapping[str, str | Kind] | str | None = None,
    chance: Mapping[str, float] | float | None = None,
    decimal: str | None = None,
    leave_out: Sequence[str] = (),
) -> Runs:
    """Read and check a run table and its pool table.

    Parameters
    ----------
    source
        Path of a CSV file or a frame (pandas, polars) with columns ``run, data, samples, metric,
        value`` and optionally ``n_eval, se, chance, kind, seed, model, params, cost, annealed,
        tuned, keep`` and others.
        A mixture may be a dict of shares, ``{"A": 0.7, "B": 0.3}``.
    pools
        Path or frame of the pool table, or a dict ``{"A": 60_000}``; by default ``X.pools.csv``
        beside ``X.runs.csv`` or ``X.csv``, and ``pools.csv`` beside ``runs.csv``.
    kinds
        Metric -> kind (or one kind for all), where the name does not tell, or misleads: one of
        `qqt_bayes.kinds.KINDS`.
    chance
        Metric -> what guessing reaches (or one level for all accuracies and errors): 0.25 of a
        task with four choices. A column ``chance`` says the same.
    decimal
        The mark before decimals in files, ``","`` or ``"."``; the other one, blanks and apostrophes
        may then separate thousands. By default a point, and separators are refused.
    leave_out
        Runs to leave out before anything is checked.

    Returns
    -------
    Runs

    Raises
    ------
    InputError
        Listing every problem of both tables, with file, line, column, value and mend.
    UsageError
        For an unknown kind or a chance level of what has none.
    """
    sheet = read_sheet(source, HEADER, decimal=decimal)
    _leave_out(sheet, leave_out)
    names = [name for name in sheet.column("metric") if name]
    given = kinds if isinstance(kinds, str | Kind) else {**kinds_in_column(sheet), **(kinds or {})}
    checked = settle(names, given, chance)
    found_pools = find_pools(source, pools, decimal)
    table, found, mixtures = build_table([sheet], found_pools, checked)
    notes = (*sheet.notes, *found.notes)
    return Runs(table, found, mixtures, sheet.file, checked, notes, tuple(leave_out))


def kinds_in_column(sheet: Sheet) -> dict[str, str]:
    """What a column ``kind`` says of the metrics; nothing if it speaks of something else."""
    pairs = zip(sheet.column("metric"), sheet.column(KIND), strict=True)
    said = {metric: kind.lower() for metric, kind in pairs if metric and kind}
    return said if set(said.values()) <= set(KINDS) else {}


def _leave_out(sheet: Sheet, names: Sequence[str]) -> None:
    """Drop runs by name, and say so."""
    if not names or sheet.problems:
        return
    there = dict.fromkeys(sheet.column("run"))
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=3, cutoff=0.5) or list(there)[:8]
            raise UsageError(f"no run '{name}' to leave out -> choose from {', '.join(near)}")
    before = len(sheet)
    sheet.drop("run", names)
    gone = count(before - len(sheet), "row")
    sheet.notes.append(f"left out by name: {', '.join(names)} ({gone})")
