"""Chinchilla laws of several pools: drawn from one population, or each fitted by itself.

    python benchmarks/size_pooling.py FOLDER --out scores.csv

FOLDER holds `marin_isoflop.csv`: isoFLOP runs on three pretraining mixtures.

late    : one pool has runs up to some compute, the others all of theirs; its later runs follow.
forward : all pools are fitted up to some compute; all later runs follow.

Printed are mean log scores of new runs (of log loss), coverage of 90% bands, and gains of the fit
together over separate ones. Shorter walks than a fit for use; what does not reach an R-hat of 1.05
is named.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import qqt_bayes as qqt
from qqt_bayes.allocation.fitted import SizeFit
from qqt_bayes.allocation.model import build_model
from qqt_bayes.allocation.sample import Sampler
from qqt_bayes.allocation.sizes import Sizes, size_study
from qqt_bayes.backtest.scores import crps, log_score
from qqt_bayes.inference.sample import Settings
from qqt_bayes.model.spec import load_spec

COMPUTE = {"late": (9e18, 3e19), "forward": (3e19,)}  # largest fitted, operations
SHORT = Settings(draws=500, tune=500, chains=2)
SPEC = load_spec("chinchilla")


class Laws:
    """The laws of some pools, compiled once; runs are left out by their weight."""

    def __init__(self, table: pd.DataFrame) -> None:
        pools = pd.DataFrame({"pool": sorted(table["data"].unique()), "size": np.inf})
        self.table = table.reset_index(drop=True)
        self.sizes: Sizes = size_study(qqt.read_runs(self.table, pools).select("loss"), "loss")
        self.model = build_model(self.sizes, SPEC)
        self.sampler = Sampler(self.model)
        order = {r: i for i, r in enumerate(self.table["run"])}
        self.row = np.array([order[r] for r in self.sizes.study.run])  # of the table, by study row

    def scores(self, kept: np.ndarray, wanted: np.ndarray) -> pd.DataFrame:
        """Scores of the wanted rows of the table, fitted to the kept ones."""
        draws = self.sampler.sample(1, SHORT, weight=kept[self.row].astype(float), attempts=1)
        if draws.gate.figures["r_hat"] > 1.05:
            print("not converged:", draws.gate.text.splitlines()[0], flush=True)
        rows = self.table[wanted]
        fit = SizeFit(self.sizes, self.model, draws, SPEC, 1)
        log_loss, seen = np.log(fit.predict(rows, noise=True)), np.log(rows["value"].to_numpy())
        low, high = np.quantile(log_loss, [0.05, 0.95], axis=0)
        return rows[["run", "data", "params", "samples", "flop_budget"]].assign(
            log_score=log_score(log_loss, seen), crps=crps(log_loss, seen), width=high - low,
            inside=(low <= seen) & (seen <= high), r_hat=draws.gate.figures["r_hat"],
        )  # fmt: skip


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """All scores."""
    pools = sorted(table["data"].unique())
    together = Laws(table)
    apart = {p: Laws(table[table["data"] == p]) for p in pools}
    every, frames = together.table, []
    for ask, computes in COMPUTE.items():
        for most in computes:
            begin = time.process_time()
            small = (every["flop_budget"] <= most).to_numpy()
            for pool in pools if ask == "late" else [""]:
                mine = (every["data"] == pool).to_numpy() if pool else np.ones(len(every), bool)
                found = together.scores(small | ~mine, mine & ~small)
                frames.append(found.assign(ask=ask, most=most, how="together"))
            for pool in pools if ask == "late" else []:
                few = (apart[pool].table["flop_budget"] <= most).to_numpy()
                found = apart[pool].scores(few, ~few)
                # what a pool knows by itself is the same in both questions
                frames += [found.assign(ask=a, most=most, how="separate")
                           for a in COMPUTE if most in COMPUTE[a]]  # fmt: skip
            print(f"{ask}, up to {most:g}: {time.process_time() - begin:.0f} s", flush=True)
    return pd.concat(frames, ignore_index=True)


def main() -> None:
    """Print the scores."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("size_pooling.csv"))
    given = parser.parse_args()
    found = compared(pd.read_csv(given.folder / "marin_isoflop.csv"))
    found.to_csv(given.out, index=False)
    key = ["ask", "most", "how"]
    print(found.groupby(key)[["log_score", "crps", "width", "inside"]].mean().round(4).to_string())
    mean = found.groupby(["ask", "most", "data", "how"])["log_score"].mean().unstack()
    print((mean["together"] - mean["separate"]).round(3).to_string())


if __name__ == "__main__":
    main()
