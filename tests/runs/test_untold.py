"""What runs cannot tell by where they lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import qqt_bayes as qqt
from qqt_bayes.runs import Runs


def table(rows: list[tuple[str, float]], sizes: dict[str, float]) -> Runs:
    """Runs of some data for some samples."""
    return qqt.read_runs(
        pd.DataFrame(
            [(f"r{i}", d, n, "loss", 2.0 + 1.0 / (1 + i)) for i, (d, n) in enumerate(rows)],
            columns=["run", "data", "samples", "metric", "value"],
        ),
        pd.DataFrame({"pool": list(sizes), "size": list(sizes.values())}),
    )


REPEATED = [(d, n) for d in ("A", "B") for n in (50e3, 100e3, 400e3)]


@pytest.mark.parametrize(
    ("rows", "sizes", "said"),
    [
        ([("A", 1e6), ("B", 1.05e6)], {"A": 1e5, "B": 1e5}, "how fast more of them help"),
        (REPEATED, {"A": 1e5, "B": 1e5}, "samples and epochs rise together"),
        ([*REPEATED, ("A+B", 400e3)], {"A": 1e5, "B": 1e5}, None),
        (REPEATED, {"A": 1e5, "B": 2e5}, None),
        (REPEATED, {"A": 1e5, "B": np.inf}, None),
        (REPEATED, {"A": 1e6, "B": 1e6}, None),  # nothing is repeated
        (REPEATED, {"A": np.inf, "B": np.inf}, None),
    ],
)
def test_check_says_what_the_runs_leave_open(
    rows: list[tuple[str, float]], sizes: dict[str, float], said: str | None
) -> None:
    text = table(rows, sizes).text
    told = [line for line in text.splitlines() if "rise together" in line or "how fast" in line]
    assert len(told) == (said is not None)
    if said is not None:
        assert said in told[0]
        assert "->" in told[0]


def test_the_run_that_unties_is_a_union_or_half_a_pool() -> None:
    assert "run A+B for 400k" in table(REPEATED, {"A": 1e5, "B": 1e5}).text
    alone = [("A", n) for n in (50e3, 100e3, 400e3)]
    assert "cut a random half of A (50k)" in table(alone, {"A": 1e5}).text
