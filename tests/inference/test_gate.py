"""The gate: each way a sampler can fail is refused, by name and with the figure."""

from __future__ import annotations

import numpy as np
import pytest

from qqt_bayes.inference.gate import (
    check_chains,
    check_energy,
    check_halves,
    check_weights,
    effective,
    merge,
)

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
    report = merge(check_chains(["a", "b"], good), check_energy(no_divergence(), energy))
    assert report.passed
    assert report.failures == ()
    assert report.text.startswith("converged: R-hat 1.00")
    assert [row[0] for row in report.table] == ["a", "b"]
    assert set(report.figures) == {"r_hat", "ess", "diverging", "e_bfmi"}
    assert report.figures["r_hat"] <= 1.01
    assert report.figures["ess"] >= 400


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_single_value_that_is_not_finite_fails(good, bad) -> None:
    good[1, 2, 500] = bad
    report = check_chains(["a", "b"], good)
    assert not report.passed
    assert report.failures == ("b: draws that are not finite",)
    assert report.figures["r_hat"] == np.inf


def test_all_nan_fails(good) -> None:
    assert not check_chains(["a", "b"], np.full_like(good, np.nan)).passed


def test_a_constant_fails(good) -> None:
    good[0] = 3.0
    assert check_chains(["a", "b"], good).failures == ("a: all draws are the same",)


def test_a_chain_elsewhere_fails(good) -> None:
    good[0, 3] += 1.0
    report = check_chains(["a", "b"], good)
    assert any(f.startswith("a: R-hat 1.") for f in report.failures)
    assert not any(f.startswith("b:") for f in report.failures)
    assert report.figures["r_hat"] > 1.05


def test_a_chain_of_other_spread_fails(good) -> None:
    """Same centre, other spread: only a rank-normalised, folded R-hat sees it."""
    good[0, 3] *= 3.0
    assert any(f.startswith("a: R-hat") for f in check_chains(["a", "b"], good).failures)


def test_a_drifting_chain_fails(good) -> None:
    good[1] += np.linspace(-1, 1, DRAWS)
    assert any(f.startswith("b: R-hat") for f in check_chains(["a", "b"], good).failures)


def test_sticky_chains_fail(good) -> None:
    """Autocorrelated draws that agree between chains: too few effective ones."""
    sticky = np.random.default_rng(3).normal(size=(1, CHAINS, 6000))
    for t in range(1, sticky.shape[2]):
        sticky[..., t] = 0.97 * sticky[..., t - 1] + np.sqrt(1 - 0.97**2) * sticky[..., t]
    report = check_chains(["slow"], sticky[:, :, ::2])
    assert any("effective sample size" in f for f in report.failures)
    assert report.figures["ess"] < 400


def test_sticky_tails_fail() -> None:
    """The middle mixes, the tails are visited rarely and long: only the tail size sees it."""
    rng = np.random.default_rng(4)
    out = rng.random((CHAINS, DRAWS // 50)).repeat(50, axis=1) < 0.1  # one block in ten
    u = np.where(out, rng.uniform(0.90, 1.0, out.shape), rng.uniform(0.0, 0.90, out.shape))
    report = check_chains(["a"], u[None])
    assert any("effective sample size" in f for f in report.failures)


def test_too_few_draws_fail(good) -> None:
    report = check_chains(["a", "b"], good[:, :, :60])
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
        check_chains(["a", "b"], good), check_chains(["c", "d"], bad),
        check_energy(no_divergence(), energy),
    )  # fmt: skip
    assert not report.passed
    assert [row[0] for row in report.table] == ["a", "b", "c", "d"]
    assert report.figures["r_hat"] == max(row[2] for row in report.table)
    assert report.figures["ess"] == min(row[1] for row in report.table)


def test_a_failure_says_what_to_do(good) -> None:
    many = np.concatenate([good + np.arange(CHAINS)[None, :, None]] * 4)
    text = check_chains([f"q{i}" for i in range(8)], many).text
    assert text.startswith("the fit did not pass its convergence gate:\n  q0: R-hat")
    assert "\n  and " in text  # the first eight in full, the others counted
    assert "--draws" in text
    assert 'on_fail="warn"' in text


@pytest.fixture
def halves() -> tuple[np.ndarray, np.ndarray]:
    """Two quantities of independent draws, dims (quantity, half, draw), and their parents."""
    draws = np.random.default_rng(5).normal(size=(2, 2, DRAWS))
    return draws, np.arange(2 * DRAWS).reshape(2, DRAWS)


def test_independent_draws_pass_and_count_whole(halves) -> None:
    draws, parent = halves
    report = merge(check_weights(0.4), check_halves(["a", "b"], draws, parent))
    assert report.passed
    assert report.figures["k"] == 0.4
    assert report.figures["ess"] == pytest.approx(2 * DRAWS)
    assert [row[0] for row in report.table] == ["a", "b"]


def test_draws_of_one_parent_count_once(halves) -> None:
    draws, parent = halves
    same = np.repeat(draws[:, :, ::8], 8, axis=2)
    shared = np.repeat(parent[:, ::8], 8, axis=1)
    assert effective(same.reshape(2, -1), shared.ravel()) == pytest.approx([DRAWS / 4] * 2)
    assert not check_halves(["a", "b"], same, shared).passed
    # what is drawn anew for each child is known by all of them
    assert np.all(effective(draws.reshape(2, -1), shared.ravel()) > 1.6 * DRAWS)


def test_sparse_tails_fail(halves) -> None:
    """A quantity whose upper tail hangs on few parents, though its mean does not."""
    draws, parent = halves
    shared = parent.copy()
    top = draws[0] > np.quantile(draws[0], 0.93)
    shared[top] = np.arange(top.sum()) % 10
    report = check_halves(["a", "b"], draws, shared)
    assert any(f.startswith("a: effective sample size") for f in report.failures)


def test_halves_apart_fail(halves) -> None:
    draws, parent = halves
    draws[1, 1] += 0.5
    report = check_halves(["a", "b"], draws, parent)
    assert any(f.startswith("b: halves of the draws") for f in report.failures)
    assert not any(f.startswith("a:") for f in report.failures)


@pytest.mark.parametrize("k", [0.71, np.inf, np.nan])
def test_a_heavy_tail_of_weights_fails(k) -> None:
    assert not check_weights(k).passed


def test_constant_or_broken_halves_fail(halves) -> None:
    draws, parent = halves
    draws[0] = 1.0
    draws[1, 0, 3] = np.nan
    failures = check_halves(["a", "b"], draws, parent).failures
    assert failures == ("a: all draws are the same", "b: draws that are not finite")
