"""What the priors imply, before any data: performance of candidates, and simulated studies.

Everything is drawn from the generative form in plain NumPy, many draws at once. Latent performance
at candidates is the prior predictive of the *decision*; at the cells of a study, with noise of the
reference likelihood added, it is a data set whose truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.design import evaluation_variance
from qqt_bayes.model.effects import COMPONENTS, unit_kernels
from qqt_bayes.model.noise import informed
from qqt_bayes.model.priors import NO_RATES
from qqt_bayes.model.regime import mean_factors, relative_wander, stretch

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design, Points
    from qqt_bayes.model.priors import Prior
    from qqt_bayes.runs import Study

# Eigenvalues of a kernel below this share of the largest are rounding, not directions.
NEGLIGIBLE = 1e-13

__all__ = ["draw_prior", "kernel_factor", "prior_predictive", "simulate_study", "simulate_values"]


def kernel_factor(kernel: np.ndarray) -> np.ndarray:
    """Matrix F with F F' equal to a covariance that may be singular.

    Parameters
    ----------
    kernel : numpy.ndarray
        Dims (point, point), positive semi-definite.

    Returns
    -------
    numpy.ndarray
        Dims (point, direction); no direction when the kernel is zero.
    """
    values, vectors = np.linalg.eigh(kernel)
    keep = values > NEGLIGIBLE * max(float(values.max(initial=0.0)), np.finfo(float).tiny)
    return vectors[:, keep] * np.sqrt(values[keep])


def draw_prior(
    design: Design,
    points: Points,
    priors: dict[str, Prior],
    kind: str,
    draws: int,
    seed: int,
    given: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draw everything from the prior.

    Parameters
    ----------
    design : Design
        Pools, anchor and range of the study; its values are not read.
    points : Points
        Where performance is wanted: cells, candidates at budgets, or both
        (:meth:`Design.points_at`); effects are joint over all of them.
    priors : dict of Prior
        From :meth:`qqt_bayes.model.spec.Spec.priors`.
    kind : {'loss', 'error', 'accuracy'}
        What levels are relative to.
    draws : int
        Number of draws.
    seed : int
        Same seed, same draws.
    given : mapping, optional
        What is not to be drawn: scalars by name, dim (draw,), and whitened deviations of the pools
        as ``utility_effects``, ``level_effects`` and ``half_life_effects`` (finite pools only),
        dims (draw, pool), standard normal beforehand.

    Returns
    -------
    latent : numpy.ndarray
        Dims (draw, point): latent performance f, drift and mixture error included.
    truth : dict of numpy.ndarray
        ``natural``, dims (draw, natural), in the order of the marginal engine; ``utility`` and
        ``level``, dims (draw, pool); ``half_life_median``, ``half_life_spread`` and ``regime``
        (the multiple drawn), dim (draw,).
    """
    rng = np.random.default_rng(seed)
    scalar = {
        name: priors[name].draw(draws, rng)
        for name in priors
        if name not in ("harm", "exchange_rate", "run_share", "seed_noise_spread")
    }
    given = given or {}
    scalar |= {name: given[name] for name in scalar if name in given}
    pools, finite = len(design.sizes), np.isfinite(design.sizes)

    def effects_of(what: str, count: int) -> np.ndarray:
        drawn = rng.standard_normal((draws, count))
        return np.asarray(given.get(f"{what}_effects", drawn))

    factor = np.linalg.cholesky(design.likeness)
    root = np.linalg.cholesky(design.likeness[np.ix_(finite, finite)])
    eta = np.zeros((draws, pools))
    eta[:, finite] = effects_of("half_life", len(root)) @ root.T
    log_half_life = np.log(scalar["half_life"])[:, None] + scalar["half_life_spread"][:, None] * eta
    log_half_life += scalar["dilution"][:, None] * design.log_size
    harm = priors["harm"].draw((draws, pools), rng)
    if not priors["harm"].fixed:
        harm = np.where(finite, harm, 0.0)

    relative = scalar["utility_spread"][:, None] * (effects_of("utility", pools) @ factor.T)
    quality = scalar["quality_effect"][:, None] * design.quality
    utility = scalar["utility"][:, None] * (1.0 + quality + relative)
    reference = scalar["irreducible"] if kind == "loss" else 1.0 - scalar["irreducible"]
    common = np.log(reference) + scalar["level"]
    apart = effects_of("level", pools) @ factor.T
    level = common[:, None] + scalar["level_spread"][:, None] * apart

    law, log_rate = find_law(design.law), np.zeros((draws, pools))
    if law.rated:
        free = rng.standard_normal((draws, design.rate_factor.shape[1]))
        log_rate = priors.get("exchange_rate", NO_RATES).pair[1] * (free @ design.rate_factor.T)
    log_reducible = level @ points.shares.T
    ahead = points.beyond
    if ahead is not None:
        wander = relative_wander(scalar["utility"], scalar["common_drift"], scalar["pool_drift"])
        factors = mean_factors(scalar["regime"] * wander, ahead.horizons, rng)[:, ahead.horizon]
    for row in range(draws):
        few = (log_half_life[row], scalar["dilution"][row], harm[row], log_rate[row])
        sums = law.sums(points.first, points.epochs, points.shares, *few)
        if ahead is not None:
            edge = law.sums(ahead.first, ahead.epochs, ahead.shares, *few)
            sums = stretch(sums, edge, ahead.edge, factors[row])
        log_reducible[row] -= sums @ utility[row]
    kernels = unit_kernels(points.effects, points.effects)
    for name, kernel in zip(COMPONENTS, kernels, strict=True):
        if name != "level_spread":
            unit = kernel_factor(kernel)
            effects = rng.standard_normal((draws, unit.shape[1])) @ unit.T
            log_reducible += scalar[name][:, None] * effects

    # last, so that what precedes is the same whether the runs tell of these or not
    told = informed(priors, design)
    for name in ("seed_noise_spread", "run_share"):
        scalar[name] = told[name].draw(draws, rng)
    log_noise = scalar["seed_noise_spread"][:, None] * rng.standard_normal((draws, pools))

    names = ("irreducible", "utility", "utility_spread", "seed_noise", "dilution", "run_share",
             "seed_noise_spread", *COMPONENTS)  # fmt: skip
    by_pool = [log_half_life, harm, log_noise] + [log_rate] * law.rated
    truth = {
        "natural": np.column_stack([*(scalar[name] for name in names), *by_pool]),
        "utility": utility,
        "level": level,
        "half_life_median": scalar["half_life"],
        "half_life_spread": scalar["half_life_spread"],
        "regime": scalar["regime"],
    }
    return scalar["irreducible"][:, None] + np.exp(log_reducible), truth


def prior_predictive(
    design: Design, points: Points, priors: dict[str, Prior], kind: str, draws: int, seed: int
) -> np.ndarray:
    """Latent performance at the points, drawn from the prior; see :func:`draw_prior`.

    Returns
    -------
    numpy.ndarray
        Dims (draw, point), as modelled: an accuracy is an error.
    """
    return draw_prior(design, points, priors, kind, draws, seed)[0]


def simulate_values(
    study: Study,
    design: Design,
    latent: np.ndarray,
    seed_noise: np.ndarray | float,
    seed: int,
    run_share: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Values that the rows of a study could have had: the reference likelihood's noise added.

    Parameters
    ----------
    study : Study
        Gives each row's test items and standard error; its values are not read.
    design : Design
        Of that study: says which cell each row belongs to.
    latent : numpy.ndarray
        Dims (..., cell): latent performance f at the cells.
    seed_noise : array or float
        Seed-to-seed standard deviation relative to f, dims of ``latent`` but the last, or of all
        of it where it differs by cell.
    seed : int
        Same seed, same values.
    run_share : array or float
        Share of the seed variance that checkpoints of one run have in common, dims of ``latent``
        but the last.

    Returns
    -------
    numpy.ndarray
        Dims (..., row). Where the prior allows it, a value may lie outside its range (an error
        above one). Discarding such data sets by their values alone leaves calibration tests valid.
    """
    rng = np.random.default_rng(seed)
    centre = np.asarray(latent, float)[..., design.row_cell]
    noise = np.asarray(seed_noise, float)
    by_cell = noise.ndim == np.ndim(latent) and noise.shape == np.shape(latent)
    spread = (noise[..., design.row_cell] if by_cell else noise[..., None]) * centre
    evaluation = evaluation_variance(
        study, np.clip(centre, 0.0, None if study.kind == "loss" else 1.0)
    )
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
