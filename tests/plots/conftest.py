"""Decisions that the tests of figures share, and a watch over pyplot and the global settings."""

import warnings
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt


@pytest.fixture(autouse=True)
def nothing_global() -> Iterator[None]:
    """No figure stays open in pyplot, and no setting changes."""
    import matplotlib.pyplot as plt

    before, figures = dict(mpl.rcParams), plt.get_fignums()
    yield
    assert plt.get_fignums() == figures
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="session")
def loss_decision(small_fit):
    """Unions, two of three budgets within the data."""
    return small_fit.decide("240k,480k,1.92M", "A;A+B;A+B+C", on_fail="warn")


@pytest.fixture(scope="session")
def accuracy_decision(accuracy_fit):
    """Of an accuracy, one candidate weighted, no budget beyond the data."""
    return accuracy_fit.decide("120k,480k", "A;A:0.7+B:0.3", on_fail="warn")


@pytest.fixture(scope="session")
def stamped_fit():
    """A fit that did not converge, with an unlimited pool, a union and weighted runs."""
    rows = []
    for k, data in enumerate(("web:0.5+good:0.5", "web:0.2+good:0.8", "good", "good+best", "web")):
        for samples in (1e6, 2e6, 4e6, 8e6):
            value = 2 + 0.1 * k + 3 * (samples / 1e6) ** -0.3
            rows.append((f"{data}/{samples:g}", data, samples, "loss", value))
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    pools = pd.DataFrame({"pool": ["web", "good", "best"], "size": [np.inf, 1e6, 1e6]})
    settings = qqt.Settings(draws=100, engine="importance")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return qqt.fit(qqt.read_runs(table, pools), "loss", settings=settings, on_fail="warn")


@pytest.fixture(scope="session")
def stamped_decision(stamped_fit):
    """Six candidates, most of them weighted, at one budget."""
    shares = [f"web:{w:g}+good:{1 - w:g}" for w in (0.1, 0.3, 0.5, 0.7, 0.9)]
    return stamped_fit.decide("32M", ["good", *shares], on_fail="warn")
