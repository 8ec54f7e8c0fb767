"""The figure of the pools: posterior beside prior."""

import numpy as np
import pytest

from qqt_bayes.plots import plot_pools
from qqt_bayes.plots.pools import prior_half_life, prior_utility


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_labels_units_and_figures(small_fit, width) -> None:
    figure = small_fit.plot(width=width)
    worth, utility, life = figure.axes
    assert worth.get_xlabel() == f"samples of {small_fit.table['worth_of'].iloc[0]}"
    assert worth.get_xscale() == "log"
    assert "1" in [t.get_text() for t in worth.texts]  # the best pool itself
    assert "exponent" in utility.get_xlabel()
    assert life.get_xlabel() == "half-life (epochs)"
    assert life.get_xscale() == "log"
    assert [t.get_text() for t in worth.get_yticklabels()] == list(small_fit.study.pools.names)
    row = small_fit.table.iloc[0]
    stated = f"{row.utility:.2f} [{row.utility_lo:.2f}, {row.utility_hi:.2f}]"
    assert stated in [t.get_text() for t in utility.texts]
    (legend,) = figure.legends
    texts = [t.get_text() for t in legend.get_texts()]
    assert "prior" in texts
    assert any("90% equal-tailed" in text for text in texts)
    assert "90% equal-tailed" in figure.caption


def test_prior_and_posterior_have_equal_areas(small_fit) -> None:
    for ax in plot_pools(small_fit).axes[1:]:
        areas = {}
        for shape in ax.collections:
            x, y = shape.get_paths()[0].vertices.T
            x = np.log(x) if ax.get_xscale() == "log" else x
            area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
            areas.setdefault(shape.get_gid(), []).append(area)
        assert len(areas["prior"]) == len(areas["posterior"]) == 3
        # the tails outside the axes are missing, mostly the prior's
        assert np.all(np.array(areas["prior"]) <= np.multiply(areas["posterior"], 1.15))


def test_priors_are_the_marginal_ones(small_fit) -> None:
    draws = prior_utility(small_fit)
    assert draws.shape == (20_000, 3)
    mean = small_fit.posterior.priors["utility"].distribution()
    assert np.allclose(np.median(draws, axis=0), mean.median(), rtol=0.06)
    assert np.all(draws.std(axis=0) > mean.std())
    median = small_fit.posterior.priors["half_life"].distribution().median()
    assert np.median(prior_half_life(small_fit)) == pytest.approx(median, rel=0.05)


def test_unlimited_pool_and_stamp(stamped_fit) -> None:
    _, utility, life = plot_pools(stamped_fit).axes
    assert any("unlimited" in t.get_text() for t in life.texts)
    for ax in (utility, life):
        assert any(t.get_text() == "NOT CONVERGED" for t in ax.texts)
