"""A decision says of itself what it rests on beyond its probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qqt_bayes.decide.caveats import caveats
from tests.decide.made_up_fit import made_up_fit


@pytest.mark.parametrize(
    ("budget", "candidates", "said"),
    [
        (8e6, ["A", "B"], None),
        (39e6, ["A", "B"], None),
        (41e6, ["A", "B"], "more than ten times the largest run"),
        (8e6, ["A", "Z"], "no run is like the choice Z"),
        (8e6, ["A:0.9+B:0.1", "B"], None),  # nearly a run
    ],
)
def test_decide_says_when_it_goes_beyond_the_runs(
    budget: float, candidates: list[str], said: str | None
) -> None:
    fit = made_up_fit({"A": 0.5, "B": 1.2}, extra=("Z",))
    if said and "choice" in said:
        fit = made_up_fit({"A": 1.5, "B": 1.6}, extra=("Z",))
    decision = fit.decide([budget], candidates)
    notes = [n for n in decision.notes if "not compared" not in n]
    assert len(notes) == (said is not None)
    if said is not None:
        assert said in notes[0]
        assert f"note: {notes[0]}" in decision.text


def test_rivals_that_never_ran_are_named() -> None:
    made = made_up_fit({"A": 0.5, "B": 0.6}, extra=("Y", "Z")).decide([8e6], ["A", "B", "Y", "Z"])
    close = np.random.default_rng(1).normal([0.0, 0.2, 0.1, 0.1], 1.0, (2000, 1, 4))
    for levels, named in ((0.0, "Y and Z are rivals"), (50.0, None)):
        notes = caveats(replace(made, latent=close + levels * np.array([0, 0, 1, 1])))
        assert [n for n in notes if named and n.startswith(named)] == list(notes)
        assert len(notes) == (named is not None)
