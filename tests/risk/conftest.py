"""One risk report that tests share, and a smaller study for refits."""

import pytest


@pytest.fixture(scope="session")
def small_risk(small_fit):
    """The full report on the small study, at one budget within the data and two beyond."""
    return small_fit.risk("240k,960k,10M", seed=0)


@pytest.fixture(scope="session")
def tiny_fit(small_runs):
    """Two pools and their union, one seed."""
    import qqt_bayes as qqt

    rows = small_runs.select("loss", where={"seed": "0"}).table
    rows = rows[rows["data"].isin(["A", "B", "A+B"])]
    runs = qqt.read_runs(rows.drop(columns="line"), small_runs.pools)
    return qqt.fit(runs, "loss")
