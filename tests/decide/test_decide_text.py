"""What an answer looks like where names are long or many."""

from __future__ import annotations

from qqt_bayes.decide.text import in_short


def test_long_names_are_cut_and_many_are_counted() -> None:
    long = "+".join(f"domain{i}:0.025" for i in range(40))
    found = in_short([long, "web", *(f"c{i}" for i in range(6))])
    assert found.startswith("domain0:0.025+domain1")
    assert " ... " in found
    assert found.endswith("domain39:0.025, web, c0, c1, c2, c3 and 2 more")
    assert len(found) < 100


def test_names_that_would_look_alike_stay_whole() -> None:
    names = [f"{'x' * 60}{i}{'y' * 60}" for i in range(2)]
    assert in_short(names) == ", ".join(names)
