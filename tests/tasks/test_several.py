"""Several tasks at once: fits, joint answers, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qqt_bayes as qqt
from qqt_bayes.cli.main import app
from qqt_bayes.decide.text import decimals
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.gate import K
from qqt_bayes.tasks import Tasks
from qqt_bayes.tasks.several import apart, join

CANDIDATES = ["A", "A+B", "A+B+C"]


@pytest.fixture(scope="module")
def both() -> Tasks:
    """Loss and error of the proving ground, small."""
    runs = qqt.datasets.load("proving_ground")
    table = runs.table
    few = runs.replace(table[table["data"].isin(["A", "B", "C", "A+B", "A+B+C"])])
    return qqt.fit_tasks(few, upto="120k", seed=3)


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
    assert "weighed by what they share" in d.text
    row = d.table[~d.table["best"]].iloc[0]
    m = decimals(row["difference_hi"] - row["difference_lo"])
    assert f"{row['difference']:+.{m}f} [{row['difference_lo']:+.{m}f}" in d.text
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
    assert joint.kinds == ("utility", "level", "half_life")
    assert np.all(joint.k <= K)
    assert np.all((joint.correlation > 0) & (joint.correlation < 1))
    high = joint.correlation[:, 2] > np.median(joint.correlation[:, 2])
    lives = np.log([p.half_lives for p in joint.posteriors])
    lives -= lives.mean(axis=2, keepdims=True)
    together = [
        np.corrcoef(lives[0, rows].ravel(), lives[1, rows].ravel())[0, 1] for rows in (high, ~high)
    ]
    assert together[0] > together[1]
    assert both.joined[0].decide("240k", CANDIDATES).p_best.shape == (1, 3)
    with pytest.raises(UsageError, match="joint with other tasks -> take the one of"):
        both.joined[0].save("joint.nc")


def test_what_tasks_share_moves_each_towards_the_others(both: Tasks) -> None:
    """Draws are those of the separate fit, taken again: more often where the other task's are."""
    for alone, joined in zip(both.fits, both.hierarchy.posteriors, strict=True):
        assert np.isin(joined.half_lives[:, 0], alone.posterior.half_lives[:, 0]).all()
        assert len(np.unique(joined.parent)) > 200
    spread = [
        np.ptp([np.median(np.log(p.half_lives), axis=0) for p in found], axis=0).mean()
        for found in (both.hierarchy.posteriors, [f.posterior for f in both.fits])
    ]
    assert spread[0] < spread[1] + 0.1  # medians of some 200 effective draws are off by .05


def test_the_weights_must_be_good(both: Tasks, monkeypatch) -> None:
    """Tasks whose draws hardly overlap with what others say answer alone, and it is said."""
    monkeypatch.setattr("qqt_bayes.tasks.joint.K", -9.0)
    monkeypatch.setattr("qqt_bayes.tasks.several.K", -9.0)
    joint = join(both.fits, None, True, 1)
    notes = apart(joint, both.names, True)
    assert len(notes) == 2
    assert "answers alone" in notes[0]
    assert "Pareto k" in notes[0]
    for alone, kept in zip(both.fits, joint.posteriors, strict=True):
        np.testing.assert_array_equal(kept.half_lives, alone.posterior.half_lives)


def test_tasks_that_share_nothing_are_kept_apart(both: Tasks, monkeypatch) -> None:
    """Where what is common cannot be sampled it is not used, and it is said."""
    monkeypatch.setattr("qqt_bayes.tasks.shared.adapt", lambda *_a, **_k: None)
    joint = join(both.fits, None, True, 1)
    found = replace(both, hierarchy=joint, notes=apart(joint, both.names, True))
    assert not joint.joined
    assert "each answers alone" in found.text
    assert found.decide("240k", CANDIDATES, weights={"loss": 1}).to_json()["pooled"] is False
    alone, shuffled = both.fits[0].posterior, joint.posteriors[0]
    assert np.isin(shuffled.half_lives[:, 0], alone.half_lives[:, 0]).all()
    assert len(shuffled) == min(len(f.posterior) for f in both.fits)


def test_one_task_is_no_hierarchy() -> None:
    runs = qqt.datasets.load("proving_ground")
    with pytest.raises(UsageError, match=r"only one task .*--by model"):
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
