"""What every number may be: the range its meaning allows, and how many there may be of a thing.

One row a quantity. Parsers of options, tables and specifications ask here. The table "Limits" of
``docs/reference/files.md`` is compared with it, so that what is refused is the same everywhere and
is written down. Within these ranges no sum, product or logarithm overflows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qqt_bayes.errors import UsageError

__all__ = ["COUNTS", "LIMITS", "Limit", "no_more"]


@dataclass(frozen=True)
class Limit:
    """The range of a number; the upper end belongs to it, the lower one unless `open_low`."""

    low: float
    high: float
    example: str
    open_low: bool = False
    whole: bool = False

    @property
    def text(self) -> str:
        """The range in words."""
        low = f"above {short(self.low)}, up" if self.open_low else short(self.low)
        return f"{'a whole number from ' if self.whole else ''}{low} to {short(self.high)}"

    def holds(self, value: float) -> bool:
        """Whether a number lies within; NaN does not."""
        above = value > self.low if self.open_low else value >= self.low
        return above and value <= self.high and not (self.whole and value != math.floor(value))

    def check(self, what: str, value: float) -> float:
        """The number, if it lies within; `what` names it as it was written: ``budget '1e300'``."""
        if not self.holds(value):
            raise UsageError(f"{what} is out of range -> give {self.text}, e.g. {self.example}")
        return value


def short(number: float) -> str:
    """A number as it is written: ``1e18``, ``4294967295``."""
    return f"{number:.10g}".replace("e+", "e")


LIMITS = {
    "samples": Limit(1, 1e18, "480k"),
    "size": Limit(1, 1e18, "12.8M"),
    "value of a loss, error or rate": Limit(1e-12, 1e12, "2.31"),
    "value of a score or cost": Limit(-1e30, 1e30, "2.31"),
    "n_eval": Limit(1, 1e12, "50k", whole=True),
    "seeds": Limit(1, 1e6, "3", whole=True),
    "cost": Limit(0, 1e30, "1.5M"),
    "price": Limit(0, 1e30, "0.02"),
    "spend": Limit(0, 1e30, "3M", open_low=True),
    "stake": Limit(0, 1e36, "50M", open_low=True),
    "weight": Limit(0, 1e9, "2"),
    "margin": Limit(0, 1e6, "0.01"),
    "rank": Limit(-1e6, 1e6, "1"),
    "factor of utility": Limit(0.001, 1000, "1.05"),
    "params": Limit(1, 1e15, "124M"),
    "compute": Limit(1, 1e40, "1e21"),
    "seed": Limit(0, 2**32 - 1, "1", whole=True),
    "prior": Limit(-1e6, 1e6, "0.6"),
}

# How many of a thing one call may hold, before memory or patience is gone.
COUNTS = {
    "budgets": 200,
    "candidates": 500,
    "pools": 200,
    "different data at different samples": 4_000,  # in one fit, whose memory is of their square
    "designs": 5_000,
    "rows of actions": 1_000,
    "bytes of a specification": 1_000_000,
}


def no_more(count: int, what: str, advice: str = "give fewer") -> None:
    """Refuse more of a thing than :data:`COUNTS` allows."""
    if count > COUNTS[what]:
        raise UsageError(f"{count:,} {what}, at most {COUNTS[what]:,} -> {advice}")
