"""The gate: each way a sampler can fail is refused, by name and with the figure."""

from __future__ import annotations

import numpy as np
import pytest

from qqt_bayes.inference.gate import check_draws, check_energy, merge

CHAINS, DRAWS = 4, 1000


@pytest.fixture
def good() -> np.ndarray:
    """Independent draws of two quantities, dims (quantity, chain, draw)."""
    return np.random.default_rng(1).normal(size=(2, CHAINS, DRAWS))


@pytest.fixture
def energy() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(CHAINS, DRAWS))


def no_divergence() -> np.ndarray:
    return np.zeros((CHAINS, DRAWS), bool)


def test_good_draws_pass(good, energy) -> None:
    report = merge(check_draws(["a", "b"], good), check_energy(no_divergence(), energy))
    assert report.passed
    assert report.failures == ()
    assert report.text.startswith("converged: r_hat 1.00")
    assert [row[0] for row in report.table] == ["a", "b"]
    assert set(report.figures) == {"r_hat", "ess", "diverging", "e_bfmi"}
    assert report.figures["r_hat"] <= 1.01
    assert report.figures["ess"] >= 400


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_single_value_that_is_not_finite_fails(good, bad) -> None:
    good[1, 2, 500] = bad
    report = check_draws(["a", "b"], good)
    assert not report.passed
    assert report.failures == ("b: draws that are not finite",)
    assert report.figures["r_hat"] == np.inf


def test_all_nan_fails(good) -> None:
    assert not check_draws(["a", "b"], np.full_like(good, np.nan)).passed


def test_a_constant_fails(good) -> None:
    good[0] = 3.0
    assert check_draws(["a", "b"], good).failures == ("a: all draws are the same",)


def test_a_chain_elsewhere_fails(good) -> None:
    good[0, 3] += 1.0
    report = check_draws(["a", "b"], good)
    assert any(f.startswith("a: R-hat 1.") for f in report.failures)
    assert not any(f.startswith("b:") for f in report.failures)
    assert report.figures["r_hat"] > 1.05


def test_a_chain_of_other_spread_fails(good) -> None:
    """Same centre, other spread: only a rank-normalised, folded R-hat sees it."""
    good[0, 3] *= 3.0
    assert any(f.startswith("a: R-hat") for f in check_draws(["a", "b"], good).failures)


def test_a_drifting_chain_fails(good) -> None:
    good[1] += np.linspace(-1, 1, DRAWS)
    assert any(f.startswith("b: R-hat") for f in check_draws(["a", "b"], good).failures)


def test_sticky_chains_fail(good) -> None:
    """Autocorrelated draws that agree between chains: too few effective ones."""
    sticky = np.random.default_rng(3).normal(size=(1, CHAINS, 6000))
    for t in range(1, sticky.shape[2]):
        sticky[..., t] = 0.97 * sticky[..., t - 1] + np.sqrt(1 - 0.97**2) * sticky[..., t]
    report = check_draws(["slow"], sticky[:, :, ::2])
    assert any("bulk effective sample size" in f for f in report.failures)
    assert report.figures["ess"] < 400


def test_sticky_tails_fail() -> None:
    """The middle mixes, the tails are visited rarely and long: only the tail size sees it."""
    rng = np.random.default_rng(4)
    out = rng.random((CHAINS, DRAWS // 50)).repeat(50, axis=1) < 0.1  # one block in ten
    u = np.where(out, rng.uniform(0.90, 1.0, out.shape), rng.uniform(0.0, 0.90, out.shape))
    report = check_draws(["a"], u[None])
    assert any("tail effective sample size" in f for f in report.failures)


def test_too_few_draws_fail(good) -> None:
    report = check_draws(["a", "b"], good[:, :, :60])
    assert sum("effective sample size" in f for f in report.failures) >= 2


def test_divergences_fail(energy) -> None:
    diverging = no_divergence()
    diverging[0, :4] = True  # exactly .1%
    assert check_energy(diverging, energy).passed
    diverging[1, 7:9] = True
    report = check_energy(diverging, energy)
    assert report.failures == ("0.15% of the draws diverged (at most 0.1%)",)


def test_low_energy_mixing_fails(energy) -> None:
    assert check_energy(no_divergence(), energy).figures["e_bfmi"] > 1.5
    energy[2] = np.cumsum(energy[2])  # one chain only
    report = check_energy(no_divergence(), energy)
    assert report.failures[0].startswith("E-BFMI 0.0")


def test_energy_that_is_not_finite_fails(energy) -> None:
    energy[0, 3] = np.nan
    assert not check_energy(no_divergence(), energy).passed


def test_e_bfmi_is_arviz(energy) -> None:
    from arviz_stats.base import array_stats

    energy = np.cumsum(energy, axis=1) * 0.02 + energy
    ours = check_energy(no_divergence(), energy).figures["e_bfmi"]
    theirs = np.min(array_stats.bfmi(energy, chain_axis=0, draw_axis=1))
    assert ours == pytest.approx(theirs, rel=2e-3)  # the mean step is over n - 1, not n


def test_merge_keeps_the_worst(good, energy) -> None:
    bad = good.copy()
    bad[0, 3] += 1.0
    report = merge(
        check_draws(["a", "b"], good), check_draws(["c", "d"], bad),
        check_energy(no_divergence(), energy),
    )  # fmt: skip
    assert not report.passed
    assert [row[0] for row in report.table] == ["a", "b", "c", "d"]
    assert report.figures["r_hat"] == max(row[1] for row in report.table)
    assert report.figures["ess"] == min(min(row[2:]) for row in report.table)


def test_a_failure_says_what_to_do(good) -> None:
    many = np.concatenate([good + np.arange(CHAINS)[None, :, None]] * 4)
    text = check_draws([f"q{i}" for i in range(8)], many).text
    assert text.startswith("the fit did not pass its convergence gate:\n  q0: R-hat")
    assert "\n  and " in text  # the first eight in full, the others counted
    assert "--draws" in text
    assert 'on_fail="warn"' in text
