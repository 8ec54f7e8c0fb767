"""The noise of a run: by pool, of its evaluation, and what the runs tell of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import KINDS
from qqt_bayes.model.design import build_design
from qqt_bayes.model.noise import (
    Evaluation,
    check_noise,
    informed,
    median_evaluation,
    seed_factor,
)
from qqt_bayes.model.priors import ABSENT, prior_from_dict
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import read_runs

SPEC = load_spec("effective_utility")
POOLS = pd.DataFrame({"pool": ["A", "B"], "size": [1e5, 4e5], "quality_rank": [1, 2]})


def design_of(rows: list[tuple[str, str, float]], spec=SPEC):
    """Design of rows (run, data, samples)."""
    table = pd.DataFrame(rows, columns=["run", "data", "samples"])
    table = table.assign(metric="loss", value=np.linspace(2.0, 1.5, len(rows)))
    return build_design(read_runs(table, POOLS).study("loss"), spec)


def test_a_mixture_has_the_mean_precision() -> None:
    noise = np.array([0.01, 0.03])
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 0.7]])
    found = 0.02 * seed_factor(np.log(noise / 0.02), shares)
    np.testing.assert_allclose(found, [0.01, 0.03, (0.3 * 1e4 + 0.7 / 9e-4) ** -0.5])
    np.testing.assert_array_equal(seed_factor(np.zeros(2), shares), 1.0)  # exactly


def test_cutting_a_pool_changes_no_noise() -> None:
    whole = seed_factor(np.log([2.0, 0.5]), np.array([[0.4, 0.6]]))
    cut = seed_factor(np.log([2.0, 2.0, 0.5]), np.array([[0.1, 0.3, 0.6]]))
    np.testing.assert_allclose(whole, cut)


def test_evaluation_of_the_median_run() -> None:
    study = SimpleNamespace(
        kind=KINDS["error"], se=np.array([np.nan, 0.01, 0.03, 0.02]), n_eval=np.full(4, 100.0),
        value=np.full(4, 0.2),
    )  # fmt: skip
    assert median_evaluation(study) == Evaluation(given=pytest.approx(4e-4))  # se comes first
    study.se = np.full(4, np.nan)
    np.testing.assert_allclose(
        median_evaluation(study).variance(np.array([0.2, 1.5])),
        [p * (1 - p) / 100 for p in (21 / 102, 101 / 102)],  # smoothed: all wrong has noise too
    )
    study.kind = KINDS["loss"]  # items say nothing of a loss
    np.testing.assert_array_equal(median_evaluation(study).variance(np.ones((2, 3))), 0.0)


def test_checkpoints_stay_apart_and_single_runs_collapse() -> None:
    rows = [("t1", "A", 1e5), ("t1", "A", 2e5), ("t2", "A", 1e5), ("t2", "A", 2e5)]
    rows += [("r1", "A", 2e5), ("r2", "A", 2e5), ("r3", "B", 2e5)]
    design = design_of(rows)
    assert len(design.value) == 6
    assert design.row_cell[4] == design.row_cell[5]
    number = design.run[design.row_cell]
    assert number[0] == number[1] != number[2] == number[3]
    np.testing.assert_array_equal(number[4:], -1)
    assert sorted(set(number)) == [-1, 0, 1]
    np.testing.assert_array_equal(design.count[design.run >= 0], 1)
    alone = design_of(rows, SPEC.with_priors(run_share={"family": "fixed", "value": 0.0}))
    assert len(alone.value) == 3  # without a run effect checkpoints are replicates like others
    assert alone.run.max() == -1


def test_noise_by_pool_needs_replicates_of_two_mixtures() -> None:
    one = [("a", "A", 1e5), ("b", "A", 1e5), ("c", "B", 1e5), ("d", "B", 2e5)]
    assert not design_of(one).noise_by_pool
    assert design_of([*one, ("e", "B", 2e5)]).noise_by_pool
    # two checkpoints of one run are no replicates; two runs at one budget are, checkpoints or not
    run = [("a", "A", 1e5), ("b", "A", 1e5), ("c", "B", 1e5), ("c", "B", 2e5)]
    assert not design_of(run).noise_by_pool
    assert design_of([*run, ("d", "B", 1e5), ("d", "B", 2e5)]).noise_by_pool


def test_what_the_runs_do_not_tell_is_fixed() -> None:
    priors = SPEC.priors("loss")
    told = informed(priors, design_of([("a", "A", 1e5), ("b", "B", 1e5)]))
    assert told["run_share"].fixed
    assert told["seed_noise_spread"].fixed
    assert {n: p for n, p in told.items() if n in priors} != priors
    rows = [("a", "A", 1e5), ("a", "A", 2e5), ("b", "A", 1e5), ("c", "B", 1e5), ("d", "B", 1e5)]
    assert informed(priors, design_of(rows)) == ABSENT | priors


def test_a_specification_without_them_has_neither() -> None:
    """Such as one stored with a fit before there were any."""
    source = {**SPEC.source, "priors": dict(SPEC.source["priors"])}
    for name in ("run_share", "seed_noise_spread"):
        del source["priors"][name]
    old = Spec.from_dict(source)
    rows = [("a", "A", 1e5), ("a", "A", 2e5), ("b", "A", 1e5), ("c", "B", 1e5), ("d", "B", 1e5)]
    design = design_of(rows, old)
    assert design.run.max() == -1
    told = informed(old.priors("loss"), design)
    assert told["run_share"].numbers == told["seed_noise_spread"].numbers == (0.0,)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("run_share", {"family": "halfnormal", "sigma": 0.3}),
        ("run_share", {"family": "fixed", "value": 1.2}),
        ("seed_noise_spread", {"family": "normal", "mu": 0.0, "sigma": 1.0}),
        ("seed_noise_spread", {"family": "fixed", "value": -0.1}),
    ],
)
def test_priors_that_make_no_sense_are_refused(name: str, table: dict) -> None:
    priors = SPEC.priors("loss") | {name: prior_from_dict(name, table)}
    with pytest.raises(UsageError, match=f"prior '{name}' must be"):
        check_noise(priors)
    check_noise(SPEC.priors("loss"))
