"""The tables of benchmarks/bands.py, from the rows that its steps kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.backtest import coverage_interval
from qqt_bayes.calibrate.learn import AS_SHIPPED, LEARNED

METHODS = {"baseline": "as shipped", "law": "law alone"}
BINS = (0.0, 0.5, 0.65, 0.85, 0.95, 1.01)
SHOW = {"level": "levels", "difference": "differences"}


def stored(columns: list[str], rows: list[list[Any]], **more: Any) -> dict[str, Any]:
    """A table as the pages read it."""
    return {"date": datetime.now(UTC).date().isoformat(), "engine": "importance sampling",
            "script": "benchmarks/bands.py", "columns": columns, "rows": rows, **more}  # fmt: skip


def read(work: Path, part: str, *methods: str) -> dict[str, pd.DataFrame]:
    """Rows of some methods; origins that one of them could not fit are left out of all."""
    found = {m: pd.read_csv(work / f"{m}.{part}.csv") for m in methods}
    keys = ["study", "origin"]
    both = None
    for frame in found.values():
        there = set(map(tuple, frame[keys].to_numpy().tolist()))
        both = there if both is None else both & there
    return {m: f[[tuple(k) in both for k in f[keys].to_numpy().tolist()]] for m, f in found.items()}


def held(rows: pd.DataFrame, seed: int = 1) -> list[float]:
    """Coverage with its interval by a bootstrap over origins and budgets."""
    group = rows["study"] + rows["origin"].astype(str) + rows["budget"].astype(str)
    found = coverage_interval(
        rows["in90"].to_numpy(float), group.to_numpy(), np.random.default_rng(seed)
    )
    return [round(v, 2) for v in found]


def each_table(rows: pd.DataFrame, name: str) -> float:
    """Mean over tables of a table's mean: every table weighs the same."""
    return round(float(rows.groupby("table")[name].mean().mean()), 3)


def scores(found: dict[str, pd.DataFrame]) -> tuple[dict, dict]:
    """Pooled, and by table."""
    pooled, single = [], []
    columns = [METHODS[m] for m in found]
    by = ["what", "factor"]
    for (what, factor), _ in found["baseline"].groupby(by):
        rows = {m: f[(f["what"] == what) & (f["factor"] == factor)] for m, f in found.items()}
        head = [SHOW[what], f"{factor:.0f}x", len(rows["baseline"])]
        pooled.append([*head, *(held(r) for r in rows.values()),
                       *(each_table(r, "width90") for r in rows.values()),
                       *(each_table(r, "score90") for r in rows.values())])  # fmt: skip
        for table in sorted(rows["baseline"]["table"].unique()):
            own = {m: r[r["table"] == table] for m, r in rows.items()}
            single.append(
                [table, *head[:2], len(own["baseline"]),
                 *(round(float(r["in90"].mean()), 2) for r in own.values()),
                 *(round(float(r["score90"].mean()), 3) for r in own.values())]
            )  # fmt: skip
    held_names = [f"held, {c}" for c in columns]
    score_names = [f"score, {c}" for c in columns]
    return (
        stored(["target", "to", "n", *held_names, *(f"width, {c}" for c in columns), *score_names],
               pooled, best={"columns": score_names, "of": "min"}),
        stored(["table", "target", "to", "n", *held_names, *score_names], single,
               best={"columns": score_names, "of": "min"}),
    )  # fmt: skip


def paired(gap: pd.Series, group: pd.Series) -> list[float]:
    """Mean of paired differences with its 90% interval by a bootstrap over studies."""
    rng = np.random.default_rng(1)
    sums = gap.groupby(group).agg(["sum", "size"]).to_numpy()
    pick = rng.integers(len(sums), size=(4000, len(sums)))
    means = sums[pick, 0].sum(axis=1) / sums[pick, 1].sum(axis=1)
    return [round(float(v), 4) for v in (gap.mean(), *np.quantile(means, [0.05, 0.95]))]


def choices(found: dict[str, pd.DataFrame]) -> tuple[dict, dict, dict]:
    """Regret by table and pooled, and how often what was said came true."""
    base, rows = found["baseline"], []
    keys = ["study", "origin", "budget"]
    whole = base.merge(found["law"][[*keys, "regret"]], on=keys, suffixes=("", "_law"))
    whole = whole[np.isfinite(whole["regret_rank"])]
    for name, part in [*whole.groupby("table"), ("all", whole)]:
        rows.append(
            [name, len(part), *(round(float(part[c].mean()), 4) for c in
                                ("regret_expected", "regret", "regret_law", "regret_rank")),
             paired(part["regret"] - part["regret_rank"], part["study"])]
        )  # fmt: skip
    told = []
    for low, high in pairwise(BINS):
        line: list[Any] = [f"{low:g} to {min(high, 1):g}".replace("0.", ".")]
        part = base[(base["p_said"] > low) & (base["p_said"] <= high)]
        line += [len(part), round(float(part["p_said"].mean()), 2),
                 round(float(part["right"].mean()), 2)]  # fmt: skip
        told.append(line)
    picture = whole[["table", "study", "origin", "budget", "p_said", "right", "regret",
                     "regret_law", "regret_rank"]]  # fmt: skip
    return (
        stored(["table", "choices", "regret said", "as shipped", "law alone", "ranking",
                "as shipped less ranking"], rows),
        stored(["P said", "n", "mean P", "came true"], told),
        stored(list(picture), json.loads(picture.round(6).to_json(orient="values"))),
    )  # fmt: skip


def learned(work: Path) -> tuple[dict, dict]:
    """Multiples learned from all tables and without one, and log scores of the table left out."""
    kept = json.loads((work / "settings.json").read_text())["settings"]
    grid = pd.read_csv(work / "grid.csv", index_col=0)
    every = kept.pop("all")
    scales = [
        [name.replace("_", " "), every[i], *(f(s[i] for s in kept.values()) for f in (min, max))]
        for i, name in enumerate(LEARNED)
    ]
    rows = []
    for table, setting in kept.items():
        before, after = (float(grid.loc[str(s), table]) for s in (AS_SHIPPED, tuple(setting)))
        rows.append([table, round(before, 3), round(after, 3), round(after - before, 3)])
    means = [round(float(np.mean([r[k] for r in rows])), 3) for k in (1, 2, 3)]
    rows.append(["mean", *means])
    return (
        stored(["prior", "times, all tables", "least", "most"], scales),
        stored(["table", "as shipped", "learned from the others", "gain"], rows),
    )


def report(work: Path) -> dict[str, Any]:
    """All tables."""
    both = ("baseline", "law")
    pooled, single = scores(read(work, "scores", *both))
    regret, said, rows = choices(read(work, "choices", *both))
    scales, left_out = learned(work)
    tables = {"pooled": pooled, "by_table": single, "choices": regret,
              "said": said, "scales": scales, "left_out": left_out, "rows": rows}  # fmt: skip
    return {"schema": 1, "tables": tables}
