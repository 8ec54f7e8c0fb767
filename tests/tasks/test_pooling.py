"""The hierarchy over separate fits: against exact Gaussian answers, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from qqt_bayes.errors import UsageError
from qqt_bayes.tasks.pooling import GRID, pool_draws


def separate(y: np.ndarray, noise: float, draws: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Posterior draws of each task alone: x ~ N(0, 1), y ~ N(x, noise^2)."""
    shrink = 1.0 / (1.0 + noise**2)
    sd = np.sqrt(1.0 - shrink)
    return [shrink * row + sd * rng.standard_normal((draws, len(row))) for row in y]


def exact(y: np.ndarray, noise: float) -> tuple[np.ndarray, float]:
    """Posterior mean of x, dims (task, coordinate), and of the correlation."""
    tasks, coordinates = y.shape
    log_p, means = [], []
    for rho in GRID:
        prior = (1.0 - rho) * np.eye(tasks) + rho
        total = prior + noise**2 * np.eye(tasks)
        inverse = np.linalg.inv(total)
        _, log_det = np.linalg.slogdet(total)
        log_p.append(-0.5 * (coordinates * log_det + np.einsum("tk,ts,sk->", y, inverse, y)))
        means.append(prior @ inverse @ y)
    p = np.exp(np.array(log_p) - max(log_p))
    p /= p.sum()
    return np.einsum("r,rtk->tk", p, np.array(means)), float(p @ GRID)


@pytest.mark.parametrize("truth", [0.0, 0.8])
def test_equals_the_exact_hierarchy(truth: float) -> None:
    rng = np.random.default_rng(3)
    tasks, coordinates, noise = 4, 5, 0.6
    common = rng.standard_normal(coordinates)
    own = rng.standard_normal((tasks, coordinates))
    x = np.sqrt(truth) * common + np.sqrt(1 - truth) * own
    y = x + noise * rng.standard_normal(x.shape)
    draws = separate(y, noise, 20_000, rng)
    found = pool_draws(draws, np.zeros(coordinates, int), 3000, seed=1)
    mean, rho = exact(y, noise)
    pooled = np.array([d[found.index[:, t]].mean(axis=0) for t, d in enumerate(draws)])
    assert np.abs(pooled - mean).max() < 0.1
    assert abs(found.correlation.mean() - rho) < 0.06
    assert found.effective.min() > 200


def test_blocks_have_correlations_of_their_own() -> None:
    rng = np.random.default_rng(5)
    alike, apart = rng.standard_normal(12), rng.standard_normal((5, 12))
    y = np.concatenate([np.tile(alike, (5, 1)), apart], axis=1)
    draws = separate(y, 0.1, 20_000, rng)
    blocks = np.repeat([0, 1], 12)
    found = pool_draws(draws, blocks, 500, seed=2)
    assert np.median(found.correlation[:, 0]) > 0.8
    assert np.median(found.correlation[:, 1]) < 0.5


def test_same_seed_same_answer() -> None:
    rng = np.random.default_rng(1)
    draws = [rng.standard_normal((300, 3)) for _ in range(2)]
    blocks = np.zeros(3, int)
    one, two, other = (pool_draws(draws, blocks, 200, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.index, two.index)
    assert np.any(one.index != other.index)


def test_different_pools_are_refused() -> None:
    with pytest.raises(UsageError, match="different pools"):
        pool_draws([np.zeros((5, 2)), np.zeros((5, 3))], np.zeros(2, int), 10, seed=1)
