"""How the bands would shrink: against the value of the same runs by the closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit

AT_TARGET = pd.DataFrame({"data": ["A"], "samples": [960e3]})


def test_a_run_at_the_target_leaves_little_to_know_of_it(buy_fit: Fit) -> None:
    bands = buy_fit.buy("960k", designs=AT_TARGET, candidates=["A", "B"]).bands
    share = bands.set_index(["of", "data"])["share"]
    noise = np.median(buy_fit.posterior.parameters.seed_noise)
    level = bands[(bands["of"] == "level") & (bands["data"] == "A")].iloc[0]
    assert share["level", "A"] < 0.25 + 2 * noise * level["median"] / (level["hi"] - level["lo"])
    assert share["level", "B"] > 0.6  # of the other pool it tells far less
    assert np.all(bands["share"] <= 1.0)
    assert np.all(bands["lo"] < bands["hi"])


def test_the_variance_that_goes_is_the_value_of_the_run(buy_fit: Fit) -> None:
    """The drop in the candidates' mean variance is the objective ``variance``, reweighted."""
    plan = buy_fit.buy("960k", designs=AT_TARGET, candidates=["A", "B"], objective="variance")
    values = plan.sample.values[:, 0]
    level = plan.bands[plan.bands["of"] == "level"]
    drop = float(np.mean(values.var(axis=0) * (1.0 - level["share"].to_numpy() ** 2)))
    (value,) = plan.values
    assert drop == pytest.approx(value.total, abs=4 * value.se, rel=0.1)


def test_figure_shows_both_widths(buy_fit: Fit) -> None:
    plan = buy_fit.buy("480k,960k", candidates=["A", "B"], spend="1M", draws=100)
    figure = plan.plot("bands")
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    widths = {
        gid: [np.ptp(line.get_xdata()) for line in figure.axes[0].lines if line.get_gid() == gid]
        for gid in ("now", "expected")
    }
    assert len(widths["now"]) == 2
    assert np.all(np.array(widths["expected"]) < np.array(widths["now"]))
    assert "960k samples now" in figure.caption
    assert "480k samples now" in plan.plot("bands", budget="480k").caption
    with pytest.raises(UsageError, match="plot kind 'pie'"):
        plan.plot("pie")
