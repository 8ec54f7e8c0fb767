"""How the posterior is computed: by importance sampling, or by NUTS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qqt_bayes.errors import UsageError

ENGINES = ("auto", "importance", "nuts")

__all__ = ["ENGINES", "Settings", "Start"]


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
    """

    draws: int = 2000
    engine: str = "auto"
    values: int = 65_536
    tune: int = 1000
    chains: int = 4
    target_accept: float = 0.9
    cores: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no sampler can do."""
        if self.engine not in ENGINES:
            raise UsageError(f"engine '{self.engine}' -> choose from {', '.join(ENGINES)}")
        if self.draws < 100 or self.draws > 1_000_000:
            raise UsageError(f"{self.draws} draws -> give 100 to 1,000,000 (400 pass no gate)")
        if self.chains < 1 or self.tune < 1 or self.values < 1:
            raise UsageError("chains, tune and values must be 1 or more")


@dataclass(frozen=True)
class Start:
    """A similar posterior to start from, which spares the search for the mode."""

    centre: np.ndarray  # dim (score,): mean of its scores
    factor: np.ndarray  # dims (score, score): lower Cholesky factor of their covariance
    names: tuple[str, ...]  # of the scores
