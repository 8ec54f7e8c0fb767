"""The best shares at one budget: found on some draws, told by others, beside what else there is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.decide.constraints import SLACK, Region
from qqt_bayes.decide.goal import Goal
from qqt_bayes.decide.search import Found, descend, find, without

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

FAR = 0.1  # a distance in shares that is never far
STEPS = 201  # on the way to the surest shares

__all__ = ["Best", "Held", "Run", "answer_at"]


@dataclass(frozen=True)
class Held:
    """A constraint at one budget."""

    text: str  # as given
    binding: tuple[str, ...]  # what of it holds the shares back; empty where nothing does
    cost: float  # what expected performance would gain without it, in the metric's unit


@dataclass(frozen=True, eq=False)
class Run:
    """The best mixture that was run."""

    text: str  # its expression
    allowed: bool  # whether it meets the constraints; where none does it is the best of all
    behind: np.ndarray  # (draw,): by how much the best shares are better, in the metric's unit
    distance: float  # of the best shares from the nearest run of all, a share of the samples
    far: bool  # whether that is further than runs are from each other


@dataclass(frozen=True, eq=False)
class Best:
    """The answer at one budget; performance is in the metric's unit, lower is better."""

    samples: float
    shares: np.ndarray  # (pool,)
    epochs: np.ndarray  # (pool,), NaN for an unlimited pool
    draws: np.ndarray  # (draw, pool): draw-wise best shares
    performance: np.ndarray  # (draw,): of the shares, by draws that the search did not see
    regret: float  # expected, of the shares
    error: float  # what expected performance lost by searching on few draws
    p_feasible: float | None  # of meeting all thresholds; None without one
    run: Run
    free: np.ndarray | None  # (pool,): the best shares without constraints, if there are any
    cost: np.ndarray | None  # (draw,): what the constraints cost
    constraints: tuple[Held, ...]


def answer_at(
    fit: Fit, samples: float, region: Region, index: np.ndarray, pair: tuple[Goal, Goal],
    effort: float,
) -> Best:  # fmt: skip
    """The answer at one budget, searched on some draws and told by others."""
    searched, told = pair
    found = find(searched, region, effort)
    searched, told = replace(searched, sure=found.sure), replace(told, sure=found.sure)
    shares = np.abs(surely(searched, told, region, found))  # a share of -0 would be told as -0.000
    again = descend(told, region, shares)
    run_text, run_shares, allowed = best_run(fit, region, index, searched)
    points = [shares, again]
    free = None
    if region.texts or searched.limits:
        bare = Region(region.pools, runs=region.runs, outside=region.outside)
        free = find(Goal(searched.metric), bare, effort, also=(shares,), bands=False).best
        free = np.abs(free)
        points.append(free)
    latent = told.metric.at(np.array(points))
    everything = np.arange(len(fit.study.pools))  # a run may draw from pools that are not mixed
    ran = replace(told.metric, index=everything).at(run_shares[None])
    distance, far = how_far(region, shares)
    with np.errstate(invalid="ignore"):
        sizes = np.asarray(fit.study.pools.sizes, float)[index]
        epochs = np.where(np.isfinite(sizes), shares * samples / sizes, np.nan)
    return Best(
        samples, shares, epochs, np.abs(found.draws), latent[:, 0], found.regret,
        max(float(np.mean(latent[:, 0] - latent[:, 1])), 0.0),
        float(told.p_feasible(shares[None])[0]) if told.limits else None,
        Run(run_text, allowed, ran[:, 0] - latent[:, 0], distance, far),
        free, None if free is None else latent[:, 0] - latent[:, 2],
        held(searched, told, region, shares, free) if free is not None else (),
    )  # fmt: skip


def surely(searched: Goal, told: Goal, region: Region, found: Found) -> np.ndarray:
    """Shares that meet the thresholds as probably by draws that the search did not see.

    What only its own draws find so sure is drawn towards the surest shares, and goes on from there
    with more asked of it; the better of all that are as sure as asked is kept.
    """
    shares = found.best
    if not searched.limits:
        return shares
    way = shares + np.linspace(0.0, 1.0, STEPS)[:, None] * (found.surest - shares)
    way = way[region.violation(way) <= SLACK]
    good = np.flatnonzero(told.p_feasible(way) >= told.sure)
    if len(good) == 0:
        return shares
    near = way[good[0]]
    seen = float(searched.p_feasible(near[None])[0])
    asked = replace(searched, sure=seen - searched.slack(seen))
    both = np.array([near, descend(asked, region, near)])
    mean = told.metric.at(both).mean(axis=0)
    mean[told.p_feasible(both) < told.sure] = np.inf
    return np.asarray(both[int(np.argmin(mean))])


def held(
    searched: Goal, told: Goal, region: Region, shares: np.ndarray, free: np.ndarray
) -> tuple[Held, ...]:
    """What each constraint does at these shares."""
    binding: list[tuple[str, tuple[str, ...]]] = [
        (c.text, tuple(c.binding(shares))) for c in region.constraints
    ]
    if region.near is not None:
        short = region.distances(shares[None]).min() > region.near - 1e-3
        binding.append((region.texts[-1], ("distance",) * bool(short)))
    for pair in searched.limits:
        others = replace(searched, limits=tuple(p for p in searched.limits if p is not pair))
        loose = descend(others, region, shares)
        alone = replace(searched, limits=(pair,))
        short = alone.measure(loose[None]).lacking[0] > 0.0
        binding.append((pair[0].text, (pair[0].metric,) * bool(short)))
    out = []
    for text, names in binding:
        cost = 0.0
        if names:
            other = without(searched, region, text, shares, free)
            latent = told.metric.at(np.array([shares, other]))
            cost = max(float(np.mean(latent[:, 0] - latent[:, 1])), 0.0)
        out.append(Held(text, names, cost))
    return tuple(out)


def best_run(
    fit: Fit, region: Region, index: np.ndarray, searched: Goal
) -> tuple[str, np.ndarray, bool]:
    """Text and shares (of all pools) of the best mixture that was run, and whether it is allowed.

    Of those that meet the constraints, where there are any; else of all.
    """
    study = fit.study
    texts = list(dict.fromkeys(study.data))
    whole = np.array([study.mixtures[text].vector(study.pools) for text in texts])
    inside = (region.violation(region.runs) <= 1e-6) & (region.outside <= 1e-6)
    everything = replace(searched.metric, index=np.arange(len(study.pools)))
    value = everything.at(whole).mean(axis=0)
    if searched.limits and inside.any():
        inside &= searched.measure(whole[:, index]).lacking <= 0.0
    pick = np.flatnonzero(inside) if inside.any() else np.arange(len(texts))
    chosen = int(pick[np.argmin(value[pick])])
    return texts[chosen], whole[chosen], bool(inside.any())


def how_far(region: Region, shares: np.ndarray) -> tuple[float, bool]:
    """Distance from the nearest run, and whether it is further than runs are from each other."""
    distance = float(region.distances(shares[None]).min())
    between = region.distances(region.runs)
    np.fill_diagonal(between, np.inf)
    nearest = between.min(axis=1)
    usual = float(np.median(nearest[np.isfinite(nearest)])) if len(between) > 1 else 0.0
    return distance, distance > max(FAR, usual)
