"""Do intervals of the exponents cover? Studies simulated from a fit, each refitted.

The published isoFLOP runs give the design and the truth (a draw of their posterior); where they are
absent, the small simulated study does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.allocation.sample import sample_law

MARIN = Path(__file__).resolve().parents[3] / "shared" / "data" / "published" / "marin_isoflop.csv"


def covered(fit: qqt.SizeFit, studies: int) -> np.ndarray:
    """Whether the 90% interval of each law's `a` holds the truth, dims (study, law)."""
    model = fit.model
    rng = np.random.default_rng(7)
    held = []
    for study in range(studies):
        z = fit.posterior.flat[rng.integers(len(fit.posterior.flat))]
        scale, tails = model.noise(z)
        noise = scale * rng.standard_t(tails, len(model.log_loss))
        found = sample_law(replace(model, log_loss=model.fitted(z) + noise), study)
        assert found.gate.passed, found.gate.text
        a = [law_a(model, x) for x in (found.flat, z)]
        low, high = np.quantile(a[0], [0.05, 0.95], axis=0)
        held.append((low < a[1]) & (a[1] < high))
    return np.array(held)


def law_a(model, z: np.ndarray) -> np.ndarray:
    """Exponents of the optimal size by the law, dims (..., law)."""
    alpha, beta = (model.by_law(f"{n}_exponent", z) for n in ("params", "samples"))
    return beta / (alpha + beta)


@pytest.mark.slow
def test_a_few_simulated_studies(size_fit) -> None:
    held = covered(size_fit, 3)
    assert held.mean() >= 0.5  # of 6; chance .001 when the truth is 90% and they are independent


@pytest.mark.slow
def test_coverage_on_the_published_design(size_fit) -> None:
    if MARIN.exists():
        pools = pd.DataFrame({"pool": ["comma", "dclm", "nemotron"], "size": np.inf})
        size_fit = qqt.fit_sizes(qqt.read_runs(MARIN, pools), seed=1)
    held = covered(size_fit, 24)
    share = held.mean()  # laws of one study are not independent: bounds of 24 cases
    print(f"covered {share:.3f} of {held.size} ({held.mean(axis=0)})")
    assert share >= 0.74
