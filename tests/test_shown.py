"""Answers in a notebook, in a list and when printed; and columns that stay in line."""

import pandas as pd

from qqt_bayes._columns import columns, wide
from qqt_bayes._shown import LONG, ROWS, Shown


class Answer(Shown):
    """Something that is shown."""

    text = ""
    table = None

    def __init__(self, text: str, table: pd.DataFrame) -> None:
        self.text, self.table = text, table


def test_an_answer_shows_itself_briefly() -> None:
    table = pd.DataFrame({"data": ["<A>"] * (ROWS + 3), "samples": 1.28e9, "median": 2.123456})
    made = Answer("A is best & <sure>\nand a hundred lines more", table)
    assert repr(made) == "<Answer: A is best & <sure>>"
    assert str(made).splitlines()[0] == "A is best & <sure>"
    page = made._repr_html_()
    assert "A is best &amp; &lt;sure&gt;" in page
    assert "&lt;A&gt;" in page
    assert "2.123" in page
    assert "2.1234" not in page
    assert "1,280,000,000" in page
    assert "and 3 more rows" in page
    assert len(repr(Answer("long " * 900, table))) < LONG + 20


def test_every_answer_is_shown() -> None:
    from qqt_bayes.act import ActionDecision
    from qqt_bayes.allocation import Allocation
    from qqt_bayes.buy import Plan, Replay
    from qqt_bayes.calibrate import Calibration
    from qqt_bayes.calibrate.sbc import SBC
    from qqt_bayes.decide import Decision, Reach, Shares
    from qqt_bayes.fitting import Fit
    from qqt_bayes.risk import Risk
    from qqt_bayes.runs import Runs
    from qqt_bayes.stacking import Stack
    from qqt_bayes.tasks import TaskDecision, Tasks
    from qqt_bayes.tasks.new_size import SizeDecision

    for kind in (ActionDecision, Allocation, Calibration, Decision, Fit, Plan, Reach, Replay, Risk,
                 Runs, SBC, Shares, SizeDecision, Stack, TaskDecision, Tasks):  # fmt: skip
        assert issubclass(kind, Shown)
        assert kind.__repr__ is Shown.__repr__  # a dataclass would write its own
        assert kind.__str__ is Shown.__str__


def test_columns_stay_in_line_for_long_names() -> None:
    long = "common_crawl_2023_filtered_by_perplexity"
    rows = [("data", "P(best)"), ("A", "0.90"), (long, "0.10"), ("日本語", "0.00")]
    lines = columns(rows)
    assert {wide(line) for line in lines} == {2 + len(long) + 2 + len("P(best)")}
    assert lines[1].startswith("  A ")
    assert lines[1].endswith(" 0.90")


def test_long_names_are_cut_where_that_leaves_them_apart() -> None:
    long = "+".join(f"pool{i}:0.0625" for i in range(16))
    head, first, second = columns([("data", "P"), (long, "0.9"), ("A", "0.1")])
    assert " ... " in first
    assert len(head) == len(first) == len(second) < 80
    lines = columns([("data", "P"), (f"{long}a{long}", "0.9"), (f"{long}b{long}", "0.1")])
    assert f"{long}a{long}" in lines[1]
    assert f"{long}b{long}" in lines[2]
