"""Search for the best shares: a swarm inside the region, then descent from its best members.

Every move keeps to the region: members are mixtures of its corners, and go on along differences
between members, up to its border. The swarm holds the best shares of each draw; the shares of the
best *expected* performance are found by descent in the mean over draws, which is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.constraints import SLACK

if TYPE_CHECKING:
    from qqt_bayes.decide.constraints import Region
    from qqt_bayes.decide.goal import Goal, Measured

START, ROUNDS, LATER = 160, 4, 10
ANCHORS = 6  # runs whose surroundings are searched
STEP = 1e-4  # of shares, for slopes
ITERATIONS, LOOKS = 30, 50
CRUMB = 1e-6  # of a share

__all__ = ["Found", "descend", "find", "swarm", "without"]


@dataclass(frozen=True)
class Found:
    """What a search found."""

    best: np.ndarray  # (pool,): shares of best expected performance
    draws: np.ndarray  # (draw, pool): draw-wise best shares
    regret: float  # expected, of the best, in the metric's unit
    sure: float  # probability of meeting the thresholds that was asked for, or the most there is
    surest: np.ndarray  # (pool,): shares that meet them with the most to spare


def find(
    goal: Goal, region: Region, effort: float = 1.0, *, also: Any = (), bands: bool = True
) -> Found:
    """The best shares in a region that is not empty.

    ``effort`` multiplies the usual rounds and members of the swarm; ``also`` are shares to look at,
    if they lie in the region; ``bands`` says whether the draw-wise best shares are wanted.
    """
    rng = np.random.default_rng(41)
    points = first_members(goal, region, rng, round(START * effort))
    extra = [w for w in also if region.violation(w)[0] <= SLACK]
    points = np.concatenate([points, *(w[None] for w in extra)])
    points, seen = swarm(goal, region, points, goal.measure(points), rng, round(ROUNDS * effort))
    order = np.argsort(seen.merit, kind="stable")
    starts = [points[order[0]]]
    away = 0.5 * np.abs(points[order] - starts[0]).sum(axis=1) > 0.2
    starts += [points[k] for k in order[away][:1]]
    ends = np.array([descend(goal, region, start) for start in starts])
    points, seen = np.concatenate([points, ends]), seen.joined(goal.measure(ends))
    if bands:  # each draw goes on from there: its own best is elsewhere
        points, seen = swarm(goal, region, points, seen, rng, round(LATER * effort))
    best = int(np.argmin(seen.merit))
    if seen.lacking[best] > 0.0:  # nothing is so sure to meet the thresholds: ask for less
        met = goal.p_feasible(points)
        sure = float(met.max()) - goal.slack(met.max()) - 0.01
        if 0.0 < sure < goal.sure:
            likeliest = points[[int(np.argmax(met))]]
            return find(replace(goal, sure=sure), region, effort, also=likeliest, bands=bands)
    allowed = seen.latent + seen.penalty
    winners = np.argmin(allowed, axis=1)
    lost = seen.latent[:, best] + seen.penalty[best] - allowed.min(axis=1)
    surest = points[int(np.argmin(seen.lacking))]
    return Found(points[best], points[winners], float(lost.mean()), goal.sure, surest)


def first_members(goal: Goal, region: Region, rng: np.random.Generator, count: int) -> np.ndarray:
    """Corners of the region and mixtures of them; near runs, near the best of these."""
    anchors = region.anchors()
    if anchors != [None]:
        runs = region.runs[[k for k in anchors if k is not None]]
        at = np.array([region.solve(np.zeros(len(region.pools)), k) for k in anchors])
        inside = region.violation(runs) <= SLACK
        at[inside] = runs[inside]
        best = np.argsort(goal.measure(at).merit, kind="stable")[:ANCHORS]
        anchors = [anchors[int(k)] for k in best]
    found = [np.empty((0, len(region.pools)))]
    for anchor in anchors:
        corners = corners_of(region, anchor, rng)
        for width in (0.2, 1.0):
            weight = rng.dirichlet(
                np.full(len(corners), width), max(count // (2 * len(anchors)), 2)
            )
            found.append(weight @ corners)
        found.append(corners)
    if region.near is None and len(region.runs):
        inside = (region.violation(region.runs) <= SLACK) & (region.outside <= SLACK)
        found.append(region.runs[inside])
    points = np.unique(np.concatenate(found).round(12), axis=0)
    return points[region.violation(points) <= 1e-8]


def corners_of(region: Region, anchor: int | None, rng: np.random.Generator) -> np.ndarray:
    """Shares at the border, dims (corner, pool): of the most of each pool, and random ones."""
    pools = len(region.pools)
    aims = np.concatenate(
        [-np.eye(pools), rng.standard_normal((pools if anchor is None else 4, pools))]
    )
    found = [region.solve(aim, anchor) for aim in aims]
    return np.unique(np.array([w for w in found if w is not None]).round(12), axis=0)


def swarm(
    goal: Goal, region: Region, points: np.ndarray, seen: Measured, rng: np.random.Generator,
    rounds: int,
) -> tuple[np.ndarray, Measured]:  # fmt: skip
    """Let each draw's best member, and the best on average, try moves; all draws look at all.

    Returns all points that were looked at, and what they do.
    """
    for _ in range(rounds):
        own = np.argmin(seen.latent + seen.penalty, axis=1)
        top = np.argsort(seen.merit, kind="stable")[:16]
        members = points[np.concatenate([own, top])]
        new = moved(region, members, rng)
        seen, points = seen.joined(goal.measure(new)), np.concatenate([points, new])
    return points, seen


def moved(region: Region, members: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One move of each member: to another, along a difference of two, or between two pools."""
    count, pools = members.shape
    one, two = members[rng.integers(count, size=(2, count))]
    more, less = np.eye(pools)[rng.integers(pools, size=(2, count))]
    size = rng.random((count, 1))
    kind = rng.integers(3, size=(count, 1))
    way = np.select([kind == 0, kind == 1], [size * (one - members), 0.8 * (one - two)],
                    0.3 * size**2 * (more - less))  # fmt: skip
    limits = region.limits
    equal = limits.rows[limits.low == limits.high]
    way = way - way @ np.linalg.pinv(equal) @ equal
    return inside(region, members, way)


def inside(region: Region, members: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Members gone along their way, up to the border."""
    limits = region.limits
    rows = np.concatenate([limits.rows, np.eye(len(region.pools))])
    low = np.concatenate([limits.low, np.zeros(len(region.pools))])
    high = np.concatenate([limits.high, np.ones(len(region.pools))])
    value, speed = members @ rows.T, way @ rows.T
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(speed > 0.0, (high - value) / speed, (low - value) / speed)
    room[np.abs(speed) < 1e-12] = np.inf
    far = np.clip(room.min(axis=1), 0.0, 1.0)
    new = np.clip(members + far[:, None] * way, 0.0, 1.0)
    for _ in range(8):  # a distance to the nearest run has no such simple border
        out = region.violation(new) > SLACK
        if not out.any():
            break
        far[out] *= 0.5
        new[out] = np.clip(members[out] + far[out, None] * way[out], 0.0, 1.0)
    return np.asarray(np.where((region.violation(new) > SLACK)[:, None], members, new))


class Enough(Exception):
    """A descent has looked at as many places as it may."""


def descend(goal: Goal, region: Region, start: np.ndarray) -> np.ndarray:
    """Shares of the best expected performance that a descent finds, dim (pool,)."""
    pools = len(start)
    anchor = None
    if region.near is not None:
        anchor = int(np.argmin(region.distances(start[None])[0]))
    here = goal.measure(start[None])
    middle = float(here.latent.mean())
    unit = max(float(np.std(here.latent)), 1e-9)
    known: dict[bytes, tuple[float, np.ndarray, float, np.ndarray]] = {}

    def look(z: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray]:
        shares = np.clip(z[:pools], 0.0, 1.0)
        key = shares.tobytes()
        if key not in known:
            if len(known) >= LOOKS:
                raise Enough
            found = goal.measure(np.concatenate([shares[None], shares + STEP * np.eye(pools)]))
            mean: np.ndarray = (np.mean(found.latent, axis=0) - middle) / unit
            lack = found.lacking
            gone = np.asarray(lack if goal.limits else np.zeros(pools + 1))
            known[key] = (
                float(mean[0]), (mean[1:] - mean[0]) / STEP,
                float(gone[0]), (gone[1:] - gone[0]) / STEP,
            )  # fmt: skip
        return known[key]

    from scipy.optimize import minimize  # only shares need it, and it takes .2 s to import

    def padded(slope: np.ndarray) -> np.ndarray:
        return np.concatenate([slope, np.zeros(pools)]) if anchor is not None else slope

    limits, first = borders(region, anchor), start
    if anchor is not None:
        first = np.concatenate([start, np.abs(start - region.runs[anchor])])
    if goal.limits:
        limits.append({"type": "ineq", "fun": lambda z: -look(z)[2],
                       "jac": lambda z: -padded(look(z)[3])})  # fmt: skip
    try:
        end = minimize(
            lambda z: look(z)[0], first, jac=lambda z: padded(look(z)[1]), method="SLSQP",
            bounds=[(0.0, 1.0)] * len(first), constraints=limits,
            options={"maxiter": ITERATIONS, "ftol": 1e-4},
        ).x[:pools]  # fmt: skip
    except Enough:
        value = [mean + 1e6 * max(lack, 0.0) for mean, _, lack, _ in known.values()]
        end = np.frombuffer(list(known)[int(np.argmin(value))])
    return better(goal, region, start, end)


def borders(region: Region, anchor: int | None) -> list[dict[str, Any]]:
    """The region for SLSQP; near a run it has a further variable a pool, for the distance."""
    _, rows, low, high, _ = region.limits
    equal = low == high
    above, below = (~equal) & np.isfinite(low), (~equal) & np.isfinite(high)
    upper, most = np.concatenate([rows[below], -rows[above]]), np.append(high[below], -low[above])
    level, at = rows[equal], low[equal]
    if anchor is not None:
        upper, most = region.beside(anchor, upper, most)
        level = np.concatenate([level, np.zeros_like(level)], axis=1)
    found = [{"type": "eq", "fun": lambda z: level @ z - at, "jac": lambda z: level}]
    if len(upper):
        found.append({"type": "ineq", "fun": lambda z: most - upper @ z, "jac": lambda z: -upper})
    return found


def better(goal: Goal, region: Region, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The better of two shares; the end is first drawn back into the region, if it has left it."""
    if not np.all(np.isfinite(end)):
        return start
    end = np.clip(end, 0.0, 1.0)
    way, far = end - start, 1.0
    while region.violation(start + far * way)[0] > SLACK and far > 0.0:
        far = far - 1e-3 if far > 0.9 else 0.5 * far if far > 1e-3 else 0.0
    both = np.array([start, tidy(region, start + far * way)])
    return both[int(np.argmin(goal.measure(both).merit))]


def tidy(region: Region, shares: np.ndarray) -> np.ndarray:
    """Shares without crumbs: what a descent leaves of a pool that should have none."""
    clean = np.where(shares < CRUMB, 0.0, shares)
    for pool in np.argsort(-shares)[:4]:  # one of them has room for the rest
        whole = clean.copy()
        whole[pool] += 1.0 - clean.sum()
        if region.violation(whole)[0] <= SLACK:
            return np.asarray(whole)
    return np.maximum(shares, 0.0)


def without(
    goal: Goal, region: Region, text: str, shares: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """The best shares without one constraint, from those with all of it and those without any."""
    kept = tuple(pair for pair in goal.limits if pair[0].text != text)
    goal, region = replace(goal, limits=kept), region.without(text)
    starts = [shares] + ([free] if region.violation(free)[0] <= SLACK else [])
    if len(starts) == 2 and goal.measure(free[None]).lacking[0] <= 0.0:
        return free  # nothing else holds them back: its cost is that of all together
    ends = np.array([descend(goal, region, start) for start in starts])
    return np.asarray(ends[int(np.argmin(goal.measure(ends).merit))])
