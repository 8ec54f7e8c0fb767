"""The checklists: every item has an answer or says whose it is, and they add up."""

import pytest

from qqt_bayes.decide.text import headline
from qqt_bayes.errors import UsageError
from qqt_bayes.report.checklists import (
    ANSWERED,
    APART,
    UNKNOWN,
    make_checklists,
    questions,
    read_answers,
)
from qqt_bayes.report.content import Content
from qqt_bayes.report.wording import chance, figures, interval


def lists(fit, budgets="480k,1.92M", answers=None):
    decision = fit.decide(budgets, "A;A+B;A+B+C", on_fail="warn")
    return make_checklists(
        Content(fit, decision, None, None, "qqt report x.nc", {"pymc": "6"}, answers or {})
    )


def item(found, key):
    return next(i for c in found for i in c.items if i.key == key)


def test_counts_add_up(small_fit) -> None:
    for found in lists(small_fit):
        assert sum(found.counts.values()) == len(found.items)
        assert all(i.answer for i in found.items if i.status == ANSWERED)
        assert found.counts[ANSWERED] > len(found.items) / 2
        assert sum(len(group) for _, group in found.groups) == len(found.items)


def test_only_the_user_knows(small_fit, tmp_path) -> None:
    found = lists(small_fit)
    assert item(found, "schedule").status == UNKNOWN
    asked = questions(found, {})
    assert 'schedule = ""' in asked
    path = tmp_path / "answers.toml"
    path.write_text(asked.replace('schedule = ""', 'schedule = "cosine to zero"'))
    answers = read_answers(path)
    assert answers == {"schedule": "cosine to zero"}
    again = lists(small_fit, answers=answers)
    assert item(again, "schedule").answer == "cosine to zero"
    before, after = (sum(c.counts[UNKNOWN] for c in x) for x in (found, again))
    assert after == before - 1


def test_what_does_not_apply(small_fit) -> None:
    assert item(lists(small_fit, "480k"), "extrapolation").status == APART
    assert "4.0x" in item(lists(small_fit), "extrapolation").answer


@pytest.mark.parametrize(
    ("text", "said"),
    [("schedul = 'x'", "did you mean 'schedule'"), ("schedule = [1]", "must be a text"),
     ("schedule", "not valid TOML")],
)  # fmt: skip
def test_bad_answers(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_answers(path)


def test_wording(small_fit) -> None:
    assert interval(2.12345, 2.05, 2.21) == "2.12 [2.05, 2.21]"
    assert interval(-0.001, -0.2, 0.2, signed=True) == "+0.00 [-0.20, +0.20]"
    assert interval(0.0012345, 0.0011, 0.0013) == "0.00123 [0.00110, 0.00130]"
    assert (figures(0.00123), figures(12345.0), figures(0.0)) == ("0.0012", "12,000", "0")
    assert (chance(1.0), chance(0.0), chance(0.934)) == ("> .99", "< .01", ".93")
    said = headline(small_fit.decide("240k,480k", "A;A+B", on_fail="warn"))
    assert said.startswith("Of 2 candidates, ")
    assert "(P " in said
