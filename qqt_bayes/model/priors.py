"""Prior families for the scalar parameters: one table says density, draws and words alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qqt_bayes.errors import UsageError

# family -> (names of its two numbers, code of its chart in the sampler)
FAMILIES: dict[str, tuple[tuple[str, ...], int]] = {
    "fixed": (("value",), 0),
    "normal": (("mu", "sigma"), 1),
    "lognormal": (("mu", "sigma"), 2),
    "halfnormal": (("sigma",), 3),
    "halfstudent": (("df", "sigma"), 4),
    "beta": (("alpha", "beta"), 5),
}

__all__ = [
    "FAMILIES", "NO_NOISE_SPREAD", "NO_RATES", "NO_RUN_EFFECT", "Prior", "prior_from_dict",
]  # fmt: skip


@dataclass(frozen=True)
class Prior:
    """Prior of one scalar parameter, with the reason for it."""

    name: str
    family: str
    numbers: tuple[float, ...]
    why: str = ""

    @property
    def code(self) -> int:
        """Code of the family in the compiled chart."""
        return FAMILIES[self.family][1]

    @property
    def fixed(self) -> bool:
        """Whether the parameter is not sampled."""
        return self.family == "fixed"

    @property
    def pair(self) -> tuple[float, float]:
        """The numbers padded to two: a half-normal's sigma comes second."""
        if len(self.numbers) == 2:
            return self.numbers[0], self.numbers[1]
        return (0.0, self.numbers[0]) if self.family == "halfnormal" else (self.numbers[0], 0.0)

    @property
    def text(self) -> str:
        """For example ``lognormal(mu=-1.2, sigma=0.6)``."""
        names = FAMILIES[self.family][0]
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


# Of the log exchange rates, for a specification that does not speak of them.
NO_RATES = Prior("exchange_rate", "fixed", (0.0,))
# Likewise of the noise: independent checkpoints, and one noise for all pools.
NO_RUN_EFFECT = Prior("run_share", "fixed", (0.0,))
NO_NOISE_SPREAD = Prior("seed_noise_spread", "fixed", (0.0,))


def prior_from_dict(name: str, table: dict[str, Any]) -> Prior:
    """Read one prior table of a specification.

    Raises
    ------
    UsageError
        If the family is unknown or a number is missing, not finite or not positive.
    """
    family = table.get("family")
    if family not in FAMILIES:
        valid = ", ".join(FAMILIES)
        raise UsageError(f"prior '{name}': family {family!r} is not one of {valid}.")
    names = FAMILIES[family][0]
    extra = set(table) - set(names) - {"family", "why"}
    missing = [n for n in names if n not in table]
    if extra or missing:
        raise UsageError(
            f"prior '{name}' ({family}) takes {', '.join(names)}"
            + (f"; missing {', '.join(missing)}" if missing else "")
            + (f"; not known: {', '.join(sorted(extra))}" if extra else "")
            + "."
        )
    try:
        numbers = tuple(float(table[n]) for n in names)
    except (TypeError, ValueError):
        said = f"prior '{name}' ({family}): {', '.join(names)} must be numbers."
        raise UsageError(said) from None
    positive = [v for n, v in zip(names, numbers, strict=True) if n not in ("mu", "value")]
    if not np.all(np.isfinite(numbers)) or any(v <= 0 for v in positive):
        raise UsageError(f"prior '{name}' ({family}): numbers must be finite, scales positive.")
    return Prior(name, family, numbers, str(table.get("why", "")))
