"""How long a fit will take, told before it starts where that is long.

A value of a study's density costs what its cells and pools make it cost on this machine at this
hour, so a few are timed; how many a fit takes is known from others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

WORTH_A_WORD, LONG = 60.0, 600.0  # seconds
LEAST, EACH = 6000, 300  # values of the density that fits took: at least, and for each score

__all__ = ["Cost", "expected_values", "tell"]


class Cost(NamedTuple):
    """What a fit is expected to cost."""

    seconds: float
    # different pairs of data and samples, and pools
    rows: int
    pools: int

    @property
    def text(self) -> str:
        """For people."""
        minutes = self.seconds / 60.0
        about = f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"
        if minutes > 100.0:
            about = f"{minutes / 60.0:.0f} hours"
        advice = " -> fewer rows shorten it more than in proportion: --where, --upto"
        return (
            f"this fit will take about {about} ({self.rows} different rows of {self.pools} pools)"
            + advice * (self.seconds > LONG)
        )


def expected_values(scores: int, most: int) -> int:
    """Values of the density that a fit of so many scores takes."""
    return min(max(LEAST, EACH * scores), most)


def tell(cost: Cost, progress: Callable[[Any], None] | None) -> None:
    """Tell a cost that is worth a word; without anybody to tell it to, a long one is a warning."""
    if progress is not None and cost.seconds > WORTH_A_WORD:
        progress(cost)
    elif cost.seconds > LONG:
        warnings.warn(cost.text, stacklevel=2)
