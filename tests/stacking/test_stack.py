"""The stack: weights, the mixture of draws, the decision and what every law says."""

import json

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.calibrate import calibrate
from qqt_bayes.calibrate.run import Job
from qqt_bayes.decide.drawn import Drawn, mix
from qqt_bayes.refits import Workers
from qqt_bayes.risk.history import back_test
from qqt_bayes.stacking.record import roll_forward

BUDGETS = "480k,960k"


@pytest.fixture(scope="session")
def decision(small_stack):
    return small_stack.decide(BUDGETS, on_fail="warn")


def test_weights_and_record(small_stack) -> None:
    assert small_stack.names == ("effective_utility", "exchange_rate")
    assert small_stack.weights.sum() == pytest.approx(1.0)
    assert np.all(small_stack.weights > 0.05)
    assert len(small_stack.record.origins) == 2
    table = small_stack.table
    assert list(table["law"]) == list(small_stack.names)
    assert np.all(np.isfinite(table.drop(columns="law").to_numpy(float)))
    for word in ("2 laws stacked", "exchange_rate", "2 roll-forward origins"):
        assert word in small_stack.text


def test_decision_mixes_the_laws_in_proportion(small_stack, decision) -> None:
    parts = [f.decide(BUDGETS, on_fail="warn") for f in small_stack.fits]
    expected = sum(
        w * (p.latent < np.median(p.latent)).mean(axis=0)
        for w, p in zip(small_stack.weights, parts, strict=True)
    )
    share = sum(
        w * (p.latent == p.latent.min(axis=2, keepdims=True)).mean(axis=0)
        for w, p in zip(small_stack.weights, parts, strict=True)
    )
    assert expected.shape == decision.p_best.shape
    np.testing.assert_allclose(decision.p_best, share, atol=0.03)
    mean = sum(w * p.latent.mean(axis=0) for w, p in zip(small_stack.weights, parts, strict=True))
    np.testing.assert_allclose(decision.latent.mean(axis=0), mean, rtol=0.01)
    for vote, part in zip(decision.laws, parts, strict=True):
        np.testing.assert_array_equal(vote.best, part.best)
        assert np.all(vote.cost[vote.best == decision.best] == 0)


def test_json_and_text_name_the_laws(decision) -> None:
    value = json.loads(json.dumps(decision.to_json(), allow_nan=False))
    assert [law["name"] for law in value["laws"]] == ["effective_utility", "exchange_rate"]
    assert sum(law["weight"] for law in value["laws"]) == pytest.approx(1.0)
    for b, row in enumerate(value["budgets"]):
        assert set(row["best_by_law"]) == {"effective_utility", "exchange_rate"}
        assert row["laws_disagree"] == (len(set(row["best_by_law"].values())) > 1)
        assert ("LAWS DISAGREE" in decision.text) >= decision.laws_disagree(b)
    assert "laws stacked by their roll-forward scores" in decision.text
    assert decision.plot().axes


def test_one_fit_has_no_laws(small_fit) -> None:
    answer = small_fit.decide("480k", on_fail="warn")
    assert answer.laws == ()
    assert not answer.laws_disagree(0)
    assert "laws" not in answer.to_json()


def test_predictive_draws(small_stack) -> None:
    drawn = small_stack.predictive(np.array([960e3]), np.array([[1.0, 0.0, 0.0]]), seed=3)
    again = small_stack.predictive(np.array([960e3]), np.array([[1.0, 0.0, 0.0]]), seed=3)
    np.testing.assert_array_equal(drawn, again)
    assert drawn.shape[1] == 1
    assert 1.5 < np.median(drawn) < 2.6


def test_mix_takes_draws_by_weight() -> None:
    def flat(value: float, size: int) -> Drawn:
        return Drawn(
            np.full((size, 1, 1), value), np.full((size, 1, 1), value),
            np.full((size, 2, 1), value), np.full((1, size, 3, 1), value),
        )  # fmt: skip

    mixed = mix([flat(0.0, 100), flat(1.0, 200)], np.array([0.3, 0.7]))
    assert [mixed.latent.shape[0], mixed.grid.shape[0], mixed.longer.shape[1]] == [100, 100, 100]
    for draws in (mixed.latent, mixed.new_run, mixed.grid, mixed.longer):
        assert draws.mean() == pytest.approx(0.7)


def test_back_tests_of_one_study_agree_whoever_asks(small_fit) -> None:
    """Stack, risk and calibrate: the same draws of the same origins, so the same choices."""
    runs, spec, count = small_fit.runs, small_fit.spec, 4
    one = Workers(1)
    stacked = roll_forward(runs, "loss", [spec], 1, None, count, one, lambda *_: None).choices
    told = back_test(small_fit, 1, one, lambda *_: None).choices
    judged = calibrate([Job("x", runs, "loss")], methods=["qqt"], workers=one).choices
    for other in (told, judged):
        pd.testing.assert_frame_equal(other[told.columns], stacked[told.columns])


def test_one_origin_gives_equal_weights(small_runs) -> None:
    short = small_runs.select(upto="120k")  # three budgets: one origin
    made = qqt.stack(short, "loss")
    np.testing.assert_array_equal(made.weights, [0.5, 0.5])
    assert any("equal weights" in note for note in made.notes)
    assert "equal weights" in made.decide("240k", on_fail="warn").text


def test_bad_laws(small_runs) -> None:
    for specs in (["exchange_rate"], ["exchange_rate", "exchange_rate"], []):
        with pytest.raises(qqt.UsageError, match="two or more with different names"):
            qqt.stack(small_runs, "loss", specs=specs)


def test_figure(small_stack) -> None:
    for width in (3.3, 7.0):
        figure = small_stack.plot(width=width)
        weights, scores = figure.axes
        assert [t.get_text() for t in weights.get_yticklabels()] == list(small_stack.names)
        assert len(scores.get_lines()) == 2
        assert "Stacking weights of 2 laws" in figure.caption
