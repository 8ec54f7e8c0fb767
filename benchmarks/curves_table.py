"""Published learning curves as a table in our format, for `qqt calibrate`.

    python benchmarks/curves_table.py scaling_curves_language.csv curves.runs.csv
    qqt calibrate curves.runs.csv

Every curve is a study of its own (column `model`) of one unlimited pool, at most two points an
octave. The CSV has columns domain, task, model, samples, value (Alabdulmohsin et al. 2022). Curves
are numbered from 1 in the order of their names.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from qqt_bayes import read_runs
from qqt_bayes.runs import Runs


def curves(path: Path) -> Iterator[Runs]:
    """Each curve as a study of one unlimited pool, at most two points an octave."""
    table = pd.read_csv(path, dtype={"model": str})
    pools = pd.DataFrame({"pool": ["A"], "size": [np.inf]})
    for _, rows in table.groupby(["domain", "task", "model"]):
        mean = rows.groupby("samples")["value"].mean().sort_index()
        octave = np.round(2 * np.log2(mean.index / mean.index.max()))
        mean = mean.groupby(octave).tail(1)
        runs = pd.DataFrame(
            {"run": [f"r{i}" for i in range(len(mean))], "data": "A",
             "samples": np.round(mean.index), "metric": "loss", "value": mean.to_numpy()}
        )  # fmt: skip
        yield read_runs(runs, pools)


def main() -> None:
    """Write the run table and its pool table."""
    source, target = map(Path, sys.argv[1:])
    frames = []
    for number, runs in enumerate(curves(source), start=1):
        table = runs.table.drop(columns="line")
        frames.append(
            table.assign(model=f"curve {number:02d}", run=[f"{number}-{r}" for r in table["run"]])
        )
    out = pd.concat(frames)[["run", "data", "samples", "metric", "value", "model"]]
    out.to_csv(target, index=False)
    pools = target.with_name(target.name.replace(".runs.csv", ".pools.csv"))
    pools.write_text("pool,size\nA,inf\n")
    print(f"{len(out)} runs on {len(frames)} curves in {target}, pools in {pools}")


if __name__ == "__main__":
    main()
