"""Recovery of known truths: coverage of intervals, and honesty of P(best).

All from the refits of simulation-based calibration: how often the intervals hold what was true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._json import plain
from qqt_bayes._shown import Shown
from qqt_bayes.backtest.scores import wilson
from qqt_bayes.calibrate.quantities import HORIZONS
from qqt_bayes.calibrate.replicate import Replications

LEVELS = (0.5, 0.9)
EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
BOUND = 0.95  # probability of the bounds beside each rate
COVERED = ("utility", "half-life", "level", "law parameter", "latent", "new run")

__all__ = ["Recovery", "effective_size"]


@dataclass(frozen=True, eq=False, repr=False)
class Recovery(Shown):
    """Coverage and reliability."""

    replications: Replications = field(repr=False)

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
                rows.append({
                    "target": what, "interval": level, "studies": len(r), "n": inside.size,
                    "effective_n": size, "coverage": rate, "lo": low, "hi": high,
                    "ok": low <= level <= high,
                })  # fmt: skip
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
                rows.append({
                    "who": who, "from": EDGES[b], "to": EDGES[b + 1], "n": int(here.sum()),
                    "studies": studies, "said": float(said[here].mean()), "was": rate,
                    "lo": low, "hi": high, "ok": low <= said[here].mean() <= high,
                })  # fmt: skip
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
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The tables as JSON records."""
        return {
            "schema": 1,
            "replications": len(self.replications),
            "horizons": list(HORIZONS),
            "coverage": plain(self.table, 5),
            "reliability": plain(self.reliability, 5),
        }


def effective_size(inside: np.ndarray) -> int:
    """Effective number of targets whose hits, dims (study, target), vary between studies."""
    rate, studies = inside.mean(), len(inside)
    between = float(np.var(inside.mean(axis=1), ddof=1)) / studies
    if between <= 0.0:
        return studies
    return int(np.clip(rate * (1.0 - rate) / between, studies, inside.size))
