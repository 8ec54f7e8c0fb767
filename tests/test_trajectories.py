"""Fits of trajectories: checkpoints of one run are not independent runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt

RUN_SD, OWN_SD = 0.02, 0.001


def table() -> pd.DataFrame:
    """Two runs on each of two pools, eight checkpoints a run: one 2% above, one as far below."""
    rng, rows = np.random.default_rng(4), []
    for data, exponent in (("A", 0.35), ("B", 0.25)):
        for seed in range(2):
            off = 1.0 + RUN_SD * (2 * seed - 1)
            for n in np.geomspace(60e3, 960e3, 8).round():
                value = (1.2 + 1.5 * (n / 60e3) ** -exponent) * off * (1 + OWN_SD * rng.normal())
                rows.append((f"{data}{seed}", data, n, value))
    made = pd.DataFrame(rows, columns=["run", "data", "samples", "value"])
    return made.assign(metric="loss")


@pytest.fixture(scope="module")
def fits() -> dict[str, qqt.Fit]:
    pools = pd.DataFrame({"pool": ["A", "B"], "size": [1e6, 1e6], "quality_rank": [1, 2]})
    rows = table()
    apart = rows.assign(run=[f"r{i}" for i in range(len(rows))])
    settings = qqt.Settings(engine="importance")
    return {
        name: qqt.fit(qqt.read_runs(t, pools), "loss", settings=settings, on_fail="warn")
        for name, t in (("one run", rows), ("separate", apart))
    }


@pytest.mark.filterwarnings("ignore:the fit did not pass:UserWarning")
def test_checkpoints_count_for_less_than_runs(fits) -> None:
    """With a run effect the band of latent performance is wider, and the noise that of runs."""
    width, noise = {}, {}
    for name, fit in fits.items():
        row = fit.decide(["240k"], "A", on_fail="warn").table.iloc[0]
        width[name] = row["hi"] - row["lo"]
        noise[name] = float(np.median(fit.posterior.parameters.seed_noise))
        assert row["new_run_hi"] - row["new_run_lo"] > width[name]
    assert width["one run"] > 1.3 * width["separate"]
    share = fits["one run"].draws["run_share"].values
    assert np.quantile(share, 0.05) > 0.7  # 1 - (.1% / 2%)^2 of the variance is the run's
    assert "run_share" not in fits["separate"].draws


@pytest.mark.filterwarnings("ignore:the fit did not pass:UserWarning")
def test_a_fit_of_trajectories_is_kept(fits, tmp_path) -> None:
    fit = fits["one run"]
    again = qqt.load_fit(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.posterior.design.run, fit.posterior.design.run)
    before, after = (f.decide(["1.92M"], "A;B;A+B", on_fail="warn").table for f in (fit, again))
    pd.testing.assert_frame_equal(before, after)
    assert again.draws.equals(fit.draws)
    assert any("share a run effect" in warning for warning in again.study.warnings)
