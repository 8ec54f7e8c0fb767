"""Two pools that are equal: how often bands hold, and how often one is called better.

    python benchmarks/equal_pools.py [--studies 100] [--seconds 3600]

Each study has pools A and B of one and the same power law, four budgets from 10k to 300k, two seeds
a cell. A loss has seed noise of 1 to 35% of its value: normal, or skewed, which is lognormal with
the truth as its median. An error has seed noise of 1%, and is told by the share of 10 to 2,000
items that were wrong. Scored at the largest budget that was run and at
three times it: the share of 90% bands that hold the latent truth, with its standard error over
studies, and the share of the studies with P(best) above .95 for either pool. Studies of all levels
are taken in turn, so that a run which is stopped after ``--seconds`` has as many of each.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import stored

from qqt_bayes import fit, read_runs
from qqt_bayes.errors import QQTError

OUT = Path(__file__).parent / "results" / "equal_pools.json"
BUDGETS = np.array([10e3, 30e3, 100e3, 300e3])
ASKED = np.array([300e3, 900e3])
POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [3e6, 3e6], "quality_rank": [1, 1]})
LEVELS = [("seed noise", s) for s in (0.01, 0.03, 0.10, 0.20, 0.35)]
LEVELS += [("skewed", s) for s in (0.10, 0.20, 0.35)]
LEVELS += [("n_eval", n) for n in (10, 50, 200, 2000)]
CERTAIN = 0.95
LEAST = 0.02  # of the truth: a loss stays above 0


def simulated(what: str, level: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A run table of two equal pools, and the truth at the budgets asked about."""
    rng = np.random.default_rng([seed, int(1000 * level), len(what)])
    error = what == "n_eval"
    lowest, gain = (0.05, rng.uniform(0.4, 0.8)) if error else (1.0, rng.uniform(1.0, 3.0))
    slope = rng.uniform(0.15, 0.4)

    def truth(samples: np.ndarray) -> np.ndarray:
        return lowest + gain * (samples / BUDGETS[0]) ** -slope

    cells = [(pool, n) for pool in "AB" for n in BUDGETS for _ in range(2)]
    table = pd.DataFrame(cells, columns=["data", "samples"])
    spread = 0.01 if error else level
    away = spread * rng.standard_normal(len(table))
    off = np.exp(away) if what == "skewed" else np.maximum(1.0 + away, LEAST)
    value = truth(table["samples"].to_numpy()) * off
    table["metric"] = "error" if error else "loss"
    if error:
        value = rng.binomial(int(level), np.clip(value, 0, 1)) / level
        table["n_eval"] = int(level)
    return table.assign(value=value, run=[f"r{i}" for i in table.index]), truth(ASKED)


def scored(what: str, level: float, seed: int) -> dict[str, float | str]:
    """One study: share of the bands that hold, the larger P(best), or the refusal."""
    table, truth = simulated(what, level, seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = fit(read_runs(table, POOLS), table["metric"][0], seed=seed + 1)
            found = made.decide(ASKED, "A;B").table
    except QQTError as refusal:
        return {"refused": str(refusal).splitlines()[0]}
    wanted = found["samples"].map(dict(zip(ASKED, truth, strict=True)))
    holds = (found["lo"] <= wanted) & (wanted <= found["hi"])
    within = found["samples"] == ASKED[0]
    return {
        "within": float(holds[within].mean()), "beyond": float(holds[~within].mean()),
        "certain": float((found["p_best"] > CERTAIN).any()),
        "width": float(((found["hi"] - found["lo"]) / found["median"]).mean()),
    }  # fmt: skip


def summary(rows: pd.DataFrame) -> list[list[object]]:
    """One row a level: studies, refused, both shares with standard errors, certain, width."""
    out: list[list[object]] = []
    for what, level in LEVELS:
        mine = rows[(rows["what"] == what) & (rows["level"] == level)]
        kept = mine.dropna(subset="within")
        shares: list[object] = []
        for name in ("within", "beyond", "certain"):
            se = kept[name].std() / np.sqrt(len(kept))
            shares.append(f"{kept[name].mean():.2f} ± {se:.2f}".replace("0.", "."))
        label = f"{level:,.0f} items" if what == "n_eval" else f"{100 * level:.0f}%"
        width = round(float(kept["width"].median()), 3)
        out.append([what, label, len(mine), len(mine) - len(kept), *shares, width])
    return out


def main() -> None:
    """Simulate, fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3600.0)
    given = parser.parse_args()
    start, rows = time.monotonic(), []
    for seed in range(given.studies):
        if time.monotonic() - start > given.seconds:
            break
        for what, level in LEVELS:
            rows.append({"what": what, "level": level, **scored(what, level, seed)})
            print(seed, rows[-1], f"{time.monotonic() - start:.0f}s", flush=True)
    columns = ["noise", "level", "studies", "refused", "bands that hold, largest budget",
               "three times it", "P(best) above .95", "width of bands"]  # fmt: skip
    table = stored.table("benchmarks/equal_pools.py", columns, summary(pd.DataFrame(rows)))
    stored.write(OUT, {"equal_pools": table})


if __name__ == "__main__":
    main()
