"""Comparing actions: as `decide` does where it answers too, right where the answer is known."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.act import ActionDecision, act
from qqt_bayes.act.changed import ChangedData, draw_changed, exponent_draws, quality_effects
from qqt_bayes.decide.worth import fewest_samples
from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.fitting import Fit
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths
from qqt_bayes.model.effects import NAMES, PATHS
from qqt_bayes.model.priors import Prior

ACTIONS = pd.DataFrame(
    [
        ("swap", "B", "pool=C", None, None),
        ("better", "B", "utility=1.1..1.3", 30e3, "fixed"),
        ("ranked", "B", "rank=1", 0.5, "sample"),
        ("more", "A", "size=2x", 1, "sample"),
        ("add C", "C", "add", None, None),
        ("dear", "A", "size=3x", 99, "sample"),
    ],
    columns=["action", "pool", "changes", "cost", "per"],
)


@pytest.fixture(scope="module")
def answer(small_fit: Fit) -> ActionDecision:
    return act(small_fit, "480k,960k", ACTIONS, data="A+B")


def with_scales(posterior, scale: float, *names: str):
    """A posterior whose effects of these names have one scale."""
    scales = posterior.parameters.scales.copy()
    scales[:, [NAMES.index(name) for name in names]] = scale
    return dataclasses.replace(posterior, parameters=posterior.parameters._replace(scales=scales))


def row(answer: ActionDecision, name: str, samples: float = 960e3) -> pd.Series:
    table = answer.table
    return table[(table["action"] == name) & (table["samples"] == samples)].iloc[0]


def test_what_decide_knows_is_answered_as_decide_does(small_fit, answer) -> None:
    """Data that were not changed: the same levels and differences, up to Monte Carlo error."""
    d = small_fit.decide("480k,960k", ["A+B", "A+C", "A+B+C"]).table.set_index(["samples", "data"])
    for name, data in (("as it is", "A+B"), ("swap", "A+C"), ("add C", "A+B+C")):
        for n in (480e3, 960e3):
            mine, theirs = row(answer, name, n), d.loc[(n, data)]
            width = theirs["hi"] - theirs["lo"]
            assert mine["median"] == pytest.approx(theirs["median"], abs=0.06 * width)
            assert mine["lo"] == pytest.approx(theirs["lo"], abs=0.2 * width)


def test_a_change_that_changes_nothing(small_fit) -> None:
    """Growth before any repetition, a utility times one, a rank that stays: the same draws."""
    shares = np.array([1.0, 0.0, 0.0])
    n, ones = np.array([40e3, 50e3]), np.ones(3)
    plain = ChangedData(n, shares, ones)
    grown = ChangedData(n, shares, np.array([3.0, 1.0, 1.0]))
    same = ChangedData(n, shares, ones, better=lambda u: u)
    a, b, c = draw_changed(small_fit.posterior, [plain, grown, same])
    np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(a, c, atol=1e-12)


def test_a_change_is_what_the_law_says(small_fit) -> None:
    """Within the data and without repetition drift: draw by draw, the law written out again."""
    post = with_scales(small_fit.posterior, 0.0, "repetition_drift")
    setting = post.design.setting
    n, shares = np.array([200e3, 400e3]), np.array([0.6, 0.4, 0.0])
    growth = np.array([2.5, 1.0, 1.0])
    plain = ChangedData(n, shares, np.ones(3))
    changed = ChangedData(n, shares, growth, better=lambda u: u * np.array([1.0, 1.2, 1.0]))
    a, b = draw_changed(post, [plain, changed], seed=3)
    points = post.design.points_at(np.tile(n, 2), np.tile(shares, (4, 1)),
                                   np.repeat([np.ones(3), growth], 2, axis=0))  # fmt: skip
    utility = post.at(points, seed=3).utility
    for s in (0, 100, 1000):
        dilution, lives, harm = post.parameters.dilution[s], post.half_lives[s], post.harms[s]

        def reach(sizes, lives, u, s=s, dilution=dilution, harm=harm):
            both = np.tile(shares, (2, 1))
            first, epochs = first_pass_lengths(np.log(n), both, sizes, setting.anchor)
            return exponent_sums(first, epochs, both, np.log(lives), dilution, harm) @ u

        u = utility[s]
        before = reach(setting.sizes, lives, u)
        after = reach(setting.sizes * growth, lives * growth**dilution, u * [1.0, 1.2, 1.0])
        np.testing.assert_allclose(b[s] - a[s], before - after, atol=1e-9)


def test_the_change_of_regime_is_that_of_the_draws(small_fit) -> None:
    """With hardly any drift and much regime: level less exponents is what was drawn."""
    post = dataclasses.replace(
        with_scales(small_fit.posterior, 1e-6, *(e.name for e in PATHS if e.part != "parameters")),
        priors=small_fit.posterior.priors | {"regime": Prior("regime", "fixed", (1e6,))},
    )
    points = post.design.points_at(np.array([300e3, 1e6, 4e6]), np.tile([0.0, 1.0, 0.0], (3, 1)))
    drawn = post.at(points, seed=4)
    sums = exponent_draws(post, points, post.parameters, 4)
    told = drawn.level[:, 1, None] - np.einsum("spi,si->sp", sums, drawn.utility)
    np.testing.assert_allclose(told, drawn.log_reducible, atol=1e-3)
    still = exponent_draws(
        post, points, post.parameters, 5
    )  # other changes of regime are other sums
    assert np.abs(still - sums)[:, 2].max() > 0.1


def test_more_of_a_worn_pool_helps_and_better_is_better(answer) -> None:
    assert row(answer, "more")["p_helps"] > 0.9
    assert row(answer, "better")["p_helps"] > 0.97  # a factor above one, but for its lower tail
    wide, narrow = row(answer, "ranked"), row(answer, "better")
    assert wide["change_hi"] - wide["change_lo"] > narrow["change_hi"] - narrow["change_lo"]


def test_the_scales_agree_with_each_other(answer) -> None:
    """Better at equal samples, worth more than no training, break-even above nothing: one event."""
    c = answer.compared
    helps = c.at < c.at[:, :, :1]
    assert np.all(helps[c.factor > 1.0001] | (c.at == c.at[:, :, :1])[c.factor > 1.0001])
    for k, action in enumerate(answer.actions):
        if k and np.isfinite(c.paid[:, :, k]).all():
            # P(pays) from the runs themselves is P(break-even > cost) from the inverted curves
            inverted = (c.break_even[:, :, k] > action.cost).mean(axis=0)
            np.testing.assert_allclose(answer.p_pays[:, k], inverted, atol=0.03)
    np.testing.assert_array_equal(c.factor[:, :, 0], 1.0)
    np.testing.assert_array_equal(c.break_even[:, :, 0], 0.0)
    np.testing.assert_allclose(answer.p_best.sum(axis=1), 1.0)


def test_what_the_budget_cannot_pay_is_never_best(answer) -> None:
    dear = row(answer, "dear")
    assert dear["p_best"] == dear["p_pays"] == 0.0
    assert np.isnan(dear["expected_regret"])
    assert np.isfinite(dear["break_even"])


def test_price_is_a_unit(small_fit, answer) -> None:
    """Costs and prices twice as high in another unit of account are the same answer."""
    dearer = ACTIONS.assign(cost=2 * ACTIONS["cost"])
    again = act(small_fit, "480k,960k", dearer, data="A+B", price=2)
    np.testing.assert_allclose(again.p_pays, answer.p_pays)
    np.testing.assert_allclose(again.table["break_even"], 2 * answer.table["break_even"])


def test_the_fewest_samples() -> None:
    grid = np.array([1.0, 2.0, 4.0, 8.0])
    curve = np.array([[4.0, 3.0, 1.0, 2.0]] * 4)
    found = fewest_samples(curve, grid, np.array([5.0, 3.0, 2.0, 0.5]))
    np.testing.assert_allclose(found, [1.0, 2.0, 2.0 * np.sqrt(2.0), np.inf])


def test_quality_effects_are_those_of_a_regression(small_fit) -> None:
    """Utilities made with a known effect and little spread give it back."""
    shrunk = with_scales(small_fit.posterior, 1e-3, "utility_spread")
    true = 0.1
    utility = shrunk.parameters.utility[:, None] * (1.0 + true * shrunk.design.setting.quality)
    effects = quality_effects(shrunk, utility, np.random.default_rng(0))
    assert effects.mean() == pytest.approx(true, abs=1e-3)
    assert effects.std() < 0.01


def test_json_words_table_and_figure(answer) -> None:
    out = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert out["data"] == "A+B"
    for budget in out["budgets"]:
        names = [a["action"] for a in budget["actions"]]
        assert names == ["as it is", *dict.fromkeys(ACTIONS["action"])]
        assert budget["best"] in names
        first, swap = budget["actions"][:2]
        assert first["change"] is None
        assert set(swap["break_even"]) == {"median", "lo", "hi"}
    assert "break-even price of a sample" in answer.text
    assert "A(120k)+B" in answer.text
    size = len(answer.fit.posterior)
    assert answer.draws["break_even"].sizes == {"sample": size, "budget": 2, "action": 7}
    for width in (7.0, 3.3):
        figure = answer.plot(width=width)
        assert "A+B as it is" in figure.caption
        assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == answer.names[1:]


def test_the_data_now_are_chosen_without_what_is_new(small_fit) -> None:
    found = act(small_fit, "480k", ACTIONS[ACTIONS["action"] == "add C"])
    assert found.actions[0].data.text in ("A", "B", "A+B")
    assert "nothing said of the data now" in found.text


def test_bad_arguments(small_fit, rated_fit) -> None:
    for price in ("0", "free"):
        with pytest.raises(UsageError, match=rf"price '{price}'.* -> give .* above 0"):
            act(small_fit, "480k", ACTIONS, price=price)
    with pytest.raises(UsageError, match=r"data 'A\+Z': unknown pool 'Z'"):
        act(small_fit, "480k", ACTIONS, data="A+Z")
    with pytest.raises(UsageError, match=r"one utility for all pools.*pool=B4"):
        act(rated_fit, "480k", ACTIONS[ACTIONS["action"] == "better"], data="A+B")
    with pytest.raises(UsageError, match=r"pass --data"):
        act(small_fit, "480k", pd.DataFrame({"action": list("abc"), "pool": list("ABC"),
                                             "changes": "add"}))  # fmt: skip


@pytest.mark.parametrize("row", [("x", "A", "rnk=1"), ("x", "Q", "drop"), ("x", "A", "size=1")])
def test_a_table_that_fits_no_data_is_refused_before_anything_is_computed(
    small_fit, monkeypatch, row
) -> None:
    monkeypatch.setattr("qqt_bayes.act.answer.decide", lambda *_: pytest.fail("was computed"))
    with pytest.raises(InputError):
        act(small_fit, "480k", pd.DataFrame([row], columns=["action", "pool", "changes"]))


def test_command(small_fit, tmp_path, monkeypatch, capsys) -> None:
    from qqt_bayes.cli import main

    monkeypatch.chdir(tmp_path)
    small_fit.save("fit.nc")
    ACTIONS.to_csv("actions.csv", index=False)
    words = "act fit.nc --actions actions.csv --budgets 960k --data A+B --json --plot a.png"
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    said = capsys.readouterr()
    assert stop.value.code == 0, said.err
    assert json.loads(said.out)["budgets"][0]["samples"] == 960e3
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize("data", ["", " --data A+B"])
def test_mistakes_cost_no_fit(small_tables, monkeypatch, capsys, data) -> None:
    from qqt_bayes import fitting
    from qqt_bayes.cli import main

    monkeypatch.chdir(small_tables)
    monkeypatch.setattr(fitting, "sample_posterior", None)
    (small_tables / "actions.csv").write_text("action,pool,changes\nx,Q,rank=1\n")
    words = f"act runs.csv --metric loss --actions actions.csv --budgets 960k{data}"
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    assert "actions.csv:2, column 'changes', 'rank=1': unknown pool 'Q'" in capsys.readouterr().err


def test_an_accuracy_is_better_when_higher(accuracy_fit) -> None:
    """The same change is a gain there: upwards, inside [0, 1], and of the same worth."""
    answer = act(accuracy_fit, "480k", ACTIONS[ACTIONS["action"] == "better"], data="A+B")
    found = row(answer, "better", 480e3)
    assert found["change"] > 0
    assert found["change_lo"] < found["change"] < found["change_hi"]
    assert 0 < found["lo"] < found["median"] < found["hi"] < 1
    assert found["factor"] > 1
    assert "higher is better" in answer.text
    assert "better to the right" in answer.plot().axes[0].get_xlabel()
