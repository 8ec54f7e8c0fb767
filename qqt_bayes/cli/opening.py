"""How input is opened: tables read, a fit loaded or made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qqt_bayes.cli import options as o
from qqt_bayes.cli.progress import progress, stages
from qqt_bayes.cli.telling import note
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit
    from qqt_bayes.runs import Runs
    from qqt_bayes.stacking import Stack


@dataclass(frozen=True)
class Fitting:
    """Which rows of a run table are fitted, and how."""

    pools: o.PoolTable = None
    metric: o.Metric = None
    spec: o.SpecName = "effective_utility"
    where: o.Where = None
    upto: o.Upto = None
    kind: o.KindName = None
    chance: o.Chance = None
    covariate: o.Covariate = None
    at: o.At = None
    seed: o.Seed = 1
    draws: o.Draws = o.DRAWS
    on_fail: o.OnFail = "raise"

    def load(self, table: Path) -> Runs:
        """The tables, checked."""
        return load_runs(table, self.pools, self.metric, self.kind, self.chance, self.where)

    def rows(self, table: Path, candidates: str | None) -> tuple[Runs, str]:
        """The tables and the metric; a slip in the candidates is told before a fit is made."""
        from qqt_bayes.decide.candidates import parse_candidates

        runs = self.load(table)
        name = only_metric(runs, self.metric)
        if candidates is not None:
            parse_candidates(candidates, runs.pools)
        return runs, name

    def open(
        self,
        source: Path,
        candidates: str | None = None,
        check: Callable[[Runs, Runs], object] | None = None,
        engine: str = "auto",
        notes: bool = True,
        told: bool = False,
    ) -> Fit:
        """A saved fit, or one made from a run table; what is noticed of its rows goes to stderr.

        `check` may refuse the rows to be fitted (and the whole table) before a fit is made; `told`:
        the answer itself says which rows are strange or pooled.
        """
        from qqt_bayes.fitting import fit
        from qqt_bayes.inference.settings import Settings
        from qqt_bayes.store import load_fit

        check_on_fail(self.on_fail)
        asked = parse_at(self.at)
        if is_saved_fit(source):
            names = ("pools", "metric", "where", "upto", "kind", "chance", "covariate")
            given = [f"--{name}" for name in names if getattr(self, name)]
            if given:
                raise UsageError(
                    f"{source} is a saved fit: {', '.join(given)} would change it "
                    "-> give the run table instead, or leave them out"
                )
            return load_fit(source).at(**asked)
        runs, name = self.rows(source, candidates)
        where = parse_where(self.where)
        if check is not None:
            check(runs.select(name, where, self.upto), runs)
        with progress(f"fitting {name}") as update:
            made = fit(
                runs, name, spec=self.spec, where=where, upto=self.upto, seed=self.seed,
                covariates=dict.fromkeys(self.covariate or ()) | asked,
                settings=Settings(draws=self.draws, engine=engine), on_fail=self.on_fail,
                progress=update,
            )  # fmt: skip
        said = (*made.study.strange, *made.study.pooled) if told else ()
        for warning in made.study.warnings if notes else ():
            if warning not in said:
                note(f"note: {warning}")
        return made

    def stack(self, source: Path, specs: str, candidates: str | None) -> Stack:
        """Several laws fitted to a run table and stacked; what is noticed goes to stderr."""
        from qqt_bayes.inference.settings import Settings
        from qqt_bayes.stacking import stack

        if is_saved_fit(source):
            raise UsageError(
                f"{source} is a saved fit, of one law -> give the run table with --specs"
            )
        runs, name = self.rows(source, candidates)
        with stages("fits") as update:
            made = stack(
                runs, name, specs=[s.strip() for s in specs.split(",") if s.strip()],
                where=parse_where(self.where), upto=self.upto, seed=self.seed,
                settings=Settings(draws=self.draws), progress=update,
            )  # fmt: skip
        note(made.text)
        return made


def parse_margin(margin: str | None) -> float | None:
    """A regret in the metric's unit."""
    if margin is None:
        return None
    from qqt_bayes.runs import parse_number

    try:
        value = LIMITS["margin"].check(f"--margin {margin!r}", parse_number(margin))
    except UsageError:
        value = 0.0
    if value <= 0.0:
        raise UsageError(
            f"--margin {margin!r} -> give a regret above 0, up to {LIMITS['margin'].high:g}, in "
            "the metric's unit, such as 0.02 for 1% of a loss of 2"
        )
    return value


def parse_where(where: list[str] | None) -> dict[str, str]:
    """``["model=B-32", "step<10000"]`` as conditions of `Runs.select`."""
    from qqt_bayes.runs.select import parse_where as parse

    return parse(where or ())


def parse_at(at: list[str] | None) -> dict[str, float]:
    """``["weight_decay=0.1"]`` as values of covariates."""
    from qqt_bayes.runs import parse_number

    out = {}
    for item in at or []:
        name, _, value = item.partition("=")
        try:
            out[name.strip()] = parse_number(value)
        except UsageError:
            raise UsageError(f"--at {item} -> write --at COLUMN=NUMBER, --at lr=0.001") from None
    return out


def by_metric(
    option: str, given: list[str] | None, metric: str | None
) -> dict[str, str] | str | None:
    """``["wer=rate", "bleu=score"]`` as a dict; a single value is that of `metric`, or of all."""
    pairs = [item.rpartition("=") for item in given or []]
    bare = [value.strip() for name, sign, value in pairs if not sign]
    out = {name.strip(): value.strip() for name, sign, value in pairs if sign}
    if len(bare) > 1 or (bare and out and metric is None):
        raise UsageError(f"{option} {bare[0]} of which metric? -> write {option} METRIC={bare[0]}")
    if bare and metric is not None:
        return out | {metric: bare[0]}
    return bare[0] if bare else out or None


def levels(given: dict[str, str] | str | None) -> dict[str, float] | float | None:
    """Chance levels as numbers."""
    if isinstance(given, dict):
        return {metric: chance_level(text) for metric, text in given.items()}
    return None if given is None else chance_level(given)


def chance_level(text: str) -> float:
    """A chance level as a number."""
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--chance {text} is not a number -> give a fraction such as 0.25, or METRIC=0.25"
        ) from None


def load_runs(
    table: Path,
    pools: Path | None,
    metric: str | None,
    kind: list[str] | None = None,
    chance: list[str] | None = None,
    where: list[str] | None = None,
    decimal: str | None = None,
) -> Runs:
    """Read and check the tables, without the runs left out by name; kinds stay with the runs."""
    from qqt_bayes.runs import read_runs
    from qqt_bayes.runs.select import left_out

    kinds = by_metric("--kind", kind, metric)
    chances = levels(by_metric("--chance", chance, metric))
    unwanted = left_out(parse_where(where))
    runs = read_runs(
        table, pools=pools, kinds=kinds, chance=chances, decimal=decimal, leave_out=unwanted
    )
    if isinstance(kinds, dict):
        strange = [name for name in kinds if name not in runs.metrics]
        if strange:
            raise UsageError(
                f"--kind {strange[0]}=...: no such metric -> choose from {', '.join(runs.metrics)}"
            )
    return runs


def only_metric(runs: Runs, metric: str | None) -> str:
    """The metric asked for, or the only one there is."""
    if metric is not None:
        return metric
    if len(runs.metrics) == 1:
        return str(runs.metrics[0])
    raise UsageError(
        f"several metrics in {runs.source}: {', '.join(runs.metrics)} -> choose one with --metric"
    )


def check_on_fail(on_fail: str) -> None:
    """Refuse another answer to a fit that does not converge."""
    if on_fail not in ("raise", "warn"):
        raise UsageError(f"--on-fail {on_fail!r} -> give raise or warn")


def is_saved_fit(path: Path) -> bool:
    """Whether a file is (or is named like) a saved fit rather than a table."""
    if path.suffix == ".nc" or not path.is_file():
        return path.suffix == ".nc"
    with path.open("rb") as file:
        return file.read(4) == b"\x89HDF"
