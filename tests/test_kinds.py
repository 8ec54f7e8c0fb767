"""Kinds of metric: names, scales and their inverses, noise, ceilings."""

import pickle

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import InputError, UsageError
from qqt_bayes.kind_names import KINDS, ask_kind, kind_named, kind_of, settle
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import read_runs

POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [1e5, 1e6]})


def table(metric: str, values, **columns) -> pd.DataFrame:
    """Give runs of one metric on A and B."""
    n = len(values)
    base = {
        "run": [f"r{i}" for i in range(n)],
        "data": ["A", "B"] * (n // 2),
        "samples": np.repeat(1e4 * 2.0 ** np.arange(n // 2), 2),
        "metric": metric,
        "value": values,
    }
    return pd.DataFrame(base | columns)


# --- names ---------------------------------------------------------------------------------------

NAMES = {
    "loss": "loss val_loss train/loss_mean nll test_nll cross_entropy valLoss loss_wiki log_ppl "
    "mse neg_log_likelihood",
    "bpb": "bpb eval/code/bpb eval/code/bpb_loss bits_per_byte,none val_bpb",
    "perplexity": "ppl perplexity wikitext/byte_perplexity,none test-ppl",
    "error": "error top1_error error_rate imagenet/err",
    "rate": "wer test_wer cer word_error_rate",
    "accuracy": "accuracy acc mmlu_5shot/acc acc,none acc_norm,none glossary_accuracy em gsm8k/em "
    "lossless_accuracy reward_model_accuracy pass@1 humaneval_pass@10 pass1_accuracy squad_f1 "
    "f1_score exact_match,strict win_rate",
    "centred": "centered_accuracy core_centred",
    "score": "return episode_return bleu rougeL rouge1 elo elo_score reward mean_reward "
    "log_likelihood loglikelihood final_score",
}


@pytest.mark.parametrize(
    ("metric", "kind"), [(m, kind) for kind, names in NAMES.items() for m in names.split()]
)
def test_the_words_of_a_name_tell_the_kind(metric: str, kind: str) -> None:
    assert kind_of(metric) == kind


@pytest.mark.parametrize(
    "metric",
    ["error_detection_accuracy", "accuracy_loss", "loss_on_error", "bleu_error", "perplexity_acc"],
)
def test_two_kinds_in_one_name_are_not_guessed(metric: str) -> None:
    assert kind_of(metric) is None
    assert "speaks of" in ask_kind(metric)
    with pytest.raises(UsageError, match=f"-> pass --kind {metric}=KIND"):
        read_runs(table(metric, [0.5, 0.6, 0.7, 0.8]), POOLS).study(metric)
    study = read_runs(table(metric, [0.5, 0.6, 0.7, 0.8]), POOLS, kinds={metric: "accuracy"})
    assert study.study(metric).direction == "max"


@pytest.mark.parametrize("metric", ["CORE", "glossary", "lossless", "acc_stderr", "erroneous", "9"])
def test_other_words_tell_nothing(metric: str) -> None:
    assert kind_of(metric) is None


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ppl", "perplexity"), ("WER", "rate"), ("return", "score"), ("acc", "accuracy"),
        ("bits per byte", "bpb"), ("centered", "centred"), ("nll", "loss"),
    ],
)  # fmt: skip
def test_a_kind_may_be_given_by_any_word_for_it(word: str, kind: str) -> None:
    assert kind_named(word) == kind


@pytest.mark.parametrize("text", ["tasty", "", "score(zero=)", "accuracy(chance=2)"])
def test_unknown_kinds(text: str) -> None:
    with pytest.raises(UsageError, match="->"):
        kind_named(text)


# --- scales --------------------------------------------------------------------------------------

SCALED = [
    KINDS["loss"], KINDS["bpb"], KINDS["perplexity"], KINDS["error"], KINDS["rate"],
    KINDS["accuracy"], KINDS["centred"], KINDS["accuracy"].with_chance(0.25),
    KINDS["error"].with_chance(0.5), KINDS["score"].scaled_to(np.array([-21.0, 9.5])),
    KINDS["cost"].scaled_to(np.array([-3.0, 4.0])),
]  # fmt: skip


@pytest.mark.parametrize("kind", SCALED, ids=lambda k: k.text)
def test_a_scale_turns_values_and_back(kind) -> None:
    values = np.linspace(1.0, 3.0, 9) if kind == "perplexity" else np.linspace(0.05, 0.95, 9)
    y = kind.modelled(values)
    assert np.all(y[1:] > 0) if kind == "perplexity" else np.all(y > 0)
    assert np.all(np.diff(y) < 0 if kind.higher_is_better else np.diff(y) > 0)
    np.testing.assert_allclose(kind.observed(y), values, rtol=1e-12)
    np.testing.assert_allclose(kind.reported(kind.to_unit(y)), values, rtol=1e-12)
    np.testing.assert_allclose(kind.reported(kind.reported(values)), values, rtol=1e-12)
    np.testing.assert_allclose(kind.from_unit(kind.to_unit(y)), y, rtol=1e-12)
    # differences are those of the metric, in its own unit, whichever way is better
    np.testing.assert_allclose(np.abs(np.diff(kind.to_unit(y))), np.diff(values), rtol=1e-9)
    step = 1e-6
    slope = np.abs(kind.modelled(values[3] + step) - y[3]) / step
    assert kind.slope(y[3:4])[0] == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize("kind", SCALED, ids=lambda k: k.text)
def test_a_kind_survives_as_text_and_between_processes(kind) -> None:
    assert kind_named(kind.text) == kind
    assert kind_named(kind.text).text == kind.text
    assert pickle.loads(pickle.dumps(kind)) == kind
    assert kind == kind.name
    assert {kind: 1}[kind.name] == 1


def test_the_best_score_seen_stands_at_ten() -> None:
    score = KINDS["score"].scaled_to(np.array([1.0, 5.0, 3.0]))
    np.testing.assert_allclose(score.modelled(np.array([5.0, 1.0])), [10.0, 11.0])
    assert score.scaled_to(np.array([9.0, 99.0])) == score  # once only
    flat = KINDS["score"].scaled_to(np.array([0.0, 0.0]))
    np.testing.assert_allclose(flat.modelled(np.array([0.0])), [10.0])


def test_perplexity_is_modelled_as_the_loss_it_is_of() -> None:
    study = read_runs(table("ppl", [20.0, 22.0, 15.0, 16.0]), POOLS).study("ppl")
    np.testing.assert_allclose(study.value, np.log([20.0, 22.0, 15.0, 16.0]))
    assert study.direction == "min"


def test_an_accuracy_over_chance_is_what_is_left_of_the_error() -> None:
    kind = KINDS["accuracy"].with_chance(0.25)
    np.testing.assert_allclose(kind.modelled(np.array([0.25, 1.0, 0.2])), [1.0, 0.0, 0.8 / 0.75])
    assert kind.limits == (0.0, pytest.approx(4 / 3))


def test_what_the_engine_reads() -> None:
    wanted = {
        "loss": ("irreducible", True, "loss"), "bpb": ("irreducible", True, "loss"),
        "perplexity": ("irreducible", True, "loss"), "rate": ("irreducible", True, "loss"),
        "error": ("rest", True, "error"), "accuracy": ("rest", True, "error"),
        "centred": ("rest", True, "error"), "score": ("unit", False, "score"),
        "cost": ("unit", False, "score"),
    }  # fmt: skip
    told = {n: (k.reference, k.relative_noise, k.priors) for n, k in KINDS.items()}
    assert told == wanted


@pytest.mark.parametrize("name", ["effective_utility", "exchange_rate", "paper_law"])
def test_every_kind_has_priors(name: str) -> None:
    spec = load_spec(name)
    for kind in KINDS.values():
        assert {"irreducible", "level", "seed_noise"} <= set(spec.priors(kind))
    score, loss = spec.priors("return"), spec.priors("loss")
    assert score["irreducible"].text != loss["irreducible"].text
    assert score["seed_noise"].text != loss["seed_noise"].text


def test_a_specification_without_priors_of_scores_says_so() -> None:
    source = dict(load_spec("effective_utility").source)
    source["priors"] = {k: v for k, v in source["priors"].items() if k != "score"}
    spec = Spec.from_dict(source)
    assert spec.priors("accuracy")
    with pytest.raises(
        UsageError, match=r"no priors for a score .* add \[priors.score.irreducible"
    ):
        spec.priors("score")


# --- noise ---------------------------------------------------------------------------------------


def test_items_give_noise_to_an_error_of_none_and_of_all() -> None:
    for name in ("error", "accuracy"):
        sd = np.sqrt(KINDS[name].evaluation_variance([0.0, 0.5, 1.0], 100.0, np.nan))
        p = 1 / 102
        np.testing.assert_allclose(sd[[0, 2]], np.sqrt(p * (1 - p) / 100))
        assert sd[1] == pytest.approx(0.05, rel=1e-3)


def test_items_of_a_task_with_chance_count_on_the_accuracy_itself() -> None:
    kind = KINDS["accuracy"].with_chance(0.25)
    variance = kind.evaluation_variance(kind.modelled(np.array([0.25])), 1e6, np.nan)
    assert variance[0] == pytest.approx(0.25 * 0.75 / 1e6 / 0.75**2, rel=1e-3)


def test_a_standard_error_is_in_the_unit_of_the_metric() -> None:
    kind = KINDS["score"].scaled_to(np.array([0.0, 50.0]))
    assert kind.evaluation_variance([10.5], np.nan, 5.0)[0] == pytest.approx(0.1**2)
    ppl = KINDS["perplexity"].evaluation_variance(np.log([20.0]), 1e5, 0.4)
    assert ppl[0] == pytest.approx((0.4 / 20) ** 2)
    assert KINDS["loss"].evaluation_variance([2.0], 1e5, np.nan)[0] == 0.0


def test_the_noise_of_the_median_run_is_on_the_modelled_scale() -> None:
    runs = read_runs(table("ppl", [20.0] * 4, se=[0.4] * 4), POOLS)
    assert median_evaluation(runs.study("ppl")).given == pytest.approx((0.4 / 20) ** 2)
    runs = read_runs(table("acc", [0.5] * 4, n_eval=[400] * 4), POOLS, chance=0.2)
    found = median_evaluation(runs.study("acc")).variance(np.array([0.5 / 0.8]))
    assert found[0] == pytest.approx(0.25 / 400 / 0.8**2)


# --- tables --------------------------------------------------------------------------------------


def test_one_kind_for_all_metrics_or_each_its_own() -> None:
    assert settle(["a", "b"], "score") == {"a": "score", "b": "score"}
    assert settle(["a", "acc"], {"a": "rate"}, 0.25) == {
        "a": "rate", "acc": kind_named("accuracy(chance=0.25)")
    }  # fmt: skip
    assert settle(["x"], {"x": "error"}, {"x": 0.5})["x"].chance == 0.5


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        ({"y": 0.2}, "no metric 'y' -> choose from a"), (25.0, "a chance level of 25 -> give"),
        (-0.1, "as a fraction"),
    ],
)  # fmt: skip
def test_bad_chance_levels(chance, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settle(["a"], {"a": "accuracy"}, chance)


def test_a_chance_level_of_what_has_none() -> None:
    with pytest.raises(UsageError, match="no metric is an accuracy or an error"):
        settle(["loss"], None, 0.25)
    with pytest.raises(UsageError, match="leave --chance out"):
        settle(["loss"], None, {"loss": 0.25})


def test_chance_and_kind_as_columns() -> None:
    rows = table("CORE", [0.3, 0.4, 0.5, 0.6], chance=[0.25] * 4, kind=["accuracy"] * 4)
    study = read_runs(rows, POOLS).study("CORE")
    assert study.kind.text == "accuracy(chance=0.25)"
    np.testing.assert_allclose(study.observed, [0.3, 0.4, 0.5, 0.6])
    again = read_runs(rows, POOLS).with_kind("CORE", study.kind).study("CORE")
    np.testing.assert_array_equal(again.value, study.value)
    with pytest.raises(InputError, match=r"two chance levels, 0\.25 here, 0\.2 at"):
        read_runs(rows.assign(chance=[0.25, 0.25, 0.2, 0.25]), POOLS)
    other = rows.assign(kind=["big", "big", "small", "small"], metric="acc")  # not about metrics
    assert read_runs(other, POOLS).study("acc").kind == "accuracy"


def test_values_below_chance_are_welcome_but_not_far_below() -> None:
    near = [0.249, 0.252, 0.26, 0.28]
    rows = table("acc", near, n_eval=[10_000] * 4)
    study = read_runs(rows, POOLS, chance=0.25).study("acc")
    assert study.value[0] > 1.0
    assert not any("below the chance" in note for note in study.warnings)
    far = read_runs(rows.assign(value=[0.1, 0.2, 0.26, 0.28]), POOLS, chance=0.25).study("acc")
    assert any("2 values are further below the chance level of 0.25" in n for n in far.warnings)


def test_a_scale_is_kept_by_later_fits_of_fewer_rows() -> None:
    runs = read_runs(table("return", [-20.0, -19.0, -5.0, 3.0]), POOLS)
    whole = runs.study("return")
    part = runs.with_kind("return", whole.kind).select(upto=1e4).study("return")
    np.testing.assert_array_equal(part.value, whole.value[:2])
    assert runs.with_kind("return", "score").study("return").kind == whole.kind


@pytest.mark.parametrize(
    ("metric", "values", "said"),
    [
        ("acc", [-0.01, -0.02, 0.1, 0.2], r"negative accuracy in 2 of 4 rows .*acc=centred"),
        ("acc", [88.0, 90.0, 91.0, 92.0], r"above 1 in 4 of 4 rows \(given as percent\?\)"),
        ("ppl", [0.9, 2.0, 3.0, 4.0], r"below 1 perplexity .* pass --kind ppl=loss"),
        ("nll", [-1.0, -2.0, -2.5, 1.0], r"negative loss in 3 of 4 rows .* --kind nll=cost"),
    ],
)
def test_values_a_kind_cannot_take_are_one_problem(metric, values, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_runs(table(metric, values), POOLS)
    assert len(caught.value.problems) == 1
    assert "drop" not in caught.value.problems[0].mend


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("return", [-21.0, -20.0, -5.0, 9.0]), ("elo", [900.0, 950.0, 1300.0, 1350.0]),
        ("log_likelihood", [-310.5, -300.0, -250.0, -249.0]), ("wer", [1.2, 1.1, 0.4, 0.3]),
        ("bpb", [0.9, 0.85, 0.7, 0.71]), ("pass@1", [0.0, 0.0, 0.01, 0.03]),
    ],
)  # fmt: skip
def test_metrics_of_all_sorts_are_read(metric: str, values: list[float]) -> None:
    study = read_runs(table(metric, values), POOLS).study(metric)
    assert np.all(study.value > 0)
    np.testing.assert_allclose(study.observed, values, atol=1e-12)
    order = np.argsort(values)
    expected = order[::-1] if study.kind.higher_is_better else order
    np.testing.assert_array_equal(np.sort(study.value), study.value[expected])


def test_check_tells_the_kinds() -> None:
    rows = pd.concat([table("mmlu/acc", [0.3] * 4), table("CORE", [0.3] * 4)])
    told = read_runs(rows, POOLS, chance={"mmlu/acc": 0.25}).text
    assert "mmlu/acc (accuracy, higher is better, chance 0.25)" in told
    assert "CORE (kind not known: --kind CORE=KIND)" in told


def test_the_runs_of_a_fit_keep_its_scale(small_fit) -> None:
    """So that later fits of fewer or more of them are on the same."""
    assert small_fit.runs.kinds[small_fit.study.metric] == small_fit.study.kind
    assert small_fit.runs.append(small_fit.runs.table[:0]).kinds == small_fit.runs.kinds
