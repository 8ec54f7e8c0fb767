"""Several tasks at once: fits, joint answers, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qqt_bayes as qqt
from qqt_bayes.cli.main import app
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.sample import Settings
from qqt_bayes.tasks import Tasks
from qqt_bayes.tasks.several import join

CANDIDATES = ["A", "A+B", "A+B+C"]


@pytest.fixture(scope="module")
def both() -> Tasks:
    """Loss and error of the proving ground, small."""
    runs = qqt.datasets.load("proving_ground")
    table = runs.table
    few = runs.replace(table[table["data"].isin(["A", "B", "C", "A+B", "A+B+C"])])
    return qqt.fit_tasks(few, upto="120k", settings=Settings(draws=1600, cores=1), seed=3)


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


def test_joint_draws_share_what_pools_are(both: Tasks) -> None:
    """Both tasks' draws belong together: half-lives of a pool correlate as the hierarchy says."""
    joint = both.hierarchy
    assert joint.joined
    assert joint.kinds == ("utility", "half_life", "level")
    assert np.all((joint.correlation > 0) & (joint.correlation < 1))
    high = joint.correlation[:, 1] > np.median(joint.correlation[:, 1])
    lives = np.log([p.half_lives for p in joint.posteriors])
    lives -= lives.mean(axis=2, keepdims=True)
    together = [
        np.corrcoef(lives[0, rows].ravel(), lives[1, rows].ravel())[0, 1] for rows in (high, ~high)
    ]
    assert together[0] > together[1]
    assert both.joined[0].decide("240k", CANDIDATES).p_best.shape == (1, 3)
    with pytest.raises(UsageError, match="joint with other tasks -> take the one of"):
        both.joined[0].save("joint.nc")


def test_tasks_that_do_not_converge_are_kept_apart(both: Tasks, monkeypatch) -> None:
    """A joint walk that does not pass its gate is not used, and it is said."""
    monkeypatch.setattr("qqt_bayes.inference.gate.R_HAT", 0.5)
    joint = join(both.fits, None, True, 1, Settings(draws=60, tune=60, cores=1))
    monkeypatch.undo()
    apart = replace(both, hierarchy=joint)
    assert not joint.joined
    assert "kept apart: sampled together, " in apart.text
    assert apart.decide("240k", CANDIDATES, weights={"loss": 1}).to_json()["pooled"] is False
    alone, shuffled = both.fits[0].posterior, joint.posteriors[0]
    assert np.isin(shuffled.half_lives[:, 0], alone.half_lives[:, 0]).all()
    assert len(shuffled.natural) == min(len(f.posterior.natural) for f in both.fits)


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
