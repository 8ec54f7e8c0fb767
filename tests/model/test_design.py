"""From a study to arrays: cells, evaluation noise, families, and points elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qqt_bayes.errors import UsageError
from qqt_bayes.laws.effective_utility import exponent_sums
from qqt_bayes.model.design import EXACT, build_design
from qqt_bayes.model.effects import PATHS, kernels
from qqt_bayes.model.setting import family_matrices, quality_covariate
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import read_pools, read_runs

SPEC = load_spec("effective_utility")
POOLS = {"pool": ["A", "B", "C"], "size": [1000, 4000, np.inf], "quality_rank": [1, 2, None]}


def study(rows, metric="loss", pools=POOLS, **columns):
    table = pd.DataFrame(rows, columns=["data", "samples", "value"])
    table = table.assign(run=[f"r{i}" for i in range(len(table))], metric=metric, **columns)
    return read_runs(table, pd.DataFrame(pools)).study(metric)


@pytest.fixture(scope="module")
def rows():
    return [
        ("A", 2000, 2.0), ("A+B", 5000, 1.5), ("A", 2000, 2.2), ("A", 2000, 2.1), ("B", 500, 3.0),
        ("A:0.2+B:0.8", 5000, 1.6), ("C", 50_000, 1.2),
    ]  # fmt: skip


def test_replicates_become_one_cell(rows) -> None:
    design = build_design(study(rows), SPEC)
    assert len(design.value) == 4
    np.testing.assert_array_equal(design.count.sum(), len(rows))
    a = design.row_cell[0]
    np.testing.assert_array_equal(design.row_cell[[0, 2, 3]], a)
    assert design.count[a] == 3
    assert design.value[a] == pytest.approx(2.1)
    assert design.scatter[a] == pytest.approx(0.02)
    # a union in proportion to size is the same as those shares written out
    assert design.row_cell[1] == design.row_cell[5]
    np.testing.assert_allclose(design.points.shares[design.row_cell[1]], [0.2, 0.8, 0.0])
    np.testing.assert_array_equal(design.scatter[design.count == 1], 0.0)
    np.testing.assert_allclose(np.exp(design.points.log_samples)[design.row_cell[4]], 500)


def test_anchor_is_below_every_run_and_first_pass(rows) -> None:
    design = build_design(study(rows), SPEC)
    assert design.setting.anchor == 500  # the smallest run
    assert build_design(study([("A", 2000, 2.0)]), SPEC).setting.anchor == 1000  # the smallest pool
    assert np.exp([design.setting.smallest, design.setting.largest]) == pytest.approx([500, 50_000])


def test_collapsing_loses_nothing_of_the_reference_likelihood() -> None:
    """Differences of the log density between parameter points are those of row by row."""
    rng = np.random.default_rng(1)
    count = np.array([1, 4, 2, 3])
    mixes = [("A", 2000.0), ("B", 500.0), ("A+B", 5000.0), ("C", 900.0)]
    rows = [(*mix, rng.uniform(1.5, 2.0)) for mix, m in zip(mixes, count, strict=True)
            for _ in range(m)]  # fmt: skip
    rows = [rows[i] for i in rng.permutation(len(rows))]
    made = study(rows, se=0.02)
    design = build_design(made, SPEC)
    assert sorted(design.count) == sorted(count)

    def both(f, noise):
        v = (noise * f) ** 2 + design.eval_var
        cells = stats.norm(f, np.sqrt(v / design.count)).logpdf(design.value).sum()
        extra = design.count - 1
        many = extra > 0
        scatter = stats.chi2(extra[many]).logpdf((design.scatter / v)[many]) - np.log(v[many])
        row_v = (noise * f[design.row_cell]) ** 2 + 0.02**2
        apart = stats.norm(f[design.row_cell], np.sqrt(row_v)).logpdf(made.value).sum()
        return apart - (cells + scatter.sum())

    points = [(rng.uniform(1.4, 2.1, len(count)), noise) for noise in (0.002, 0.01, 0.05, 0.2)]
    differences = [both(f, noise) for f, noise in points]
    np.testing.assert_allclose(differences, differences[0], atol=1e-9)


def test_evaluation_noise_of_errors_is_binomial_or_given() -> None:
    rows = [("A", 2000, 0.8), ("A", 2000, 0.7), ("B", 500, 0.2), ("B", 4000, 0.4)]
    n_eval, se = [1000, 1000, 1000, None], [None, None, 0.03, None]
    design = build_design(study(rows, "top1_accuracy", n_eval=n_eval, se=se), SPEC)
    assert design.value[design.row_cell[0]] == pytest.approx(0.25)  # an accuracy is an error
    wrong = design.expected[design.row_cell[0]]  # not the share seen
    smooth = (1000 * wrong + 1) / 1002  # half a success and half a failure more, on each side
    digits = EXACT * design.expected[design.row_cell[3]]  # no value is known better
    expected = [smooth * (1 - smooth) / 1000] * 2 + [0.03**2, digits**2]
    np.testing.assert_allclose(design.eval_var[design.row_cell], expected)


def test_test_items_say_nothing_of_a_loss() -> None:
    rows = [("A", 2000, 0.8), ("B", 500, 0.7)]
    design = build_design(study(rows, "loss", n_eval=[1000, 1000], se=[None, 0.1]), SPEC)
    digits = (EXACT * design.expected[design.row_cell[0]]) ** 2  # no value is known better
    np.testing.assert_allclose(design.eval_var[design.row_cell], [digits, 0.01])


def test_points_at_the_cells_are_the_cells(rows) -> None:
    design = build_design(study(rows), SPEC)
    points = design.points_at(np.exp(design.points.log_samples), design.points.shares)
    np.testing.assert_allclose(points.first, design.points.first)
    np.testing.assert_allclose(points.epochs, design.points.epochs)
    np.testing.assert_allclose(kernels(points, points), design.points.kernels)
    assert len(points) == 4


def test_points_elsewhere_keep_anchor_and_clocks(rows) -> None:
    design = build_design(study(rows), SPEC)
    points = design.points_at(np.array([100.0, 8e5]), np.array([[1.0, 0, 0], [0.5, 0.5, 0]]))
    sums = exponent_sums(points.first, points.epochs, points.shares, np.log([4.0, 4.0, 4.0]))
    assert sums[0, 0] == pytest.approx(
        np.log(100 / design.setting.anchor)
    )  # below the anchor: negative
    np.testing.assert_allclose(points.epochs[1], [400, 100, 0])


def test_quality_is_standardised_best_highest() -> None:
    np.testing.assert_allclose(
        quality_covariate(np.array([1.0, 2.0, 3.0])), [1.5**0.5, 0, -(1.5**0.5)]
    )
    np.testing.assert_allclose(quality_covariate(np.array([1.0, np.nan, 2.0])), [1, 0, -1])
    for flat in ([np.nan, np.nan], [2.0, np.nan], [3.0, 3.0]):
        np.testing.assert_array_equal(quality_covariate(np.array(flat)), 0)


def pools_of(family, rank=None, size=None):
    count = len(family)
    table = {"pool": [f"p{i}" for i in range(count)], "size": size or [1000] * count,
             "family": family, "quality_rank": rank or [None] * count}  # fmt: skip
    return read_pools(pd.DataFrame(table))


@pytest.mark.parametrize("family", [("", "", ""), ("a", "a", "a"), ("a", "b", "c"), ("a", "", "")])
def test_without_several_families_pools_are_exchangeable(family) -> None:
    likeness, weight, log_size = family_matrices(pools_of(family), SPEC)
    np.testing.assert_array_equal(likeness, np.eye(3))
    np.testing.assert_array_equal(weight[~np.eye(3, dtype=bool)], 1.0)
    np.testing.assert_allclose(log_size, 0.0, atol=1e-12)


STRUCTURE = {
    "family_likeness": 0.3, "family_mixture": 0.2, "twin_likeness": 0.9, "twin_mixture": 0.05,
    "repetition_likeness": 0.9,
}  # fmt: skip


def test_families_and_twins_share() -> None:
    spec = Spec.from_dict(SPEC.source | {"structure": STRUCTURE})
    pools = pools_of(("a", "b", "a", "", "a"), rank=[1, 1, 2, 2, 2])
    likeness, weight, _ = family_matrices(pools, spec)
    expected = np.eye(5)
    expected[np.ix_([0, 2, 4], [0, 2, 4])] = 0.3
    expected[2, 4] = expected[4, 2] = 0.9  # the same rank of the same family
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(likeness, expected)
    assert weight[0, 2] == weight[2, 0] == 0.2
    assert weight[2, 4] == 0.05
    assert weight[0, 1] == weight[1, 3] == weight[2, 3] == 1.0
    assert np.linalg.eigvalsh(likeness).min() > 0


def test_likeness_is_a_correlation_whatever_the_pools() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        count = rng.integers(2, 9)
        pools = pools_of(
            tuple(rng.choice(["", "a", "b", "c"], count)),
            rank=[None if r == 0 else int(r) for r in rng.integers(0, 4, count)],
        )
        likeness, weight, _ = family_matrices(pools, SPEC)
        assert np.linalg.eigvalsh(likeness).min() > 0
        np.testing.assert_array_equal(weight, weight.T)
        np.testing.assert_array_equal(np.diag(likeness), 1.0)


def test_sizes_are_relative_to_the_family() -> None:
    pools = pools_of(("a", "a", "b", "", "a"), size=[100, 400, 7000, 50, np.inf])
    log_size = family_matrices(pools, SPEC)[2]
    np.testing.assert_allclose(log_size, [-np.log(2), np.log(2), 0, 0, 0], atol=1e-12)


def test_families_reach_the_kernels() -> None:
    pools = {"pool": ["A", "B", "C"], "size": [1000] * 3, "family": ["x", "x", "y"]}
    rows = [("A:0.5+B:0.5", 3000, 2.0), ("A:0.5+C:0.5", 3000, 2.0), ("A", 500, 3.0)]
    design = build_design(study(rows, pools=pools), SPEC)
    mixed, foreign, single = design.row_cell
    found = dict(zip([e.name for e in PATHS], design.points.kernels, strict=True))
    level = found["level_spread"]
    assert level[single, single] == pytest.approx(1.0)
    assert level[mixed, mixed] == pytest.approx(0.5 * (1 + 0.5))  # correlated within the family
    assert level[foreign, foreign] == pytest.approx(0.5)
    mixture = found["mixture_error"]
    assert mixture[foreign, foreign] == pytest.approx(1.0)  # one sd at equal shares
    assert mixture[mixed, mixed] == pytest.approx(0.25)
    assert mixture[mixed, foreign] == 0.0  # different pairs
    assert not mixture[single].any()


def test_points_of_pools_that_have_grown(rows) -> None:
    """The same as those of a study with larger pools, within the data and beyond; C is endless."""
    design = build_design(study(rows), SPEC)
    setting = dataclasses.replace(design.setting, sizes=design.setting.sizes * [2.0, 1.0, 1.0])
    points = dataclasses.replace(design.points, setting=setting, sizes=setting.sizes)
    larger = dataclasses.replace(design, points=points)
    samples, shares = np.array([3000.0, 90_000.0]), np.array([[0.5, 0.5, 0.0], [0.9, 0.0, 0.1]])
    growth = np.tile([2.0, 1.0, 1.0], (2, 1))
    grown, same = design.points_at(samples, shares, growth), larger.points_at(samples, shares)
    for name in ("first", "epochs"):
        np.testing.assert_array_equal(getattr(grown, name), getattr(same, name))
    np.testing.assert_array_equal(grown.kernels, same.kernels)
    np.testing.assert_array_equal(grown.beyond.edges.epochs, same.beyond.edges.epochs)
    assert grown.epochs[0, 0] == 0.5 * design.points_at(samples, shares).epochs[0, 0]
    # one data at two sizes has two edges
    both = design.points_at(
        np.full(2, 90_000.0), shares[[1, 1]], np.array([[1.0, 1, 1], [2, 1, 1]])
    )
    assert len(both.beyond.edges) == 2


def test_noise_goes_with_what_was_expected_not_with_what_was_seen() -> None:
    """A value far off the others' curve by noise is expected near the curve, others as seen."""
    grid = 1000 * 4.0 ** np.arange(6)
    curve = 1.0 + 2.0 * (grid / 1000) ** -0.3
    rng = np.random.default_rng(1)
    for noise in (0.001, 0.2):
        values = curve * np.exp(noise * rng.normal(size=(2, 3, 6)))
        rows = [
            (pool, n, v) for pool, of in zip("AB", values, strict=True)
            for seed in of for n, v in zip(grid, seed, strict=True)
        ]  # fmt: skip
        design = build_design(study(rows), SPEC)
        truth = 1.0 + 2.0 * (np.exp(design.points.log_samples) / 1000) ** -0.3
        seen, expected = (np.abs(v / truth - 1.0).mean() for v in (design.value, design.expected))
        assert expected < (1.05 if noise < 0.01 else 0.8) * seen


def test_more_cells_than_memory_holds_are_refused() -> None:
    rows = [("A", 1000 + k, 2.0) for k in range(4001)]
    with pytest.raises(UsageError, match=r"4,001 different data at .* at most 4,000 -> fit some"):
        build_design(study(rows), SPEC)


def test_the_misfit_of_an_exact_law_is_not_taken_for_noise() -> None:
    """Runs that fall and then stay, which the law at its prior medians does not."""
    grid = 1000 * 4.0 ** np.arange(6)
    rows = [(p, n, 1.0 + 2.0 * max(n / 1000, 16 ** (p == "B")) ** -0.5) for p in "AB" for n in grid]
    for spec in ("paper_law", "effective_utility"):
        design = build_design(study(rows), load_spec(spec))
        assert np.abs(design.expected / design.value - 1.0).max() < 0.01
