"""The figure of the worth of repeats."""

import numpy as np
import pytest

from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.plots import plot_decay
from qqt_bayes.plots.decay import weight


def test_weight_is_the_slope_of_the_law() -> None:
    """Within a pass the exponent sum grows at the pass's worth per e-fold."""
    half_life, harm = np.array([3.0]), np.array([0.2])
    passes = np.array([1.0, 2.0, 5.0, 9.0])
    ends = np.log(np.array([passes - 0.8, passes - 0.2])).ravel()
    first, epochs = first_pass_lengths(ends, np.ones((8, 1)), np.array([1.0]), 0.1)
    sums = exponent_sums(first, epochs, np.ones((8, 1)), np.log(half_life), harm=harm)[:, 0]
    slope = (sums[4:] - sums[:4]) / (ends[4:] - ends[:4])
    assert weight(passes, half_life, harm)[0] == pytest.approx(slope)


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_one_panel_a_pool_and_the_posterior_within(small_fit, width: float) -> None:
    figure = plot_decay(small_fit, width=width)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == list(small_fit.study.pools.names)
    assert shown[-1].get_xlabel() == "pass over the pool"
    (beyond,) = (line for line in shown[0].lines if line.get_gid() == "beyond")
    assert beyond.get_xdata().min() > 8.0  # 480k of 60k
    assert "90% equal-tailed" in figure.caption


def test_an_unlimited_pool_has_no_panel(stamped_fit) -> None:
    shown = [ax for ax in plot_decay(stamped_fit).axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == ["good", "best"]
    assert all(any(t.get_text() == "NOT CONVERGED" for t in ax.texts) for ax in shown)
