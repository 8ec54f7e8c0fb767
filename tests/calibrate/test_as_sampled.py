"""Studies drawn from the engine's own density: it is that density, run effects included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.calibrate.as_sampled import from_marginal, log_mass, rows_of_truths
from qqt_bayes.calibrate.replicate import default_study
from qqt_bayes.kinds import kind_named
from qqt_bayes.model import marginal
from qqt_bayes.model.design import Design, build_design
from qqt_bayes.model.marginal import Cells
from qqt_bayes.model.parameters import Parameters
from qqt_bayes.model.prior_predictive import draw_prior, simulate_study
from qqt_bayes.model.spec import load_spec
from qqt_bayes.runs import Study

SPEC = load_spec("effective_utility")
TIED = {
    "two runs": np.array(["a", "a", "b", "b", "ab"]),
    "one of all": np.array(["a"] * 5),
    "none": np.array(["a1", "a2", "b1", "b2", "ab"]),
}


def trajectories(kind: str, run: np.ndarray, values: np.ndarray | None = None) -> Study:
    """Two pools and their union at two budgets, of these runs."""
    study = replace(default_study(kind, 2, 2), run=run)
    return study if values is None else simulate_study(study, values)


def truth_of(design: Design, kind: str, count: int = 1, **known: float) -> Parameters:
    """So many times a truth without anything linear: its latent values are the law's."""
    _, truth = draw_prior(design, design.points, SPEC.priors(kind), kind, 1, 3)
    p = truth.parameters._replace(**{name: np.array([value]) for name, value in known.items()})
    return p._replace(scales=0.0 * p.scales).take(np.zeros(count, int))


def centre_of(parameters: Parameters, design: Design, kind: str) -> tuple[Cells, np.ndarray]:
    """The cells, and the mean of their z."""
    cells = Cells.of(design, SPEC.priors(kind), kind_named(kind))
    fall = parameters.utility[0] * marginal.exponents(parameters, design.points)[0].sum(axis=1)
    return cells, cells.log_reference(parameters.irreducible[0]) + cells.level_mean - fall


@pytest.mark.parametrize("kind", ["loss", "error"])
@pytest.mark.parametrize("runs", list(TIED))
def test_the_rows_density_is_the_engines(kind: str, runs: str) -> None:
    """Integrated over the effects of the runs it is the density sampled, at any values."""
    empty = build_design(trajectories(kind, TIED[runs]), SPEC)
    truth = truth_of(empty, kind, irreducible=0.3, seed_noise=0.06, run_share=0.7)
    _, centre = centre_of(truth, empty, kind)
    rng, u = np.random.default_rng(5), np.linspace(-9.0, 9.0, 4001)
    for _ in range(4):
        z = centre + 0.15 * rng.standard_normal(len(centre))
        values = (0.3 + np.exp(z))[empty.row_cell]
        design = build_design(trajectories(kind, TIED[runs], values), SPEC)
        cells, _ = centre_of(truth, design, kind)
        found = marginal.log_density(truth, cells)[0]
        rows = rows_of_truths(truth, design)
        each = rows.log_density(z[None, :, None], centre[None, :, None], u)[0]
        expected = -z.sum()  # of y, not of z
        for run in np.unique(design.run[design.run >= 0]):
            total = each[design.run == run].sum(axis=0) - 0.5 * u**2
            expected += np.log(np.trapezoid(np.exp(total), u) / np.sqrt(2.0 * np.pi))
        expected += each[design.run < 0, u.size // 2].sum()
        assert found == pytest.approx(expected, abs=1e-6)


def test_values_have_the_noise_of_the_engine() -> None:
    """Where the noise is small the density is nearly normal in the log, with its covariance."""
    design = build_design(trajectories("loss", TIED["two runs"]), SPEC)
    truth = truth_of(design, "loss", irreducible=1.0, seed_noise=0.002, run_share=0.6)
    latent = np.full((1, len(design.value)), 1.5)
    values = np.array([from_marginal(latent, truth, design, seed)[0] for seed in range(4000)])
    z = np.log(values - 1.0)
    sd = 0.002 * 1.5 / 0.5
    assert np.all(np.abs(z.mean(axis=0) - np.log(0.5)) < 5 * sd / np.sqrt(len(z)))
    same = (design.run[:, None] == design.run) & (design.run >= 0)
    expected = np.where(same, 0.6, 0.0)
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(np.cov(z.T) / sd**2, expected, atol=0.08)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_density_of_a_long_run_integrates_to_nearly_one(share: float) -> None:
    """Over the data, whatever its noise: else fits would lean to noise that is a run's."""
    count = 20
    design = build_design(
        replace(default_study("loss", 1, count), run=np.array(["a"] * count)), SPEC
    )
    truth = truth_of(design, "loss", 2000, irreducible=1.0, seed_noise=0.02, run_share=share)
    effect = np.random.default_rng(1).standard_normal((2000, 1, 1)) * np.ones((1, count, 1))
    rows = rows_of_truths(truth, design)
    centre = np.full((2000, count, 1), np.log(0.5))
    mass = log_mass(rows, centre, effect)[0].sum(axis=1)
    # a row alone has a density of 1.002; a twentieth of the growth that leaving the tilt out costs
    assert abs(np.log(np.mean(np.exp(mass)))) < 0.06
    assert mass.std() < 0.05
