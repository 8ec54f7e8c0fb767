"""Settings that runs differ in: told, modelled, asked at a value."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.decide.settings import setting_effects
from qqt_bayes.errors import UsageError
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs.settings import looks_like_setting

POOLS = {"A": 10_000, "B": 80_000}
NOISE = 0.002


def loss(data: str, samples: float, decay: float) -> float:
    """Ten times the weight decay: nothing before the first epoch ends, much less harm after it."""
    share = {"A": 1.0, "B": 0.0}[data]
    epochs = max(samples / POOLS[data], 1.0)
    repeated = (0.30 - 0.15 * np.log10(decay / 0.1)) * np.log(epochs)
    fall = (0.25 + 0.05 * share) * np.log(samples / 10_000)
    return float(1.5 + np.exp(0.6 - fall + repeated))


def table(last: float = 640_000, far: float = 40_000) -> pd.DataFrame:
    """Weight decay .1 to the end, weight decay 1 to `far` only."""
    rng, rows = np.random.default_rng(1), []
    for decay, end in ((0.1, last), (1.0, far)):
        for data in POOLS:
            for samples in 10_000 * 2.0 ** np.arange(7):
                if samples <= end:
                    value = loss(data, samples, decay) * (1 + NOISE * rng.normal())
                    rows.append((f"{data}-{decay}-{samples:.0f}", data, samples, value, decay))
    frame = pd.DataFrame(rows, columns=["run", "data", "samples", "value", "weight_decay"])
    return frame.assign(metric="loss")


@pytest.fixture(scope="module")
def runs() -> qqt.Runs:
    return qqt.read_runs(table(), POOLS)


@pytest.fixture(scope="module")
def told(runs: qqt.Runs) -> qqt.Fit:
    return qqt.fit(runs, "loss", covariates=["weight_decay"])


def at_the_end(fit: qqt.Fit) -> pd.DataFrame:
    where = pd.DataFrame({"data": ["A", "B"], "samples": [320_000, 320_000]})
    return fit.predict(where)


def test_effect_is_found_and_answers_are_for_a_value(told: qqt.Fit) -> None:
    """Of weight decay 1 nothing ran beyond 4 epochs: what is known of it there is the effect."""
    for decay, fit in ((0.1, told), (1.0, told.at(weight_decay=1.0))):
        found = at_the_end(fit)
        true = np.array([loss(data, 320_000, decay) for data in "AB"])
        inside = (found["lo"] < true) & (true < found["hi"])
        assert inside.all(), (decay, true, found)
    apart = at_the_end(told)["median"] - at_the_end(told.at(weight_decay=1.0))["median"]
    true_gap = loss("A", 320_000, 0.1) - loss("A", 320_000, 1.0)
    assert 0.4 * true_gap < apart[0] < 1.6 * true_gap
    assert told.at(weight_decay=0.1).predict(
        pd.DataFrame({"data": ["A"], "samples": [320_000]})
    )["median"][0] == pytest.approx(at_the_end(told)["median"][0], rel=0.02)  # fmt: skip


def test_the_value_is_said_with_the_answer(told: qqt.Fit) -> None:
    notes = told.decide("640k").notes
    assert "answers are for weight_decay = 0.1 (14 of 20 runs) -> --at weight_decay=VALUE for " \
        "another" in notes  # fmt: skip
    assert not any("count as alike" in note for note in notes)
    far = told.at(weight_decay=5).decide("640k").notes
    assert any("weight_decay = 5 lies outside the runs (0.1 to 1)" in note for note in far)


def test_what_the_setting_does_is_said_by_pool(told: qqt.Fit) -> None:
    """From .1 to 1: A, at 64 epochs, gains much; B, at 8 epochs, less."""
    found = setting_effects(told)
    assert list(found["pool"]) == ["A", "B"]
    assert list(found.loc[0, ["setting", "from", "to"]]) == ["weight_decay", 0.1, 1.0]
    for row in found.itertuples():
        true = loss(row.pool, 640_000, 1.0) - loss(row.pool, 640_000, 0.1)
        assert row.change_lo < true < row.change_hi, (row, true)
    assert "weight_decay from 0.1 to 1 changes loss after 640k samples of one pool by" in told.text


def test_runs_are_never_pooled_silently(runs: qqt.Runs) -> None:
    line = (
        "runs differ in weight_decay (0.1, 1) and count as alike -> --where weight_decay=0.1 takes "
        "runs of one value, --covariate weight_decay lets the model know"
    )
    assert line in runs.study("loss").warnings
    assert f"note: {line}" in runs.text
    fit = qqt.fit(runs, "loss", upto=40_000, on_fail="warn")
    assert line in fit.decide("80k", on_fail="warn").notes
    assert line not in runs.study("loss", spec_levels=("weight_decay",)).warnings
    alone = runs.study("loss", where={"weight_decay": "0.1"})
    assert not any("count as alike" in w for w in alone.warnings)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("weight_decay", True), ("peak_lr", True), ("learningRate", True), ("batch-size", True),
     ("optimizer", True), ("hidden dropout", True), ("n_layer", True), ("note", False),
     ("flops", False), ("hours", False), ("url", False), ("step", False), ("gpu", False)],
)  # fmt: skip
def test_names_of_settings(name: str, is_one: bool) -> None:
    assert looks_like_setting(name) is is_one


def test_words_are_told_but_take_no_part(runs: qqt.Runs) -> None:
    """A setting in words can be chosen, not modelled."""
    frame = table().assign(optimizer=lambda t: np.where(t["weight_decay"] > 0.5, "adam", "sgd"))
    (line,) = qqt.read_runs(frame.drop(columns="weight_decay"), POOLS).study("loss").pooled
    assert line == (
        "runs differ in optimizer (sgd, adam) and count as alike -> --where optimizer=sgd takes "
        "runs of one value"
    )
    with pytest.raises(UsageError, match="column 'optimizer' has 'sgd': a covariate needs a numb"):
        qqt.fit(qqt.read_runs(frame, POOLS), "loss", covariates=["optimizer"])


def test_what_cannot_be_a_covariate(runs: qqt.Runs, told: qqt.Fit) -> None:
    with pytest.raises(UsageError, match="no column 'dropout'"):
        qqt.fit(runs, "loss", covariates=["dropout"])
    with pytest.raises(UsageError, match=r"all runs have weight_decay = 0\.1: nothing"):
        qqt.fit(runs, "loss", covariates=["weight_decay"], where={"weight_decay": "0.1"})
    with pytest.raises(UsageError, match="weight_decay = 0: its logs are taken"):
        told.at(weight_decay=0)
    with pytest.raises(UsageError, match=r"lr is no covariate of this fit \(weight_decay\)"):
        told.at(lr=1)
    blank = table().astype({"weight_decay": object})
    blank.loc[3, "weight_decay"] = ""
    with pytest.raises(UsageError, match="column 'weight_decay' has a blank"):
        qqt.fit(qqt.read_runs(blank, POOLS), "loss", covariates=["weight_decay"])


def test_saved_fit_keeps_its_covariates(told: qqt.Fit, tmp_path) -> None:
    asked = told.at(weight_decay=1.0)
    back = qqt.load_fit(asked.save(tmp_path / "fit.nc"))
    assert back.spec.covariates == {"weight_decay": 1.0}
    pd.testing.assert_frame_equal(at_the_end(back), at_the_end(asked))


def test_without_covariates_nothing_changes(runs: qqt.Runs) -> None:
    """Their priors are not asked for, and their effects have no rows."""
    spec = load_spec("effective_utility")
    names = {"covariate_level", "covariate_repetition", "covariate_drift"}
    assert not names & set(spec.priors("loss"))
    with_one = spec.with_covariates({"weight_decay": None})
    assert names <= set(with_one.priors("loss"))
    assert with_one.levels == ("weight_decay",)


def test_coding_does_not_depend_on_the_unit(runs: qqt.Runs, told: qqt.Fit) -> None:
    """Logs of what is above zero: weight decay in percent is the same model."""
    percent = qqt.read_runs(table().assign(weight_decay=lambda t: 100 * t["weight_decay"]), POOLS)
    other = qqt.fit(percent, "loss", covariates={"weight_decay": 10.0})
    np.testing.assert_allclose(
        at_the_end(other)[["median", "lo", "hi"]], at_the_end(told)[["median", "lo", "hi"]],
        rtol=3e-4,
    )  # fmt: skip


def test_replicates_are_of_one_setting(told: qqt.Fit) -> None:
    """The same mixture and budget under two settings are two cells."""
    design = told.posterior.design
    assert len(design.value) == len(table())
    assert set(np.round(design.points.covariates[:, 0], 6)) == set(
        np.round(told.posterior.design.setting.covariates[0].code(np.array([0.1, 1.0])), 6)
    )
    same = design.answering({"weight_decay": 1.0})
    np.testing.assert_array_equal(same.points.covariates, design.points.covariates)
    assert same.setting.at != pytest.approx(design.setting.at)
    assert dataclasses.replace(same, points=design.points).setting.at == design.setting.at
