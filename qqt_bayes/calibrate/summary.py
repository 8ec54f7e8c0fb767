"""Tables of back-tests: rates with their intervals, never bare."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qqt_bayes.backtest import coverage_interval

POOLED = "all sets"

__all__ = ["choice_table", "describe", "score_table"]


def score_table(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row a set, kind of target, factor and method; then the same pooled over sets.

    The coverage's 90% interval is a bootstrap over groups (one origin and budget of one set),
    whose targets share their errors. Widths and interval scores are in the metric's unit; pooled
    over sets they are not comparable and left out.
    """
    if scores.empty:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    parts = [scores]
    if scores["set"].nunique() > 1:
        parts.append(scores.assign(set=POOLED))
    rows = []
    for part in parts:
        group = part.assign(group=scores["set"] + "|" + scores["origin"].astype(str) + "|"
                            + scores["budget"].astype(str))  # fmt: skip
        for key, g in group.groupby(["set", "what", "factor", "method"], sort=False):
            name, what, factor, method = key
            rate90 = coverage_interval(g["in90"].to_numpy(float), g["group"].to_numpy(), rng)
            rate50 = coverage_interval(g["in50"].to_numpy(float), g["group"].to_numpy(), rng)
            finite = g["log_score"][np.isfinite(g["log_score"])]
            pooled = name == POOLED
            rows.append({
                "set": name, "target": what, "factor": factor, "method": method, "n": len(g),
                "cover90": rate90[0], "cover90_lo": rate90[1], "cover90_hi": rate90[2],
                "cover50": rate50[0], "cover50_lo": rate50[1], "cover50_hi": rate50[2],
                "width90": np.nan if pooled else g["width90"].mean(),
                "interval_score": np.nan if pooled else g["score90"].mean(),
                "crps": np.nan if pooled else g["crps"].mean(),
                "log_score": finite.mean() if len(finite) == len(g) else -np.inf,
                "rmsle": np.sqrt(g["sle"].mean()) if what == "level" else np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def choice_table(choices: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean regret of the choices by set and method, beside ranking by the largest run.

    Compared on the same choices; its 90% interval is a bootstrap over origins. ``compute`` is the
    geometric mean of the factor of samples that would have made up for the choice, over those
    choices where a larger run of the table gets there; ``beyond`` counts the others.
    """
    if choices.empty:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    rows = []
    for (name, method), g in choices.groupby(["set", "method"], sort=False):
        origin = g.groupby("origin")["regret"].mean().to_numpy()
        means = origin[rng.integers(len(origin), size=(2000, len(origin)))].mean(axis=1)
        lo, hi = np.quantile(means, [0.05, 0.95])
        both = g[np.isfinite(g["regret_rank"])]
        made_up = g["compute"][np.isfinite(g["compute"])]
        rows.append({
            "set": name, "method": method, "n": len(g), "regret": g["regret"].mean(),
            "regret_lo": lo, "regret_hi": hi,
            "compute": np.exp(np.log(made_up).mean()) if len(made_up) else np.nan,
            "beyond": len(g) - len(made_up),
            "n_rank": len(both),
            "regret_there": both["regret"].mean() if len(both) else np.nan,
            "regret_rank": both["regret_rank"].mean() if len(both) else np.nan,
            "p_true": float(np.exp(np.log(np.maximum(g["p_true"], 1e-3)).mean())),
        })  # fmt: skip
    return pd.DataFrame(rows)


def describe(scores: pd.DataFrame, choices: pd.DataFrame, refused: pd.DataFrame) -> str:
    """The tables as text."""
    lines = ["Coverage of 90% and 50% bands for runs held back [90% bootstrap over groups]:", ""]
    head = f"{'set':<34} {'target':<10} {'to':>3} {'method':<10} {'n':>4}"
    lines.append(f"{head} {'90%':>17} {'50%':>5} {'width':>8} {'score':>8} {'log':>7} {'rmsle':>6}")
    for r in scores.itertuples():
        band = f"{r.cover90:.2f} [{r.cover90_lo:.2f}, {r.cover90_hi:.2f}]"
        log = "-" if not np.isfinite(r.log_score) else f"{r.log_score:.2f}"
        blank = {n: "" if np.isnan(v) else f"{v:.4g}" for n, v in
                 (("w", r.width90), ("s", r.interval_score), ("e", r.rmsle))}  # fmt: skip
        lines.append(
            f"{r.set:<34} {r.target:<10} {r.factor:>2.0f}x {r.method:<10} {r.n:>4} {band:>17} "
            f"{r.cover50:>5.2f} {blank['w']:>8} {blank['s']:>8} {log:>7} {blank['e']:>6.6}"
        )
    lines += [
        "",
        "Choices: regret in the metric's unit; `ranked` is rank by the largest run, on",
        "the choices where it applies, and `there` the method's own regret on those;",
        "`compute` is the factor of samples that would have made up for the choice, (+k) where k",
        "choices are made up for by no run of the table:",
        "",
        f"{'set':<34} {'method':<10} {'n':>3} {'regret':>24} {'compute':>11} {'there':>8} "
        f"{'ranked':>8} {'P(true)':>8}",
    ]
    for r in choices.itertuples():
        band = f"{r.regret:.4f} [{r.regret_lo:.4f}, {r.regret_hi:.4f}]"
        there = "-" if r.n_rank == 0 else f"{r.regret_there:.4f}"
        rank = "-" if r.n_rank == 0 else f"{r.regret_rank:.4f}"
        factor = "-" if np.isnan(r.compute) else f"{r.compute:.2f}x"
        factor += f" (+{r.beyond})" if r.beyond else ""
        lines.append(
            f"{r.set:<34} {r.method:<10} {r.n:>3} {band:>24} {factor:>11} {there:>8} {rank:>8} "
            f"{r.p_true:>8.2f}"
        )
    if len(refused):
        lines += ["", "Not applied:"]
        for key, g in refused.groupby(["set", "method", "why"], sort=False):
            lines.append(f"  {key[0]}, {key[1]}: {key[2]} ({len(g)} origins)")
    return "\n".join(lines)
