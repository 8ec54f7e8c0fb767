"""The paper's grid search: recovers truth that lies on its grid, and says when it cannot."""

import numpy as np
import pytest

from qqt_bayes.laws.as_released import paper_form
from qqt_bayes.laws.grid_search import default_grids, fit_grid

SIZE = 12.8e6
POOLS = ("0-10", "10-20", "20-30", "30-40")
UTILITY = (-0.16, -0.125, -0.1, -0.085)
HALF_LIFE = (6.7272727272727275, 8.545454545454547, 5.2727272727272725, 2.2727272727272725)


def simulate(pools, utilities, half_lives, sizes, budgets, a, d, normalizer=1e5):
    """Single-pool runs without noise, as three columns."""
    data, samples, values = [], [], []
    for pool, b, tau in zip(pools, utilities, half_lives, strict=True):
        for n in budgets:
            data.append(pool)
            samples.append(n)
            values.append(float(paper_form(n, b, tau, sizes[pool], a, d, normalizer, shares=[1.0])))
    return data, np.array(samples), np.array(values)


@pytest.fixture(scope="module")
def paper_fit():
    sizes = dict.fromkeys(POOLS, SIZE)
    runs = simulate(POOLS, UTILITY, HALF_LIFE, sizes, SIZE * np.arange(2, 11, 2), 0.025, 0.1)
    return fit_grid(
        *runs, sizes, a_grid=np.linspace(0.01, 0.055, 10), d_grid=np.linspace(0.02, 0.14, 4)
    )


def test_recovers_the_published_parameters_from_their_own_curves(paper_fit):
    """The published b and tau are on the default grids."""
    assert paper_fit.a == pytest.approx(0.025)
    assert paper_fit.d == pytest.approx(0.1)
    np.testing.assert_allclose(paper_fit.utilities, UTILITY, atol=1e-12)
    np.testing.assert_allclose(paper_fit.half_lives, HALF_LIFE, atol=1e-12)
    assert paper_fit.loss < 1e-20
    assert paper_fit.edges == ()


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(32e6, (0.8296, 0.8446, 0.8658, 0.8832)), (1.28e9, (0.7142, 0.6328, 0.6289, 0.6454))],
)
def test_predicts_mixtures_it_has_not_seen(paper_fit, samples, expected):
    ours = [float(paper_fit.predict(samples, POOLS[: k + 1])) for k in range(4)]
    np.testing.assert_array_equal(np.round(ours, 4), expected)


def test_predict_takes_shares_and_refuses_strangers(paper_fit):
    budgets = np.array([32e6, 640e6])
    equal = paper_fit.predict(budgets, POOLS[:2], shares=[0.5, 0.5])
    np.testing.assert_allclose(equal, paper_fit.predict(budgets, POOLS[:2]))
    assert paper_fit.predict(budgets, "0-10").shape == (2,)
    for wrong in ("40-50", ["0-10", "0-10"], []):
        with pytest.raises(ValueError, match="name each pool once"):
            paper_fit.predict(budgets, wrong)


def test_other_sizes_another_anchor_an_unlimited_pool_and_a_loss():
    """A loss in nats over pools of tens of thousands of characters; truth on the default grid."""
    sizes = {"A": 60e3, "B": 180e3, "C": np.inf}
    budgets = 30e3 * 2.0 ** np.arange(5)
    anchors = 30e3 * np.geomspace(1 / 32, 32, 10)
    a, tau = 1e3 / anchors[6], 1 + 9 * np.array([20, 50, 70]) / 99
    truth = (-0.25, -0.2, -0.15)
    data, samples, values = simulate(sizes, truth, tau, sizes, budgets, a, 1.5, 1e3)
    d_grid = np.linspace(0.0, 1.8, 7)
    fit = fit_grid(data, samples, values, sizes, d_grid=d_grid, normalizer=1e3)
    assert fit.a == pytest.approx(a)
    assert fit.d == pytest.approx(1.5)
    np.testing.assert_allclose(fit.utilities, truth, atol=1e-12)
    np.testing.assert_allclose(fit.half_lives[:2], tau[:2], atol=1e-12)
    assert fit.edges == ("tau[C]",)  # a pool that is never repeated has no half-life to find
    assert np.isfinite(fit.predict(budgets, ["A", "C"], shares=[0.4, 0.6])).all()


def test_noise_is_fitted_to_its_level():
    sizes = dict.fromkeys("AB", 60e3)
    rng = np.random.default_rng(1)
    budgets = 30e3 * 2.0 ** np.arange(6)
    data, samples, values = simulate("AB", (-0.25, -0.2), (5, 4), sizes, budgets, 1e5 / 40e3, 0.5)
    noisy = values + 0.005 * rng.normal(size=len(values))
    fit = fit_grid(data, samples, noisy, sizes)
    assert np.sqrt(fit.loss / len(values)) < 0.015
    predicted = fit.predict(budgets, ["A", "B"])
    truth = paper_form(budgets, (-0.25, -0.2), (5, 4), 60e3, 1e5 / 40e3, 0.5)
    np.testing.assert_allclose(predicted, truth, atol=0.03)


def test_default_grids_have_seventy_settings_of_ten_thousand_points():
    a, d, b, tau = default_grids([30e3, 60e3], [2.9, 2.7])
    assert (len(a) * len(d), len(b) * len(tau)) == (70, 10_000)
    np.testing.assert_allclose(np.sqrt(np.prod((1e5 / a)[[0, -1]])), 30e3)
    assert d.max() < 2.7


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"data": ["A+B"]}, "no size for"),
        ({"samples": [0.0]}, "positive"),
        ({"values": [np.nan]}, "finite"),
        ({"values": [0.5, 0.4]}, "one entry a run"),
    ],
)
def test_bad_runs_are_named(change, match):
    good = {"data": ["A"], "samples": [1e5], "values": [0.5]}
    with pytest.raises(ValueError, match=match):
        fit_grid(**{**good, **change}, sizes={"A": 1e5, "B": 1e5})
