"""Prior families: words, draws and densities agree; bad tables are refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qqt_bayes.errors import UsageError
from qqt_bayes.model.priors import FAMILIES, prior_from_dict

TABLES = {
    "fixed": {"value": 0.3},
    "normal": {"mu": -0.5, "sigma": 0.2},
    "lognormal": {"mu": -1.2, "sigma": 0.6},
    "halfnormal": {"sigma": 0.4},
    "halfstudent": {"df": 3.0, "sigma": 0.2},
    "beta": {"alpha": 1.2, "beta": 4.0},
}
SUPPORT = {"halfnormal": (0, np.inf), "halfstudent": (0, np.inf), "lognormal": (0, np.inf),
           "beta": (0, 1), "normal": (-np.inf, np.inf)}  # fmt: skip


def prior(family: str, **numbers):
    return prior_from_dict("x", {"family": family} | (numbers or TABLES[family]))


def test_every_family_is_tested() -> None:
    assert set(TABLES) == set(FAMILIES)


@pytest.mark.parametrize("family", TABLES)
def test_text(family: str) -> None:
    inside = ", ".join(f"{k}={v:g}" for k, v in TABLES[family].items())
    assert prior(family).text == f"{family}({inside})"


@pytest.mark.parametrize("family", list(SUPPORT))
def test_draws_follow_the_distribution(family: str) -> None:
    chosen = prior(family)
    draws = chosen.draw(4000, np.random.default_rng(1))
    low, high = SUPPORT[family]
    assert low <= draws.min()
    assert draws.max() <= high
    assert stats.kstest(draws, chosen.distribution().cdf).pvalue > 0.01


def test_half_student_is_a_folded_t() -> None:
    chosen = prior("halfstudent")
    x = np.array([0.01, 0.1, 0.5, 2.0])
    t = stats.t(3.0, scale=0.2)
    np.testing.assert_allclose(chosen.distribution().cdf(x), 2 * t.cdf(x) - 1, atol=1e-4)
    np.testing.assert_allclose(chosen.distribution().pdf(x), 2 * t.pdf(x), rtol=0.02)
    np.testing.assert_allclose(chosen.distribution().median(), t.ppf(0.75), rtol=1e-3)


def test_fixed_has_draws_but_no_distribution() -> None:
    chosen = prior("fixed")
    assert chosen.fixed
    np.testing.assert_array_equal(chosen.draw((2, 3), np.random.default_rng(1)), 0.3)
    with pytest.raises(UsageError, match=r"'x' is fixed at 0.3: it has no distribution"):
        chosen.distribution()


def test_same_seed_same_draws() -> None:
    one, two = (prior("halfstudent").draw((4, 2), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("family", TABLES)
def test_pair(family: str) -> None:
    numbers = tuple(TABLES[family].values())
    expected = {"fixed": (0.3, 0.0), "halfnormal": (0.0, 0.4)}.get(family, numbers)
    assert prior(family).pair == expected


@pytest.mark.parametrize("family", [f for f in TABLES if f != "fixed"])
def test_quantiles_probabilities_and_densities_are_scipys(family: str) -> None:
    chosen, score = prior(family), np.linspace(-3.0, 3.0, 13)
    exact = chosen.distribution()
    value = chosen.at_score(score)
    # SciPy has the half-t as a fine histogram only
    rough = {"rtol": 2e-3} if family == "halfstudent" else {"rtol": 1e-7, "atol": 1e-12}
    np.testing.assert_allclose(chosen.cdf(value), stats.norm.cdf(score), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(exact.cdf(value), stats.norm.cdf(score), **rough)
    density = exact.logpdf(value) - chosen.log_density(value)
    assert np.ptp(density) < (0.05 if family == "halfstudent" else 1e-7)  # but for a constant


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"family": "gamma"}, "prior 'x': family 'gamma' is not one of fixed, normal, lognormal"),
        ({}, "prior 'x': family None is not one of"),
        ({"family": "normal", "mu": 0}, r"prior 'x' \(normal\) takes mu, sigma; missing sigma"),
        ({"family": "beta", "a": 1}, "takes alpha, beta; missing alpha, beta; not known: a"),
        ({"family": "halfnormal", "sigma": "wide"}, "sigma must be numbers"),
        ({"family": "halfnormal", "sigma": None}, "sigma must be numbers"),
        ({"family": "halfnormal", "sigma": 0}, "scales positive"),
        ({"family": "lognormal", "mu": 0, "sigma": -1}, "scales positive"),
        ({"family": "halfstudent", "df": 0, "sigma": 1}, "scales positive"),
        ({"family": "normal", "mu": float("nan"), "sigma": 1}, "must be finite"),
        ({"family": "fixed", "value": float("inf")}, "must be finite"),
    ],
)
def test_bad_tables(table: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prior_from_dict("x", table)


def test_a_fixed_value_may_be_zero_or_negative() -> None:
    assert prior("fixed", value=0).numbers == (0.0,)
    assert prior("fixed", value=-2).numbers == (-2.0,)
