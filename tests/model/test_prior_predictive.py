"""Draws from the prior: their truths reproduce them, and simulated studies have the right noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from qqt_bayes.laws.effective_utility import exponent_sums
from qqt_bayes.model.design import build_design
from qqt_bayes.model.effects import EFFECTS, NAMES, factor_of, ibm_kernel
from qqt_bayes.model.parameters import SINGLE
from qqt_bayes.model.prior_predictive import (
    draw_prior,
    simulate_study,
    simulate_values,
)
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import read_runs

SPEC = load_spec("effective_utility")
CALM = ("level", "level_spread", "utility_spread", "quality_effect")  # not drift, not mixture error
STILL = {n: {"family": "fixed", "value": 0.0} for n in (*NAMES, "regime") if n not in CALM}


def make_study(kind: str = "loss"):
    rows = [("A", 1e6), ("A", 1e6), ("A", 8e6), ("B", 4e6), ("A:0.5+B:0.5", 8e6), ("W", 3e6)]
    table = pd.DataFrame(rows, columns=["data", "samples"])
    metric = {"loss": "loss", "error": "top1_error"}[kind]
    table = table.assign(run=[f"r{i}" for i in range(len(rows))], metric=metric, value=0.5,
                         **({"se": 0.01} if kind == "loss" else {"n_eval": 400}))  # fmt: skip
    pools = {"pool": ["A", "B", "W"], "size": [1e6, 2e6, np.inf], "quality_rank": [1, 2, 3]}
    return read_runs(table, pd.DataFrame(pools)).study(metric)


@pytest.fixture(scope="module", params=["loss", "error"])
def setting(request):
    made = make_study(request.param)
    return made, build_design(made, SPEC), SPEC.priors(made.kind)


def test_shapes_and_order(setting) -> None:
    made, design, priors = setting
    latent, truth = draw_prior(design, design.points, priors, made.kind, 40, seed=1)
    assert latent.shape == (40, len(design.value))
    p = truth.parameters
    assert p.draws == 40
    assert truth.utility.shape == truth.level.shape == p.log_half_life.shape == (40, 3)
    assert p.scales.shape == (40, len(EFFECTS))
    assert np.all(latent > p.irreducible[:, None])
    assert not p.harm[:, 2].any()  # an unlimited pool has no harm ...
    np.testing.assert_allclose(p.log_half_life[:, 2], np.log(p.half_life))  # ... nor its own tau
    two = truth.take(np.array([3, 5]))
    np.testing.assert_array_equal(two.level, truth.level[[3, 5]])
    np.testing.assert_array_equal(two.parameters.harm, p.harm[[3, 5]])
    again, _ = draw_prior(design, design.points, priors, made.kind, 40, seed=1)
    np.testing.assert_array_equal(again, latent)


def test_truths_reproduce_the_law(setting) -> None:
    """Without drift and mixture error f is the law at the truths."""
    made, design, _ = setting
    priors = SPEC.with_priors(**STILL).priors(made.kind)
    latent, truth = draw_prior(design, design.points, priors, made.kind, 25, seed=2)
    points, p = design.points, truth.parameters
    for row in range(25):
        sums = exponent_sums(
            points.first,
            points.epochs,
            points.shares,
            p.log_half_life[row],
            p.dilution[row],
            p.harm[row],
        )
        log_reducible = points.shares @ truth.level[row] - sums @ truth.utility[row]
        np.testing.assert_allclose(latent[row], p.irreducible[row] + np.exp(log_reducible))


def test_parameters_have_their_priors(setting) -> None:
    """Each against its distribution in SciPy: all p-values at once with probability .999."""
    made, design, priors = setting
    size = 5000
    _, truth = draw_prior(design, design.points, priors, made.kind, size, seed=11)
    p = truth.parameters
    drawn = {n: getattr(p, n) for n in SINGLE} | {n: p.scale(n) for n in NAMES}
    drawn |= {f"harm {i}": p.harm[:, i] for i in (0, 1)}
    checked = 0
    for name, values in drawn.items():
        prior = priors.get(name.split(" ")[0])
        if prior is None or prior.fixed or (prior.family == "normal" and name in NAMES):
            continue
        if name in ("run_share", "seed_noise_spread"):  # of which these runs say nothing
            continue
        checked += 1
        assert kstest(values, prior.distribution().cdf).pvalue > 0.001 / 20, name
    assert checked > 8


def test_deviations_of_pools_have_their_scales(setting) -> None:
    made, design, priors = setting
    size = 20_000
    _, truth = draw_prior(design, design.points, priors, made.kind, size, seed=12)
    p = truth.parameters
    across = np.linalg.svd(design.setting.quality[None])[2][1:].T  # to the slope along the ranks
    relative = truth.utility / p.utility[:, None] - 1.0
    own = relative @ across / p.scale("utility_spread")[:, None]
    expected = across.T @ design.setting.likeness @ across
    np.testing.assert_allclose(np.cov(own.T), expected, atol=5 * np.sqrt(2 / size))
    middle = truth.level.mean(axis=1, keepdims=True)
    apart = (truth.level - middle) / p.scale("level_spread")[:, None]
    centred = np.eye(3) - 1 / 3
    np.testing.assert_allclose(
        np.cov(apart.T), centred @ design.setting.likeness @ centred, atol=5 * np.sqrt(2 / size)
    )


def test_what_is_given_is_not_drawn(setting) -> None:
    made, design, priors = setting
    given = {"utility": np.linspace(-1, 1, 9), "level_spread_effects": np.zeros((9, 3)),
             "half_life[1]": np.zeros(9)}  # fmt: skip
    _, truth = draw_prior(design, design.points, priors, made.kind, 9, 1, given)
    p = truth.parameters
    np.testing.assert_allclose(p.utility, priors["utility"].at_score(given["utility"]))
    np.testing.assert_allclose(np.ptp(truth.level, axis=1), 0.0, atol=1e-12)
    middle = np.log(p.half_life) + p.dilution * design.setting.log_size[1]
    np.testing.assert_allclose(p.log_half_life[:, 1], middle)


def test_levels_are_relative_to_what_can_be_learned(setting) -> None:
    made, design, priors = setting
    _, truth = draw_prior(design, design.points, priors, made.kind, 4000, seed=3)
    d = truth.parameters.irreducible
    relative = truth.level - np.log(d if made.kind == "loss" else 1 - d)[:, None]
    mu, sigma = priors["level"].pair
    np.testing.assert_allclose(relative.mean(axis=0), mu, atol=5 * sigma / 4000**0.5)


def test_half_lives_grow_with_size_within_a_family() -> None:
    pools = {"pool": ["A", "B", "C", "D"], "size": [1e6, 1e8, 5e6, 1e7],
             "family": ["x", "x", "y", ""], "quality_rank": [1, 1, 2, 3]}  # fmt: skip
    rows = {"run": ["a", "b"], "data": ["A", "B"], "samples": 1e6, "metric": "loss", "value": 1.0}
    made = read_runs(pd.DataFrame(rows), pd.DataFrame(pools)).study("loss")
    design, priors = build_design(made, SPEC), SPEC.priors("loss")
    _, truth = draw_prior(design, design.points, priors, "loss", 20_000, seed=3)
    p, setting = truth.parameters, design.setting
    log_tau = p.log_half_life - np.log(p.half_life)[:, None]
    log_tau -= p.dilution[:, None] * setting.log_size
    np.testing.assert_allclose(setting.log_size, np.log([0.1, 10, 1, 1]), atol=1e-12)
    spread = priors["half_life_spread"].pair[0]
    np.testing.assert_allclose(np.cov(log_tau.T), spread**2 * setting.likeness, atol=0.01)


def test_drift_beyond_the_data_has_the_variance_of_its_kernels(setting) -> None:
    made, design, _ = setting
    fixed = {"common_drift": 0.2}
    tables = STILL | {n: {"family": "fixed", "value": v} for n, v in fixed.items()}
    tables["level_spread"] = {"family": "fixed", "value": 0.0}
    priors = SPEC.with_priors(**tables).priors(made.kind)
    calm = SPEC.with_priors(**(tables | STILL)).priors(made.kind)
    points = design.points_at(np.exp(design.setting.largest) * np.array([1, 4.0]), np.eye(3)[:2])
    size = 8000
    wild, truth = draw_prior(design, points, priors, made.kind, size, seed=4)
    still, same = draw_prior(design, points, calm, made.kind, size, seed=4)
    np.testing.assert_array_equal(truth.utility, same.utility)
    d = truth.parameters.irreducible[:, None]
    error = np.log(wild - d) - np.log(still - d)
    t = design.setting.largest - design.setting.smallest + np.log([1.0, 4.0])
    expected = 0.04 * ibm_kernel(t[:, None], t)
    np.testing.assert_allclose(np.cov(error.T), expected, rtol=0.1)


def test_change_of_regime_cannot_turn_progress_into_loss(setting) -> None:
    made, design, _ = setting
    still = {"level_spread": {"family": "fixed", "value": 0.0}, "harm": STILL["regime"]}
    wild = {"regime": {"family": "halfstudent", "df": 2.0, "sigma": 0.8}}
    priors = SPEC.with_priors(**(STILL | still | wild)).priors(made.kind)
    samples = np.exp(design.setting.largest) * np.array([1, 8.0])
    points = design.points_at(samples, np.eye(3)[[0, 0]])
    latent, truth = draw_prior(design, points, priors, made.kind, 4000, seed=4)
    progress = truth.utility[:, 0] > 0
    assert np.all(latent[progress, 1] <= latent[progress, 0] + 1e-12)


def test_no_pool_is_favoured_without_reason() -> None:
    """Pools of equal rank and size: before data, each is best equally often, at any budget."""
    pools = pd.DataFrame({"pool": ["A", "B", "C"], "size": [1e6] * 3})
    rows = pd.DataFrame({"data": ["A", "B", "C"], "samples": 1e6, "metric": "loss", "value": 1.0})
    made = read_runs(rows.assign(run=["a", "b", "c"]), pools).study("loss")
    design, priors = build_design(made, SPEC), SPEC.priors("loss")
    points = design.points_at(np.full(3, 3e7), np.eye(3))
    latent, _ = draw_prior(design, points, priors, "loss", 6000, seed=5)
    share = np.bincount(latent.argmin(axis=1), minlength=3) / 6000
    assert np.all(np.abs(share - 1 / 3) < 4 * np.sqrt(2 / 9 / 6000))


def test_simulated_values_have_the_reference_noise(setting) -> None:
    made, design, priors = setting
    latent, _ = draw_prior(design, design.points, priors, made.kind, 200, seed=6)
    inside = np.all(latent < 0.95, axis=1) if made.kind != "loss" else np.full(200, True)
    latent = latent[inside][0]
    noise, many = 0.02, 10_000
    values = simulate_values(made, design, np.tile(latent, (many, 1)), np.full(many, noise), seed=7)
    assert values.shape == (many, len(made))
    f = latent[design.row_cell]
    evaluation = 0.01**2 if made.kind == "loss" else f * (1 - f) / 400
    np.testing.assert_allclose(values.mean(axis=0), f, rtol=4 * 0.06 / many**0.5)
    np.testing.assert_allclose(values.var(axis=0), (noise * f) ** 2 + evaluation, rtol=0.08)
    assert abs(np.corrcoef(values[:, 0], values[:, 1])[0, 1]) < 0.05  # replicates are independent


def test_a_simulated_study_is_a_study(setting) -> None:
    made, design, priors = setting
    latent, truth = draw_prior(design, design.points, priors, made.kind, 1, seed=8)
    values = simulate_values(made, design, latent[0], truth.parameters.seed_noise[0], seed=9)
    simulated = simulate_study(made, values)
    np.testing.assert_array_equal(simulated.value, values)
    with pytest.raises(ValueError, match="read-only"):
        simulated.value[0] = 1.0
    laid = build_design(simulated, SPEC)
    np.testing.assert_array_equal(laid.row_cell, design.row_cell)
    np.testing.assert_array_equal(laid.points.kernels, design.points.kernels)
    assert replace(simulated, value=made.value) is not made  # a plain dataclass copy


def test_errors_beyond_one_do_not_break_the_noise() -> None:
    made = make_study("error")
    design = build_design(made, SPEC)
    values = simulate_values(made, design, np.full(len(design.value), 1.3), 0.01, seed=1)
    assert np.all(np.isfinite(values))


def test_factor_of_a_covariance() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(6, 3))
    factor = factor_of(a @ a.T)
    assert factor.shape == (6, 3)  # singular: three directions
    np.testing.assert_allclose(factor @ factor.T, a @ a.T, atol=1e-12)
    assert factor_of(np.zeros((4, 4))).shape == (4, 0)


def test_checkpoints_of_a_run_share_its_effect() -> None:
    """Variance of a row as without, covariance only within a run, relative to f."""
    rows = [("a", "A", 1e6), ("a", "A", 8e6), ("b", "A", 1e6), ("b", "A", 8e6), ("c", "B", 4e6)]
    table = pd.DataFrame(rows, columns=["run", "data", "samples"])
    pools = pd.DataFrame({"pool": ["A", "B"], "size": [1e6, 2e6]})
    study = read_runs(table.assign(metric="loss", value=1.0, se=0.01), pools).study("loss")
    design = build_design(study, SPEC)
    f, many, noise, share = np.linspace(1.0, 2.0, len(design.value)), 40_000, 0.02, 0.7
    values = simulate_values(study, design, np.tile(f, (many, 1)), noise * np.ones(many), 1, share)
    sd = noise * f[design.row_cell]
    expected = np.diag((1.0 - share * np.array([1, 1, 1, 1, 0])) * sd**2 + 1e-4)
    for pair in ([0, 1], [2, 3]):
        expected[np.ix_(pair, pair)] += share * np.outer(sd[pair], sd[pair])
    np.testing.assert_allclose(np.cov(values.T), expected, atol=0.03 * expected.max())
