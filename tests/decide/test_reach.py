"""Samples needed to reach a value, against curves whose crossing is known."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from qqt_bayes.decide import reach as reach_of
from qqt_bayes.decide.reach import Reach, first_at, read_value
from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import kind_named
from qqt_bayes.runs import parse_mixture, read_pools

POOLS = read_pools(pd.DataFrame({"pool": ["A", "B"], "size": [100.0, 300.0]}))
BUDGETS = np.geomspace(1e3, 1e6, 400)


def answer(draws: np.ndarray, kind: str = "accuracy", prob: float = 0.9) -> Reach:
    study = SimpleNamespace(
        metric=f"my_{kind}", kind=kind_named(kind), direction=kind_named(kind).direction,
        trained_on={"max_samples": 6e4},
    )  # fmt: skip
    names = tuple(parse_mixture(name, POOLS) for name in ("A", "B")[: draws.shape[1]])
    return Reach(SimpleNamespace(study=study, stamp=""), 0.9, names, draws, (1e3, 1e6), prob)


def test_the_first_time_a_curve_is_down_at_the_goal() -> None:
    exact = np.array([5e3, 7e4, 9e5])
    curve = 1.0 - 0.1 * np.log(BUDGETS[None, :, None] / exact[:, None, None])
    found = first_at(curve, BUDGETS, 1.0)
    np.testing.assert_allclose(found[:, 0], exact, rtol=1e-9)


def test_never_and_from_the_start() -> None:
    flat = np.full((1, 400, 1), 2.0)
    assert first_at(flat, BUDGETS, 1.0)[0, 0] == np.inf
    assert first_at(flat, BUDGETS, 3.0)[0, 0] == BUDGETS[0]
    up_again = flat - 1.5 * np.exp(-((np.log(BUDGETS / 3e4)) ** 2))[None, :, None]
    assert first_at(up_again, BUDGETS, 1.0)[0, 0] < 3e4  # the first time counts


def test_quantiles_are_infinite_where_it_is_never_reached() -> None:
    draws = np.column_stack([np.linspace(1e4, 1e5, 100), np.full(100, np.inf)])
    draws[90:, 0] = np.inf
    found = answer(draws)
    assert found.p_never == pytest.approx([0.1, 1.0])
    assert np.isfinite(found.quantiles[0, 0])
    assert found.quantiles[2, 0] == np.inf
    assert found.best == 0
    assert found.p_first == pytest.approx([0.9, 0.0])
    told = found.to_json()
    json.dumps(told, allow_nan=False)
    assert told["candidates"][0]["hi"] is None
    assert told["candidates"][1]["median"] is None
    assert "beyond 1M [beyond 1M] " in found.text  # both ends are alike
    assert "P(not by 1M)" in found.text


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    found = answer(np.column_stack([np.linspace(1e4, 1e5, 100), np.full(100, np.inf)]))
    lines = found.text.splitlines()[1:4]
    assert len({line.rindex(" ") for line in lines[1:]}) == len({len(line) for line in lines}) == 1


def test_what_none_reaches_is_said() -> None:
    found = answer(np.full((10, 2), np.inf))
    assert "no data probably reaches it by 1M" in found.text
    assert list(found.p_first) == [0.0, 0.0]


def test_reached_at_the_smallest_run_already() -> None:
    found = answer(np.full((10, 2), 1e3))
    assert "below 1k" in found.text
    assert list(found.table["p_already"]) == [1.0, 1.0]
    assert list(found.p_first) == [0.0, 0.0]  # nothing tells them apart


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("92", "accuracy", "as a fraction"), (-1, "loss", "cannot reach -1"),
        ("x", "loss", "not a number"), (float("inf"), "score", "cannot reach inf"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_reached(value, kind: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_value(value, "m", kind_named(kind))


def test_the_range_searched_is_one() -> None:
    fit = SimpleNamespace(
        study=SimpleNamespace(
            metric="loss", kind=kind_named("loss"), samples=np.array([1e4, 1e5]), pools=POOLS
        )
    )
    with pytest.raises(UsageError, match="the smallest run has 10k"):
        reach_of(fit, 2.0, "A", upto="5k")


def test_the_picture_shows_who_never_gets_there() -> None:
    draws = np.column_stack([np.linspace(1e4, 1e5, 100), np.full(100, np.inf)])
    figure = answer(draws).plot()
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["A", "B"]
    marks = [line.get_gid() for line in axes.lines]
    assert marks.count("median") == 1
    assert marks.count("beyond") == 1
