"""Decisions from real fits: what must not matter does not, and the answer is as documented."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import qqt_bayes as qqt

BUDGETS = "120k,480k,960k"
GIVEN = ["A", "B", "C", "A+B", "A+B+C"]


@pytest.fixture(scope="module")
def answer(small_fit):
    return small_fit.decide(BUDGETS, GIVEN)


def test_the_answer_is_right(answer) -> None:
    """The truth: A+B is best at 480k and 960k by .06 and more."""
    assert [answer.candidates[c].text for c in answer.best[1:]] == ["A+B", "A+B"]
    assert answer.p_best[1, 3] > 0.9
    assert answer.p_best.sum(axis=1) == pytest.approx(1)
    assert np.all(answer.expected_regret >= 0)
    assert np.all(answer.table["lo"] < answer.table["median"])
    assert np.all(answer.table["new_run_hi"] - answer.table["new_run_lo"] > 0)
    factors = answer.table["regret_compute"].dropna()
    assert factors.min() >= 1
    assert "At 960k samples, extrapolated 2.0x beyond the largest run: " in answer.text
    assert "A+B is best of 5" in answer.text


def test_differences_are_known_better_than_levels(answer) -> None:
    last = answer.table[(answer.table["samples"] == 960e3) & (answer.table["data"] == "A+B+C")]
    row = next(last.itertuples())
    assert row.difference_hi - row.difference_lo < 0.5 * (row.hi - row.lo)


def test_adding_a_candidate_changes_no_other(small_fit, answer) -> None:
    more = small_fit.decide(BUDGETS, [*GIVEN, "A:0.7+B:0.3", "A:0.71+B:0.29"])
    sd = answer.latent.std(axis=0)
    apart = np.abs(np.median(more.latent[..., :5], axis=0) - np.median(answer.latent, axis=0))
    assert np.all(apart < 0.15 * sd)  # the Monte Carlo error of a median is about .03 sd


def test_order_of_candidates_is_a_matter_of_labels(small_fit, answer) -> None:
    order = [4, 2, 0, 3, 1]
    turned = small_fit.decide(BUDGETS, [GIVEN[i] for i in order])
    assert turned.latent == pytest.approx(answer.latent[..., order])
    assert turned.p_best == pytest.approx(answer.p_best[:, order])
    assert turned.expected_regret == pytest.approx(answer.expected_regret[:, order])
    for b in range(3):
        assert turned.credible_set(b) == answer.credible_set(b)


def test_order_of_budgets_does_not_matter(small_fit, answer) -> None:
    turned = small_fit.decide(["960k", "120k", "480k"], GIVEN)
    assert list(turned.budgets) == [960e3, 120e3, 480e3]
    assert turned.latent == pytest.approx(answer.latent[:, [2, 0, 1]])
    assert turned.to_json()["crossovers"] == answer.to_json()["crossovers"]


@pytest.mark.filterwarnings("ignore:the fit did not pass:UserWarning")
def test_same_seed_same_answer_bit_for_bit(small_runs) -> None:
    runs = small_runs.replace(small_runs.table[small_runs.table["data"].isin(["A", "A+B"])])
    few = qqt.Settings(draws=100, tune=150)
    answers = [
        qqt.fit(runs, "loss", seed=seed, settings=few, on_fail="warn").decide("480k")
        for seed in (3, 3, 4)
    ]
    assert json.dumps(answers[0].to_json()) == json.dumps(answers[1].to_json())
    assert np.array_equal(answers[0].latent, answers[1].latent)
    assert not np.array_equal(answers[0].latent, answers[2].latent)


def test_crossover_comes_before_the_largest_run(small_fit) -> None:
    """A is best while it is fresh; A+B is later (in truth from between 60k and 120k)."""
    found = small_fit.decide("30k,480k", ["A", "A+B"]).to_json()
    assert found["searched"] == [pytest.approx(29_696, abs=400), pytest.approx(480_256)]
    (cross,) = found["crossovers"]
    assert (cross["from"], cross["to"]) == ("A", "A+B")
    assert cross["lo"] <= cross["median"]
    assert 30e3 < cross["median"] < 300e3
    assert cross["p_before"] > 0.9
    assert 0 <= cross["p_never"] < 0.1
    assert cross["p_before"] + cross["p_never"] <= 1


def test_weighted_candidates(small_fit) -> None:
    found = small_fit.decide(480e3, "A;A:0.70+B:0.30").to_json()
    (budget,) = found["budgets"]
    assert budget["kept_share"] is None
    assert [c["data"] for c in budget["candidates"]] == ["A", "A:0.70+B:0.30"]


def test_default_candidates_of_a_fit(small_fit) -> None:
    assert sorted(c.text for c in small_fit.decide("480k").candidates) == sorted(GIVEN)


# --- accuracy ------------------------------------------------------------------------------------


def test_accuracy_stays_accuracy(accuracy_fit, small_runs) -> None:
    found = accuracy_fit.decide("480k,100M", GIVEN)
    made = found.to_json()
    assert (made["kind"], made["direction"]) == ("accuracy", "max")
    for budget in made["budgets"]:
        for c in budget["candidates"]:
            numbers = [c[k] for k in ("lo", "median", "hi", "new_run_lo", "new_run_hi")]
            assert all(0 <= x <= 1 for x in numbers)
            assert c["lo"] <= c["median"] <= c["hi"]
            assert 0 <= c["expected_regret"] <= 1
    assert "accuracy (higher is better)" in found.text
    table = small_runs.select("error").table
    seen = 1 - table[(table["data"] == "A+B") & (table["samples"] > 4e5)]["value"].mean()
    row = next(c for c in made["budgets"][0]["candidates"] if c["data"] == "A+B")
    assert row["lo"] < seen < row["hi"]
    worst = min(made["budgets"][0]["candidates"], key=lambda c: c["median"])
    assert worst["difference"]["median"] < 0  # less accurate than the best


# --- far away ------------------------------------------------------------------------------------


def test_regret_has_a_mean_however_far_away(small_fit) -> None:
    """Heavy tails beyond the data must not make an average of draws meaningless."""
    far = small_fit.decide(["1.92M", "48M"], GIVEN)
    assert np.all(far.latent < 2 * small_fit.study.value.max())
    one, other = (
        (half - half.min(axis=2, keepdims=True)).mean(axis=0)
        for half in (far.latent[::2], far.latent[1::2])
    )
    assert one == pytest.approx(other, rel=0.4, abs=0.01)
    assert far.candidates[far.best[0]].text == "A+B"
    assert far.p_best[0].argmax() == 3


# --- the gate ------------------------------------------------------------------------------------


def test_the_decision_has_a_gate_of_its_own(small_fit, monkeypatch) -> None:
    monkeypatch.setattr("qqt_bayes.inference.gate.ESS", 1e9)
    assert small_fit.converged  # judged before
    with pytest.raises(qqt.GateError, match="A at 480k: effective sample size"):
        small_fit.decide("480k", ["A", "A+B"])
    stamped = small_fit.decide("480k", ["A", "A+B"], on_fail="warn")
    assert "did not pass" in stamped.to_json()["warning"]
    assert "NOT CONVERGED" in stamped.text


@pytest.mark.parametrize("prob", [0, 1, -0.1, 90, float("nan")])
def test_a_bad_probability(small_fit, prob: float) -> None:
    with pytest.raises(qqt.UsageError, match="give a probability between 0 and 1"):
        small_fit.decide("480k", prob=prob)


# --- JSON ----------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"
PARTS = {  # heading of the page -> where its fields stand
    "## `qqt decide`": lambda made: made,
    "### `trained_on`": lambda made: made["trained_on"],
    "### `budgets[]`": lambda made: made["budgets"][0],
    "### `budgets[].candidates[]`": lambda made: made["budgets"][0]["candidates"][0],
    "### `crossovers[]`": lambda made: made["crossovers"][0],
}


def documented(heading: str) -> set[str]:
    """Fields of the first table below a heading of docs/reference/json.md."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n#")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    apart = ("only under several laws", "only where candidates belong to several families")
    cells = [line.split("|")[1] for line in lines if not any(a in line for a in apart)]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("heading", PARTS)
def test_json_has_exactly_the_documented_fields(small_fit, heading: str) -> None:
    made = small_fit.decide("30k,480k", ["A", "A+B"], margin=0.01).to_json()
    part = PARTS[heading](made)
    sometimes = {"warning", "notes"} if heading == "## `qqt decide`" else set()
    assert set(part) | sometimes == documented(heading)


def test_json(answer) -> None:
    made = answer.to_json()
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert (made["schema"], made["interval"], made["prob"]) == (1, "eti", 0.9)
    assert made["trained_on"] == {"runs": 75, "rows": 75, "max_samples": 480_256.0}
    assert [b["samples"] for b in made["budgets"]] == [120e3, 480e3, 960e3]
    assert made["budgets"][2]["extrapolation_factor"] == pytest.approx(960e3 / 480_256)
    for b, budget in enumerate(made["budgets"]):
        assert [c["data"] for c in budget["candidates"]] == GIVEN
        best = next(c for c in budget["candidates"] if c["data"] == budget["best"])
        assert best["difference"] == {"median": 0.0, "lo": 0.0, "hi": 0.0}
        assert budget["credible_set"] == answer.credible_set(b)
        assert set(budget["kept_share"]) == {"median", "lo", "hi"}


def test_many_points_are_decided_on_fewer_draws(small_fit, answer, monkeypatch) -> None:
    """Memory is bounded: one draw in so many, chains kept apart, the same answer within error."""
    from qqt_bayes.decide import decision, predict

    monkeypatch.setattr(predict, "MOST", answer.latent.shape[0] * 35 * 5 // 3)
    monkeypatch.setattr(predict, "BLOCK", 100)  # blocks must not show
    monkeypatch.setattr(decision, "GATED", 4)
    fewer = small_fit.decide(BUDGETS, GIVEN)
    chains, draws = small_fit.posterior.chains
    assert draws % 4 == 0
    assert fewer.latent.shape == (chains * draws // 4, 3, 5)
    assert len(fewer.gate.table) == 4
    apart = np.abs(np.median(fewer.latent, axis=0) - np.median(answer.latent, axis=0))
    assert np.all(apart < 0.3 * answer.latent.std(axis=0))
    np.testing.assert_allclose(fewer.expected_regret, answer.expected_regret, atol=0.01)
    with pytest.raises(qqt.UsageError, match="too many to judge"):
        small_fit.risk(BUDGETS, candidates=GIVEN)


def test_blocks_do_not_change_an_answer(small_fit, answer, monkeypatch) -> None:
    from qqt_bayes.decide import predict

    monkeypatch.setattr(predict, "BLOCK", 100)
    again = small_fit.decide(BUDGETS, GIVEN)
    np.testing.assert_array_equal(again.latent, answer.latent)
    np.testing.assert_array_equal(again.new_run, answer.new_run)
