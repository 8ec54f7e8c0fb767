"""Prior families for the scalar parameters: one table says density, draws and words alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv, ndtr, ndtri, stdtr, stdtrit

from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS

SMALLEST = 1e-9  # scale of a prior
# family -> names of its numbers
FAMILIES: dict[str, tuple[str, ...]] = {
    "fixed": ("value",),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "halfnormal": ("sigma",),
    "halfstudent": ("df", "sigma"),
    "beta": ("alpha", "beta"),
}

__all__ = ["ABSENT", "FAMILIES", "OF_COVARIATES", "Prior", "prior_from_dict"]


@dataclass(frozen=True)
class Prior:
    """Prior of one scalar parameter, with the reason for it."""

    name: str
    family: str
    numbers: tuple[float, ...]
    why: str = ""

    @property
    def fixed(self) -> bool:
        """Whether the parameter is not sampled."""
        return self.family == "fixed"

    @property
    def none(self) -> bool:
        """Whether the parameter is fixed at zero: there is none of it."""
        return self.fixed and self.numbers[0] == 0.0

    @property
    def pair(self) -> tuple[float, float]:
        """The numbers padded to two: a half-normal's sigma comes second."""
        if len(self.numbers) == 2:
            return self.numbers[0], self.numbers[1]
        return (0.0, self.numbers[0]) if self.family == "halfnormal" else (self.numbers[0], 0.0)

    @property
    def text(self) -> str:
        """For example ``lognormal(mu=-1.2, sigma=0.6)``."""
        names = FAMILIES[self.family]
        inside = ", ".join(f"{n}={v:g}" for n, v in zip(names, self.numbers, strict=True))
        return f"{self.family}({inside})"

    def draw(self, size: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Draws from the prior."""
        a, b = self.pair
        match self.family:
            case "fixed":
                return np.full(size, a)
            case "normal":
                return rng.normal(a, b, size)
            case "lognormal":
                return rng.lognormal(a, b, size)
            case "halfnormal":
                return np.abs(rng.normal(0.0, b, size))
            case "halfstudent":
                return b * np.abs(rng.standard_t(a, size))
        return rng.beta(a, b, size)

    def at_score(self, score: np.ndarray) -> np.ndarray:
        """Quantiles at standard normal scores, any dims: a standard normal score has this prior."""
        a, b = self.pair
        match self.family:
            case "fixed":
                return np.full(np.shape(score), a)
            case "normal":
                return a + b * score
            case "lognormal":
                return np.exp(a + b * score)
            case "halfnormal":
                return -b * ndtri(0.5 * ndtr(-score))
            case "halfstudent":
                return -b * stdtrit(a, 0.5 * ndtr(-score))
        return np.asarray(betaincinv(a, b, ndtr(score)))

    def cdf(self, value: np.ndarray) -> np.ndarray:
        """Probability below some values, any dims."""
        a, b = self.pair
        match self.family:
            case "normal":
                return ndtr((value - a) / b)
            case "lognormal":
                return ndtr((np.log(value) - a) / b)
            case "halfnormal":
                return np.asarray(1.0 - 2.0 * ndtr(-value / b))
            case "halfstudent":
                return np.asarray(1.0 - 2.0 * stdtr(a, -value / b))
            case "beta":
                return np.asarray(betainc(a, b, np.clip(value, 0.0, 1.0)))
        return np.asarray(value >= a, float)

    def log_density(self, value: np.ndarray) -> np.ndarray:
        """Log density at some values, any dims, up to a constant."""
        a, b = self.pair
        match self.family:
            case "normal":
                return -0.5 * ((value - a) / b) ** 2
            case "lognormal":
                return -0.5 * ((np.log(value) - a) / b) ** 2 - np.log(value)
            case "halfnormal":
                return -0.5 * (value / b) ** 2
            case "halfstudent":
                return -0.5 * (a + 1.0) * np.log1p(value**2 / (a * b * b))
            case "beta":
                return (a - 1.0) * np.log(value) + (b - 1.0) * np.log1p(-value)
        return np.zeros(np.shape(value))

    def distribution(self) -> Any:
        """The frozen SciPy distribution (for plots, tables and tests)."""
        from scipy import stats

        a, b = self.pair
        match self.family:
            case "normal":
                return stats.norm(a, b)
            case "lognormal":
                return stats.lognorm(b, scale=np.exp(a))
            case "halfnormal":
                return stats.halfnorm(scale=b)
            case "halfstudent":
                return stats.rv_histogram(half_student_histogram(a, b), density=True)
            case "beta":
                return stats.beta(a, b)
        raise UsageError(f"the parameter '{self.name}' is fixed at {a:g}: it has no distribution")


def half_student_histogram(df: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A fine histogram of the half-t distribution, which SciPy does not have."""
    from scipy import stats

    edges = scale * np.concatenate([np.linspace(0, 10, 2001), np.geomspace(10.1, 1e4, 2000)])
    return np.diff(2 * stats.t(df, scale=scale).cdf(edges)) / np.diff(edges), edges


OF_COVARIATES = ("covariate_level", "covariate_repetition", "covariate_drift")
# What a specification need not speak of: there is then none of it.
ABSENT = {
    name: Prior(name, "fixed", (0.0,))
    for name in ("exchange_rate", "run_share", "seed_noise_spread", "early_training",
                 "mixture_gain", *OF_COVARIATES)
}  # fmt: skip


def prior_from_dict(name: str, table: dict[str, Any]) -> Prior:
    """Read one prior table of a specification."""
    family = table.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        valid = ", ".join(FAMILIES)
        raise UsageError(f"prior '{name}': family {family!r} is not one of {valid}.")
    names = FAMILIES[family]
    extra = set(table) - set(names) - {"family", "why"}
    missing = [n for n in names if n not in table]
    if extra or missing:
        raise UsageError(
            f"prior '{name}' ({family}) takes {', '.join(names)}"
            + (f"; missing {', '.join(missing)}" if missing else "")
            + (f"; not known: {', '.join(sorted(extra))}" if extra else "")
            + "."
        )
    given = [table[n] for n in names]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in given):
        raise UsageError(f"prior '{name}' ({family}): {', '.join(names)} must be numbers.")
    try:
        numbers = tuple(map(float, given))
    except OverflowError:
        numbers = (np.inf,)
    positive = [v for n, v in zip(names, numbers, strict=False) if n not in ("mu", "value")]
    if not np.all(np.isfinite(numbers)) or any(v <= 0 for v in positive):
        raise UsageError(f"prior '{name}' ({family}): numbers must be finite, scales positive.")
    if not all(map(LIMITS["prior"].holds, numbers)) or any(v < SMALLEST for v in positive):
        raise UsageError(
            f"prior '{name}' ({family}): numbers must be from {LIMITS['prior'].text}, scales from "
            f"{SMALLEST:g}."
        )
    return Prior(name, family, numbers, str(table.get("why", "")))
