"""Priors raised to a power, and what the check of the priors makes of crossovers and refits."""

from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.model.marginal import log_density
from qqt_bayes.model.priors import Prior, prior_from_dict
from qqt_bayes.risk import PASS, REVIEW
from qqt_bayes.risk.checks import priors
from qqt_bayes.risk.power import contraction, log_likelihood, log_prior, powered, powered_priors

NUMBERS = {
    "normal": (0.3, 0.7), "lognormal": (-1.2, 0.6), "halfnormal": (0.4,),
    "halfstudent": (2.0, 0.05), "beta": (1.2, 4.0),
}  # fmt: skip


@pytest.mark.parametrize("power", [0.5, 2.0])
@pytest.mark.parametrize("family", NUMBERS)
def test_a_powered_prior_has_the_density_to_that_power(family: str, power: float) -> None:
    prior = Prior("x", family, NUMBERS[family])
    other = prior_from_dict("x", powered(prior, power))
    x = np.linspace(0.01, 0.9, 50)
    difference = other.log_density(x) - power * prior.log_density(x)
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)
    assert powered(Prior("x", "fixed", (1.5,)), power) == {"family": "fixed", "value": 1.5}


def test_a_power_that_leaves_no_density_is_refused() -> None:
    with pytest.raises(ValueError, match="no power"):
        powered(Prior("x", "halfstudent", (1.0, 0.1)), 0.5)


def test_all_sampled_priors_are_scaled(tiny_fit) -> None:
    post, spec = tiny_fit.posterior, tiny_fit.spec
    stronger = spec.with_priors(**powered_priors(post, 2.0)).priors("loss")
    assert {*post.scalars(), "harm"} == {
        n for n, p in stronger.items() if p != spec.priors("loss")[n] and not p.fixed
        and p.numbers != spec.priors("loss")[n].numbers
    }  # fmt: skip
    assert np.all(np.isfinite(log_prior(post)))


def test_prior_and_likelihood_make_the_posterior(tiny_fit) -> None:
    """Among draws that differ in one parameter only, the ratios are those of the two densities."""
    post = tiny_fit.posterior
    two = post.parameters.take(np.array([3, 3]))._replace(utility=np.array([0.2, 0.3]))
    pair = replace(post, parameters=two)
    prior = post.priors["utility"].distribution().logpdf(two.utility)
    np.testing.assert_allclose(np.diff(log_prior(pair)), np.diff(prior))
    expected = [log_density(two.take(slice(i, i + 1)), post.cells)[0] for i in (0, 1)]
    np.testing.assert_allclose(log_likelihood(pair), expected, rtol=1e-10)


def test_contraction_compares_interquartile_ranges(tiny_fit) -> None:
    post = tiny_fit.posterior
    found = contraction(post)
    assert set(found) == set(post.scalars())
    name = "seed_noise"
    wide = np.subtract(*post.priors[name].distribution().ppf([0.75, 0.25]))
    narrow = np.subtract(*np.quantile(post.parameters.seed_noise, [0.75, 0.25]))
    assert found[name] == pytest.approx(narrow / wide, rel=1e-4)


def case(seed: int = 0) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """A close call that the prior decides, with weights to other priors that cannot be trusted."""
    rng = np.random.default_rng(seed)
    gap = 0.005 + 0.1 * rng.standard_normal(4000)
    latent = np.column_stack([np.full(4000, 2.0), 2.0 + gap])
    tail = 0.05 * rng.standard_normal(4000) ** 2 * np.exp(1.5 * rng.standard_normal(4000))
    logs = {"prior": -1.2 * gap / gap.std() - 3.0 * tail, "likelihood": np.zeros(4000)}
    return latent, gap, logs


def test_refits_take_the_place_of_weights_that_cannot_be_trusted() -> None:
    latent, gap, logs = case()
    first = priors.judge(latent, 0, 0.02, logs, {"difference": gap}, [])
    wanted = first.figures["refit_wanted"]
    assert wanted
    for_first = np.column_stack([np.full(500, 2.0), np.full(500, 2.1)])
    against = for_first[:, ::-1]
    same = dict.fromkeys(wanted, for_first)
    other = dict.fromkeys(wanted, against)
    stays = priors.judge(latent, 0, 0.02, logs, {"difference": gap}, [], same)
    turned = priors.judge(latent, 0, 0.02, logs, {"difference": gap}, [], other)
    power = f"power {wanted[0]:g}"
    assert stays.figures["prior scaled"][power]["lost_by_choice"] == 0.0
    assert stays.figures["prior scaled"][power]["refitted"]
    assert turned.status == REVIEW
    assert turned.figures["prior scaled"][power]["lost_by_choice"] == pytest.approx(0.1)
    assert stays.figures["refit_wanted"] == turned.figures["refit_wanted"] == []


def test_crossovers_are_told_and_do_not_condemn() -> None:
    """A crossover budget that moves with the prior, beside a choice that does not."""
    rng = np.random.default_rng(1)
    crossing = rng.normal(12.0, 1.0, 4000)
    latent = np.column_stack([np.full(4000, 2.0), 2.3 + 0.01 * rng.standard_normal(4000)])
    logs = {"prior": 0.5 * (crossing - 12.0), "likelihood": np.zeros(4000)}
    quantities = {"crossover A -> B": crossing, "difference": latent[:, 1] - latent[:, 0]}
    found = priors.judge(latent, 0, 0.02, logs, quantities, [])
    assert found.figures["prior"]["crossover A -> B"] > 0.05
    assert "crossover A -> B moves with the priors" in found.text
    assert found.status == PASS


def test_the_report_has_the_sensitivity_of_crossovers(small_risk) -> None:
    named = {
        f"crossover {small_risk.decision.candidates[c.origin].text} -> "
        f"{small_risk.decision.candidates[c.to].text}"
        for c in small_risk.decision.crossovers
    }
    for found in small_risk.assessments:
        (check,) = [c for c in found.checks if c.name == "priors"]
        assert named <= set(check.figures["prior"])
        assert named <= set(check.figures["likelihood"])
