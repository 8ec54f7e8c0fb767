"""The engine: where it starts does not matter, what the runs do not tell keeps its prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from small_studies import Case

from qqt_bayes.errors import UsageError
from qqt_bayes.inference import engine
from qqt_bayes.inference.engine import Target, sample_posterior
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.settings import Settings, Start

QUICK = Settings(engine="importance")


def fitted(case: Case, seed: int = 1, start: Start | None = None) -> Posterior:
    return sample_posterior(case.design, case.priors, case.kind, seed, replace(QUICK, start=start))


@pytest.fixture(scope="module")
def posterior(two_pools: Case) -> Posterior:
    return fitted(two_pools)


def test_scores_and_parameters_are_each_others_inverse(case: Case) -> None:
    scores = np.random.default_rng(1).normal(size=(50, len(case.coordinates.names)))
    found = case.coordinates.scores(case.coordinates.parameters(scores))
    np.testing.assert_allclose(found, scores, atol=1e-5)


def test_standard_normal_scores_have_the_priors(two_pools: Case) -> None:
    names = two_pools.coordinates.names
    scores = np.random.default_rng(2).normal(size=(4000, len(names)))
    p = two_pools.coordinates.parameters(scores)
    for name in ("utility", "seed_noise", "half_life"):
        exact = two_pools.priors[name].distribution()
        assert stats.kstest(getattr(p, name), exact.cdf).pvalue > 1e-4
    for name in ("level_spread", "pool_drift"):
        exact = two_pools.priors[name].distribution()
        assert stats.kstest(p.scale(name), exact.cdf).pvalue > 1e-4
    assert p.irreducible.max() < two_pools.design.expected.min()


def test_every_small_study_passes_its_gate(case: Case) -> None:
    found = fitted(case)
    assert found.gate.passed, found.gate.text
    assert found.engine == "importance"
    assert len(found) == QUICK.draws
    assert found.values <= QUICK.values


def test_the_start_does_not_matter(posterior: Posterior, two_pools: Case) -> None:
    """From a posterior wrong by a standard deviation, and half as wide again."""
    right = posterior.start
    wrong = Start(right.centre + 1.0, 1.5 * right.factor, right.names)
    found = fitted(two_pools, seed=2, start=wrong)
    mine, theirs = posterior.coordinates.scores(posterior.parameters), found.coordinates.scores(
        found.parameters
    )  # fmt: skip
    error = mine.std(axis=0) * np.sqrt(2.0 / 600.0)
    assert np.all(np.abs(mine.mean(axis=0) - theirs.mean(axis=0)) < 4.6 * error)


def test_same_seed_same_draws(posterior: Posterior, two_pools: Case) -> None:
    again, other = fitted(two_pools), fitted(two_pools, seed=5)
    for mine, theirs in zip(posterior.parameters, again.parameters, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(posterior.irreducible, other.irreducible)


def test_what_no_run_tells_keeps_its_prior(families: Case) -> None:
    """A pool that never ran: its half-life is not looked for, and stays as it was before."""
    target = Target(families.coordinates, families.cells)
    target.find_informed(1)
    idle = families.coordinates.names.index("harm[3]")
    assert not target.informed[idle]
    assert target.informed[families.coordinates.names.index("utility")]
    harm = fitted(families).harms[:, 3]
    prior = families.priors["harm"].distribution()
    assert stats.kstest(harm, prior.cdf).pvalue > 1e-4


def test_runs_inform(posterior: Posterior, two_pools: Case) -> None:
    """The spread of the mean utility is narrower than its prior, and holds the truth mostly."""
    prior = two_pools.priors["utility"].distribution()
    assert np.ptp(np.quantile(posterior.parameters.utility, [0.05, 0.95])) < 0.8 * np.ptp(
        prior.ppf([0.05, 0.95])
    )


def test_where_importance_sampling_does_not_pass_nuts_takes_over(
    two_pools: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def walked(frame: Posterior, settings: Settings, seed: int) -> Posterior:
        asked.append((settings.target_accept, settings.tune, seed))
        return replace(good, engine="nuts", figures=energy(good, len(asked) < 3))

    def energy(made: Posterior, diverging: bool) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(1)
        return {
            "diverging": np.full(made.chains, diverging),
            "energy": rng.normal(size=made.chains),
        }

    many = Settings(engine="importance", draws=8000)
    good = sample_posterior(two_pools.design, two_pools.priors, two_pools.kind, 1, many)
    bad = broken(two_pools)
    monkeypatch.setattr("qqt_bayes.inference.nuts.sample_nuts", walked)
    monkeypatch.setattr(engine, "by_importance", lambda *_: bad)
    told: list[str] = []
    found = sample_posterior(
        two_pools.design, two_pools.priors, two_pools.kind, 1, progress=told.append
    )
    assert found.engine == "nuts"
    accepts = [a for a, _, _ in asked]
    assert len(asked) == 3
    assert np.all(np.diff(accepts) > 0)
    assert len({seed for *_, seed in asked}) == 3
    assert told[0].startswith("importance sampling did not do: NUTS")


def broken(case: Case) -> Posterior:
    """A posterior whose weights have too heavy a tail."""
    good = fitted(case)
    return replace(good, figures=good.figures | {"k": 1.3})


def test_asked_for_importance_sampling_nothing_else_is_tried(
    two_pools: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = broken(two_pools)
    monkeypatch.setattr(engine, "by_importance", lambda *_: bad)
    found = fitted(two_pools)
    assert not found.gate.passed
    assert "Pareto k" in found.gate.failures[0]


def test_bad_settings_are_refused() -> None:
    for bad in ({"engine": "gibbs"}, {"draws": 10}, {"chains": 0}):
        with pytest.raises(UsageError):
            Settings(**bad)


def test_proposals_at_the_wrong_place_are_given_up(
    two_pools: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more rounds are spent where the rounds so far show that they will not do."""
    monkeypatch.setattr(engine, "LOST", 2)
    monkeypatch.setattr(engine, "FEW", np.inf)  # so are these, with that measure
    lost = fitted(two_pools)
    assert not lost.gate.passed
    assert lost.values < 0.2 * QUICK.values


def test_priors_that_the_runs_contradict_are_named(posterior: Posterior) -> None:
    assert posterior.strained == {}
    scores = posterior.coordinates.scores(posterior.parameters)
    names = posterior.coordinates.names
    scores[:, names.index("half_life")] += 9.0
    far = replace(posterior, parameters=posterior.coordinates.parameters(scores))
    assert list(far.strained) == ["half_life"]
    assert 7.0 < far.strained["half_life"] < 11.0
    report = replace(far.gate, failures=("utility: R-hat 1.2",), strained=far.strained)
    assert "The runs contradict the priors" in report.text
    assert "half_life +" in report.text
