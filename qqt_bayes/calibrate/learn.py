"""Scales of the priors of structural error, learned from complete tables by leaving one table out.

Every origin is fitted once, under priors wider than those to be compared. Another setting weighs
the same draws by the ratio of the priors, so that one pass of fits scores many settings; the change
of regime, which no run informs, is drawn anew for each of its multiples. A setting is a multiple of
the scale of each prior of the specification. Its score is the mean log score of later runs and of
their differences, every table weighing the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.backtest import Origin, judge, origins, predictive
from qqt_bayes.backtest.origins import spread_out
from qqt_bayes.calibrate.run import Job
from qqt_bayes.errors import QQTError, UsageError
from qqt_bayes.fitting import sampled
from qqt_bayes.inference.importance import taken
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.effects import NAMES
from qqt_bayes.model.priors import Prior
from qqt_bayes.model.spec import Spec, load_spec

LEARNED = ("utility_spread", "common_drift", "pool_drift", "repetition_drift", "mixture_error",
           "mixture_drift", "regime")  # fmt: skip
MULTIPLES = (0.25, 0.5, 1.0, 1.5, 2.0)
HEAVY = 3.0  # degrees of freedom of the wider priors
DRAWS = 2000
WORST = -15.0  # log score of a run that a forecast rules out: one miss is not to decide all
SURE = 2.0  # standard errors over the tables, below which a gain in log score may be chance
THIN = 4  # of the draws one in so many is scored
FEWEST = 50.0  # effective draws with which a fit can be weighed

Setting = tuple[float, ...]  # a multiple for each of LEARNED
AS_SHIPPED: Setting = (1.0,) * len(LEARNED)

__all__ = [
    "AS_SHIPPED", "LEARNED", "Ahead", "Learned", "Setting", "ahead", "climb", "learn", "relative",
    "score", "with_setting",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ahead:
    """A fit under wide priors and what it draws at the runs beyond."""

    table: str  # what is left out as one
    origin: Origin
    scales: dict[str, np.ndarray] = field(repr=False)  # that the fit learns (draw,)
    priors: tuple[dict[str, Prior], dict[str, Prior]] = field(repr=False)  # as shipped, and wide
    draws: dict[float, np.ndarray] = field(repr=False)  # (draw, target), by multiple of the regime


def times(prior: Prior, multiple: float) -> Prior:
    """A prior of a scale with its own scale multiplied."""
    return replace(prior, numbers=(*prior.numbers[:-1], prior.numbers[-1] * multiple))


def as_table(prior: Prior, why: str) -> dict[str, Any]:
    """A prior as its TOML has it."""
    *df, sigma = prior.numbers
    return {"family": prior.family, **({"df": df[0]} if df else {}), "sigma": sigma, "why": why}


def with_setting(spec: Spec, setting: Setting, why: str = "learned from tables") -> Spec:
    """A specification under a setting; what stays as it is keeps its reason."""
    priors = spec.priors("loss")
    chosen = zip(LEARNED, setting, strict=True)
    return spec.with_priors(
        **{n: as_table(times(priors[n], m), why) for n, m in chosen if m != 1.0}
    )


def widened(spec: Spec) -> Spec:
    """A specification whose learned scales have heavy tails."""
    priors = spec.priors("loss")
    return spec.with_priors(**{
        n: {"family": "halfstudent", "df": HEAVY, "sigma": priors[n].numbers[-1]}
        for n in LEARNED if n != "regime" and priors[n].family == "halfnormal"
    })  # fmt: skip


def ahead(table: str, origin: Origin, spec: Spec, seed: int) -> Ahead | None:
    """Fit an origin under wide priors; None where that is refused."""
    wide, kind = widened(spec), origin.train.kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            settings = Settings(draws=DRAWS, engine="importance")
            posterior = sampled(origin.train, wide, seed, settings)
        except QQTError:
            return None
    if not posterior.gate.passed:
        return None
    samples = origin.targets["samples"].to_numpy()
    draws, regime = {}, posterior.priors["regime"]
    for multiple in MULTIPLES:
        told = replace(posterior, priors=posterior.priors | {"regime": times(regime, multiple)})
        drawn = predictive(told, origin.train, samples, origin.shares, seed)
        draws[multiple] = drawn.astype(np.float32)
    every = max(1, len(posterior) // len(draws[1.0]))
    scales = {
        n: posterior.parameters.scale(n)[::every]
        for n in LEARNED
        if n in NAMES and not posterior.coordinates.priors[n].fixed
    }
    return Ahead(table, origin, scales, (spec.priors(kind), wide.priors(kind)), draws)


def weighed(fit: Ahead, setting: Setting) -> np.ndarray | None:
    """Draws at the targets under a setting; None where too few draws would carry it."""
    multiples = dict(zip(LEARNED, setting, strict=True))
    shipped, wide = fit.priors
    ratio = np.zeros(len(fit.draws[1.0]))
    for name, values in fit.scales.items():
        ratio += times(shipped[name], multiples[name]).log_density(values)
        ratio -= wide[name].log_density(values)
    weight = np.exp(ratio - ratio.max())
    weight /= weight.sum()
    if 1.0 / (weight**2).sum() < FEWEST:
        return None
    pick = taken(weight, len(weight), np.random.default_rng(1))[::THIN]
    return fit.draws[multiples["regime"]][pick].astype(float)


def units(origin: Origin, budgets: pd.Series) -> pd.Series:
    """The best value seen at each of some budgets, in the modelled direction."""
    seen = origin.targets.assign(v=origin.train.kind.to_unit(origin.targets["value"].to_numpy()))
    return budgets.map(seen.groupby("budget")["v"].min().abs())


def relative(origin: Origin, frame: pd.DataFrame) -> pd.DataFrame:
    """Widths and scores relative to the best value seen at a budget, comparable across tables."""
    if frame.empty:
        return frame
    unit, out = units(origin, frame["budget"]), frame.copy()
    for name in ("width90", "score90", "crps"):
        out[name] = frame[name] / unit
    out["log_score"] = np.maximum(frame["log_score"] + np.log(unit), WORST)
    return out


def score(fits: Sequence[Ahead], setting: Setting) -> pd.Series:
    """Mean log score of each table: of its levels and its differences alike."""
    rows = []
    for fit in fits:
        draws = weighed(fit, setting)
        if draws is None:  # it cannot be told from these draws: no reason to choose it
            frame = pd.DataFrame({"what": ["level"], "log_score": [WORST]})
        else:
            frame = relative(fit.origin, judge(fit.origin, draws))
        rows.append(frame[["what", "log_score"]].assign(table=fit.table))
    whole = pd.concat(rows).groupby(["table", "what"])["log_score"].mean()
    return whole.groupby("table").mean()


def climb(scored: Callable[[Setting], pd.Series], without: str | None = None) -> Setting:
    """The best multiple of each scale by itself, for all tables but one, if surely better.

    Settings that differ in one scale are few, and serve whatever table is left out.
    """

    def gain(setting: Setting) -> pd.Series:
        found = scored(setting) - scored(AS_SHIPPED)
        return found if without is None else found.drop(without)

    def surely(setting: Setting) -> bool:
        found = gain(setting)
        error = found.sem() if len(found) > 1 else 0.0
        return bool(found.mean() > SURE * error)

    best = AS_SHIPPED
    for i in range(len(LEARNED)):
        ways = [(*AS_SHIPPED[:i], m, *AS_SHIPPED[i + 1 :]) for m in MULTIPLES]
        top = max(ways, key=lambda way: gain(way).mean())
        if surely(top):
            best = (*best[:i], top[i], *best[i + 1 :])
    return best if surely(best) else AS_SHIPPED


@dataclass(frozen=True, eq=False, repr=False)
class Learned(Shown):
    """Multiples of the scales, learned; made by :func:`learn`."""

    spec: Spec  # with the scales learned from all tables
    setting: dict[str, float]  # multiple of the scale of each prior
    # one row a table: its log score as the specification was, and under what the others teach
    left_out: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """One row a prior: what it is now, and the multiple of the former scale."""
        priors = self.spec.priors("loss")
        return pd.DataFrame(
            [{"prior": n, "now": priors[n].text, "times": m} for n, m in self.setting.items()]
        )

    @cached_property
    def text(self) -> str:
        """Whether learning pays out of fold, and what was learned, as a specification."""
        lines = ["Mean log score of later runs and differences, each table left out in turn:"]
        for row in self.left_out.itertuples():
            lines.append(f"  {row.table}: {row.before:.3f} before, {row.after:.3f} learned")
        gain = float((self.left_out["after"] - self.left_out["before"]).mean())
        if len(self.left_out) < 2:
            lines = ["One table alone: whether the priors hold on others cannot be told."]
        else:
            verdict = "better" if gain > 0 else "not better: keep the priors as they are"
            lines.append(f"  mean gain {gain:+.3f} ({verdict})")
        if set(self.setting.values()) == {1.0}:
            told = "no multiple of a scale gains more than chance: keep the priors as they are"
            return "\n".join([*lines, f"From all tables: {told}."])
        priors = self.spec.priors("loss")
        lines += ["", "Learned from all, as a specification:", "", "schema = 1", 'name = "learned"',
                  f'law = "{self.spec.law}"', f'base = "{self.spec.name}"']  # fmt: skip
        for name, multiple in self.setting.items():
            if multiple != 1.0:
                lines += ["", f"[priors.{name}]"]
                for key, value in as_table(priors[name], priors[name].why).items():
                    lines.append(
                        f"{key} = {value:g}" if isinstance(value, float) else f'{key} = "{value}"'
                    )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {"schema": 1, "times": self.setting, "left_out": self.left_out.to_dict("records")}


def learn(
    tables: Mapping[str, Sequence[Job]], spec: str | Spec = "effective_utility", *,
    most: int = 3, seed: int = 1, progress: Callable[[int, int], None] | None = None,
) -> Learned:  # fmt: skip
    """Learn the scales of structural error from complete tables, each given by its studies.

    At most so many origins of each study are used. The same seed gives the same answer.
    """
    chosen = load_spec(spec)
    splits = [
        (name, origin)
        for name, jobs in tables.items()
        for job in jobs
        for origin in spread_out(list(origins(job.runs, job.metric)), most)
    ]
    usable = []
    for done, (name, origin) in enumerate(splits, start=1):
        if fit := ahead(name, origin, chosen, seed):
            usable.append(fit)
        if progress is not None:
            progress(done, len(splits))
    if not usable:
        raise UsageError(
            "nothing to learn from -> needed: a table with at least 2 budgets and 4 rows to fit, "
            "and runs at up to 8 times the largest of them"
        )
    scored = cache(partial(score, usable))
    names = list(dict.fromkeys(fit.table for fit in usable))
    before = scored(AS_SHIPPED)
    others = {n: climb(scored, n) if len(names) > 1 else AS_SHIPPED for n in names}
    left_out = pd.DataFrame(
        [{"table": n, "before": before[n], "after": scored(others[n])[n]} for n in names]
    )
    setting = climb(scored)
    told = dict(zip(LEARNED, setting, strict=True))
    return Learned(with_setting(chosen, setting), told, left_out)
