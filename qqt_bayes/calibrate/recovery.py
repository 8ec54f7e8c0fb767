"""Recovery of known truths: coverage of intervals, honesty of P(best), and what weak data do.

All from the refits of simulation-based calibration: how often the intervals hold what was true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.backtest.scores import wilson
from qqt_bayes.calibrate.replicate import HORIZONS, Replications, default_study, replicate
from qqt_bayes.calibrate.sbc import SBC
from qqt_bayes.errors import UsageError
from qqt_bayes.model.spec import Spec
from qqt_bayes.refits import Workers

LEVELS = (0.5, 0.9)
EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
BOUND = 0.95  # probability of the bounds beside each rate
COVERED = ("utility", "half-life", "level", "law parameter", "latent", "new run")

__all__ = ["Recovery", "recovery"]


@dataclass(frozen=True, eq=False, repr=False)
class Recovery(Shown):
    """Coverage, reliability and the effect of weaker data; made by :func:`recovery`.

    Attributes
    ----------
    replications : Replications
        Refits of complete studies.
    weaker : Replications or None
        Refits of the same studies with half of the budgets left out.
    """

    replications: Replications = field(repr=False)
    weaker: Replications | None = field(repr=False, default=None)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Coverage of 50 and 90% intervals by kind of quantity, with 95% bounds.

        Targets of one study share errors. So the bounds are Wilson's for the effective number
        of targets: that at which independent targets would vary between studies as these do,
        at most their number, at least the number of studies.
        """
        r, rows = self.replications, []
        for what, columns in self.targets.items():
            for level in LEVELS:
                tail = 0.5 * (1.0 - level)
                pit = r.pit[:, columns]
                inside = (pit >= tail) & (pit <= 1.0 - tail)
                rate, size = float(inside.mean()), effective_size(inside)
                low, high = wilson(rate, size, BOUND)
                rows.append(
                    {
                        "target": what, "interval": level, "studies": len(r), "n": inside.size,
                        "effective_n": size, "coverage": rate, "lo": low, "hi": high,
                        "ok": low <= level <= high,
                    }
                )  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def targets(self) -> dict[str, np.ndarray]:
        """Columns of quantities by what is covered; predictions in range and beyond apart."""
        names, groups = self.replications.names, self.replications.groups
        out: dict[str, list[int]] = {}
        for j, (name, group) in enumerate(zip(names, groups, strict=True)):
            if group in COVERED:
                at = f" at {name.rpartition(' at ')[2]}" if " at " in name else ""
                out.setdefault(group + at, []).append(j)
        return {what: np.array(columns) for what, columns in out.items()}

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Of the candidates said to be best with some probability, how many were.

        One row a bin of P(best), over all candidates and budgets; and the same of the favourites
        alone (the candidate of highest P(best) in each study and budget).
        """
        p, best = self.replications.p_best, self.replications.is_best
        top = np.argmax(p, axis=2)[..., None]
        pairs = {
            "every candidate": (p, best),
            "favourite": (np.take_along_axis(p, top, 2), np.take_along_axis(best, top, 2)),
        }
        rows = []
        for who, (said, was) in pairs.items():
            place = np.clip(np.searchsorted(EDGES, said, side="right") - 1, 0, len(EDGES) - 2)
            for b in range(len(EDGES) - 1):
                here = place == b
                if not here.any():
                    continue
                rate = float(was[here].mean())
                studies = int(here.any(axis=(1, 2)).sum())
                low, high = wilson(rate, studies, BOUND)
                rows.append(
                    {
                        "who": who, "from": EDGES[b], "to": EDGES[b + 1], "n": int(here.sum()),
                        "studies": studies, "said": float(said[here].mean()), "was": rate,
                        "lo": low, "hi": high, "ok": low <= said[here].mean() <= high,
                    }
                )  # fmt: skip
        return pd.DataFrame(rows)

    @cached_property
    def weak_data(self) -> pd.DataFrame | None:
        """Width of 90% intervals with half of the budgets left out, over that with all.

        One row a kind of quantity: the geometric mean ratio, and the share of studies in which
        the (geometric mean) interval is wider, with its bounds. None without weaker refits.
        """
        if self.weaker is None:
            return None
        rows, count = [], len(self.weaker)
        for what, columns in self.targets.items():
            pair = (self.weaker.width[:, columns], self.replications.width[:count, columns])
            ratio = np.log(pair[0] / pair[1]).mean(axis=1)
            wider = float((ratio > 0).mean())
            low, high = wilson(wider, count, BOUND)
            rows.append(
                {"target": what, "studies": count, "ratio": float(np.exp(ratio.mean())),
                 "wider": wider, "lo": low, "hi": high}
            )  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def text(self) -> str:
        """The tables for a terminal."""
        r = self.replications
        lines = [f"recovery by {r.spec} ({r.kind}): {len(r)} studies, 95% bounds in brackets"]
        for row in self.table.itertuples():
            flag = "" if row.ok else "  <- off"
            lines.append(
                f"  {row.target:<20}{row.interval:>4.0%} interval holds {row.coverage:.3f} "
                f"[{row.lo:.3f}, {row.hi:.3f}]{flag}"
            )
        for row in self.reliability.to_dict("records"):
            flag = "" if row["ok"] else "  <- off"
            lines.append(
                f"  {row['who']}, P(best) {row['from']:.2f}-{row['to']:.2f}: said "
                f"{row['said']:.3f}, was {row['was']:.3f} [{row['lo']:.3f}, {row['hi']:.3f}] "
                f"of {row['n']}{flag}"
            )
        if self.weak_data is not None:
            for row in self.weak_data.itertuples():
                lines.append(
                    f"  half the budgets: {row.target} intervals {row.ratio:.2f} times as wide, "
                    f"wider in {row.wider:.0%} [{row.lo:.0%}, {row.hi:.0%}] of {row.studies}"
                )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The tables as JSON records."""
        weak = self.weak_data
        return {
            "schema": 1,
            "replications": len(self.replications),
            "horizons": list(HORIZONS),
            "coverage": records(self.table),
            "reliability": records(self.reliability),
            "weak_data": None if weak is None else records(weak),
        }


def recovery(
    spec: str | Spec = "effective_utility",
    *,
    simulations: SBC | Replications | None = None,
    weaker: int = 0,
    kind: str = "loss",
    replications: int = 200,
    seed: int = 1,
    workers: int | Workers = 2,
    **options: Any,
) -> Recovery:
    """Recover truths drawn from the prior.

    Parameters
    ----------
    spec : str, Path or Spec
        What to fit, and to simulate from.
    simulations : SBC or Replications, optional
        Use these instead of making new ones.
    weaker : int
        Refit that many of the studies once more with half of the budgets left out (the smallest
        and the largest stay); of the default design only.
    kind, replications, seed, workers
        As in :func:`qqt_bayes.calibrate.sbc.sbc`.
    **options
        Others of :func:`qqt_bayes.calibrate.replicate.replicate`.

    Raises
    ------
    UsageError
        For a bad argument.
    """
    if weaker and (simulations is not None or options.get("study") is not None):
        raise UsageError("weaker studies go with new simulations of the default design only")
    if isinstance(simulations, SBC):
        simulations = simulations.replications
    common: dict[str, Any] = {"kind": kind, "seed": seed, "workers": workers, **options}
    full = simulations or replicate(spec, replications=replications, **common)
    fewer = None
    if weaker:
        samples = default_study(kind).samples
        grid = np.unique(samples)
        kept = grid[[0, len(grid) // 2 - 1, len(grid) - 1]]
        rows = tuple(np.flatnonzero(np.isin(samples, kept)).tolist())
        fewer = replicate(spec, replications=min(weaker, len(full)), keep=rows, **common)
    return Recovery(full, fewer)


def effective_size(inside: np.ndarray) -> int:
    """Effective number of targets whose hits, dims (study, target), vary between studies."""
    rate, studies = inside.mean(), len(inside)
    between = float(np.var(inside.mean(axis=1), ddof=1)) / studies
    if between <= 0.0:
        return studies
    return int(np.clip(rate * (1.0 - rate) / between, studies, inside.size))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain Python values, rounded."""
    return [
        {k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]
