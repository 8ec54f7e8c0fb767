"""Simulation-based calibration: the machinery, and that it catches a sampler that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT

from qqt_bayes.calibrate import replicate as simulated
from qqt_bayes.calibrate.recovery import Recovery
from qqt_bayes.calibrate.replicate import RANKS, Replications, default_study, replicate
from qqt_bayes.calibrate.sbc import (
    BINS,
    SBC,
    counts_below,
    ecdf_band,
    ecdf_p_value,
    histogram,
    holm,
)
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.model.spec import load_spec

RESULTS = ROOT / "benchmarks" / "results" / "calibration.json"
REFERENCES = ("effective_utility", "exchange_rate", "paper_law", "chinchilla")


@pytest.fixture(scope="module")
def few() -> SBC:
    """Eight studies of two pools at three budgets."""
    return SBC(replicate(replications=8, workers=1, study=default_study("loss", 2, 3)))


# --- uniform ranks -----------------------------------------------------------------------------


def test_p_values_of_uniform_ranks_are_uniform() -> None:
    rng = np.random.default_rng(1)
    p = [ecdf_p_value(rng.integers(0, RANKS + 1, 60)) for _ in range(400)]
    # 400 p-values: 5% below .05 within four standard errors
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 400)
    assert abs(np.mean(p) - 0.5) < 4 * np.sqrt(1 / 12 / 400)


@pytest.mark.parametrize(
    "share",
    [
        pytest.param(lambda u: 0.2 + 0.6 * u, id="too wide"),
        pytest.param(lambda u: np.where(u < 0.5, 0.5 * u, 0.5 + 0.5 * u), id="too narrow"),
        pytest.param(lambda u: u**1.8, id="biased"),
    ],
)
def test_ranks_that_are_not_uniform_are_caught(share) -> None:
    u = np.random.default_rng(2).uniform(size=200)
    assert ecdf_p_value((share(u) * (RANKS + 1)).astype(int)) < 0.005


def test_a_set_of_ranks_is_inside_the_band_when_its_p_value_says_so() -> None:
    rng = np.random.default_rng(3)
    _, low, high = ecdf_band(80)
    agree = 0
    for i in range(100):
        rank = (rng.uniform(size=80) ** (1 + 0.004 * i) * (RANKS + 1)).astype(int)
        below = counts_below(rank) / 80
        agree += bool(np.all((low <= below) & (below <= high))) == (ecdf_p_value(rank) > 0.05)
    assert agree >= 99  # but for a p-value on the edge


def test_holm_adjusts_for_the_number() -> None:
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])


# --- simulated studies -------------------------------------------------------------------------


def test_every_kind_of_quantity_is_ranked(few: SBC) -> None:
    table = few.table
    assert set(table["group"]) == {
        "scalar", "utility", "level", "half-life", "harm", "latent", "new run", "decision",
        "log likelihood",
    }  # fmt: skip
    assert table["quantity"].is_unique
    rank = few.replications.rank
    assert rank.shape == (8, len(table))
    assert rank.min() >= 0
    assert rank.max() <= RANKS
    assert np.all((few.replications.pit >= 0) & (few.replications.pit <= 1))
    assert np.all(few.replications.is_best.sum(axis=2) == 1)
    np.testing.assert_allclose(few.replications.p_best.sum(axis=2), 1.0)


def test_ranks_of_thinned_draws_follow_all_draws(few: SBC) -> None:
    r = few.replications
    smooth = [j for j, g in enumerate(r.groups) if g not in ("decision",)]
    assert np.abs(r.rank[:, smooth] / RANKS - r.pit[:, smooth]).max() < 0.25


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answer_on_any_number_of_workers() -> None:
    design = default_study("loss", 2, 2)
    common = {"replications": 2, "study": design, "seed": 4}
    a, b = replicate(workers=1, **common), replicate(workers=2, **common)
    np.testing.assert_array_equal(a.rank, b.rank)
    np.testing.assert_allclose(a.width, b.width, rtol=1e-12)


def test_ties_are_broken_at_random() -> None:
    """The rank of an indicator that is the same everywhere is uniform, not zero."""
    drawn, rng = np.ones((RANKS, 500)), np.random.default_rng(1)
    assert ecdf_p_value(simulated.ranks(drawn, np.ones(500), rng)) > 0.05
    np.testing.assert_array_equal(simulated.ranks(drawn, np.full(500, 2.0), rng), RANKS)
    np.testing.assert_array_equal(simulated.ranks(drawn, np.full(500, 0.0), rng), 0)


def test_errors_are_simulated_within_their_range() -> None:
    few = replicate(kind="error", replications=2, workers=1,
                    study=default_study("error", 2, 2))  # fmt: skip
    assert few.kind == "error"
    assert np.all(np.isfinite(few.pit))


def test_trajectories_are_taken() -> None:
    study = replace(default_study("loss", 2, 2), run=np.array(["a", "a", "b", "b", "ab"]))
    few = replicate(study=study, replications=2, workers=1)
    assert "run_share" in few.names
    assert np.isfinite(few.pit).all()


def test_another_specification_can_be_refitted() -> None:
    """Same truths and values, other posteriors: checkpoints taken for independent runs."""
    study = replace(default_study("loss", 2, 2), run=np.array(["a", "a", "b", "b", "ab"]))
    spec = load_spec("effective_utility")
    alone = spec.with_priors(run_share={"family": "fixed", "value": 0.0})
    common = {"replications": 2, "study": study, "workers": 1}
    tied, free = replicate(spec, **common), replicate(spec, fitted=alone, **common)
    assert "run_share" in tied.names
    assert "run_share" not in free.names
    latent = [r.width[:, r.names.index("latent A at 2x")] for r in (tied, free)]
    assert np.all(latent[0] != latent[1])
    np.testing.assert_array_equal(tied.runs["noise"], free.runs["noise"])


@pytest.mark.parametrize("wrong", [{"replications": 1}, {"kind": "guess"}])
def test_bad_arguments_are_named(wrong) -> None:
    with pytest.raises(UsageError, match="->"):
        replicate(workers=1, **wrong)


def test_the_law_of_model_size_has_a_design_of_its_own() -> None:
    with pytest.raises(UsageError, match="leave kind and design out"):
        replicate("chinchilla", study=default_study("loss", 2, 2), workers=1)
    with pytest.raises(UsageError, match="replications"):
        replicate("chinchilla", replications=1, workers=1)


@pytest.mark.slow
def test_studies_of_model_size() -> None:
    few = SBC(replicate("chinchilla", replications=2, workers=1))
    groups = {
        "scalar", "law parameter", "fitted", "exponent", "latent", "new run", "decision",
        "log likelihood",
    }  # fmt: skip
    assert set(few.table["group"]) == groups
    assert few.table["quantity"].is_unique
    assert np.all(few.replications.is_best.sum(axis=2) == 1)
    np.testing.assert_allclose(few.replications.p_best.sum(axis=2), 1.0)
    again = replicate("chinchilla", replications=2, workers=1)
    np.testing.assert_array_equal(few.replications.rank, again.rank)


# --- answers -----------------------------------------------------------------------------------


def test_answers(few: SBC, tmp_path: Path) -> None:
    out = json.loads(json.dumps(few.to_json(), allow_nan=False))
    assert out["replications"] == 8
    assert all(sum(q["histogram"]) == 8 and len(q["histogram"]) == BINS for q in out["quantities"])
    assert "log likelihood" in few.text
    few.plot().savefig(tmp_path / "ranks.png")
    recovered = Recovery(few.replications)
    json.dumps(recovered.to_json(), allow_nan=False)
    assert "90% interval" in recovered.text
    assert {"utility", "half-life", "latent at 4x", "new run at 0.7x"} <= set(
        recovered.table["target"]
    )


def uniform(count: int, seed: int, names: tuple[str, ...], groups: tuple[str, ...]) -> Replications:
    """Replications of a perfect posterior."""
    rng = np.random.default_rng(seed)
    pit = rng.uniform(size=(count, len(names)))
    p = rng.dirichlet(np.ones(3), size=(count, 3))
    best = (rng.uniform(size=(count, 3, 1)) > np.cumsum(p, axis=2)).sum(axis=2).clip(0, 2)
    return Replications(
        "perfect", "loss", seed, names, groups,
        (pit * (RANKS + 1)).astype(int), pit, np.ones_like(pit), p,
        best[..., None] == np.arange(3), ("A", "B", "C"), None,
    )  # fmt: skip


def test_a_perfect_posterior_recovers() -> None:
    names = ("utility 1", "half-life 1", "latent A at 2x", "latent B at 2x", "x")
    groups = ("utility", "half-life", "latent", "latent", "scalar")
    perfect = Recovery(uniform(400, 1, names, groups))
    assert list(perfect.targets) == ["utility", "half-life", "latent at 2x"]
    assert perfect.table["ok"].sum() >= len(perfect.table) - 1
    assert (perfect.table["hi"] - perfect.table["lo"]).max() < 0.11
    reliable = perfect.reliability
    assert reliable["ok"].sum() >= len(reliable) - 1
    narrow = replace(perfect.replications, pit=np.clip(3 * perfect.replications.pit - 1, 0, 1))
    assert not Recovery(narrow).table["ok"].any()


def test_effective_number_of_targets() -> None:
    from qqt_bayes.calibrate.recovery import effective_size

    rng = np.random.default_rng(1)
    alone = rng.uniform(size=(300, 1)) < 0.9
    assert effective_size(np.repeat(alone, 7, axis=1)) == 300
    assert effective_size(rng.uniform(size=(300, 7)) < 0.9) > 1500


def test_histograms_hold_five_ranks_a_bin() -> None:
    np.testing.assert_array_equal(histogram(np.arange(RANKS + 1)), 5)


# --- does it find what is wrong? (slow) --------------------------------------------------------

HONEST = simulated.sample_posterior
KEPT: dict[int, Posterior] = {}


def remembered(design, priors, kind, seed, settings) -> Posterior:
    """The right posterior, sampled once for all tests."""
    if seed not in KEPT:
        KEPT[seed] = HONEST(design, priors, kind, seed, settings)
    return KEPT[seed]


def without_jacobian(design, priors, kind, seed, settings) -> Posterior:
    """The posterior without the change of variable from y to z, by resampling."""
    right = remembered(design, priors, kind, seed, settings)
    gap = np.log(right.given.noise.unit).sum(axis=1)
    weight = np.exp(gap - gap.max())
    rng = np.random.default_rng(seed)
    picked = rng.choice(len(weight), size=len(weight), p=weight / weight.sum())
    return replace(right, parameters=right.parameters.take(picked))


def too_sure(design, priors, kind, seed, settings) -> Posterior:
    """The posterior drawn together to half its spread."""
    right = remembered(design, priors, kind, seed, settings)
    scores = right.coordinates.scores(right.parameters)
    centre = scores.mean(axis=0)
    narrow = right.coordinates.parameters(centre + 0.5 * (scores - centre))
    return replace(right, parameters=narrow)


def sixty(monkeypatch: pytest.MonkeyPatch, refit) -> SBC:
    """Sixty studies of two pools at four budgets, refitted like that."""
    monkeypatch.setattr(simulated, "sample_posterior", refit)
    return SBC(replicate(replications=60, workers=1, study=default_study("loss", 2, 4)))


@pytest.mark.slow
def test_the_right_posterior_is_not_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sixty(monkeypatch, remembered)
    assert right.table["holm_p"].min() > 0.01, right.text


@pytest.mark.slow
def test_a_wrong_jacobian_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = sixty(monkeypatch, without_jacobian)
    assert not wrong.passed, wrong.text
    assert wrong.table.set_index("quantity").loc["irreducible", "holm_p"] < 0.01


@pytest.mark.slow
def test_a_posterior_that_is_too_sure_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = sixty(monkeypatch, too_sure)
    assert not wrong.passed, wrong.text


@pytest.mark.slow
@pytest.mark.parametrize("spec", REFERENCES)
def test_a_fresh_run_agrees_with_the_stored_reference(spec: str) -> None:
    """Ranks of a smaller run on another seed have the distribution of the stored ones."""
    from scipy.stats import chi2_contingency

    file = resources.files("qqt_bayes.calibrate") / "reference" / f"{spec}.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert stored["replications"] >= 200
    assert stored["spec"] == spec
    # the density is approximate where noise is large: what that moves is told in the evidence
    wrong = [q for q in stored["quantities"] if q["holm_p"] < 0.05]
    assert "decision" not in {q["group"] for q in wrong}
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["tables"]["specifications"]["rows"]
    (told,) = {row[-1] for row in rows if row[0] == f"`{spec}`"} or {"none"}
    assert ", ".join(q["quantity"] for q in wrong) == told.replace("none", "")
    kind, seed = stored["kind"], stored["seed"] + 1
    fresh = SBC(replicate(spec, kind=kind, replications=40, seed=seed))
    names = {q["quantity"]: np.array(q["histogram"]) for q in stored["quantities"]}
    assert set(names) == set(fresh.replications.names)
    p = []
    for j, name in enumerate(fresh.replications.names):
        both = np.vstack([names[name], histogram(fresh.replications.rank[:, j])])
        coarse = both.reshape(2, 5, -1).sum(axis=2)
        p.append(chi2_contingency(coarse)[1])
    assert holm(np.array(p)).min() > 0.01, fresh.text
