"""The tables of benchmarks/bought.py: how often bands hold after purchases, and why not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from stored import table as stored_table

from qqt_bayes.backtest.scores import wilson

TABLES = ("choose", "tell")  # groups of real tables; the other rows are of simulated grounds


def rate(rows: pd.DataFrame, what: str) -> list[float] | None:
    """How often 90% bands hold, with a 95% interval; candidates of a replay miss together."""
    rows = rows[~rows["chosen"]] if what == "difference" else rows
    if rows.empty:
        return None
    inside = rows[what].between(0.05, 0.95)
    each = inside.groupby(rows["job"]).agg(["sum", "count"])
    mean, n = float(inside.mean()), len(each)
    off = each["sum"] - mean * each["count"]
    variance = float((off**2).sum()) * n / max(n - 1, 1) / len(rows) ** 2
    size = mean * (1.0 - mean) / variance if variance > 0.0 else n
    low, high = wilson(mean, int(np.clip(size, n, len(rows))), 0.95)
    return [round(v, 3) for v in (mean, low, high)]


def told(value: pd.Series) -> str:
    """Mean and standard error."""
    return f"{value.mean():.3f} ± {value.std(ddof=1) / np.sqrt(len(value)):.3f}".replace("0.", ".")


def report(done: list[dict], order: tuple[str, ...]) -> dict[str, object]:
    """The stored tables."""
    rows = pd.DataFrame([row | {"job": job["job"]} for job in done for row in job["rows"]])
    table = rows["job"].str.split("/").str[0].str.replace("_", " ")
    metric = rows["job"].str.split("/").str[1]
    real = rows["group"].isin(TABLES)
    rows["ground"] = (table + ", " + metric).where(real, rows["group"])
    grounds = sorted(rows["ground"].unique(), key=lambda g: ("," in g, "digits" not in g, g))
    count = rows.groupby("ground")["job"].nunique()
    out: dict[str, list[list[object]]] = {"levels": [], "differences": [], "regret": []}
    for policy in order:
        mine = {g: rows[(rows["policy"] == policy) & (rows["ground"] == g)] for g in grounds}
        out["levels"].append([policy, *(rate(mine[g], "level") for g in grounds)])
        out["differences"].append([policy, *(rate(mine[g], "difference") for g in grounds)])
        out["regret"].append(
            [policy, *(told(mine[g].groupby("job")["regret"].first()) for g in grounds)]
        )
    made = partial(stored_table, "benchmarks/bought.py")
    columns = ["policy", *(f"{g} ({count[g]})" for g in grounds)]
    tables = {name: made(columns, found) for name, found in out.items()}
    names = ["ground", "policy", "bands of levels hold, own runs near the deepest",
             "own runs far behind it", "width", "error", "width of differences",
             "error of differences"]  # fmt: skip
    tables["cause"] = made(names, causes(rows, order), digits=2)
    return tables


def causes(rows: pd.DataFrame, order: tuple[str, ...]) -> list[list[object]]:
    """Widths and errors over the range of the candidates; candidates near and far told apart."""
    out: list[list[object]] = []
    where = rows["group"].isin(TABLES).map({True: "tables", False: "simulated"})
    for (place, policy), part in rows.groupby([where, "policy"], sort=False):
        near = part["own_reach"] <= 2.0 * part["reach"]
        gaps = part[~part["chosen"]]
        middle = [part["width"], part["error"].abs(), gaps["gap_width"], gaps["gap_error"].abs()]
        out.append([place, policy, rate(part[near], "level"), rate(part[~near], "level"),
                    *(round(float(m.median()), 4) for m in middle)])  # fmt: skip
    return sorted(out, key=lambda row: (str(row[0]), order.index(str(row[1]))))
