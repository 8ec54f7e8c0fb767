"""Several tasks at once: fits, joint answers, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import qqt_bayes as qqt
from qqt_bayes.cli.main import app
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.sample import Settings
from qqt_bayes.tasks import Tasks
from qqt_bayes.tasks.several import deviations, thin

CANDIDATES = ["A", "A+B", "A+B+C"]


@pytest.fixture(scope="module")
def both() -> Tasks:
    """Loss and error of the proving ground, small."""
    runs = qqt.datasets.load("proving_ground")
    table = runs.table
    few = runs.replace(table[table["data"].isin(["A", "B", "C", "A+B", "A+B+C"])])
    return qqt.fit_tasks(few, upto="120k", settings=Settings(draws=400, cores=1), seed=3)


def test_deviations_are_standard_normal_beforehand(both: Tasks) -> None:
    """A pool that no run touches keeps its prior: zero mean, unit variance, in every task."""
    made = both.fits[0]
    posterior = thin(made.posterior)
    x, block = deviations(posterior, posterior.fitted.utility)
    pools = len(made.study.pools.names)
    assert x.shape == (len(posterior.natural), 2 * pools)
    assert set(block) == {0, 1}
    unused = np.flatnonzero(~made.study.used)
    assert len(unused)
    life = x[:, pools + unused]
    assert np.all(np.abs(life.mean(axis=0)) < 0.15)
    np.testing.assert_allclose(life.std(axis=0), 1.0, atol=0.12)


def test_one_decision_for_all(both: Tasks) -> None:
    d = both.decide("240k", CANDIDATES, weights={"loss": 1, "error": 3})
    assert d.latent.shape[1:] == (2, 1, 3)
    np.testing.assert_allclose(d.weights.sum(), 1.0)
    np.testing.assert_allclose(d.p_best.sum(axis=1), 1.0)
    order = list(both.names)
    expected = 0.25 * d.latent[:, order.index("loss")] + 0.75 * d.latent[:, order.index("error")]
    np.testing.assert_allclose(d.aggregate, expected)
    assert np.all((d.p_pareto >= 0) & (d.p_pareto <= 1))
    # the best for either task alone is never dominated
    for t in range(2):
        assert np.all(d.p_pareto[0] >= d.task_p_best[t, 0] - 0.05)
    assert both.hierarchy.joined
    assert "effective draws" in d.text
    assert list(d.by_task["task"]) == order
    assert json.dumps(d.to_json(), allow_nan=False)
    assert d.plot().axes
    assert both.plot().axes


def test_a_task_of_no_weight_does_not_matter(both: Tasks) -> None:
    d = both.decide("240k", CANDIDATES, weights={"loss": 1})
    np.testing.assert_allclose(d.aggregate, d.latent[:, both.names.index("loss")])


def test_losses_and_errors_have_no_common_unit(both: Tasks) -> None:
    with pytest.raises(UsageError, match="no common unit -> give weights"):
        both.decide("240k", CANDIDATES)
    with pytest.raises(UsageError, match="unknown task 'los'"):
        both.decide("240k", CANDIDATES, weights={"los": 1})
    with pytest.raises(UsageError, match="not all 0"):
        both.decide("240k", CANDIDATES, weights={"loss": 0})


def test_tasks_that_cannot_be_joined_are_kept_apart(both: Tasks, monkeypatch) -> None:
    """Joint draws that rest on too few draws of a task are not used, and it is said."""
    monkeypatch.setattr("qqt_bayes.tasks.several.FEW", 10**6)
    apart = Tasks(both.names, both.fits, True, (), 1)
    assert not apart.hierarchy.joined
    assert "kept apart" in apart.text
    values = apart.fits[0].posterior.half_lives[:, 0]
    drawn = values[apart.hierarchy.index[:, 0]]
    np.testing.assert_allclose(np.median(drawn), np.median(values), rtol=0.05)


def test_one_task_is_no_hierarchy() -> None:
    runs = qqt.datasets.load("proving_ground")
    with pytest.raises(UsageError, match="only one task"):
        qqt.fit_tasks(runs, ["loss"])
    with pytest.raises(UsageError, match="no column 'size'"):
        qqt.fit_tasks(runs, ["loss"], by="size")
    with pytest.raises(UsageError, match="compares one metric"):
        qqt.fit_tasks(runs, by="run")


def test_bad_weights_are_named() -> None:
    from typer.testing import CliRunner

    table = Path(qqt.__file__).parent / "datasets" / "proving_ground" / "runs.csv"
    said = CliRunner().invoke(app, ["tasks", str(table), "--budgets", "1M", "--weights", "loss"])
    assert isinstance(said.exception, UsageError)
    assert "NAME=NUMBER" in str(said.exception)
