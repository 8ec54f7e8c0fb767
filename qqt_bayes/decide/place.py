"""Where a budget lies: inside the runs, beyond the largest, or below the smallest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qqt_bayes.runs.numbers import format_samples

if TYPE_CHECKING:
    from qqt_bayes.runs import Study

# Nominal budgets differ by as much as this from what was run.
WITHIN = 1.02

__all__ = ["WITHIN", "at", "extrapolation", "outside", "place", "times"]


def outside(samples: float, *studies: Study) -> float:
    """Budget over the largest run beyond it, over the smallest run below it; 1 inside the runs."""
    smallest = min(float(s.samples.min()) for s in studies)
    largest = max(float(s.samples.max()) for s in studies)
    if samples > WITHIN * largest:
        return samples / largest
    return samples / smallest if samples * WITHIN < smallest else 1.0


def place(samples: float, *studies: Study) -> str:
    """``inside`` the runs, ``beyond`` the largest or ``below`` the smallest."""
    factor = outside(samples, *studies)
    return "beyond" if factor > 1.0 else "below" if factor < 1.0 else "inside"


def times(factor: float) -> str:
    """A factor of samples: ``4.0x``, ``1,000x``."""
    return f"{factor:.1f}x" if factor < 100.0 else f"{float(f'{factor:.2g}'):,.0f}x"


def at(samples: float, *studies: Study) -> str:
    """A budget, and how far outside the runs it is: ``At 8B samples, extrapolated ...``."""
    return f"At {format_samples(samples)}{extrapolation(samples, *studies)}"


def extrapolation(samples: float, *studies: Study) -> str:
    """How far outside the runs a budget is, to be put after it; empty inside."""
    factor = outside(samples, *studies)
    if factor > 1.0:
        return f", extrapolated {times(factor)} beyond the largest run"
    if factor < 1.0:
        return f", extrapolated downwards, {times(1.0 / factor)} below the smallest run"
    return ""
