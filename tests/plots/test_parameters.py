"""The figure of the parameters: posterior beside prior, and which are not identified."""

import numpy as np
import pytest

from qqt_bayes.plots import plot_parameters
from qqt_bayes.risk.power import contraction
from qqt_bayes.risk.thresholds import NOT_IDENTIFIED


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_every_sampled_parameter_has_a_panel(small_fit, width) -> None:
    figure = plot_parameters(small_fit, width=width)
    shown = [ax for ax in figure.axes if ax.axison]
    names = [ax.get_title(loc="left") for ax in shown]
    assert names == [n.replace("_", " ") for n in small_fit.posterior.scalars()]
    ratio = contraction(small_fit.posterior)
    for ax, (name, value) in zip(shown, ratio.items(), strict=True):
        assert f"{value:.2f}" in ax.get_xlabel()
        assert ("not identified" in ax.get_xlabel()) == (value >= NOT_IDENTIFIED)
        assert (name.replace("_", " ") in figure.caption) == (value >= NOT_IDENTIFIED)


def test_densities_hold_what_they_stand_for(small_fit) -> None:
    """At most one of mass, most of it inside the panel."""
    for ax in plot_parameters(small_fit).axes:
        for patch in ax.patches:
            values, edges, _ = patch.get_data()
            assert 0.85 < np.sum(values * np.diff(edges)) <= 1.0 + 1e-9


def test_runs_that_say_nothing_of_a_parameter_leave_it_at_its_prior() -> None:
    """Two pools that are never repeated: nothing is learned of harm and half-life."""
    import pandas as pd

    import qqt_bayes as qqt

    rng = np.random.default_rng(1)
    rows = [
        {
            "run": f"{d}{n}",
            "data": d,
            "samples": n,
            "metric": "loss",
            "value": (1 + a * n**-0.2) * np.exp(0.004 * rng.standard_normal()),
        }
        for d, a in (("A", 10.0), ("B", 11.0))
        for n in (1e5, 2e5, 4e5, 8e5)
    ]
    runs = qqt.read_runs(pd.DataFrame(rows), pd.DataFrame({"pool": ["A", "B"], "size": [1e9, 1e9]}))
    made = qqt.fit(runs, "loss", settings=qqt.Settings(draws=1200), on_fail="warn")
    ratio = contraction(made.posterior)
    assert ratio["half_life"] > NOT_IDENTIFIED
    assert ratio["irreducible"] < 1.0
    assert "half life" in plot_parameters(made).caption
