"""Optimised shares: the lattice, its refinement, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.decide.shares import best_shares, lattice
from qqt_bayes.errors import UsageError
from qqt_bayes.fitting import Fit, fit
from qqt_bayes.inference.settings import Settings
from qqt_bayes.runs import read_runs

BUDGETS = (1e6, 2e6, 4e6, 8e6)


@pytest.fixture(scope="module")
def mixed() -> Fit:
    """A small clean pool that wears out, and an unlimited one of lower quality."""
    rows = []
    for n in BUDGETS[:3]:
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            clean, rest = (1.0 - share) * n, share * n
            worth = 1e6 * (1.0 - np.exp(-clean / 1e6)) + 0.25 * rest
            mixture = f"web:{share}+clean:{1 - share}"
            data = {0.0: "clean", 1.0: "web"}.get(share, mixture)
            rows.append((f"{data}/{n}", data, n, "loss", 1.0 + 2.0 * (worth / 2e5) ** -0.3))
    runs = pd.DataFrame(rows, columns=["run", "data", "samples", "metric", "value"])
    pools = pd.DataFrame({"pool": ["clean", "web"], "size": ["1M", "inf"], "quality_rank": [1, 2]})
    return fit(read_runs(runs, pools), "loss", settings=Settings(draws=1600, tune=300))


@pytest.mark.parametrize("pools", [1, 2, 3, 4, 6])
def test_lattice_is_the_whole_simplex(pools: int) -> None:
    points = lattice(pools)
    assert np.allclose(points.sum(axis=1), 1.0)
    assert points.min() >= 0.0
    assert len(np.unique(points.round(9), axis=0)) == len(points) <= 1500
    for corner in np.eye(pools):
        assert np.any(np.all(np.isclose(points, corner), axis=1))


def test_best_share_of_the_unlimited_pool_grows_with_the_budget(mixed: Fit) -> None:
    answer = best_shares(mixed, list(BUDGETS), "web,clean")
    web = answer.best[:, 0]
    assert np.all(np.diff(web) >= -0.05)
    assert web[0] < 0.5 < web[-1]
    table = answer.table
    assert np.all(table["lo"] <= table["median"])
    assert np.all(table["median"] <= table["hi"])


def test_refining_the_lattice_does_not_change_the_answer(mixed: Fit) -> None:
    coarse, fine = (best_shares(mixed, "8M", "web,clean", most=most) for most in (26, 101))
    assert np.allclose(coarse.best, fine.best, atol=0.1)
    assert np.allclose(coarse.performance.mean(), fine.performance.mean(), rtol=0.01)
    a, b = (x.table.set_index("pool").loc["web"] for x in (coarse, fine))
    assert np.allclose([a.lo, a.hi], [b.lo, b.hi], atol=0.1)


def test_same_seed_same_answer_and_json(mixed: Fit) -> None:
    first, second = (best_shares(mixed, "2M,8M").to_json() for _ in range(2))
    assert first == second
    assert set(first[0]) == {"samples", "best", "shares", "expected_regret"}
    assert first[0]["expected_regret"] >= 0
    assert "best shares of clean, web" in best_shares(mixed, "8M").text


@pytest.mark.parametrize(
    ("pools", "said"),
    [("web,nope", "unknown pool 'nope'"), ("web", "name 2 to 6"), ("web,web", "name 2 to 6")],
)
def test_bad_pools_are_refused(mixed: Fit, pools: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        best_shares(mixed, "8M", pools)
