"""Judging a back-test: scores of levels and of differences, and the choices it would have made.

Differences are judged beside levels because they are known far better, and a decision rests on
them; choices are judged beside "rank the candidates by their largest run", the baseline that
fitted laws usually lose to where nothing crosses.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from qqt_bayes.backtest.origins import Origin
from qqt_bayes.backtest.scores import crps, interval_score, log_score
from qqt_bayes.decide.drawn import regret_of
from qqt_bayes.decide.predict import interval
from qqt_bayes.runs import Study

__all__ = ["judge", "judge_choice", "rank_by_largest"]


def judge(origin: Origin, draws: np.ndarray) -> pd.DataFrame:
    """Scores of each target run, for levels and for differences to the best of its budget.

    Differences are between the means of the runs of a candidate and those of the candidate that
    turned out best at that budget; draws of one candidate's runs share its latent performance but
    not its noise, as real ones do.
    """
    targets, draws = in_unit(origin, draws)
    frames = [score_frame(draws, targets, "level")]
    for budget, rows, place in by_budget(targets):
        means = {d: targets["value"].to_numpy()[i].mean() for d, i in place.items()}
        best = min(means, key=lambda d: means[d])
        others = [d for d in means if d != best]
        if not others:
            continue
        lead = draws[:, place[best]].mean(axis=1)
        gap = np.stack([draws[:, place[d]].mean(axis=1) - lead for d in others], axis=1)
        info = pd.DataFrame({
            "data": others, "samples": rows["samples"].iloc[0],
            "value": [means[d] - means[best] for d in others], "budget": budget,
            "factor": rows["factor"].iloc[0],
        })  # fmt: skip
        frames.append(score_frame(gap, info, "difference"))
    return pd.concat(frames, ignore_index=True).assign(origin=origin.upto)


def in_unit(origin: Origin, draws: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Targets and draws in the metric's unit, lower is better."""
    kind = origin.train.kind
    targets = origin.targets.assign(value=kind.to_unit(origin.targets["value"].to_numpy()))
    return targets, np.asarray(kind.to_unit(draws))


def by_budget(targets: pd.DataFrame) -> Iterator[tuple[float, pd.DataFrame, dict[str, list[int]]]]:
    """Each target budget, its rows, and the places among the targets of each data's runs."""
    for budget, rows in targets.groupby("budget"):
        places = rows.groupby("data")
        yield budget, rows, {d: [*targets.index.get_indexer(r.index)] for d, r in places}


def score_frame(draws: np.ndarray, info: pd.DataFrame, what: str) -> pd.DataFrame:
    """Scores of one kind of target; targets a method cannot predict (NaN) are left out."""
    known = np.all(np.isfinite(draws), axis=0)
    draws, info = draws[:, known], info[known].reset_index(drop=True)
    if not len(info):
        return pd.DataFrame()
    seen = info["value"].to_numpy()
    out = info[["data", "samples", "budget", "factor"]].copy()
    out["what"], out["seen"] = what, seen
    out["median"] = np.median(draws, axis=0)
    for prob in (0.5, 0.9):
        _, lo, hi = interval(draws, prob)
        name = f"{round(100 * prob)}"
        out[f"in{name}"] = (seen >= lo) & (seen <= hi)
        out[f"width{name}"] = hi - lo
        out[f"score{name}"] = interval_score(lo, hi, seen, prob)
    out["log_score"] = log_score(draws, seen)
    out["crps"] = crps(draws, seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        out["sle"] = np.log(out["median"] / seen) ** 2 if what == "level" else np.nan
    return out


def judge_choice(origin: Origin, draws: np.ndarray) -> pd.DataFrame:
    """Choices at each target budget: of the method, and of "rank by the largest run".

    Only candidates observed both behind and at the target are ranked by the baseline; the method
    chooses among those observed at the target. Regret is in the metric's unit, seed noise included
    in what was lost as in what was expected to be lost; `compute` is the same as a factor of
    samples, see :func:`catch_up`.
    """
    (targets, draws), train = in_unit(origin, draws), origin.train
    seen = targets["value"].to_numpy()
    rows = []
    for budget, group, place in by_budget(targets):
        known = {d: i for d, i in place.items() if np.all(np.isfinite(draws[:, i]))}
        if len(known) < 2:
            continue
        names = list(known)
        truth = np.array([seen[known[d]].mean() for d in names])
        drawn = np.stack([draws[:, known[d]].mean(axis=1) for d in names], axis=1)
        regret = regret_of(drawn)
        said = int(np.argmin(regret))
        p_best = np.bincount(np.argmin(drawn, axis=1), minlength=len(names)) / len(drawn)
        ranked = rank_by_largest(train, names)
        compute = [catch_up(targets, d, float(budget), truth.min()) for d in names]
        rows.append({
            "origin": origin.upto, "budget": budget, "factor": group["factor"].iloc[0],
            "candidates": len(names), "choice": names[said], "p_said": p_best[said],
            "right": truth[said] == truth.min(), "regret": truth[said] - truth.min(),
            "regret_expected": regret[said], "compute": compute[said],
            "compute_rank": np.nan if ranked is None else compute[ranked],
            "regret_rank": np.nan if ranked is None else truth[ranked] - truth.min(),
            "p_true": p_best[int(np.argmin(truth))],
        })  # fmt: skip
    return pd.DataFrame(rows)


def catch_up(targets: pd.DataFrame, data: str, budget: float, goal: float) -> float:
    """Factor of samples by which a candidate would have made up for not being the best.

    Its mean values at the larger budgets are joined by straight lines in log samples; infinite
    where none of them reaches the goal.
    """
    ahead = targets[(targets["data"] == data) & (targets["budget"] >= budget)]
    curve = ahead.groupby("budget")["value"].mean()
    sizes, values = np.log(curve.index.to_numpy(float)), curve.to_numpy()
    if values[0] <= goal:
        return 1.0
    for k in np.flatnonzero(values <= goal)[:1]:
        share = (values[k - 1] - goal) / (values[k - 1] - values[k])
        return float(np.exp(sizes[k - 1] + share * (sizes[k] - sizes[k - 1]) - sizes[0]))
    return float(np.inf)


def rank_by_largest(train: Study, names: list[str]) -> int | None:
    """The candidate that was best at the largest budget where at least two of them were run.

    Candidates that were not run there cannot be chosen: this baseline knows nothing of them.
    """
    keys = {train.mixtures[d].key: d for d in dict.fromkeys(train.data)}
    data = np.array([train.mixtures[d].key for d in train.data])
    index = {k: i for i, name in enumerate(names) for k, text in keys.items() if name in (k, text)}
    for top in np.unique(train.samples)[::-1]:
        near = np.abs(np.log(train.samples / top)) < 0.1
        here = [k for k in index if np.any(near & (data == k))]
        if len(here) >= 2:
            means = [train.value[near & (data == k)].mean() for k in here]
            return index[here[int(np.argmin(means))]]
    return None
