"""Studies drawn from the engine's own density: it is that density, run effects included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.calibrate.as_sampled import from_marginal, log_mass, rows_of_truths
from qqt_bayes.calibrate.replicate import default_study
from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.marginal import log_density
from qqt_bayes.inference.natural import (
    IRREDUCIBLE,
    NOISE,
    RUN_SHARE,
    SCALES,
    SPREAD,
    cell_exponents,
    mean,
)
from qqt_bayes.model.design import Design, build_design
from qqt_bayes.model.effects import COMPONENTS
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


def truth_of(design: Design, kind: str, **few: float) -> np.ndarray:
    """A truth without anything linear, so that its latent values are the law's."""
    _, truth = draw_prior(design, design.points, SPEC.priors(kind), kind, 1, 3)
    natural = truth["natural"][0]
    natural[SCALES : SCALES + len(COMPONENTS)] = 0.0
    places = {"irreducible": IRREDUCIBLE, "noise": NOISE, "share": RUN_SHARE}
    natural[SPREAD] = 0.0
    for name, value in few.items():
        natural[places[name]] = value
    return natural


def centre_of(natural: np.ndarray, design: Design, kind: str):
    """The cells with nothing linear left in them, and the mean of their z."""
    cells = build_cells(design, SPEC.priors(kind), kind)._replace(level_sd=0.0, quality_sd=0.0)
    x = np.empty(cells.first.shape)
    spare = np.empty((0, 0, 0))
    cell_exponents(natural, cells, cells.first, cells.epochs, cells.shares, x, spare)
    return cells, mean(natural, cells, x)


@pytest.mark.parametrize("kind", ["loss", "error"])
@pytest.mark.parametrize("runs", list(TIED))
def test_the_rows_density_is_the_engines(kind: str, runs: str) -> None:
    """Integrated over the effects of the runs it is the density sampled, at any values."""
    empty = build_design(trajectories(kind, TIED[runs]), SPEC)
    natural = truth_of(empty, kind, irreducible=0.3, noise=0.06, share=0.7)
    _, centre = centre_of(natural, empty, kind)
    rng, u = np.random.default_rng(5), np.linspace(-9.0, 9.0, 4001)
    for _ in range(4):
        z = centre + 0.15 * rng.standard_normal(len(centre))
        values = (0.3 + np.exp(z))[empty.row_cell]
        design = build_design(trajectories(kind, TIED[runs], values), SPEC)
        cells, _ = centre_of(natural, design, kind)
        found = log_density(natural, cells, np.empty(len(natural)))
        rows = rows_of_truths(natural[None], design)
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
    natural = truth_of(design, "loss", irreducible=1.0, noise=0.002, share=0.6)[None]
    latent = np.full((1, len(design.value)), 1.5)
    values = np.array([from_marginal(latent, natural, design, seed)[0] for seed in range(4000)])
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
    natural = truth_of(design, "loss", irreducible=1.0, noise=0.02, share=share)
    effect = np.random.default_rng(1).standard_normal((2000, 1, 1)) * np.ones((1, count, 1))
    rows = rows_of_truths(np.tile(natural, (2000, 1)), design)
    centre = np.full((2000, count, 1), np.log(0.5))
    mass = log_mass(rows, centre, effect)[0].sum(axis=1)
    # a row alone has a density of 1.002; a twentieth of the growth that leaving the tilt out costs
    assert abs(np.log(np.mean(np.exp(mass)))) < 0.06
    assert mass.std() < 0.05
