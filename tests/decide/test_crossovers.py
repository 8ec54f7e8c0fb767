"""Crossovers: never, always, in between, and what is reported of them."""

from types import SimpleNamespace

import numpy as np
import pytest

from qqt_bayes.decide.crossovers import Crossover, crossover, handovers
from qqt_bayes.decide.text import crossover_lines

GRID = np.array([1.0, 2.0, 4.0, 8.0])


def draws(*leads: list[float]) -> np.ndarray:
    """Latent draws (sample, budget, 2) in which `to` leads `origin` by so much."""
    lead = np.array(leads)
    return np.stack([lead, np.zeros_like(lead)], axis=2)


def slowly(lead: list[float]) -> float:
    """The definition: from which budget on the lead stays positive, straight in log samples."""
    if lead[-1] <= 0:
        return np.inf
    k = max((i for i, x in enumerate(lead) if x <= 0), default=None)
    if k is None:
        return GRID[0]
    share = -lead[k] / (lead[k + 1] - lead[k])
    return GRID[k] * (GRID[k + 1] / GRID[k]) ** share


@pytest.mark.parametrize(
    ("lead", "budget"),
    [
        ([-1, -1, -1, -1], np.inf),  # never
        ([1, 1, 1, -1], np.inf),  # ahead, but not to the end
        ([1, 1, 1, 1], 1.0),  # always, from the start of what was searched
        ([-1, 1, 1, 1], 2**0.5),  # half-way in log samples
        ([-1, -3, 1, 1], 2 ** (1 + 0.75)),
        ([1, -1, -1, 1], 2**2.5),  # the last crossing counts
        ([0, 0, 0, 0], np.inf),  # a tie is not ahead
        ([-1, -1, 0, 2], 4.0),
    ],
)
def test_where_it_crosses(lead: list[float], budget: float) -> None:
    assert crossover(draws(lead), GRID, 0, 1).draws[0] == pytest.approx(budget)
    assert slowly(lead) == pytest.approx(budget)


def test_many_draws_at_once() -> None:
    rng = np.random.default_rng(0)
    leads = rng.normal(0.0, 1.0, (300, 4)) + np.linspace(-1, 1, 4)
    found = crossover(draws(*leads), GRID, 0, 1).draws
    assert found == pytest.approx([slowly(list(lead)) for lead in leads])


def test_never_counts_as_plus_infinity() -> None:
    c = Crossover(0, 1, np.array([2.0, 3.0, 4.0, np.inf, np.inf]))
    assert c.quantile(0.05) == 2.0
    assert c.quantile(0.5) == 4.0
    assert c.quantile(0.6) == 4.0  # three of five
    assert c.quantile(0.61) is None
    assert c.quantile(0.95) is None


def test_a_single_budget_has_no_crossing_in_between() -> None:
    one = GRID[:1]
    assert crossover(draws([1.0]), one, 0, 1).draws[0] == 1.0
    assert crossover(draws([-1.0]), one, 0, 1).draws[0] == np.inf


@pytest.mark.parametrize(
    ("best", "pairs"),
    [
        ([0, 0, 1, 1, 1], [(0, 1)]),
        ([2, 2, 2, 2, 2], []),
        ([0, 1, 0, 2, 2], [(1, 0), (0, 2)]),  # two that take turns are told once
        ([0, 1, 0, 1, 0], [(1, 0)]),
    ],
)
def test_who_hands_over_to_whom(best: list[int], pairs: list[tuple[int, int]]) -> None:
    regret = np.ones((5, 3))
    regret[range(5), best] = 0.0
    assert handovers(regret) == pairs


def test_the_sentence_has_the_interval_of_its_probability() -> None:
    never = [np.inf] * 2
    found = Crossover(0, 1, np.array([*np.linspace(1e6, 98e6, 98), *never]))
    names = (SimpleNamespace(text="A"), SimpleNamespace(text="B"))
    d = SimpleNamespace(prob=0.8, crossovers=[found], candidates=names, grid=np.array([1e6, 2e8]))
    assert crossover_lines(d) == [
        "B stays ahead of A from 50M samples on [10M to 90M]; P(not by 200M) = 0.02"
    ]
    most = SimpleNamespace(**vars(d) | {"crossovers": [Crossover(0, 1, np.array([1e6, *never]))]})
    assert crossover_lines(most)[0].startswith(
        "B stays ahead of A only beyond 200M samples [1M to beyond 200M]"
    )
