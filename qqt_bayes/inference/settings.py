"""How the posterior is computed: by importance sampling, or by NUTS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from qqt_bayes._text import written
from qqt_bayes.errors import UsageError

ENGINES = ("auto", "importance", "nuts")

__all__ = ["ENGINES", "Settings", "Start"]


@dataclass(frozen=True, eq=False)
class Start:
    """A similar posterior to start from, which spares the search for the mode."""

    centre: np.ndarray  # dim (score,): mean of its scores
    factor: np.ndarray  # dims (score, score): lower Cholesky factor of their covariance
    names: tuple[str, ...]  # of the scores


@dataclass(frozen=True)
class Settings:
    """Settings of the sampler.

    Attributes
    ----------
    draws : int
        Posterior draws that are kept.
    engine : {'auto', 'importance', 'nuts'}
        ``auto`` is importance sampling, and NUTS where that does not pass the gate.
    values : int
        Values of the density that importance sampling may take.
    tune, chains : int
        Of NUTS.
    target_accept : float
        Of NUTS, in its first attempt.
    cores : int or None
        Chains walked at a time; all by default.
    start : Start or None
        Of importance sampling: where to begin, as from the posterior of a similar fit
        (``fit.posterior.start``).
    """

    draws: int = 2000
    engine: str = "auto"
    values: int = 65_536
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    cores: int | None = None
    start: Start | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no sampler can do."""
        if self.engine not in ENGINES:
            raise UsageError(f"engine '{self.engine}' -> choose from {', '.join(ENGINES)}")
        if not (is_whole(self.draws) and 100 <= self.draws <= 1_000_000):
            raise UsageError(
                f"{written(self.draws)} draws -> give 100 to 1,000,000 (400 pass no gate)"
            )
        if not all(is_whole(n) and n >= 1 for n in (self.chains, self.tune, self.values)):
            raise UsageError("chains, tune and values must be whole numbers, 1 or more")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_seed(seed: object) -> None:
    """Refuse what no generator of random numbers can start from."""
    if not (is_whole(seed) and 0 <= seed < 2**63):
        raise UsageError(f"seed {written(seed)} -> give a whole number, 0 or more")
