"""The tables of benchmarks/linked.py, from the origins that it kept."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stored import table as stored_table

FORECASTS = ("own", "link", "straight", "both", "known")
SHOW = {"level": "levels", "difference": "differences"}
MARK = ["table", "study", "metric", "origin"]
made = partial(stored_table, "benchmarks/linked.py")


def read(work: Path, part: str) -> pd.DataFrame:
    """Rows of every origin."""
    frames = []
    for path in sorted(work.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        frames.append(pd.DataFrame(kept[part]).assign(**{name: kept[name] for name in MARK}))
    return pd.concat(frames, ignore_index=True)


def gaps(rows: pd.DataFrame, column: str, other: str) -> pd.Series:
    """What a forecast has more than `own`, by table and by origin of a study.

    Accuracies of the same runs are one: their errors are not independent.
    """
    by = ["table", "study", "origin", "forecast"]
    mean = rows.groupby(by)[column].mean()
    if column == "score90":
        mean = np.log(mean)
    wide = mean.unstack("forecast")
    return wide[other] - wide["own"]


def bootstrap(gap: pd.Series, column: str) -> list[float]:
    """Mean over tables, and over the origins of each, with a 90% interval; of scores a ratio.

    Both tables and origins are drawn again.
    """
    rng = np.random.default_rng(1)
    groups = [part.to_numpy() for _, part in gap.groupby("table")]
    drawn = [
        np.mean([rng.choice(groups[i], len(groups[i])).mean()
                 for i in rng.integers(len(groups), size=len(groups))])
        for _ in range(4000)
    ]  # fmt: skip
    told = np.array([np.mean([g.mean() for g in groups]), *np.quantile(drawn, [0.05, 0.95])])
    return np.round(np.exp(told) if column == "score90" else told, 4).tolist()


def paired(scores: pd.DataFrame) -> dict[str, Any]:
    """Each forecast beside `own`, by table and distance."""
    rows = []
    for what, name in SHOW.items():
        every = scores[scores["what"] == what]
        cuts = [("all", "all", every)]
        cuts += [("all", f"{f:.0f}x", part) for f, part in every.groupby("factor")]
        cuts += [(table, "all", part) for table, part in every.groupby("table")]
        for table, distance, part in cuts:
            for other in FORECASTS[1:]:
                told = [
                    bootstrap(gaps(part, c, other).dropna(), c) for c in ("log_score", "score90")
                ]
                origins = len(part.groupby(["table", "study", "origin"]))
                rows.append([table, distance, name, origins, other, *told])
    return made(
        [
            "table",
            "to",
            "target",
            "origins",
            "forecast",
            "log score gained",
            "interval score, times",
        ],
        rows,
    )


def off(scores: pd.DataFrame) -> dict[str, Any]:
    """How far medians of levels are off, as the root of the mean squared log error."""
    levels, rows = scores[scores["what"] == "level"], []
    for factor, part in levels.groupby("factor"):
        by = part.groupby(["table", "forecast"])["sle"].mean().unstack()[list(FORECASTS)]
        by.loc["all"] = by.mean()
        for table, line in np.sqrt(by).iterrows():
            rows.append([table, f"{factor:.0f}x", *(round(float(v), 3) for v in line)])
    return made(
        ["table", "to", *FORECASTS],
        rows,
        best={"columns": list(FORECASTS), "of": "min"},
    )


def regret(choices: pd.DataFrame) -> dict[str, Any]:
    """Regret of the choice relative to the best value, by table."""
    ranked = choices[np.isfinite(choices["regret_rank"].astype(float))]
    rows = []
    for table, part in [*ranked.groupby("table"), ("all", ranked)]:
        mean = part.groupby(["table", "forecast"])[["regret", "regret_rank"]].mean()
        mean = mean.groupby("forecast").mean()
        paired = bootstrap(gaps(part, "regret", "link"), "regret")
        rows.append([table, int((part["forecast"] == "own").sum()),
                     *(round(float(mean.loc[f, "regret"]), 4) for f in FORECASTS),
                     round(float(mean.loc["own", "regret_rank"]), 4), paired])  # fmt: skip
    return made(["table", "choices", *FORECASTS, "ranking", "link less own"], rows)


def report(work: Path) -> dict[str, Any]:
    """All tables."""
    scores, choices = read(work, "scores"), read(work, "choices")
    return {"paired": paired(scores), "off": off(scores),
            "choices": regret(choices)}  # fmt: skip
