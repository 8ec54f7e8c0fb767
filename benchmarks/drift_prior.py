"""How the drift prior was chosen: settings side by side, on curves it is chosen on and on others.

Every setting (scales of common, pool and repetition drift, and the change of regime beyond the
largest run) is fitted from every origin of every curve and judged on the runs up to 8 times
further. The settings are chosen on every second published language curve and on our own runs up to
480k; the other curves, our runs beyond 480k and any further tables are reported only.

    python benchmarks/drift_prior.py --curves scaling_curves_language.csv [RUNS:POOLS:METRIC ...]

The curves are a CSV with columns domain, task, model, samples, value (Alabdulmohsin et al. 2022).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes import read_runs
from qqt_bayes.backtest import judge, origins, predictive
from qqt_bayes.errors import QQTError
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Runs

OWN = Path(__file__).parents[1] / "qqt_bayes" / "datasets" / "proving_ground"
TOP = 500e3  # our own runs up to here are among those that the prior is chosen on


def half(scale: float) -> dict[str, Any]:
    """A half-normal prior."""
    return {"family": "halfnormal", "sigma": scale}


def student(scale: float, df: float) -> dict[str, Any]:
    """A half-t prior."""
    return {"family": "halfstudent", "df": df, "sigma": scale}


NONE = {"family": "fixed", "value": 0.0}
# Drifts change the posterior: each setting is fitted once a study.
BEFORE = {
    "common_drift": half(0.05),
    "pool_drift": half(0.1),
    "repetition_drift": half(0.2),
    "mixture_error": half(0.1),
}
FOLLOW = BEFORE | {
    "common_drift": student(0.05, 2),
    "pool_drift": half(0.07),
    "repetition_drift": half(0.1),
}
DRIFTS = {
    "before": BEFORE,
    "common .2, pool .05, repetition .1": BEFORE
    | {"common_drift": half(0.2), "pool_drift": half(0.05), "repetition_drift": half(0.1)},
    "common t2 .1, pool .05, repetition .1": BEFORE
    | {"common_drift": student(0.1, 2), "pool_drift": half(0.05), "repetition_drift": half(0.1)},
    "common t2 .05, pool .1 (t3)": BEFORE
    | {"common_drift": student(0.05, 2), "pool_drift": student(0.1, 3)},
    "common t2 .05, pool .07, repetition .1": FOLLOW,
    "the same, repetition t3 .1": FOLLOW | {"repetition_drift": student(0.1, 3)},
    "the same, mixture .2": FOLLOW | {"mixture_error": half(0.2)},
    "the same, harm t3 .1": FOLLOW | {"harm": student(0.1, 3)},
}
# The change of regime changes predictions only: multiples of the wander within the data.
REGIMES = {
    "none": NONE,
    "half-normal 1": half(1.0),
    "half-normal 2": half(2.0),
    "half-normal 3": half(3.0),
    "half-t2 1": student(1.0, 2),
}


def curves(path: Path) -> Iterator[tuple[str, Runs, str, int]]:
    """Each curve as a study of one unlimited pool, at most two points an octave."""
    table = pd.read_csv(path, dtype={"model": str})
    pools = pd.DataFrame({"pool": ["A"], "size": [np.inf]})
    for place, (_, rows) in enumerate(table.groupby(["domain", "task", "model"])):
        mean = rows.groupby("samples")["value"].mean().sort_index()
        octave = np.round(2 * np.log2(mean.index / mean.index.max()))
        mean = mean.groupby(octave).tail(1)
        runs = pd.DataFrame(
            {"run": [f"r{i}" for i in range(len(mean))], "data": "A",
             "samples": np.round(mean.index), "metric": "loss", "value": mean.to_numpy()}
        )  # fmt: skip
        yield (
            ("curves, odd" if place % 2 == 0 else "curves, even"),
            read_runs(runs, pools),
            "loss",
            3,
        )


def tables(extra: list[str]) -> Iterator[tuple[str, Runs, str, int]]:
    """Our own runs, loss and error, and the tables given."""
    for metric in ("loss", "error"):
        yield f"own {metric}", read_runs(OWN / "runs.csv", pools=OWN / "pools.csv"), metric, 2
    for entry in extra:
        runs_path, pools_path, metric = entry.split(":")
        runs = read_runs(runs_path, pools=pools_path)
        models = [m for m in runs.table.get("model", pd.Series()).dropna().unique() if m]
        for model in models if len(models) > 1 else [None]:
            part = runs.select(where={"model": model}) if model else runs
            yield Path(runs_path).name.split(".")[0], part, metric, 2


def score(drift: str, name: str, runs: Runs, metric: str, first: int) -> list[pd.DataFrame]:
    """Scores of one setting of the drifts on one study, relative to the values seen."""
    spec = load_spec("effective_utility").with_priors(**DRIFTS[drift])
    frames = []
    for origin in origins(runs, metric, first=first):
        samples, train = origin.targets["samples"].to_numpy(), origin.train
        try:
            posterior = sample_posterior(
                build_design(train, spec), spec.priors(train.kind), train.kind, 1,
                Settings(),
            )  # fmt: skip
        except QQTError:
            continue
        for regime, prior in REGIMES.items():
            priors = posterior.priors | spec.with_priors(regime=prior).priors(train.kind)
            draws = predictive(
                replace(posterior, priors=priors), train, samples, origin.shares, 1
            )  # fmt: skip
            frame = judge(origin, draws)
            # differences in the unit of the best value at that budget, levels in their own
            scale = frame["budget"].map(origin.targets.groupby("budget")["value"].min())
            group = name
            if name.startswith("own"):
                group = np.where(frame["budget"] <= TOP, f"{name} to 480k", f"{name} beyond")
            frames.append(
                pd.DataFrame(
                    {
                        "drift": drift,
                        "regime": regime,
                        "group": group,
                        "what": frame["what"],
                        "factor": frame["factor"],
                        "in90": frame["in90"],
                        "width": frame["width90"] / scale,
                        "score": frame["score90"] / scale,
                        "log_score": frame["log_score"] + np.log(scale),
                    }
                )
            )
    return frames


def main() -> None:
    """Print the table of settings by group."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", help="RUNS:POOLS:METRIC, reported only")
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--only", nargs="*", choices=DRIFTS, help="these settings of the drifts")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    studies = [*(curves(args.curves) if args.curves else []), *tables(args.tables)]
    frames = []
    for drift in args.only or DRIFTS:
        for study in studies:
            frames += score(drift, *study)
        print(f"done: {drift}", flush=True)
    scores = pd.concat(frames, ignore_index=True)
    by = ["group", "what", "drift", "regime"]
    table = scores.groupby(by, sort=False).agg(
        n=("in90", "size"), cover=("in90", "mean"), width=("width", "mean"),
        score=("score", "mean"), log_score=("log_score", "mean"),
    )  # fmt: skip
    factors = scores.pivot_table(index=by, columns="factor", values="in90", sort=False)
    table = table.join(factors.rename(columns=lambda f: f"{f:.0f}x"))
    for (group, what), part in table.groupby(level=[0, 1], sort=False):
        print(f"\n{group}, {what}s")
        print(part.droplevel([0, 1]).round(3).to_string())


if __name__ == "__main__":
    main()
