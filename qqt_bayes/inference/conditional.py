"""Exact draws of everything linear, given the parameters: levels, utilities, drift, predictions.

Matheron's rule: simulate all of it from the prior, observed points included, then add what the
observed residuals say. The draws are exact, joint over all wanted points, and cost linear in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.model.effects import (
    AT_PATHS,
    AT_SLOPES,
    EFFECTS,
    PATHS,
    kernels,
    loadings,
    simulator,
)
from qqt_bayes.model.marginal import exponents
from qqt_bayes.model.regime import factors_at, relative_wander, stretch

if TYPE_CHECKING:
    from qqt_bayes.inference.given import Given
    from qqt_bayes.model.effects.base import Simulate
    from qqt_bayes.model.parameters import Parameters
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.priors import Prior

# What each part of a prediction holds: the effects in their order, then these two.
REGIME, MEAN = len(EFFECTS), len(EFFECTS) + 1

__all__ = [
    "MEAN", "REGIME", "Conditional", "condition", "exponents_ahead", "less_noise", "less_slopes",
    "slopes_seen",
]  # fmt: skip


@dataclass(frozen=True)
class Conditional:
    """Draws of the linear part."""

    # dims (draw, point): log of the reducible error, drift and mixture error included
    log_reducible: np.ndarray
    # dims (draw, pool)
    utility: np.ndarray
    level: np.ndarray
    # dims (draw, part, point): what each effect, the regime and, last, the mean contribute
    parts: np.ndarray | None


def exponents_ahead(
    parameters: Parameters, points: Points, regime: Prior, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Exponents at the points, and what the change of regime beyond the largest run adds to them.

    ``regime``: of the multiple of the wander that is the scale of the change; ``seed``: of its
    paths: a stream of its own, so that it is the same whatever else is drawn. Gives ``smooth``,
    ``extra`` (draw, point, pool).
    """
    factors = regime_factors(parameters, points, regime, seed)
    each = points.shares.size * 8
    parts = in_chunks(
        lambda c: stretched(parameters.take(c), points, factors, c), parameters.draws, each
    )
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def regime_factors(
    parameters: Parameters, points: Points, regime: Prior, seed: int
) -> np.ndarray | None:
    """By how much exponents beyond the largest run are multiplied, dims (draw, point)."""
    if points.beyond is None or regime.none:
        return None
    wander = relative_wander(
        parameters.utility, parameters.scale("common_drift"), parameters.scale("pool_drift")
    )
    rng = np.random.default_rng((seed, REGIME))
    return factors_at(regime, wander, points.beyond.horizons, rng)[:, points.beyond.horizon]


def stretched(
    parameters: Parameters, points: Points, factors: np.ndarray | None, chunk: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of some draws, and what the factors of all add; dims (draw, point, pool)."""
    smooth, ahead = exponents(parameters, points), points.beyond
    if ahead is None or factors is None:
        return smooth, np.zeros_like(smooth)
    edges = exponents(parameters, ahead.edges)
    return smooth, stretch(smooth, edges, ahead.edge, factors[chunk]) - smooth


def condition(
    given: Given, points: Points, regime: Prior, seed: int, *, with_parts: bool = False
) -> Conditional:
    """Draw the linear part at the points, one draw for each draw of the parameters.

    ``regime``: of the multiple of the wander that is the scale of the change of regime; ``seed``:
    same seed, same answer, whatever the number of threads; ``with_parts``: whether to keep what
    each effect contributes.
    """
    seen, wanted = given.cells.design.points, points.and_anchors()
    both = seen.joined(wanted)
    paths, cross = [simulator(effect, both) for effect in PATHS], kernels(seen, wanted)
    factors = regime_factors(given.parameters, points, regime, seed)
    given.sums, given.noise, given.residual, given.roots  # noqa: B018 (made once, for all threads)

    def work(chunk: slice) -> Conditional:
        rng = np.random.default_rng((seed, chunk.start))
        drawn = simulate(given, chunk, paths, rng)
        ahead = stretched(given.parameters.take(chunk), points, factors, chunk)
        return pulled(given, chunk, drawn, cross, ahead, with_parts)

    each = max(8 * len(both), 3 * points.shares.size)
    done = in_chunks(work, given.parameters.draws, each)
    return Conditional(
        np.concatenate([d.log_reducible for d in done]),
        np.concatenate([d.utility for d in done]),
        np.concatenate([d.level for d in done]),
        np.concatenate([d.parts for d in done if d.parts is not None]) if with_parts else None,
    )


class Simulated(NamedTuple):
    """Draws from the prior."""

    relative: np.ndarray  # dims (draw, pool): utilities over their mean, less one
    paths: list[np.ndarray]  # of each path effect, dims (draw, wanted point)
    # dims (draw, cell): what was observed less all that was simulated, noise included
    away: np.ndarray


def simulate(
    given: Given, chunk: slice, simulators: list[Simulate], rng: np.random.Generator
) -> Simulated:
    """Simulate everything linear, and the noise, from the prior."""
    p, n = given.parameters.take(chunk), len(given.cells.design.value)
    relative, away = less_slopes(given, chunk, rng)
    paths = []
    for i, unit in zip(AT_PATHS, simulators, strict=True):
        drawn = unit(p.draws, rng) * p.scales[:, i, None]
        away -= drawn[:, :n]
        paths.append(drawn[:, n:])
    return Simulated(relative, paths, less_noise(away, given, chunk, rng))


def less_slopes(
    given: Given, chunk: slice, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes from the prior, as relative utilities (draw, pool); what they leave (draw, cell)."""
    p, design = given.parameters.take(chunk), given.cells.design
    relative = np.zeros((p.draws, design.pools))
    for i, loading in zip(AT_SLOPES, loadings(design.setting), strict=True):
        white = rng.standard_normal((p.draws, loading.shape[1]))
        relative += p.scales[:, i, None] * (white @ loading.T)
    fall = p.utility[:, None] * (given.sums[chunk] @ relative[..., None])[..., 0]
    return relative, given.residual[chunk] + fall


def less_noise(
    away: np.ndarray, given: Given, chunk: slice, rng: np.random.Generator
) -> np.ndarray:
    """Residuals less simulated noise of the cells and of their runs, dims (draw, cell)."""
    run, draws = given.cells.design.run, len(away)
    along, log = given.noise.along[chunk], given.noise.log[chunk]
    effects = rng.standard_normal((draws, max(int(run.max(initial=-1)) + 1, 1)))
    away = away - along * effects[:, np.maximum(run, 0)]
    return np.asarray(
        away - np.sqrt(np.maximum(log - along**2, 0.0)) * rng.standard_normal(away.shape)
    )


def slopes_seen(given: Given, chunk: slice, relative: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Relative utilities with what the runs say of them, dims (draw, pool)."""
    p = given.parameters.take(chunk)
    toward = (pull[:, None] @ given.sums[chunk])[:, 0] * p.utility[:, None]
    for i, loading in zip(AT_SLOPES, loadings(given.cells.design.setting), strict=True):
        relative = relative - p.scales[:, i, None] ** 2 * (toward @ loading @ loading.T)
    return relative


def pulled(
    given: Given, chunk: slice, drawn: Simulated, cross: np.ndarray,
    exponents: tuple[np.ndarray, np.ndarray], with_parts: bool,
) -> Conditional:  # fmt: skip
    """Add to simulated draws what the runs say."""
    p, cells = given.parameters.take(chunk), given.cells
    (smooth, extra), pools = exponents, cells.design.pools
    pull = given.solve(drawn.away, chunk.start)
    relative = slopes_seen(given, chunk, drawn.relative, pull)
    paths = [
        path + p.scales[:, i, None] ** 2 * (pull @ between)
        for i, path, between in zip(AT_PATHS, drawn.paths, cross, strict=True)
    ]
    utility = p.utility[:, None] * (1.0 + relative)
    mean = (cells.log_reference(p.irreducible) + cells.level_mean)[:, None]
    whole = sum(paths)
    level = mean + whole[:, -pools:]
    middle = mean - p.utility[:, None] * smooth.sum(axis=2)
    apart = -p.utility[:, None] * (smooth @ relative[..., None])[..., 0]
    ahead = -(extra @ utility[..., None])[..., 0]
    total = middle + apart + ahead + whole[:, :-pools]
    parts = None
    if with_parts:
        parts = np.zeros((p.draws, len(EFFECTS) + 2, total.shape[1]))
        for i, path in zip(AT_PATHS, paths, strict=True):
            parts[:, i] = path[:, :-pools]
        parts[:, AT_SLOPES[0]] = apart  # of all slopes together
        parts[:, REGIME], parts[:, MEAN] = ahead, middle
    return Conditional(total, utility, level, parts)
