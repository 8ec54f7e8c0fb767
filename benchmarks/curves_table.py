"""Published learning curves as a table in our format, for `qqt calibrate`.

    python benchmarks/curves_table.py scaling_curves_language.csv curves.runs.csv
    qqt calibrate curves.runs.csv

Every curve is a study of its own (column `model`) of one unlimited pool, at most two points an
octave. The CSV has columns domain, task, model, samples, value (Alabdulmohsin et al. 2022). Curves
are numbered from 1 in the order of their names: the priors were chosen on the odd ones
(docs/evidence/drift_prior.md).
"""

import sys
from pathlib import Path

import pandas as pd
from drift_prior import curves


def main() -> None:
    """Write the run table and its pool table."""
    source, target = map(Path, sys.argv[1:])
    frames = []
    for number, (_, runs, _, _) in enumerate(curves(source), start=1):
        table = runs.table.drop(columns="line")
        name = f"curve {number:02d} {'odd' if number % 2 else 'even'}"
        frames.append(table.assign(model=name, run=[f"{number}-{r}" for r in table["run"]]))
    out = pd.concat(frames)[["run", "data", "samples", "metric", "value", "model"]]
    out.to_csv(target, index=False)
    pools = target.with_name(target.name.replace(".runs.csv", ".pools.csv"))
    pools.write_text("pool,size\nA,inf\n")
    print(f"{len(out)} runs on {len(frames)} curves in {target}, pools in {pools}")


if __name__ == "__main__":
    main()
