"""New runs told to a fit: weights where they do, a refit where they must, the same answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from qqt_bayes.decide.predict import predict
from qqt_bayes.fitting import Fit
from qqt_bayes.inference.reweight import densities, reweighted
from qqt_bayes.model.design import build_design


def row_like(fit: Fit, factor: float = 1.0) -> pd.DataFrame:
    """One more run of the last data and samples, its value as seen times a factor."""
    row = fit.runs.table.drop(columns="line").tail(1)
    return row.assign(run="again", seed="7", value=row["value"] * factor)


def first_few(posterior) -> np.ndarray:
    """Some parameters, dims (draw, parameter)."""
    p = posterior.parameters
    return np.column_stack([p.irreducible, p.utility, p.scale("utility_spread"), p.seed_noise])


def summaries(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Medians and spreads of predictions and of some parameters."""
    shares = np.eye(len(fit.study.pools.names))
    at = np.array([1.0, 2.0]) * fit.study.samples.max()
    latent = predict(fit, at, shares).latent.reshape(len(fit.posterior), -1)
    every = np.concatenate([latent, first_few(fit.posterior)], axis=1)
    return np.median(every, axis=0), every.std(axis=0)


def test_both_ways_give_the_same_answer(small_fit: Fit) -> None:
    new = row_like(small_fit, 1.001)
    quick, full = small_fit.update(new), small_fit.update(new, reweight=False)
    assert quick.posterior.values == 0
    assert full.posterior.values > 0
    assert len(quick.study) == len(full.study) == len(small_fit.study) + 1
    (a, spread), (b, _) = summaries(quick), summaries(full)
    moved = np.abs(a - b) / spread
    assert moved.max() < 5 * 1.25 * np.sqrt(2 / 400)  # of medians, at the gate's least sample size
    assert moved.mean() < 0.1


def test_draws_follow_their_weights(small_fit: Fit) -> None:
    """Means of the draws taken again are the weighted means of those at hand."""
    posterior = small_fit.posterior
    noise = float(np.median(posterior.parameters.seed_noise))
    runs = small_fit.runs.append(row_like(small_fit, 1.0 + 2.0 * noise))
    found = reweighted(posterior, build_design(runs.study("loss"), small_fit.spec))
    assert found is not None
    ratio = densities(posterior.parameters, found.cells) - densities(
        posterior.parameters, posterior.cells
    )
    weight = np.exp(ratio - ratio.max())
    few = first_few(posterior)
    want = np.average(few, axis=0, weights=weight)
    moved = np.abs(want - few.mean(axis=0)) / few.std(axis=0)
    off = np.abs(first_few(found).mean(axis=0) - want) / few.std(axis=0)
    assert moved.max() > 0.05
    assert off.max() < 0.3 * moved.max()


def test_a_surprise_is_refitted(small_fit: Fit) -> None:
    """A value that hardly any draw foresaw leaves too few of them."""
    shock = small_fit.update(row_like(small_fit, 0.93), on_fail="warn")
    assert shock.posterior.values > 0
    runs = small_fit.runs.append(row_like(small_fit, 0.93))
    study = runs.study(small_fit.study.metric)
    found = reweighted(small_fit.posterior, build_design(study, small_fit.spec))
    assert found is None or not found.gate.passed


def test_a_new_smallest_value_keeps_the_parameters_as_they_are(small_fit: Fit) -> None:
    """Parameters are kept, not the scores that the smallest value bounds."""
    design = small_fit.posterior.design
    value, expected = design.value.copy(), design.expected.copy()
    value[np.argmin(value)] *= 0.9995
    expected[np.argmin(expected)] *= 0.9995
    found = reweighted(small_fit.posterior, replace(design, value=value, expected=expected))
    assert found is not None
    assert found.coordinates.upper < small_fit.posterior.coordinates.upper
    assert np.all(np.isin(found.irreducible, small_fit.posterior.irreducible))
