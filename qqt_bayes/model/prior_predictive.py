"""What the priors imply, before any data: performance of candidates, and simulated studies.

Everything is drawn from the generative form in plain NumPy, many draws at once. Latent performance
at candidates is the prior predictive of the *decision*; at the cells of a study, with noise of the
reference likelihood added, it is a data set whose truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qqt_bayes.kind_names import kind_named
from qqt_bayes.model.effects import EFFECTS, simulator
from qqt_bayes.model.marginal import Cells, exponents
from qqt_bayes.model.noise import seed_factor
from qqt_bayes.model.parameters import Coordinates, Parameters
from qqt_bayes.model.regime import mean_factors, relative_wander, stretch

if TYPE_CHECKING:
    from qqt_bayes.kinds import Kind
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.priors import Prior
    from qqt_bayes.runs import Study

__all__ = [
    "Truth", "draw_prior", "noise_at", "simulate_study", "simulate_values",
]  # fmt: skip


class Truth(NamedTuple):
    """What simulated performance was drawn from."""

    parameters: Parameters
    # dims (draw, pool)
    utility: np.ndarray
    level: np.ndarray

    def take(self, chosen: slice | np.ndarray) -> Truth:
        """Some of the draws."""
        return Truth(self.parameters.take(chosen), self.utility[chosen], self.level[chosen])


def draw_prior(
    design: Design,
    points: Points,
    priors: dict[str, Prior],
    kind: str | Kind,
    draws: int,
    seed: int,
    given: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> tuple[np.ndarray, Truth]:
    """Draw everything from the prior.

    ``design``: pools, anchor and range of the study; its values are not read; ``points``: where
    performance is wanted: cells, candidates at budgets, or both (``points_at``); effects are joint
    over all of them; ``given``: standard normal numbers that are not to be drawn: scores by their
    name (``names``), dim (draw,), and those behind a slope or a constant X as ``X_effects``, dims
    (draw, direction). Gives ``latent`` (draw, point): latent performance f, drift and mixture error
    included; ``truth``.
    """
    rng = np.random.default_rng(seed)
    # before any data the irreducible part lies below no value
    unseen = replace(design, expected=np.full_like(design.value, np.inf))
    coordinates = Coordinates.of(priors, unseen)
    scores = rng.standard_normal((draws, len(coordinates.names)))
    for i, name in enumerate(coordinates.names):
        scores[:, i] = given.get(name, scores[:, i])
    p = coordinates.parameters(scores)

    everywhere, pools = points.and_anchors(), design.pools
    paths, relative = np.zeros((draws, len(everywhere))), np.zeros((draws, pools))
    for i, effect in enumerate(EFFECTS):
        scale, told = p.scales[:, [i]], given.get(f"{effect.name}_effects")
        if effect.loadings is not None:
            loading = effect.loadings(design.setting)
            white = rng.standard_normal((draws, loading.shape[1])) if told is None else told
            relative += scale * (white @ loading.T)
        elif told is None:
            paths += scale * simulator(effect, everywhere)(draws, rng)
        else:
            paths += scale * (told @ effect.rows(everywhere).coefficient)  # type: ignore[misc]
    utility = p.utility[:, None] * (1.0 + relative)

    sums, ahead = exponents(p, points), points.beyond
    if ahead is not None:
        wander = relative_wander(p.utility, p.scale("common_drift"), p.scale("pool_drift"))
        scales = priors["regime"].draw(draws, rng) * wander
        factors = mean_factors(scales, ahead.horizons, rng)[:, ahead.horizon]
        sums = stretch(sums, exponents(p, ahead.edges), ahead.edge, factors)
    cells = Cells.of(design, priors, kind_named(kind))
    middle = (cells.log_reference(p.irreducible) + cells.level_mean)[:, None]
    log_reducible = middle + paths[:, :-pools] - (sums @ utility[..., None])[..., 0]
    latent = p.irreducible[:, None] + np.exp(log_reducible)
    return latent, Truth(p, utility, middle + paths[:, -pools:])


def noise_at(parameters: Parameters, shares: np.ndarray) -> np.ndarray:
    """Seed-to-seed sd of mixtures, relative to the metric (or its unit), dims (draw, point)."""
    return parameters.seed_noise[:, None] * seed_factor(parameters.noise_ratio, shares)


def simulate_values(
    study: Study,
    design: Design,
    latent: np.ndarray,
    seed_noise: np.ndarray | float,
    seed: int,
    run_share: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Values that the rows of a study could have had: the reference likelihood's noise added.

    ``study``: gives each row's test items and standard error; its values are not read; ``design``:
    of that study: says which cell each row belongs to; ``latent`` (..., cell): latent performance f
    at the cells; ``seed_noise``: seed-to-seed standard deviation relative to f, dims of ``latent``
    but the last, or of all of it where it differs by cell; ``run_share``: share of the seed
    variance that checkpoints of one run have in common, dims of ``latent`` but the last. Gives dims
    (..., row). Where the prior allows it, a value may lie outside its range (an error above one).
    Discarding such data sets by their values alone leaves calibration tests valid.
    """
    rng = np.random.default_rng(seed)
    centre = np.asarray(latent, float)[..., design.row_cell]
    noise = np.asarray(seed_noise, float)
    by_cell = noise.ndim == np.ndim(latent) and noise.shape == np.shape(latent)
    size = centre if kind_named(study.kind).relative_noise else 1.0
    spread = (noise[..., design.row_cell] if by_cell else noise[..., None]) * size
    evaluation = study.kind.evaluation_variance(centre, study.n_eval, study.se)
    run = design.run[design.row_cell]
    share = np.asarray(run_share, float)[..., None] * (run >= 0)
    apart = np.sqrt((1.0 - share) * spread**2 + evaluation) * rng.standard_normal(centre.shape)
    if run.max(initial=-1) < 0:
        return centre + apart
    effect = rng.standard_normal((*centre.shape[:-1], run.max() + 1))[..., run]
    return centre + apart + np.sqrt(share) * spread * effect


def simulate_study(study: Study, values: np.ndarray) -> Study:
    """Copy of a study with other values, dim (row,): simulated ones."""
    values = np.array(values, float)
    values.flags.writeable = False
    return replace(study, value=values)
