"""The exchange-rate law: its definition, and laws of one's own."""

from __future__ import annotations

import math

import numpy as np
import pytensor.tensor as pt
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.laws.effective_utility import first_pass_lengths
from qqt_bayes.laws.exchange_rate import exponent_sums
from qqt_bayes.laws.registry import find_law, known_laws, register_law

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


def by_hand(first, epochs, shares, half_life, dilution, harm, rate, xp):
    """The same law as a user would write it."""
    repeats = xp.maximum(epochs - 1.0, 0.0)
    decay = math.log(2.0) * xp.maximum(shares, 1e-300) ** dilution / half_life
    worth = 1.0 + (1.0 - xp.exp(-decay * repeats)) / decay
    hurt = shares * harm * (xp.log(xp.maximum(epochs, 1.0)) - xp.log(worth))
    total = xp.sum(shares * rate * xp.exp(first) * worth, axis=-1)
    return xp.log(total) - xp.sum(hurt, axis=-1)


def test_a_law_of_ones_own_is_a_law_like_any_other() -> None:
    law = register_law("by_hand", by_hand)
    assert law.one_utility
    found = law.exponents(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE)
    expected = exponent_sums(*lengths(), SHARES, LIFE, DILUTION, HARM, RATE)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    parts = [pt.as_tensor(a) for a in (LIFE, HARM, RATE)]
    symbolic = law.exponents(*lengths(), SHARES, parts[0], DILUTION, parts[1], parts[2], xp=pt)
    np.testing.assert_allclose(symbolic.eval(), expected, rtol=1e-12)


def test_many_draws_are_each_draw_alone() -> None:
    rng = np.random.default_rng(4)
    life, rate = LIFE + rng.normal(size=(5, 3)), RATE + rng.normal(size=(5, 3))
    harm, dilution = HARM * rng.uniform(0.5, 2.0, size=(5, 1)), rng.uniform(0.0, 1.5, 5)
    together = exponent_sums(
        *lengths(), SHARES, life[:, None], dilution[:, None, None], harm[:, None], rate[:, None]
    )
    for k in range(5):
        alone = exponent_sums(*lengths(), SHARES, life[k], dilution[k], harm[k], rate[k])
        np.testing.assert_allclose(together[k], alone, rtol=1e-12)


def test_a_law_that_is_not_one_number_a_row_is_refused() -> None:
    def one_number(first, epochs, shares, half_life, dilution, harm, rate, xp):
        return 1.0

    def broken(first, epochs, shares, half_life, dilution, harm, rate, xp):
        raise TypeError("no")

    def not_finite(first, epochs, shares, half_life, dilution, harm, rate, xp):
        return xp.log(0.0 * xp.sum(shares * rate, axis=-1))

    with np.errstate(divide="ignore"):
        for law in (one_number, broken, not_finite):
            with pytest.raises(UsageError, match=r"one number a row"):
                register_law("bad", law)
    assert "bad" not in known_laws()


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
