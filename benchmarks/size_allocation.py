"""`qqt allocate` on published runs of several model sizes.

    python benchmarks/size_allocation.py PUBLISHED [FIGURE.png]   # writes to model_size.json

Stored are the exponents by pool, what was foretold for the largest isoFLOP budgets from the smaller
ones, and the targets of ScaleBench's data-constrained task from all its candidate runs, with those
that have overfitted and without them.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import stored
from size_selection import EXTREME, Task

import qqt_bayes as qqt
from qqt_bayes.runs import format_number

HELD_OUT = (9e19, 3e19)  # largest compute fitted


def isoflop(published: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of many sizes on three mixtures, and their pools."""
    table = pd.read_csv(published / "marin_isoflop.csv")
    return table, pd.DataFrame({"pool": sorted(table["data"].unique()), "size": np.inf})


def size(row: Any) -> str:
    """The optimal size with its interval."""
    middle, low, high = (format_number(row[f"params{e}"]) for e in ("", "_lo", "_hi"))
    return f"{middle} [{low}, {high}]"


def growth(answer: Any) -> list[list[Any]]:
    """Exponents of model size, and how fast the optimum grows from the first to the last budget."""
    law = answer.exponents.set_index("data")
    grown = np.quantile(answer.growth_draws, [0.5, 0.05, 0.95], axis=0).round(2)
    at = answer.table[answer.table["compute"] == 3e20].set_index("data")
    return [[c.text, [round(float(law.loc[c.text, f"a{e}"]), 2) for e in ("", "_lo", "_hi")],
             grown[:, i].tolist(), size(at.loc[c.text])]
            for i, c in enumerate(answer.candidates)]  # fmt: skip


def held_back(table: pd.DataFrame, pools: pd.DataFrame) -> list[list[Any]]:
    """Bands of the runs beyond the largest compute fitted."""
    out = []
    for most in HELD_OUT:
        fit = qqt.fit_sizes(qqt.read_runs(table[table["flop_budget"] <= most], pools), "loss")
        beyond = table[table["flop_budget"] > most].reset_index(drop=True)
        low, mid, high = np.quantile(
            np.log(fit.predict(beyond, noise=True)), [0.05, 0.5, 0.95], axis=0
        )
        truth = np.log(beyond["value"].to_numpy())
        for compute, rows in beyond.groupby("flop_budget").groups.items():
            held = ((low < truth) & (truth < high))[rows].mean()
            error = np.sqrt(np.mean((mid - truth)[rows] ** 2))
            out.append([f"{most:g}", f"{compute:g}", round(float(held), 2),
                        round(float((high - low)[rows].mean()), 3),
                        round(float(error), 4)])  # fmt: skip
    return out


def constrained(path: Path) -> list[list[Any]]:
    """The targets of the data-constrained task, foretold from all candidate runs."""
    out = []
    for rule in ("keep", "leave_out"):
        task = Task(path)
        train, test = (task.runs.select(where={"split": name}) for name in ("train", "test"))
        fit = qqt.fit_sizes(train, "loss", overfitted=rule)
        draws = np.log(fit.predict(test.table, noise=True))
        low, mid, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
        truth, loss = task.truth, np.exp(task.truth)
        usual = test.table["params"].to_numpy(float) > EXTREME
        r2 = 1 - np.sum((np.exp(mid) - loss) ** 2) / np.sum((loss - loss.mean()) ** 2)
        error = np.sqrt(np.mean((mid - truth)[usual] ** 2))
        held = f"{((low < truth) & (truth < high)).sum()} of {len(truth)}"
        out.append([rule, round(float(r2), 3), round(float(error), 3), held,
                    round(float((high - low).mean()), 3)])  # fmt: skip
    return out


def main(published: Path, figure: Path | None = None) -> None:
    """Measure, and store beside what other scripts keep there."""
    warnings.simplefilter("ignore")
    table, pools = isoflop(published)
    answer = qqt.allocate(qqt.read_runs(table, pools), "3e19,3e20,3e21", "loss")
    if figure is not None:
        answer.plot(budget=1).savefig(figure)
    tables = {
        "growth": (["data", "a (the law)", "growth of the optimum, 3e19 to 3e21",
                    "optimal size at 3e20"], growth(answer)),
        "held_back": (["fitted up to", "foretold at", "held", "width", "error"],
                      held_back(table, pools)),
        "overfitted": (["overfitted runs", "R2 of the loss", "rmse of log loss, 19 targets",
                        "in 90%", "mean width"],
                       constrained(published / "scalebench_data_constrained.csv")),
    }  # fmt: skip
    path = stored.RESULTS / "model_size.json"
    made = {name: stored.table("benchmarks/size_allocation.py", *t) for name, t in tables.items()}
    stored.write(path, {"buying": stored.read(path)["buying"]} | made)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
