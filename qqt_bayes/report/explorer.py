"""What the page's explorer reads: joint draws in two bytes each, so that it works offline.

The script of the page draws nothing anew: it counts and sorts these draws. So P(best), bands and
differences follow the slider by the definitions of the answer itself. At the budgets asked they are
the draws of the answer, all of them, and so are its numbers; between them a few tell enough.
"""

from __future__ import annotations

import base64
import json
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.drawn import share_best
from qqt_bayes.decide.predict import predict
from qqt_bayes.runs import format_number
from qqt_bayes.runs.numbers import count

if TYPE_CHECKING:
    from qqt_bayes.decide import Decision
    from qqt_bayes.fitting import Fit

CANDIDATES = 12  # by name; the best of the others is one more
NUMBERS, ASKED = 90_000, 500_000  # between the budgets asked and at them, two bytes each
NEAR = 0.02  # of the log: budgets of the grid that stand for one asked
DRAWS, FEWEST = 400, 60
MIXED = 6  # pools whose shares can be moved
POINTS = 84  # mixtures laid out between them
MIXTURE_NUMBERS = 24_000
BUDGETS = 4  # at which they are
STEPS = 65_535

__all__ = ["explorer", "packed"]


def packed(values: np.ndarray) -> dict[str, Any]:
    """Numbers in two bytes each, as text: lowest, step, and little-endian integers in base 64."""
    low, high = float(values.min()), float(values.max())
    step = (high - low) / STEPS or 1.0
    whole = np.round((values - low) / step).astype("<u2")
    return {"low": low, "step": step, "shape": list(values.shape),
            "data": base64.b64encode(whole.tobytes()).decode("ascii")}  # fmt: skip


def explorer(decision: Decision, fit: Fit) -> str:
    """The data of the explorer as JSON that can stand in a page."""
    study = decision.fit.study
    out = {
        "metric": study.metric,
        "higher": study.direction == "max",
        "prob": decision.prob,
        "largest": float(study.samples.max()),
        "smallest": float(study.samples.min()),
        "budgets": budgets(decision),
        "mixtures": mixtures(decision, fit),
    }
    text = json.dumps(out, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def some(draws: int, wanted: int) -> slice:
    """So many draws at most, evenly spaced."""
    return slice(None, None, max(1, -(-draws // max(wanted, FEWEST))))


def budgets(d: Decision) -> dict[str, Any]:
    """Draws of the candidates along the budgets, dims (budget, candidate, draw), in boxes.

    All draws at the budgets asked, few between them; ``places`` are box and position of each.
    """
    anywhere = share_best(d.grid_latent).max(axis=0)
    order = np.argsort(-np.maximum(anywhere, d.p_best.max(axis=0)), kind="stable")
    shown, rest = np.sort(order[:CANDIDATES]), order[CANDIDATES:]
    names = [d.candidates[c].text for c in shown]
    names += [f"best of {count(len(rest), 'other')}"] * bool(len(rest))

    def drawn(latent: np.ndarray, most: int) -> dict[str, Any]:
        kept = latent[some(len(latent), most)]
        others = [kept[:, :, rest].min(axis=2, keepdims=True, initial=np.inf)] * bool(len(rest))
        told = np.concatenate([kept[:, :, shown], *others], axis=2)
        return packed(np.asarray(d.fit.study.reported(told)).transpose(1, 2, 0))

    between = np.abs(np.log(d.grid[:, None] / d.budgets)).min(axis=1) > NEAR
    samples = np.concatenate([d.budgets, d.grid[between]])
    rising, asked = np.argsort(samples, kind="stable"), len(d.budgets)
    boxes = [drawn(d.latent, ASKED // (asked * len(names)))]
    if between.any():
        each = NUMBERS // (between.sum() * len(names))
        boxes.append(drawn(d.grid_latent[:, between], min(each, DRAWS)))
    return {
        "samples": samples[rising].tolist(), "told": [format_number(n, 3) for n in samples[rising]],
        "start": int(np.argmax(samples[rising] == d.budgets.max())), "names": names,
        "boxes": boxes,
        "places": [(0, k) if k < asked else (1, k - asked) for k in rising.tolist()],
    }  # fmt: skip


def mixed_pools(fit: Fit) -> list[int]:
    """Pools whose shares can be moved: run, not overlapping, those run most first."""
    study, pools = fit.study, fit.study.pools
    order = np.argsort(-study.shares.sum(axis=0), kind="stable")
    found: list[int] = []
    for i in order[study.used[order]]:
        if not any(pools.overlaps(pools.names[i], pools.names[j]) for j in found):
            found.append(int(i))
    return sorted(found[:MIXED])


def lattice(pools: int, most: int) -> np.ndarray:
    """Shares (point, pool) in all multiples of 1/m that sum to one, for as large an m as fits."""
    steps = 2
    while steps < 100 and comb(steps + pools, pools - 1) <= most:
        steps += 1
    bars = np.array(list(combinations(range(steps + pools - 1), pools - 1)))
    if pools == 1:
        return np.ones((1, 1))
    edges = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), steps + pools - 1)])
    return (np.diff(edges, axis=1) - 1) / steps


def mixtures(d: Decision, fit: Fit) -> dict[str, Any] | None:
    """Draws of mixtures between the pools at the budgets asked; None where there is one pool.

    Dims (budget, mixture, draw); the page goes linearly between them.
    """
    index = mixed_pools(fit)
    if len(index) < 2:
        return None
    pools = fit.study.pools
    points = lattice(len(index), POINTS)
    shares = np.zeros((len(points), len(pools)))
    shares[:, index] = points
    wanted = np.sort(d.budgets)[-BUDGETS:]
    each = MIXTURE_NUMBERS // (len(wanted) * len(points))
    every = some(len(fit.posterior), min(each, DRAWS)).step
    drawn = np.stack(
        [predict(fit, np.array([n]), shares, seed=29, every=every).latent[:, 0] for n in wanted]
    )
    steps = round(1.0 / np.diff(np.unique(np.round(points, 9))).min())
    runs = np.unique(np.round(fit.study.shares[:, index], 4), axis=0)
    sizes = np.asarray(pools.sizes, float)[index]
    return {
        "pools": [pools.names[i] for i in index],
        "sizes": [float(v) if np.isfinite(v) else None for v in sizes],
        "samples": [float(n) for n in wanted], "told": [format_number(n) for n in wanted],
        "steps": steps, "points": np.round(points * steps).astype(int).tolist(),
        "runs": runs.tolist(),
        "draws": packed(np.asarray(fit.study.reported(drawn)).transpose(0, 2, 1)),
    }  # fmt: skip
