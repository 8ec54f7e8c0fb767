"""The figures of docs/how_to/model_size.md on published runs of several model sizes.

Run by hand: ``python benchmarks/size_allocation.py FOLDER --figure docs/_static/allocation.png``,
with `marin_isoflop.csv`, `scalebench_data_constrained.csv` and `deepseek_exponents.csv` in FOLDER.
Printed are the exponents by pool with the probabilities of their order; what was predicted for the
largest isoFLOP budgets from the smaller ones; and the data-constrained targets, by NUTS.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from size_selection import EXTREME, Task

import qqt_bayes as qqt
from qqt_bayes.allocation.answer import allocate_fit

HELD_OUT = (9e19, 3e19)  # largest compute fitted


def isoflop(folder: Path, figure: Path | None) -> None:
    """Exponents, optima and a figure; then budgets held back."""
    table = pd.read_csv(folder / "marin_isoflop.csv")
    pools = pd.DataFrame({"pool": sorted(table["data"].unique()), "size": np.inf})
    answer = qqt.allocate(qqt.read_runs(table, pools), "3e19,3e20,3e21", "loss")
    print(answer.text, "\n", answer.fit.posterior.gate.text, "\n")
    print(answer.exponents.round(3).to_string(), "\n")
    growth = answer.growth_draws
    for i, one in enumerate(answer.candidates):
        for j, other in enumerate(answer.candidates[:i]):
            p = np.mean(growth[:, i] > growth[:, j])
            print(f"P(optimum of {one.text} grows faster than that of {other.text}) = {p:.2f}")
    print(pd.read_csv(folder / "deepseek_exponents.csv").to_string(), "\n", flush=True)
    if figure is not None:
        answer.plot(budget=1).savefig(figure)
    for most in HELD_OUT:
        fit = qqt.fit_sizes(qqt.read_runs(table[table["flop_budget"] <= most], pools), "loss")
        beyond = table[table["flop_budget"] > most]
        draws = np.log(fit.predict(beyond, noise=True))
        truth = np.log(beyond["value"].to_numpy())
        low, mid, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
        for factor, rows in beyond.reset_index(drop=True).groupby("flop_budget").groups.items():
            held = (low < truth) & (truth < high)
            print(
                f"fitted up to {most:g}, at {factor:g}: {held[rows].mean():.2f} of {len(rows)} "
                f"inside 90% bands of width {(high - low)[rows].mean():.3f} in log loss; error of "
                f"the median {np.sqrt(np.mean((mid - truth)[rows] ** 2)):.4f}"
            )
        print(allocate_fit(fit, "3e20").text.splitlines()[2], "\n", flush=True)


def constrained(folder: Path) -> None:
    """The targets of the data-constrained task, predicted by NUTS from all candidate runs."""
    task = Task(folder / "scalebench_data_constrained.csv")
    train, test = (task.runs.select(where={"split": name}) for name in ("train", "test"))
    fit = qqt.fit_sizes(train, "loss")
    print(fit.posterior.gate.text)
    draws = np.log(fit.predict(test.table, noise=True))
    low, mid, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    truth, loss = task.truth, np.exp(task.truth)
    usual = test.table["params"].to_numpy(float) > EXTREME
    r2 = 1 - np.sum((np.exp(mid) - loss) ** 2) / np.sum((loss - loss.mean()) ** 2)
    off, held = (mid - truth)[usual], (low < truth) & (truth < high)
    print(
        f"R2 {r2:.4f}, error of log loss on {usual.sum()} {np.sqrt(np.mean(off**2)):.4f}, "
        f"{held.sum()} of {len(held)} inside 90% bands of mean width {(high - low).mean():.3f}"
    )
    print(allocate_fit(fit, "1e20,1e21", candidates="U1500M;U12000M;U178000M").text)


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    isoflop(args.folder, args.figure)
    constrained(args.folder)


if __name__ == "__main__":
    main()
