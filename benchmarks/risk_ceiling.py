"""How well could any verdict predict failure? The ceiling of the studies of ``risk_breaks.py``.

    python benchmarks/risk_ceiling.py breaks.jsonl

(needs scikit-learn, which the package does not). Each way to order the verdicts' cases from safe to
doubtful is cut where it flags 80% of those that failed; told is the share of those that held that
it passes there, beside the shipped verdict:

learned        boosted trees and a logistic regression, given every figure of the checks that was
               written down, and cross-validated over histories (10 folds, three times)
told the break boosted trees that are also told kind, onset and size of the break to come: what is
               left is the luck of the noise and of the wandering
clairvoyant    knows what each future of a history will show, noise and all, but not which future
               comes: no function of the runs can do better

Intervals (90%) are bootstrapped over histories, as there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import risk_breaks as breaks
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

FLAGGED = 0.8  # of those that failed
FOLDS, REPEATS, BOOTSTRAP = 10, 3, 400
RECORD = ("coverage", "targets", "crps", "interval_score90", "log_score")
CHOICES = ("regret", "regret_expected", "regret_rank", "p_true")


def figures(row: Any) -> dict[str, float]:
    """Everything that the checks said of one budget, as numbers."""
    found = row.figures
    stakes, distance = found["stakes"], found["distance"]
    margin, record = stakes["margin"], found["record"]
    out = {f"status {name}": rank_of(status) for name, status in row.checks.items()}
    out |= {"folds": np.log(row.factor), "pools": row.best.count("+")}
    out |= {n: stakes[n] for n in ("p_best", "p_costly")}
    out |= {n: stakes[n] / margin for n in ("expected_regret", "level_width90")}
    out |= {n: distance[n] for n in ("tested_factor", "epochs", "seen_epochs", "own_run")}
    out["untried"] = len(distance["untried"])
    out["epochs ahead"] = distance["epochs"] / max(distance["seen_epochs"], 1.0)
    for part in ("level", "difference"):
        said = record.get(part) or {}
        out |= {f"{part} {n}": number(said.get(n)) for n in RECORD}
    return out | {n: number((record.get("choices") or {}).get(n)) for n in CHOICES}


def rank_of(status: str) -> float:
    return float(("PASS", "REVIEW", "FAIL").index(status))


def number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def to_come(rows: pd.DataFrame) -> pd.DataFrame:
    """Kind and size of the break at each budget, which nobody knows beforehand."""
    worlds: dict[tuple[int, str], breaks.World] = {}
    out = []
    for row in rows.itertuples():
        history = next(h for h, kinds in breaks.FUTURES.items() if row.kind in kinds)
        key = (int(row.seed), history)
        if key not in worlds:
            worlds[key] = breaks.World((key[0], list(breaks.FUTURES).index(history)))
        world, samples = worlds[key], breaks.LARGEST * row.factor
        shares = np.array([p in row.best.split("+") for p in "ABC"]) * world.size
        shares = shares / shares.sum()
        seen = np.maximum(breaks.LARGEST / world.size, 1.0)
        past = np.log(np.maximum(samples * shares / world.size / seen, 1.0))
        size = {
            "slope": world.jump * max(np.log(samples) - world.onset, 0.0),
            "harm": float((shares * past * world.harm).sum()),
            "foreign": world.foreign,
        }.get(row.kind, 0.0)
        kinds = [row.kind == kind for kinds in breaks.FUTURES.values() for kind in kinds]
        out.append([*map(float, kinds), size])
    return pd.DataFrame(out).add_prefix("break ")


def passed(
    score: np.ndarray, bad: np.ndarray, weight: np.ndarray, flagged: float = FLAGGED
) -> float:
    """Share of those that held below the cut that flags so many of those that failed.

    Cases of one score are divided in proportion.
    """
    values, at = np.unique(-score, return_inverse=True)
    flags = [np.bincount(at, weight * part, len(values)).cumsum() for part in (bad, ~bad)]
    caught, spoilt = (np.append(0.0, f / f[-1]) for f in flags)
    return float(1.0 - np.interp(flagged, caught, spoilt))


def with_interval(score: np.ndarray, bad: np.ndarray, history: np.ndarray) -> str:
    rng, count = np.random.default_rng(0), history.max() + 1
    drawn = [
        passed(score, bad, np.bincount(rng.integers(0, count, count), minlength=count)[history])
        for _ in range(BOOTSTRAP)
    ]
    low, high = np.quantile(drawn, [0.05, 0.95])
    return f"{passed(score, bad, np.ones(len(bad))):.2f} [{low:.2f}, {high:.2f}]"


def learned(model: Any, x: pd.DataFrame, bad: np.ndarray, history: np.ndarray) -> np.ndarray:
    """P(fails) of each case by a model that has not seen its history."""
    out = np.zeros(len(bad))
    for repeat in range(REPEATS):
        groups = np.random.default_rng(repeat).permutation(history.max() + 1)[history]
        out += cross_val_predict(
            model, x.to_numpy(float), bad, groups=groups, cv=GroupKFold(FOLDS),
            method="predict_proba",
        )[:, 1]  # fmt: skip
    return out / REPEATS


def table(rows: pd.DataFrame, x: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """One row a definition of failure: what is passed of those that held."""
    trees = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.06, max_leaf_nodes=8, min_samples_leaf=30,
        l2_regularization=1.0,
    )  # fmt: skip
    line = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1.0),
        QuantileTransformer(n_quantiles=50, output_distribution="normal"),
        LogisticRegression(C=0.05, max_iter=2000),
    )
    name = rows["seed"].astype(str) + (rows["kind"] == "foreign").map(str)
    history = np.unique(name, return_inverse=True)[1]
    futures = [name, rows["factor"]]
    flagged, out = (rows["verdict"] != "PASS").to_numpy(), []
    for definition in ("failed", "missed", "grave"):
        bad = breaks.outcomes(rows)[definition].to_numpy()
        every = pd.Series(bad).groupby(futures).transform("mean").to_numpy()
        scores = {
            "boosted trees": learned(trees, x, bad, history),
            "logistic": learned(line, x, bad, history),
            "told the break": learned(trees, pd.concat([x, known], axis=1), bad, history),
            "clairvoyant": every,
        }
        share = float(np.mean(flagged[bad]))
        level = passed(scores["boosted trees"], bad, np.ones(len(bad)), share)
        shipped = f"{np.mean(flagged[bad]):.2f}, {np.mean(~flagged[~bad]):.2f}"
        out.append(
            {"": definition, "shipped: flagged, passed": shipped, "trees at its flags": level}
            | {n: with_interval(s, bad, history) for n, s in scores.items()}
        )
    return pd.DataFrame(out)


def unforeseen(rows: pd.DataFrame) -> pd.DataFrame:
    """By definition: share of the failures of a slope or of harm whose future without it failed."""
    same = rows[rows["kind"] != "foreign"].reset_index(drop=True)
    out = {}
    for definition, bad in breaks.outcomes(same)[["failed", "missed", "grave"]].items():
        wide = same.assign(bad=bad).pivot(index=["seed", "factor"], columns="kind", values="bad")
        share = {k: (wide[k] & wide["none"]).sum() / wide[k].sum() for k in ("slope", "harm")}
        split = wide.sum(axis=1).between(1, 2)
        out[definition] = share | {"some futures failed, some held": split.mean()}
    return pd.DataFrame(out).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=Path, help="what risk_breaks.py --out wrote")
    lines = parser.parse_args().dump.read_text().splitlines()
    every = pd.DataFrame([json.loads(line) for line in lines])
    for name, rows in (("all", every), ("up to 4x", every[every["factor"] < 8.0])):
        rows = rows.reset_index(drop=True)
        x = pd.DataFrame([figures(row) for row in rows.itertuples()])
        print(
            f"=== {name}: {len(rows)} verdicts, passed of those that held at {FLAGGED:.0%} flagged"
        )
        print(table(rows, x, to_come(rows)).to_string(index=False))
    print("=== failures that came without the break too, same history and budget")
    print(unforeseen(every).round(2).to_string())


if __name__ == "__main__":
    main()
