"""The law of model size as it is usually fitted, on the targets of `size_allocation.py`.

L = E + A/N^a + B/D^b by Huber's loss of log losses (Hoffmann et al. 2022), each data by itself
where it is a text of its own: the error of log loss that `qqt allocate` has to better. Beside it,
the same with a coupling exponent, L = E + (A/N^a + B/D^b)^k.

    python benchmarks/size_plain.py FOLDER    # writes benchmarks/results/size_plain.json
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from scipy.optimize import least_squares
from size_allocation import HELD_OUT
from size_selection import EXTREME

RESULTS = Path(__file__).parent / "results" / "size_plain.json"
HUBER = 1e-3  # in log loss
STARTS = 5


def log_loss(p: np.ndarray, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Of logs of E, A, B, alpha, beta and, if there, k; n and d are logs from the middle."""
    terms = np.logaddexp(p[1] - np.exp(p[3]) * n, p[2] - np.exp(p[4]) * d)
    return np.asarray(np.logaddexp(p[0], terms * (np.exp(p[5]) if len(p) > 5 else 1.0)))


def huber(table: pd.DataFrame, beyond: pd.DataFrame, coupled: bool) -> np.ndarray:
    """Log losses expected of some runs, by the best of many starts."""
    logs = [np.log(t[["params", "samples"]].to_numpy(float)) for t in (table, beyond)]
    here, there = (x - logs[0].mean(axis=0) for x in logs)
    y, rng, best = np.log(table["value"].to_numpy(float)), np.random.default_rng(1), None
    for _ in range(STARTS):
        start = [np.log(y.min() + 1e-9) if y.min() > 0 else -1.0, -1.0, -1.0, -1.0, -1.0]
        start = np.array(start + [0.0] * coupled)
        start += rng.normal(size=len(start)) * np.array([0.3, 1, 1, 0.4, 0.4, 0.2])[: len(start)]
        found = least_squares(
            lambda p: log_loss(p, *here.T) - y, start, loss="huber", f_scale=HUBER, max_nfev=300
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    return log_loss(best.x, *there.T)


def error(
    fitted: pd.DataFrame, beyond: pd.DataFrame, coupled: bool, apart: str | None = "data"
) -> np.ndarray:
    """Errors of log loss, dim (run,)."""
    out = np.empty(len(beyond))
    parts = beyond.groupby(apart).indices.items() if apart else [("", np.arange(len(beyond)))]
    for name, rows in parts:
        own = fitted[fitted[apart] == name] if apart else fitted
        out[rows] = huber(own, beyond.iloc[rows], coupled)
    return np.asarray(out - np.log(beyond["value"].to_numpy(float)))


def rmse(away: np.ndarray) -> float:
    """Root of the mean square."""
    return round(float(np.sqrt(np.mean(away**2))), 4)


def judged(folder: Path) -> list[list[Any]]:
    """One row a set of targets: error by the plain law, and with a coupling exponent."""
    iso, rows = pd.read_csv(folder / "marin_isoflop.csv"), []
    for most in HELD_OUT:
        low = iso["flop_budget"] <= most
        beyond = iso[~low].reset_index(drop=True)
        away = [error(iso[low], beyond, coupled) for coupled in (False, True)]
        for compute, at in beyond.groupby("flop_budget").indices.items():
            name = f"isoFLOP up to {most:.0e}, at {compute:.1e}"
            rows.append([name, len(at), *(rmse(a[at]) for a in away)])
    bench = pd.read_csv(folder / "scalebench_data_constrained.csv")
    bench = bench.rename(columns={"tokens": "samples", "loss": "value"})
    train = bench[bench["split"] == "train"]
    test = bench[(bench["split"] == "test") & (bench["params"] > EXTREME)].reset_index(drop=True)
    rows.append(
        ["ScaleBench", len(test), *(rmse(error(train, test, c, None)) for c in (False, True))]
    )
    return rows


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    rows = judged(parser.parse_args().folder)
    columns = ["fitted up to, at", "runs", "plain, robust", "plain, coupled"]
    table = stored.table("benchmarks/size_plain.py FOLDER", columns, rows)
    stored.write(RESULTS, {"plain": table | {"engine": "SciPy, Huber's loss"}})
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
