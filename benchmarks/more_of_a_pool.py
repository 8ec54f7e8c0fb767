"""What does more of a pool bring, or less? Runs on pools of one kind in several sizes.

    python benchmarks/more_of_a_pool.py SMALL.runs.csv LARGE.runs.csv

Zhou et al. (arXiv:2606.07597), Wikipedia mixed into FineWeb. SMALL has pools of 7.3M to 58.4M,
each run at one budget; LARGE has one of 116.9M at five budgets. Fitted to SMALL alone, `qqt act` is
asked what size=2x of the 58.4M pool does where both were run. Fitted to LARGE alone, the same
machinery cuts its pool to a half, a quarter, an eighth and a sixteenth, and SMALL judges.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.act.changed import ChangedData, draw_changed
from qqt_bayes.decide.predict import bounded, ceiling

POOL, WHOLE, REST = "Wikipedia-58.4M", "Wikipedia", "FineWeb"
LAWS = ("effective_utility", "exchange_rate")


def doubled(small: qqt.Runs, large: qqt.Runs, law: str) -> pd.DataFrame:
    """The pool of 58.4M made twice as large, beside runs on one of 116.9M."""
    fit = qqt.fit(small, "loss", spec=law, seed=1)
    rows = []
    for run in small.table[small.table["data"].str.contains(POOL)].itertuples():
        same = large.table[
            (large.table["data"] == run.data.replace(POOL, WHOLE))
            & np.isclose(large.table["samples"], run.samples, rtol=0.02)
        ]
        if same.empty:
            continue
        actions = pd.DataFrame({"action": ["twice"], "pool": [POOL], "changes": ["size=2x"]})
        row = fit.act(float(run.samples), actions, data=run.data).table.iloc[1]
        real = float(same["value"].iloc[0]) - run.value
        rows.append(
            {"data": run.data, "change": row["change"], "lo": row["change_lo"],
             "hi": row["change_hi"], "real": real,
             "inside": row["change_lo"] <= real <= row["change_hi"]}
        )  # fmt: skip
    return pd.DataFrame(rows)


def cut(small: qqt.Runs, large: qqt.Runs, law: str) -> pd.DataFrame:
    """The pool of 116.9M cut to the sizes of the others, beside runs on those."""
    fit = qqt.fit(large, "loss", spec=law, seed=1)
    rest, whole = large.pools.index(REST), large.pools.index(WHOLE)
    blocks, rows = [], []
    for run in small.table.itertuples():
        shares = small.mixtures[run.data].shares
        pool = next(p for p in shares if p != REST)
        part = small.pools.sizes[small.pools.index(pool)] / large.pools.sizes[whole]
        weight, growth = np.zeros(2), np.ones(2)
        weight[rest], weight[whole], growth[whole] = shares[REST], shares[pool], part
        blocks.append(ChangedData(np.array([float(run.samples)]), weight, growth))
        rows.append({"data": run.data, "part": part, "real": run.value})
    out = pd.DataFrame(rows)
    values = [
        bounded(fit.posterior.irreducible + np.exp(log[:, 0]), ceiling(fit, block.samples))
        for log, block in zip(draw_changed(fit.posterior, blocks), blocks, strict=True)
    ]
    found = np.quantile(values, [0.5, 0.05, 0.95], axis=1)
    out["predicted"], out["lo"], out["hi"] = found
    return out.assign(inside=out["real"].between(out["lo"], out["hi"]))


def main(small_table: str, large_table: str) -> None:
    """Fit both ways under both laws, and print beside what was run."""
    small, large = qqt.read_runs(small_table), qqt.read_runs(large_table)
    for law in LAWS:
        print(f"\n{law}: twice the pool")
        print(doubled(small, large, law).round(3).to_string(index=False))
        parts = cut(small, large, law)
        print(f"{law}: the pool cut; levels inside their 90% band")
        told = parts.assign(off=(parts["predicted"] - parts["real"]).abs())
        by = told.groupby(told["part"].round(3))
        print(by.agg(inside=("inside", "sum"), of=("inside", "size"), off=("off", "median")))


if __name__ == "__main__":
    main(*sys.argv[1:])
