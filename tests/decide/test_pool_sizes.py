"""Pools of unknown size: fits at several sizes, weighed by their evidence."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

import qqt_bayes as qqt
from qqt_bayes.decide.sizes import counts, fits_by_size, sizes_within
from qqt_bayes.inference.engine import Target
from qqt_bayes.laws.effective_utility import exponent_sums, first_pass_lengths

SIZES = np.array([4e6, 1e6])
BUDGETS = 1e5 * 2.0 ** np.arange(8)


def runs(size: str) -> qqt.Runs:
    """Two pools, of which the second has worn out by the largest runs; noise .1%."""
    rng, rows = np.random.default_rng(3), []
    for i, name in enumerate("AB"):
        shares = np.tile(np.eye(2)[i], (len(BUDGETS), 1))
        first, epochs = first_pass_lengths(np.log(BUDGETS), shares, SIZES, BUDGETS[0])
        fall = exponent_sums(first, epochs, shares, np.log([4.0, 2.0])) @ np.array([0.25, 0.3])
        value = (0.5 + 2.0 * np.exp(-fall)) * (1.0 + 0.001 * rng.standard_normal(len(fall)))
        rows += [
            (f"{name}{n:.0f}", name, n, "loss", y) for n, y in zip(BUDGETS, value, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    return qqt.read_runs(table, pd.DataFrame({"pool": ["A", "B"], "size": ["4M", size]}))


@pytest.fixture(scope="module")
def ranged() -> qqt.Fit:
    return qqt.fit(runs("100k..100M"), "loss", on_fail="warn")


def test_one_fit_where_all_sizes_are_known() -> None:
    pools = runs("1M").pools
    assert sizes_within(pools).tolist() == [[4e6, 1e6]]


def test_sizes_lie_evenly_within_the_range(ranged: qqt.Fit) -> None:
    sizes = sizes_within(ranged.study.pools)
    assert np.all(sizes[:, 0] == 4e6)
    assert np.all((sizes[:, 1] > 1e5) & (sizes[:, 1] < 1e8))
    assert np.ptp(np.diff(np.log(sizes[:, 1]))) < 1e-9


def test_two_unknown_sizes_do_not_move_together() -> None:
    held = pd.DataFrame({"pool": ["A", "B"], "size": ["1M..40M", "1k..1B"]})
    sizes = np.log(sizes_within(qqt.read_runs(runs("1M").table, held).pools))
    assert abs(np.corrcoef(sizes.T)[0, 1]) < 0.9
    assert len(np.unique(sizes[:, 1])) == len(sizes)


def test_the_runs_speak_of_the_size(ranged: qqt.Fit) -> None:
    """A pool seen for 13 epochs shows about how large it is."""
    fits, weights = fits_by_size(ranged)
    size = np.array([one.study.pools.sizes[1] for one in fits])
    assert weights.sum() == pytest.approx(1.0)
    assert weights[np.abs(np.log(size / 1e6)) < np.log(6.0)].sum() > 0.8


def test_a_decision_is_told_by_all_sizes(ranged: qqt.Fit) -> None:
    d = ranged.decide("50M", "A;B")
    assert d.p_best.sum() == pytest.approx(1.0)
    assert any("the size of B is not known (100k..100M)" in note for note in d.notes)
    width = np.ptp(np.quantile(d.latent[:, 0, 1], [0.05, 0.95]))
    alone = qqt.fit(runs("1M"), "loss", on_fail="warn").decide("50M", "A;B")
    assert width > 0.9 * np.ptp(np.quantile(alone.latent[:, 0, 1], [0.05, 0.95]))


def test_best_shares_are_told_by_all_sizes(ranged: qqt.Fit) -> None:
    best = ranged.best_shares("20M", "A,B", effort=0.5)
    assert best.best.sum() == pytest.approx(1.0)
    assert any("the size of B" in note for note in best.notes)


def test_counts_add_up() -> None:
    assert counts(np.array([0.3335, 0.3335, 0.333]), 128).sum() == 128


def test_the_evidence_is_the_mean_likelihood_of_the_prior() -> None:
    """With all its constants: fits that tell of different numbers of scores are compared by it."""
    few = runs("1M")
    fit = qqt.fit(few.select(upto="200k"), "loss", on_fail="warn")
    post = fit.posterior
    target = Target(post.coordinates, post.cells)
    scores = np.random.default_rng(5).standard_normal((60_000, target.size))
    value = target.log_likelihood(scores)
    expected = logsumexp(value) - np.log(len(value))
    weight = np.exp(value - expected)
    error = np.std(weight) / np.sqrt(len(value))
    assert error < 0.1
    assert post.figures["log_evidence"] == pytest.approx(expected, abs=4.6 * error + 0.05)


def test_samples_to_reach_a_value_are_told_by_all_sizes(ranged: qqt.Fit) -> None:
    """The middle of the range alone is surer of itself than all its sizes."""
    found = ranged.reach(0.8, "B", upto="100M")
    fits, weights = ranged.by_size
    each = [one.reach(0.8, "B", upto="100M").draws[:, 0] for one in fits]
    never = sum(w * np.mean(~np.isfinite(d)) for d, w in zip(each, weights, strict=True))
    assert found.p_never[0] == pytest.approx(never, abs=0.02)
    assert "note: the size of B is not known (100k..100M)" in found.text
    assert found.to_json()["notes"] == list(found.notes)


def test_answers_that_take_the_middle_of_a_range_say_so(ranged: qqt.Fit) -> None:
    said = "the size of B is not known (100k..100M): taken here as 3.16M, the middle"
    actions = pd.DataFrame({"action": ["more A"], "pool": ["A"], "changes": ["size=8M"]})
    for answer in (
        ranged.risk("20M", quick=True),
        ranged.buy("20M"),
        ranged.act("20M", actions, data="A", on_fail="warn"),
    ):
        assert f"note: {said}" in " ".join(answer.text.split())
        assert any(note.startswith(said) for note in answer.to_json()["notes"])


@pytest.mark.parametrize(("factor", "count"), [(1.2, 5), (12.0, 7), (1000.0, 9)])
def test_more_sizes_are_tried_of_a_wide_range(factor: float, count: int) -> None:
    pools = qqt.read_pools(pd.DataFrame({"pool": ["A", "B"], "size": [f"1M-{factor:g}M", "2M"]}))
    assert len(sizes_within(pools)) == count
