"""Replay a complete run table: how good the choice is after each policy has spent so much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._json import as_object
from qqt_bayes._shown import Shown
from qqt_bayes.buy.ask import positive
from qqt_bayes.buy.exact import QUICK, quick_fit
from qqt_bayes.buy.ground import Ground, Held, build_ground
from qqt_bayes.buy.policies import ADAPTIVE, FIXED, POLICIES, rank_largest
from qqt_bayes.decide.predict import interval, predict
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.refits import Workers, refit_many
from qqt_bayes.runs import Runs, format_number

SCHEMA = 1
STAGES = 5
LOOKS = 3  # fits within a stage: what a purchase shows decides on the next
PROB = 0.9

__all__ = ["Replay", "replay"]


@dataclass(frozen=True, eq=False, repr=False)
class Replay(Shown):
    """How the policies did; made by :func:`replay`.

    Attributes
    ----------
    raw : pandas.DataFrame
        One row a start, policy and spend: ``spent`` (really), ``runs`` bought, ``chosen``,
        ``regret`` (in the metric's unit, never negative), ``coverage``.
    """

    metric: str
    target: float
    best: str
    start_cost: float
    raw: pd.DataFrame = field(repr=False)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a policy and spend: means over the starts, with standard errors."""
        rows = []
        for (policy, spend), part in self.raw.groupby(["policy", "spend"], sort=False):
            rows.append({
                "policy": policy, "spend": spend, "regret": part["regret"].mean(),
                "regret_se": part["regret"].sem(), "coverage": part["coverage"].mean(),
                "right": (part["chosen"] == self.best).mean(), "runs": part["runs"].mean(),
                "starts": len(part),
            })  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def text(self) -> str:
        """Regret by policy and spend."""
        spends = list(dict.fromkeys(self.table["spend"]))
        head = "".join(f"{format_number(s):>18}" for s in spends)
        lines = [
            f"Regret of the choice at {format_number(self.target)} samples (best observed: "
            f"{self.best}), in {self.metric}; mean over starts +- s.e. [coverage of "
            f"{PROB:.0%} bands]",
            f"{'spend':<10}{head}",
        ]
        for policy, part in self.table.groupby("policy", sort=False):
            cells = []
            for row in part.itertuples():
                covered = "" if np.isnan(row.coverage) else f" [{row.coverage:.2f}]"
                error = f"+-{row.regret_se:.4f}" if row.starts > 1 else ""
                cells.append(f"{row.regret:.4f}{error}{covered}")
            lines.append(f"{policy:<10}" + "".join(f"{c:>22}" for c in cells))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The stable JSON object of ``--json``, as a dict."""
        by_policy = self.table.drop(columns="starts").groupby("policy", sort=False)
        out = {
            "schema": SCHEMA, "metric": self.metric, "target": self.target, "best": self.best,
            "start_cost": self.start_cost, "starts": self.raw["start"].nunique(),
            "policies": {name: part.drop(columns="policy") for name, part in by_policy},
        }  # fmt: skip
        return as_object(out)


def replay(
    runs: Runs,
    metric: str,
    target: str | float,
    starts: int = 20,
    *,
    policies: Sequence[str] = POLICIES,
    spend: str | float | None = None,
    stages: int = STAGES,
    seed: int = 1,
    workers: int | Workers = 1,
    progress: Callable[[int, int], None] | None = None,
    **fitting: Any,
) -> Replay:
    """Replay buying on a complete run table.

    Every start holds one random run at the two cheapest budgets of every pool. Then each policy
    buys runs below the target budget until the spend is gone, in stages that double; policies with
    a model look three times within each, refitting in between. After each stage a policy chooses
    among the data observed at the target, by least expected performance under a fresh fit (the
    policy ``none``: by the largest budget at which it has run at least two of them), and is charged
    the difference of the observed means there. Policies without a model plan for each spend in one
    go.

    Parameters
    ----------
    runs : Runs
        A complete table: every data at every budget.
    metric : str
        What is to be good at the target.
    target : str or float
        A budget of the table.
    starts : int
        Random starts.
    policies : sequence of str
        Among :data:`POLICIES`.
    spend : str or float, optional
        What may be spent beyond the start; by default twice the cost of a run at the target.
    stages : int
        How often to look.
    seed : int
        Of the starts, of the policies and of the fits.
    workers : int or Workers
        Processes, each with starts of its own; the same answer whatever their number.
    progress : callable, optional
        Called with the numbers of starts done and to do.
    **fitting
        ``spec`` and ``settings``, as for ``fit``.

    Returns
    -------
    Replay

    Raises
    ------
    UsageError
        For bad arguments or a table that cannot be replayed.
    """
    unknown = [p for p in policies if p not in POLICIES]
    if unknown or not policies:
        raise UsageError(
            f"unknown policy '{unknown[0] if unknown else ''}' -> choose from {', '.join(POLICIES)}"
        )
    if starts < 1 or stages < 1:
        raise UsageError("starts and stages must be at least 1")
    ground = build_ground(runs, metric, target)
    most = 2.0 * ground.target_cost if spend is None else positive(spend)
    spends = most * 0.5 ** np.arange(stages)[::-1]
    model = load_spec(fitting.pop("spec", "effective_utility"))
    jobs = [
        Beginning(s, ground, tuple(policies), spends, model, seed, **fitting) for s in range(starts)
    ]
    found = refit_many(play, jobs, workers=workers, progress=progress)
    rows = [row for part in found for row in part]
    best = ground.candidates[int(np.argmin(ground.truth))].text
    paid = float(sum(ground.cells[c].cost for c in ground.start))
    return Replay(metric, ground.target, best, paid, pd.DataFrame(rows))


@dataclass(frozen=True, eq=False)
class Beginning:
    """One start, and what is to be played from it."""

    number: int
    ground: Ground
    policies: tuple[str, ...]
    spends: np.ndarray
    spec: Spec
    seed: int
    settings: Settings = QUICK


def play(b: Beginning) -> list[dict[str, Any]]:
    """Follow every policy from one start: rows of :attr:`Replay.raw`."""
    begin = Held(b.ground, np.random.default_rng((b.seed, b.number)))

    def refit(held: Held, warm: Fit | None) -> Fit:
        return quick_fit(
            b.ground.table_of(held.rows), b.ground.metric, b.spec,
            seed=b.seed * 7919 + b.number + 1,
            settings=replace(b.settings, start=None if warm is None else warm.posterior.start),
        )  # fmt: skip

    first = refit(begin, None) if set(b.policies) != {"none"} else None
    seed = (b.seed, b.number)
    return [
        {"start": b.number, "policy": policy, "spend": spent, "spent": held.spent,
         "runs": len(held.rows) - len(begin.rows)} | judge(b.ground, held, fitted)
        for policy in b.policies
        for spent, held, fitted in follow(policy, begin, first, b.spends, refit, seed)
    ]  # fmt: skip


def follow(
    policy: str, begin: Held, first: Fit | None, spends: np.ndarray,
    refit: Callable[[Held, Fit | None], Fit], seed: tuple[int, int],
) -> list[tuple[float, Held, Fit | None]]:  # fmt: skip
    """Holdings of one policy after each spend, with a fit of them (None without a model)."""
    out: list[tuple[float, Held, Fit | None]] = []
    if policy in FIXED:
        for spend in spends:
            held = begin.copy()
            FIXED[policy](held, float(spend), np.random.default_rng((*seed, 1)))
            out.append((float(spend), held, None if policy == "none" else refit(held, first)))
        return out
    assert first is not None
    held, fitted = begin.copy(), first
    for stage, spend in enumerate(spends):
        for look in range(LOOKS):
            until = held.spent + (spend - held.spent) / (LOOKS - look)
            had = len(held.rows)
            ADAPTIVE[policy](
                held, fitted, float(spend), until, (seed[1] * 31 + stage) * LOOKS + look
            )
            if len(held.rows) == had:
                break
            fitted = refit(held, fitted)
        out.append((float(spend), held.copy(), fitted))
    return out


def judge(ground: Ground, held: Held, fitted: Fit | None) -> dict[str, Any]:
    """What would be chosen, its true regret, and how many observed means the bands hold."""
    if fitted is None:
        choice, covered = rank_largest(held), np.nan
    else:
        shares = np.array([c.vector(ground.runs.pools) for c in ground.candidates])
        latent = predict(fitted, np.array([ground.target]), shares, seed=5).latent[:, 0]
        choice = int(np.argmin(latent.mean(axis=0)))
        kind = fitted.study.kind
        value = kind.from_unit(latent)
        evaluation = median_evaluation(fitted.study)
        variance = fitted.posterior.noise_variance(value, shares, evaluation) / ground.replicates
        white = np.random.default_rng(1).normal(size=latent.shape)
        _, lo, hi = interval(kind.to_unit(value + np.sqrt(variance) * white), PROB)
        covered = float(np.mean((ground.truth >= lo) & (ground.truth <= hi)))
    regret = float(ground.truth[choice] - ground.truth.min())
    return {"chosen": ground.candidates[choice].text, "regret": regret, "coverage": covered}
