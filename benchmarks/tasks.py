"""Does sharing between tasks help? Forecasts with and without it, from every origin.

    python benchmarks/tasks.py RUNS[:METRIC[:COLUMN]] ...

Each table is back-tested with its metrics (or the values of a column, such as model) as tasks. The
same separate fits are scored alone and joined, on runs beyond the origin: mean log score, coverage
and interval score of 90% intervals, for levels and for differences to the best.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd

from qqt_bayes import read_runs
from qqt_bayes.backtest import judge, origins
from qqt_bayes.errors import QQTError
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.runs import Runs
from qqt_bayes.tasks import Tasks, fit_tasks
from qqt_bayes.tasks.several import thin


def forecasts(tasks: Tasks, targets: list[tuple]) -> dict[str, list[np.ndarray]]:
    """Draws of new runs for each task, alone and joined."""
    drawn, latent, posteriors = [], [], []
    for made, (samples, shares) in zip(tasks.fits, targets, strict=True):
        posterior = thin(made.posterior)
        there = posterior.at(posterior.design.points_at(samples, shares), seed=3)
        drawn.append(there)
        latent.append(posterior.irreducible[:, None] + np.exp(there.log_reducible))
        posteriors.append(posterior)
    index = tasks.join(drawn).index
    out: dict[str, list[np.ndarray]] = {"alone": [], "joined": []}
    for t, made in enumerate(tasks.fits):
        for name, chosen in (("alone", np.arange(len(latent[t]))), ("joined", index[:, t])):
            values = latent[t][chosen]
            variance = posteriors[t].noise_variance(
                values, targets[t][1], median_evaluation(made.study), chosen
            )
            rng = np.random.default_rng(5)
            out[name].append(values + np.sqrt(variance) * rng.standard_normal(values.shape))
    return out


def back_test(name: str, runs: Runs, by: str, metric: str | None) -> list[pd.DataFrame]:
    """Scores from every origin that all tasks share."""
    chosen = [metric] if metric else runs.metrics
    if by == "metric":
        parts = {m: (runs, m) for m in chosen}
    else:
        models = dict.fromkeys(runs.table[by].dropna())
        parts = {m: (runs.select(where={by: m}), chosen[0]) for m in models}
    splits = {task: {round(np.log(o.upto), 1): o for o in origins(part, m)}
              for task, (part, m) in parts.items()}  # fmt: skip
    common = set.intersection(*(set(s) for s in splits.values()))
    frames = []
    for key in sorted(common):
        own = [splits[task][key] for task in parts]
        upto = max(o.upto for o in own)
        try:
            tasks = fit_tasks(runs, chosen, by=by, upto=upto, seed=1)
        except QQTError as error:
            print(name, upto, error)
            continue
        own = [splits[task][key] for task in tasks.names]
        targets = [(o.targets["samples"].to_numpy(float), o.shares) for o in own]
        for how, draws in forecasts(tasks, targets).items():
            for task, origin, values in zip(tasks.names, own, draws, strict=True):
                frames.append(judge(origin, values).assign(set=name, task=task, how=how))
    return frames


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    frames = []
    for entry in sys.argv[1:]:
        path, _, rest = entry.partition(":")
        metric, _, column = rest.partition(":")
        name = path.rsplit("/", 1)[-1].split(".")[0]
        name = path.rsplit("/", 2)[-2] if name == "runs" else name
        frames += back_test(name, read_runs(path), column or "metric", metric or None)
    scores = pd.concat(frames, ignore_index=True)
    table = scores.groupby(["set", "what", "how"]).agg(
        n=("in90", "size"), cover=("in90", "mean"), width=("width90", "mean"),
        score=("score90", "mean"), log_score=("log_score", "mean"),
    )  # fmt: skip
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
