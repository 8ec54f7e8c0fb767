"""The exchange-rate law: its definition, its compiled twin, and laws of one's own."""

from __future__ import annotations

import math

import numpy as np
import pytensor.tensor as pt
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.exponents import EXCHANGE_RATE, exponents_and_slopes
from qqt_bayes.inference.own_law import address_of
from qqt_bayes.laws.effective_utility import first_pass_lengths, pass_bins
from qqt_bayes.laws.exchange_rate import exponent_sums
from qqt_bayes.laws.registry import find_law, register_law

SIZES = np.array([100.0, 200.0, np.inf])
SHARES = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5], [0, 0, 1.0], [0.7, 0.3, 0]])
SAMPLES = np.array([50.0, 400.0, 5000.0, 5000.0, 30_000.0])
ANCHOR = 40.0
LIFE, RATE, HARM = np.log([3.0, 8.0, 5.0]), np.log([1.0, 0.4, 0.2]), np.array([0.1, 0.02, 0.0])
DILUTION = 0.4


def lengths(samples=SAMPLES, shares=SHARES, sizes=SIZES):
    return first_pass_lengths(np.log(samples), shares, sizes, ANCHOR)


def direct(samples, shares, dilution=0.0) -> float:
    """log(D / n0), written as in the paper."""
    total = 0.0
    for n, w, log_tau, log_rate in zip(SIZES, shares, LIFE, RATE, strict=True):
        seen = w * samples
        if seen > n:
            decay = math.exp(log_tau) / math.log(2.0) * w**-dilution
            seen = n * (1.0 + decay * (1.0 - math.exp(-(seen / n - 1.0) / decay)))
        total += math.exp(log_rate) * seen
    return math.log(total / ANCHOR)


@pytest.mark.parametrize("dilution", [0.0, 0.4])
def test_equals_its_definition(dilution: float) -> None:
    sums = exponent_sums(*lengths(), SHARES, LIFE, dilution, 0.0, RATE)
    expected = [direct(n, w, dilution) for n, w in zip(SAMPLES, SHARES, strict=True)]
    np.testing.assert_allclose(sums.sum(axis=1), expected, rtol=1e-12)


def test_numpy_equals_pytensor() -> None:
    parts = [pt.as_tensor(a) for a in (LIFE, HARM, RATE)]
    symbolic = exponent_sums(
        *lengths(), SHARES, parts[0], DILUTION, parts[1], parts[2], xp=pt
    ).eval()
    plain = exponent_sums(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE)
    np.testing.assert_allclose(symbolic, plain, rtol=1e-13)


def by_hand(first, epochs, shares, half_life, dilution, harm, rate):
    """The same law as a user would write it."""
    total, hurt = 0.0, 0.0
    for i in range(len(shares)):
        if shares[i] > 0.0:
            worth = 1.0
            if epochs[i] > 1.0:
                decay = math.log(2.0) * shares[i] ** dilution / half_life[i]
                worth = 1.0 + (1.0 - math.exp(-decay * (epochs[i] - 1.0))) / decay
                hurt += shares[i] * harm[i] * math.log(epochs[i] / worth)
            total += shares[i] * rate[i] * math.exp(first[i]) * worth
    return math.log(total) - hurt


@pytest.fixture(scope="module")
def own() -> int:
    return address_of(register_law("by_hand", by_hand))


@pytest.mark.parametrize("law", ["twin", "own"])
def test_compiled_values_and_slopes(law: str, own: int) -> None:
    code = EXCHANGE_RATE if law == "twin" else own
    tight = {"rtol": 1e-11, "atol": 1e-12} if law == "twin" else {"rtol": 1e-7, "atol": 1e-8}
    bins = pass_bins(300.0)
    places = (*lengths(), SHARES)
    out, *slopes = exponents_and_slopes(*places, LIFE, DILUTION, HARM, bins, RATE, code)
    expected = exponent_sums(*places, LIFE, DILUTION, HARM, RATE)
    np.testing.assert_allclose(out, expected, rtol=1e-11, atol=1e-12)
    step = 1e-30j
    given = [LIFE.astype(complex), HARM.astype(complex), RATE.astype(complex)]
    for which, found in ((0, slopes[0]), (1, slopes[2]), (2, slopes[3])):
        for i in range(3):
            moved = [v.copy() for v in given]
            moved[which][i] += step
            slope = exponent_sums(*places, moved[0], DILUTION, moved[1], moved[2])
            np.testing.assert_allclose(found[:, i], slope.sum(axis=1).imag / 1e-30, **tight)
    slope = exponent_sums(*places, given[0], DILUTION + step, HARM, RATE).sum(axis=1).imag / 1e-30
    np.testing.assert_allclose(slopes[1].sum(axis=1), slope, **tight)


def test_the_plain_form_of_an_own_law() -> None:
    law = register_law("by_hand", by_hand)
    found = law.sums(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE)
    expected = exponent_sums(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(UsageError, match="no symbolic form"):
        law.sums(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE, xp=pt)


@pytest.mark.parametrize("parts", [2, 7])
def test_cutting_a_pool_into_identical_parts_changes_nothing(parts: int) -> None:
    samples = np.array([90.0, 5000.0])
    whole = np.tile([0.4, 0.6], (2, 1))
    before = exponent_sums(
        *lengths(samples, whole, SIZES[:2]), whole, LIFE[:2], 0.0, HARM[:2], RATE[:2]
    )
    cut = np.tile([0.4, *[0.6 / parts] * parts], (2, 1))
    sizes = np.array([100.0, *[200.0 / parts] * parts])
    spread = [np.array([v[0], *[v[1]] * parts]) for v in (LIFE, HARM, RATE)]
    after = exponent_sums(*lengths(samples, cut, sizes), cut, spread[0], 0.0, *spread[1:])
    np.testing.assert_allclose(after.sum(axis=1), before.sum(axis=1), rtol=1e-12)


def test_harm_makes_late_repeats_hurt() -> None:
    samples, alone = np.geomspace(100, 1e4, 30), np.ones((30, 1))
    places = (*lengths(samples, alone, SIZES[:1]), alone)
    assert np.all(np.diff(exponent_sums(*places, LIFE[:1])[:, 0]) > 0)
    hurt = exponent_sums(*places, LIFE[:1], 0.0, HARM[:1])[:, 0]
    assert 0 < np.argmax(hurt) < 29


def test_unknown_and_shipped_names() -> None:
    with pytest.raises(UsageError, match=r"unknown law 'nope'.*register_law"):
        find_law("nope")
    with pytest.raises(UsageError, match="ships with the package"):
        register_law("exchange_rate", by_hand)
