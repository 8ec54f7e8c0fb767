"""The tables of benchmarks/bands.py, from the rows that its steps kept."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from stored import table as stored_table

from qqt_bayes.backtest import coverage_interval
from qqt_bayes.calibrate.learn import AS_SHIPPED

METHODS = {"qqt": "as shipped", "no_drift": "law alone"}
BASELINES = {"power_law": "a power law each", "bootstrap": "bootstrap of it",
             "grid": "grid search", "conformal": "conformal"}  # fmt: skip
ALONE = ("single", "single law")  # fitted to single pools alone
BINS = (0.0, 0.5, 0.65, 0.85, 0.95, 1.01)
SHOW = {"level": "levels", "difference": "differences"}
made = partial(stored_table, "benchmarks/bands.py")


def read(work: Path, part: str, *methods: str) -> dict[str, pd.DataFrame]:
    """Rows of some methods; origins that one of them could not fit are left out of all."""
    found = {m: pd.read_csv(work / f"{m}.{part}.csv") for m in methods}
    keys = ["set", "origin"]
    both = None
    for frame in found.values():
        there = set(map(tuple, frame[keys].to_numpy().tolist()))
        both = there if both is None else both & there
    return {m: f[[tuple(k) in both for k in f[keys].to_numpy().tolist()]] for m, f in found.items()}


def held(rows: pd.DataFrame, seed: int = 1) -> list[float]:
    """Coverage with its interval by a bootstrap over origins and budgets."""
    group = rows["set"] + rows["origin"].astype(str) + rows["budget"].astype(str)
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
    for (what, factor), _ in found["qqt"].groupby(by):
        rows = {m: f[(f["what"] == what) & (f["factor"] == factor)] for m, f in found.items()}
        head = [SHOW[what], f"{factor:.0f}x", len(rows["qqt"])]
        pooled.append([*head, *(held(r) for r in rows.values()),
                       each_table(rows["qqt"], "in90"),
                       *(each_table(r, "width90") for r in rows.values()),
                       *(each_table(r, "score90") for r in rows.values())])  # fmt: skip
        for table in sorted(rows["qqt"]["table"].unique()):
            own = {m: r[r["table"] == table] for m, r in rows.items()}
            single.append(
                [table, *head[:2], len(own["qqt"]),
                 *(round(float(r["in90"].mean()), 2) for r in own.values()),
                 *(round(float(r["score90"].mean()), 3) for r in own.values())]
            )  # fmt: skip
    held_names = [f"held, {c}" for c in columns]
    score_names = [f"score, {c}" for c in columns]
    return (
        made(["target", "to", "n", *held_names, "held, mean of tables",
                *(f"width, {c}" for c in columns), *score_names], pooled,
               best={"columns": score_names, "of": "min"}),
        made(["table", "target", "to", "n", *held_names, *score_names], single,
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
    base, rows = found["qqt"], []
    keys = ["set", "origin", "budget"]
    whole = base.merge(found["no_drift"][[*keys, "regret"]], on=keys, suffixes=("", "_law"))
    whole = whole[np.isfinite(whole["regret_rank"])]
    for name, part in [*whole.groupby("table"), ("all", whole)]:
        rows.append(
            [name, len(part), *(round(float(part[c].mean()), 4) for c in
                                ("regret_expected", "regret", "regret_law", "regret_rank")),
             paired(part["regret"] - part["regret_rank"], part["set"])]
        )  # fmt: skip
    told = []
    for low, high in pairwise(BINS):
        line: list[Any] = [f"{low:g} to {min(high, 1):g}".replace("0.", ".")]
        part = base[(base["p_said"] > low) & (base["p_said"] <= high)]
        line += [len(part), round(float(part["p_said"].mean()), 2),
                 round(float(part["right"].mean()), 2)]  # fmt: skip
        told.append(line)
    whole = whole.rename(columns={"set": "study"})
    picture = whole[["table", "study", "origin", "budget", "p_said", "right", "regret",
                     "regret_law", "regret_rank"]]  # fmt: skip
    return (
        made(["table", "choices", "regret said", "as shipped", "law alone", "ranking",
                "as shipped less ranking"], rows),
        made(["P said", "n", "mean P", "came true"], told),
        made(list(picture), json.loads(picture.round(6).to_json(orient="values"))),
    )  # fmt: skip


def distance(work: Path) -> dict:
    """Coverage of our levels by table and distance, each with its interval: for the picture."""
    ours = pd.read_csv(work / "qqt.scores.csv")
    parts = ours[ours["what"] == "level"].groupby(["table", "factor"])
    rows = [[table, f"{factor:.0f}x", held(part)] for (table, factor), part in parts]
    return made(["table", "to", "held"], rows)


def beside(work: Path) -> dict:
    """Each baseline against ours, on the rows that both foretell."""
    ours = pd.read_csv(work / "qqt.scores.csv")
    keys, rows = ["set", "origin", "data", "samples", "what", "copy"], []
    ours["copy"] = ours.groupby(keys[:-1]).cumcount()
    for name, title in BASELINES.items():
        other = pd.read_csv(work / f"{name}.scores.csv")
        other["copy"] = other.groupby(keys[:-1]).cumcount()
        both = ours.merge(other[[*keys, "in90", "score90"]], on=keys, suffixes=("", "_other"))
        both = both[np.isfinite(both["score90_other"])]
        for (what, factor), part in both.groupby(["what", "factor"]):
            held = [round(float(part[c].mean()), 2) for c in ("in90_other", "in90")]
            score = [each_table(part, c) for c in ("score90_other", "score90")]
            rows.append([title, SHOW[what], f"{factor:.0f}x", len(part), *held, *score])
    columns = ["method", "target", "to", "n", "held", "held, ours", "score", "score, ours"]
    return made(columns, rows, best={"columns": columns[-2:], "of": "min"})


def unions(work: Path) -> tuple[dict, dict]:
    """Unions foretold from single pools: bands by metric and distance, and choices."""
    rows, lost = [], []
    ours, law = (pd.read_csv(work / f"{name}.scores.csv") for name in ALONE)
    by = ["table", "what", "factor"]
    other = law.groupby(by)["score90"].mean()
    for (metric, what, factor), part in ours.groupby(by):
        rows.append([metric, SHOW[what], f"{factor:.0f}x", len(part), held(part),
                     *(round(float(v), 3) for v in
                       (part["score90"].mean(), other[metric, what, factor]))])  # fmt: skip
    for metric, part in pd.read_csv(work / f"{ALONE[0]}.choices.csv").groupby("table"):
        lost.append([metric, len(part), *(round(float(part[c].mean()), 4) for c in
                                          ("regret", "regret_rank"))])  # fmt: skip
    return (
        made(["metric", "target", "to", "n", "held", "score", "score, law alone"], rows),
        made(["metric", "choices", "regret", "regret of ranking"], lost),
    )


def settings(work: Path) -> dict:
    """Other specifications that were tried: scores against those of the one that ships."""
    ours = read_scores(work, "qqt")
    rows = []
    known = {*METHODS, *BASELINES, *ALONE}
    names = sorted(p.name.removesuffix(".scores.csv") for p in work.glob("*.scores.csv"))
    for name in ["qqt", *(n for n in names if n not in known)]:
        found = read_scores(work, name)
        both = ours.index.intersection(found.index)
        ratio = np.log(found.loc[both, "score90"] / ours.loc[both, "score90"])
        score = np.exp(ratio.groupby("what").mean())
        gain = (found.loc[both] - ours.loc[both])["log_score"].groupby("what").mean()
        held = found.loc["level"].groupby("factor")["in90"].mean()
        rows.append(["as shipped" if name == "qqt" else name, *(round(float(h), 2) for h in held),
                     *(round(float(score[w]), 3) for w in SHOW),
                     *(round(float(gain[w]), 3) for w in SHOW)])  # fmt: skip
    columns = ["setting", *(f"levels held at {k}x" for k in (2, 4, 8))]
    columns += [f"score of {SHOW[w]}, times" for w in SHOW]
    return made([*columns, *(f"log score of {SHOW[w]}, gain" for w in SHOW)], rows)


def read_scores(work: Path, name: str) -> pd.DataFrame:
    """Means of a method by target, distance and table."""
    frame = pd.read_csv(work / f"{name}.scores.csv")
    columns = ["in90", "score90", "log_score"]
    return frame.groupby(["what", "factor", "table"])[columns].mean()


def learned(work: Path) -> dict[str, Any]:
    """Log scores of each table, under the multiples that the others teach."""
    kept = json.loads((work / "settings.json").read_text())["settings"]
    grid = pd.read_csv(work / "grid.csv", index_col=0)
    kept.pop("all")
    rows = []
    for table, setting in kept.items():
        before, after = (float(grid.loc[str(s), table]) for s in (AS_SHIPPED, tuple(setting)))
        rows.append([table, round(before, 3), round(after, 3), round(after - before, 3)])
    means = [round(float(np.mean([r[k] for r in rows])), 3) for k in (1, 2, 3)]
    rows.append(["mean", *means])
    return made(["table", "as shipped", "learned from the others", "gain"], rows)


def report(work: Path) -> dict[str, Any]:
    """All tables."""
    both = tuple(METHODS)
    pooled, single = scores(read(work, "scores", *both))
    regret, said, rows = choices(read(work, "choices", *both))
    alone, chosen = unions(work)
    tables = {"pooled": pooled, "by_table": single, "distance": distance(work),
              "beside": beside(work), "choices": regret, "said": said,
              "left_out": learned(work), "settings": settings(work), "single_pools": alone,
              "single_choices": chosen, "rows": rows}  # fmt: skip
    return tables
