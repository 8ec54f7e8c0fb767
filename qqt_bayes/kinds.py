"""Kinds of metric: which way is better, what values it may take, and how it is modelled.

The model works on a value y > 0 of which less is better. A kind says how a metric becomes that:
y = (g(value) - zero) / unit, where g is the logarithm for a perplexity and nothing else for the
others, `zero` the value that cannot be improved on, and a negative `unit` turns a metric of which
more is better. All that other modules have to know of a kind is an attribute or a method here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from qqt_bayes.errors import UsageError

__all__ = ["Ceiling", "Kind"]

KNEE = 0.99  # share of the ceiling up to which a prediction is left as it is,
ROOM = 0.01  # unless values were observed beyond: then to this share of what is left at the least
WORSE = 2.0  # a longer run on any candidate ends below this multiple of the worst run observed
AHEAD = 10.0  # ranges that an unbounded score could still improve on the best one seen


class Ceiling(NamedTuple):
    """How bad a prediction may get, on the modelled scale: bent from `knee` on, below `top`."""

    knee: Any
    top: Any


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of metric; equal to its name, so that ``study.kind == "loss"`` can be asked.

    Attributes
    ----------
    name, words, measure
        Its name, what it is in words, and what stands behind it on an axis.
    priors
        Which table ``[priors.X]`` of a specification applies.
    reference
        What levels are logs relative to: the irreducible part d, the ``"rest"`` 1 - d of an error,
        or one ``"unit"``.
    relative_noise
        Whether noise between seeds is relative to the value; else it is relative to the unit.
    low, high
        Range of the metric's values; `low` itself is allowed where `closed`.
    zero, unit, logarithmic
        How it is modelled; see the module.
    cap
        The modelled value that no expectation passes: of an error 1, of an accuracy its chance.
    chance
        What guessing reaches, of an accuracy or error.
    scaled
        False for an unbounded score whose zero and unit have to be taken from the runs.
    """

    name: str
    words: str
    measure: str = ""
    priors: Literal["loss", "error", "score"] = "loss"
    reference: Literal["irreducible", "rest", "unit"] = "irreducible"
    relative_noise: bool = True
    low: float = 0.0
    high: float = np.inf
    closed: bool = False
    zero: float = 0.0
    unit: float = 1.0
    logarithmic: bool = False
    cap: float = np.inf
    chance: float = 0.0
    scaled: bool = True

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Kind):
            return self.text == other.text
        return self.name == other

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def text(self) -> str:
        """Name and numbers, from which :func:`kind_named` makes it again."""
        if self.chance:
            return f"{self.name}(chance={self.chance!r})"
        if self.priors == "score" and self.scaled:
            return f"{self.name}(zero={self.zero!r}, unit={self.unit!r})"
        return self.name

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return self.unit < 0

    @property
    def better(self) -> str:
        """``"higher is better"`` or ``"lower is better"``."""
        return "higher is better" if self.higher_is_better else "lower is better"

    @property
    def direction(self) -> Literal["min", "max"]:
        """What one wants of the metric."""
        return "max" if self.higher_is_better else "min"

    @property
    def modelling(self) -> str:
        """How a value becomes what is modelled, in words; empty where it is modelled as it is."""
        if self.logarithmic:
            return f"the logarithm of the {self.name}"
        if self.reference == "unit":
            away = "below the best" if self.higher_is_better else "above the best"
            return f"{AHEAD:g} and how far a run is {away} one, in ranges of {abs(self.unit):g}"
        if self.unit == 1.0:
            return ""
        error = "1 \N{MINUS SIGN} accuracy" if self.higher_is_better else "the error"
        return error + (f", over its value by chance, {abs(self.unit):g}" if self.chance else "")

    @property
    def fraction(self) -> bool:
        """Whether a value is a share of the test items, whose number then tells its noise."""
        return np.isfinite(self.cap)

    @property
    def limits(self) -> tuple[float, float]:
        """Range of the modelled value."""
        ends = self.modelled(np.array([self.low, self.high]))
        return float(ends.min()), float(ends.max())

    def modelled(self, value: Any) -> Any:
        """Values of the metric as modelled: less is better."""
        value = np.log(value) if self.logarithmic else np.asarray(value, float)
        return value if self.unit == 1.0 and not self.zero else (value - self.zero) / self.unit

    def to_unit(self, modelled: Any) -> Any:
        """Modelled values in the metric's own unit, less still being better.

        Of a metric of which more is better, what it lacks of `zero`: of an accuracy the error.
        """
        if self.logarithmic:
            return np.exp(modelled)
        return modelled * abs(self.unit) + (0.0 if self.higher_is_better else self.zero)

    def from_unit(self, value: Any) -> Any:
        """The inverse of :meth:`to_unit`."""
        return value / abs(self.unit) if self.higher_is_better else self.modelled(value)

    def reported(self, value: Any) -> Any:
        """What :meth:`to_unit` gives, as the metric itself; and back."""
        return self.zero - value if self.higher_is_better else value

    def observed(self, modelled: Any) -> Any:
        """Modelled values as the metric itself: the inverse of :meth:`modelled`."""
        return self.reported(self.to_unit(modelled))

    def slope(self, modelled: Any) -> Any:
        """Modelled units to one unit of the metric, at a modelled value."""
        return np.exp(-modelled) if self.logarithmic else np.full_like(modelled, 1 / abs(self.unit))

    def evaluation_variance(self, modelled: Any, n_eval: Any, se: Any) -> np.ndarray:
        """Variance of one evaluation, as modelled: of what is given, else of the test items.

        The share p of wrong answers is smoothed as (np + 1)/(n + 2), so that none and all of them
        have noise too. The number of items behind anything else says nothing about its noise.
        """
        modelled, se = np.asarray(modelled, float), np.asarray(se, float)
        given = (np.nan_to_num(se) * self.slope(modelled)) ** 2
        if not self.fraction:
            return np.asarray(given)
        n = np.where(np.isfinite(n_eval), n_eval, np.inf)
        wrong = np.clip(modelled * abs(self.unit), 0.0, 1.0)
        with np.errstate(invalid="ignore"):
            wrong = np.where(np.isfinite(n), (n * wrong + 1.0) / (n + 2.0), wrong)
        return np.where(np.isfinite(se), given, wrong * (1.0 - wrong) / n / self.unit**2)

    def ceiling(self, observed: np.ndarray) -> Ceiling:
        """How bad a run longer than the shortest can get, given modelled values of the runs.

        Without it the heavy-tailed wandering beyond the data has no mean, nor has any regret.
        What has been observed is left as it is: the bend begins beyond the worst of it.
        """
        worst, best = float(np.max(observed)), float(np.min(observed))
        top = self.cap
        if not np.isfinite(top):
            top = worst + 1.0 if self.reference == "unit" else WORSE * worst
        room = max(ROOM * (top - best), 1e-6 * top)
        return Ceiling(min(max(KNEE * top, worst), top - room), top)

    def with_chance(self, chance: float) -> Kind:
        """The same where guessing reaches so much (an error: where guessing errs in the rest)."""
        if not self.fraction:
            raise UsageError(
                f"a chance level goes with an accuracy or an error, not with {self.words} "
                "-> leave --chance out, or give the kind: --kind accuracy"
            )
        if not 0.0 <= chance < 1.0:
            raise UsageError(
                f"a chance level of {chance:g} -> give what guessing reaches as a fraction, "
                "such as 0.25 with four choices"
            )
        unit = np.sign(self.unit) * (1.0 - chance)
        return replace(self, chance=float(chance), unit=float(unit))

    def scaled_to(self, values: np.ndarray) -> Kind:
        """The same with a scale, if it needs one: the range of the values is 1, the best at 10."""
        if self.scaled:
            return self
        values = np.asarray(values, float)
        size = float(np.ptp(values)) or max(abs(float(values[0])) * 0.1, 1e-9)
        best = values.max() if self.higher_is_better else values.min()
        unit = float(np.copysign(size, self.unit))
        return replace(self, zero=float(best - AHEAD * unit), unit=unit, scaled=True)
