"""The effective-utility law: one source for NumPy and PyTensor, the paper's case, exact sums."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from qqt_bayes.datasets import paper_parameters
from qqt_bayes.laws.as_released import paper_form
from qqt_bayes.laws.effective_utility import (
    BIN_RATIO,
    EXACT_PASSES,
    exponent_sums,
    first_pass_lengths,
    pass_bins,
)

SIZES = np.array([100.0, 250.0, 40.0, np.inf])
SAMPLES = np.array([90.0, 400.0, 3000.0, 25_000.0, 150.0])
SHARES = np.array(
    [
        [1.0, 0.0, 0.0, 0.0], [0.3, 0.5, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.9, 0.1],
        [0.25, 0.25, 0.25, 0.25],
    ]
)  # fmt: skip
LOG_HALF_LIFE = np.log([3.0, 7.5, 20.0, 5.0])
HARM = np.array([0.02, 0.0, 0.1, 0.05])
DILUTION = 0.6


def one_pool(epochs, half_life, harm=0.0, anchor=0.5):
    """Exponent sum of one pool of size 1, sampled alone, at so many epochs."""
    epochs = np.atleast_1d(np.asarray(epochs, float))
    first, seen = first_pass_lengths(np.log(epochs), np.ones((len(epochs), 1)), [1.0], anchor)
    return exponent_sums(
        first, seen, np.ones((len(epochs), 1)), np.log([half_life]), 1.0, np.array([harm])
    )[:, 0]


def pass_by_pass(epochs, half_life, harm=0.0, anchor=0.5):
    """The same, written out pass by pass."""
    total = np.log(min(epochs, 1.0) / anchor)
    for k in range(2, int(np.ceil(epochs)) + 1):
        weight = (1 + harm) * 0.5 ** ((k - 1) / half_life) - harm
        total += np.log(min(k, epochs) / (k - 1)) * weight
    return total


@pytest.fixture(scope="module")
def lengths():
    return first_pass_lengths(np.log(SAMPLES), SHARES, SIZES, anchor=30.0)


def test_numpy_equals_pytensor(lengths) -> None:
    symbols = pt.vector("tau"), pt.scalar("q"), pt.vector("h")
    graph = exponent_sums(*lengths, SHARES, *symbols, xp=pt)
    compiled = pytensor.function(symbols, graph, mode="FAST_COMPILE")
    expected = exponent_sums(*lengths, SHARES, LOG_HALF_LIFE, DILUTION, HARM)
    np.testing.assert_allclose(
        compiled(LOG_HALF_LIFE, DILUTION, HARM), expected, rtol=1e-13, atol=1e-14
    )


def test_numpy_equals_pytensor_when_nothing_is_repeated() -> None:
    first, epochs = first_pass_lengths(np.log([50.0, 90.0]), SHARES[[0, 4]], SIZES, 30.0)
    tau = pt.vector("tau")
    graph = exponent_sums(first, epochs, SHARES[[0, 4]], tau, xp=pt)
    expected = exponent_sums(first, epochs, SHARES[[0, 4]], LOG_HALF_LIFE)
    compiled = pytensor.function([tau], graph, mode="FAST_COMPILE")
    np.testing.assert_array_equal(compiled(LOG_HALF_LIFE), expected)
    np.testing.assert_allclose(expected, SHARES[[0, 4]] * np.log([[50 / 30], [90 / 30]]))


@pytest.mark.parametrize("pools", [1, 2, 3, 4])
def test_is_the_papers_theorem_for_equal_pools_and_shares(pools: int) -> None:
    table = paper_parameters().query("law == 'effective_utility'").iloc[:pools]
    anchor, d, size = table["n0"].iloc[0], table["d"].iloc[0], table["size"].iloc[0]
    assert anchor == 1e5 / table["a"].iloc[0]
    samples = np.array([32e6, 64e6, 128e6, 256e6, 640e6, 1.28e9])
    shares = np.full((len(samples), pools), 1 / pools)
    first, epochs = first_pass_lengths(np.log(samples), shares, np.full(pools, size), anchor)
    sums = exponent_sums(first, epochs, shares, np.log(table["tau"].to_numpy()), 1.0)
    ours = d + np.exp(sums @ table["b"].to_numpy())
    printed = paper_form(samples, table["b"], table["tau"], size, table["a"].iloc[0], d)
    np.testing.assert_allclose(ours, printed, rtol=1e-12)


def test_is_the_papers_law_for_unequal_shares_too() -> None:
    sizes, shares = np.array([1e6, 4e6, 2e6]), np.array([0.5, 0.2, 0.3])
    b, tau, samples = np.array([-0.2, -0.1, -0.15]), np.array([4.0, 8.0, 2.0]), np.array([3e6, 4e7])
    rows = np.tile(shares, (2, 1))
    first, epochs = first_pass_lengths(np.log(samples), rows, sizes, anchor=1e5 / 0.5)
    ours = 0.1 + np.exp(exponent_sums(first, epochs, rows, np.log(tau)) @ b)
    printed = paper_form(samples, b, tau, sizes, 0.5, 0.1, shares=shares)
    np.testing.assert_allclose(ours, printed, rtol=1e-12)


def cut(parts: int, dilution: float, scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Total exponent of pool B, whole and cut into equal parts, beside an uncut pool A."""
    samples, anchor = np.array([500.0, 5000.0, 60_000.0]), 20.0
    whole = np.tile([0.4, 0.6], (3, 1))
    first, epochs = first_pass_lengths(np.log(samples), whole, [100.0, 200.0], anchor)
    tau = np.array([3.0, 8.0])
    before = exponent_sums(first, epochs, whole, np.log(tau), dilution, np.array([0.0, 0.1]))
    pieces = np.tile([0.4, *[0.6 / parts] * parts], (3, 1))
    sizes = np.array([100.0, *[200.0 / parts] * parts])
    first, epochs = first_pass_lengths(np.log(samples), pieces, sizes, anchor)
    shrink = parts**-dilution if scaled else 1.0
    tau = np.array([3.0, *[8.0 * shrink] * parts])
    harm = np.array([0.0, *[0.1] * parts])
    after = exponent_sums(first, epochs, pieces, np.log(tau), dilution, harm)
    return before[:, 1], after[:, 1:].sum(axis=1)


@pytest.mark.parametrize("dilution", [0.0, 0.38, 1.0, 1.7])
@pytest.mark.parametrize("parts", [2, 7])
def test_cutting_a_pool_into_identical_parts_changes_nothing(parts: int, dilution: float) -> None:
    # holds for any q, given that the half-life grows as size to the same power q
    before, after = cut(parts, dilution, scaled=True)
    np.testing.assert_allclose(after, before, rtol=1e-12)


def test_cut_invariance_needs_half_lives_that_scale_with_size() -> None:
    before, after = cut(2, 1.0, scaled=False)
    assert np.all(after[1:] > before[1:] * 1.02)
    np.testing.assert_allclose(*cut(2, 0.0, scaled=False), rtol=1e-12)  # q = 0: no dilution


def test_many_draws_are_each_draw_alone(lengths) -> None:
    """The parameters of all draws at once, dims (draw, 1, pool)."""
    rng = np.random.default_rng(4)
    tau = LOG_HALF_LIFE + rng.normal(size=(5, len(LOG_HALF_LIFE)))
    harm, dilution = HARM * rng.uniform(0.5, 2.0, size=(5, 1)), rng.uniform(0.0, 1.5, 5)
    together = exponent_sums(
        *lengths, SHARES, tau[:, None], dilution[:, None, None], harm[:, None], np.zeros((5, 1, 1))
    )
    for k in range(5):
        alone = exponent_sums(*lengths, SHARES, tau[k], dilution[k], harm[k])
        np.testing.assert_allclose(together[k], alone, rtol=1e-12, atol=1e-13)


def test_bins_leave_no_gap() -> None:
    assert all(len(part) == 0 for part in pass_bins(1.0))
    assert all(len(part) == 0 for part in pass_bins(np.inf))  # unlimited: never repeated
    start, stop, repeats = pass_bins(10_000.0)
    np.testing.assert_array_equal(start[1:], stop[:-1])
    assert start[0] == 1
    assert stop[-1] >= 10_000
    assert len(start) < EXACT_PASSES + np.log(10_000 / EXACT_PASSES) / np.log(BIN_RATIO)
    np.testing.assert_array_equal(repeats[: EXACT_PASSES - 1], np.arange(1, EXACT_PASSES))


@pytest.mark.parametrize("half_life", [2.0, 30.0, 150.0, 1000.0, 20_000.0])
def test_grouping_late_passes_costs_no_accuracy(half_life: float) -> None:
    for epochs in (1.0, 3.4, 256.0, 300.5, 10_000.0):
        exact = pass_by_pass(epochs, half_life, harm=0.03)
        np.testing.assert_allclose(one_pool(epochs, half_life, harm=0.03), exact, atol=2e-5)


def test_few_passes_are_exact() -> None:
    for epochs in (0.7, 1.0, 1.5, 2.0, 7.25, 200.0):
        np.testing.assert_allclose(
            one_pool(epochs, 6.0, 0.1), pass_by_pass(epochs, 6.0, 0.1), rtol=1e-12, atol=1e-14
        )


def test_an_unlimited_pool_never_wears() -> None:
    samples = np.array([1e3, 1e6, 1e12])
    first, epochs = first_pass_lengths(np.log(samples), np.ones((3, 1)), [np.inf], anchor=100.0)
    assert not epochs.any()
    sums = exponent_sums(first, epochs, np.ones((3, 1)), np.log([1.0]))
    np.testing.assert_allclose(sums[:, 0], np.log(samples / 100))


def test_harm_makes_late_repeats_hurt() -> None:
    epochs = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0])
    assert np.all(np.diff(one_pool(epochs, 3.0)) > 0)
    hurt = one_pool(epochs, 3.0, harm=0.2)
    assert np.argmax(hurt) == 3  # the weight of a pass turns negative after 3 log2(6) = 7.75
    # in the end each e-fold of samples costs h
    late = one_pool(np.array([1e3, 1e4]), 3.0, harm=0.2)
    np.testing.assert_allclose(np.diff(late), -0.2 * np.log(10), rtol=1e-6)


def test_a_pool_without_share_does_not_count(lengths) -> None:
    first, epochs = lengths
    assert not first[SHARES == 0].any()
    assert not epochs[SHARES == 0].any()
    sums = exponent_sums(first, epochs, SHARES, LOG_HALF_LIFE, DILUTION, HARM)
    assert not sums[SHARES == 0].any()


def test_sums_start_at_zero_at_the_anchor() -> None:
    first, epochs = first_pass_lengths(np.log([30.0]), SHARES[[1]], SIZES, anchor=30.0)
    np.testing.assert_allclose(
        exponent_sums(first, epochs, SHARES[[1]], LOG_HALF_LIFE), 0.0, atol=1e-14
    )


def test_rounding_does_not_begin_another_pass() -> None:
    """Samples that are an average may miss the pool's size by rounding."""
    shares = np.ones((2, 1))
    first, epochs = first_pass_lengths(np.log([60e3, 60e3 * (1 + 1e-12)]), shares, [60e3], 30e3)
    assert epochs[1, 0] > 1.0
    sums = exponent_sums(first, epochs, shares, np.log([3.0]))
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-9)
