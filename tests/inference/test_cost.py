"""A long fit says how long it will take before it starts, and what would shorten it."""

from __future__ import annotations

import pytest
from small_studies import Case

from qqt_bayes.cli.progress import progress
from qqt_bayes.inference import cost
from qqt_bayes.inference.cost import Cost, expected_values, tell
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.settings import Settings


@pytest.mark.parametrize(("seconds", "said"), [(59.0, 0), (61.0, 1), (700.0, 1)])
def test_more_than_a_minute_is_said(seconds: float, said: int) -> None:
    told: list[Cost] = []
    tell(Cost(seconds, 840, 40), told.append)
    assert len(told) == said


def test_more_than_ten_minutes_is_a_warning_where_nobody_listens() -> None:
    tell(Cost(599.0, 840, 40), None)
    with pytest.warns(UserWarning, match=r"about 12 minutes \(840 .* of 40 pools\) -> fewer rows"):
        tell(Cost(720.0, 840, 40), None)


def test_what_shortens_a_fit_is_said_of_long_ones() -> None:
    assert "->" not in Cost(70.0, 90, 6).text
    assert "about a minute (90" in Cost(70.0, 90, 6).text
    assert "about 4 hours (840" in Cost(15_000.0, 840, 40).text


def test_values_grow_with_the_scores_up_to_what_is_allowed() -> None:
    assert expected_values(10, 65_536) < expected_values(60, 65_536) <= 65_536
    assert expected_values(1000, 65_536) == 65_536


def test_a_fit_tells_its_cost_first(
    two_pools: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Timed on the study itself, and the number of values is about that which it takes."""
    monkeypatch.setattr(cost, "WORTH_A_WORD", 0.0)
    told: list[object] = []
    settings = Settings(engine="importance")
    found = sample_posterior(
        two_pools.design, two_pools.priors, two_pools.kind, 1, settings, progress=told.append
    )
    first = told[0]
    assert isinstance(first, Cost)
    assert (first.rows, first.pools) == (len(two_pools.design.value), 2)
    assert first.seconds > 0.0
    assert not any(isinstance(later, Cost) for later in told[1:])
    size = len(found.coordinates.names)
    assert expected_values(size, settings.values) / 4 < found.values
    assert found.values < 4 * expected_values(size, settings.values)
    with progress("fitting loss") as update:
        update(first)
    assert capsys.readouterr().err == f"{first.text}\n"
