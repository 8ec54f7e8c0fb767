"""Kinds of metric: which way is better, what values it may take, and how it is modelled.

The model works on a value y > 0 of which less is better. A kind says how a metric becomes that:
y = (g(value) - zero) / unit, where g is the logarithm for a perplexity and nothing else for the
others, `zero` the value that cannot be improved on, and a negative `unit` turns a metric of which
more is better. All that other modules have to know of a kind is an attribute or a method here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any, Literal, NamedTuple

import numpy as np

from qqt_bayes.errors import UsageError

__all__ = ["KINDS", "Ceiling", "Kind", "ask_kind", "kind_named", "kind_of", "names_of", "settle"]

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


_FRACTION: dict[str, Any] = {
    "measure": "fraction", "priors": "error", "reference": "rest", "high": 1.0, "closed": True,
}  # fmt: skip
_SCORE: dict[str, Any] = {
    "priors": "score", "reference": "unit", "relative_noise": False, "low": -np.inf,
    "scaled": False,
}  # fmt: skip
_ALL = (
    Kind("loss", "a loss above 0", "nats"),
    Kind("bpb", "a loss in bits per byte", "bits per byte"),
    Kind("perplexity", "a perplexity, whose log is the loss", low=1.0, logarithmic=True),
    Kind("error", "an error from 0 to 1", cap=1.0, **_FRACTION),
    Kind("rate", "an error rate that may pass 1", closed=True),
    Kind("accuracy", "an accuracy from 0 to 1", zero=1.0, unit=-1.0, cap=1.0, **_FRACTION),
    Kind("centred", "an accuracy less its chance level: 0 is guessing", zero=1.0, unit=-1.0,
         **(_FRACTION | {"low": -np.inf, "measure": ""})),
    Kind("score", "a score without bounds", unit=-1.0, **_SCORE),
    Kind("cost", "a cost without bounds", **_SCORE),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}

# Words of a metric's name -> kind. The first kind of words tell wherever they stand, the second
# only at the end, for they also say other things ("reward_model_accuracy").
_TELLING = {
    "loss": "loss nll nlls xent cross_entropy crossentropy neg_log_likelihood log_perplexity "
            "log_ppl negative_log_likelihood negative_loglikelihood "
    "squared_error absolute_error",
    "bpb": "bpb bpc bits_per_byte bits_per_char bits_per_character",
    "perplexity": "ppl perplexity byte_perplexity word_perplexity",
    "error": "error err error_rate errors",
    "rate": "wer cer word_error_rate character_error_rate char_error_rate",
    "accuracy": "accuracy accuracies acc exact_match pass@1 f1 auroc auc map@1",
    "centred": "centred centered",
    "score": "bleu rouge elo chrf log_likelihood loglikelihood log_prob logprob log_probability",
}  # fmt: skip
_LAST = {
    "loss": "ce mse rmse mae",
    "rate": "ter",
    "accuracy": "em precision recall win_rate winrate success_rate solve_rate pass_rate",
    "score": "return returns reward rewards score psnr",
}
# Words that say which of several, not what is measured, when they end a name.
_AFTER = frozenset(
    ("none", "norm", "mean", "avg", "average", "macro", "micro", "val", "valid", "validation",
     "test", "dev", "train", "eval", "total", "overall", "raw", "strict", "flexible")
)  # fmt: skip
# Tests of a choice of so many, by a word of their names.
_CHOICES = {
    "mmlu": 4, "arc": 4, "hellaswag": 4, "openbookqa": 4, "obqa": 4, "race": 4, "sciq": 4,
    "piqa": 2, "winogrande": 2, "boolq": 2, "copa": 2,
}  # fmt: skip
_SPREAD = {"stderr", "std", "se", "sd", "var", "variance", "ci"}  # not the metric, but its noise


def _phrases(table: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Words of each phrase -> kind, the longest phrases first."""
    pairs = [(tuple(p.split("_")), kind) for kind, text in table.items() for p in text.split()]
    return dict(sorted(dict(pairs).items(), key=lambda item: -len(item[0])))


_ANYWHERE, _AT_END = _phrases(_TELLING), _phrases(_TELLING) | _phrases(_LAST)
_ALIASES = {"_".join(words): kind for words, kind in _AT_END.items()} | {
    "bits_per_byte": "bpb", "ppl": "perplexity", "acc": "accuracy", "centered": "centred",
}  # fmt: skip


def kind_named(kind: str | Kind) -> Kind:
    """The kind of that name (or another word for it, or the text of one with numbers)."""
    if isinstance(kind, Kind):
        return kind
    name, _, numbers = kind.strip().partition("(")
    word = re.sub(r"[^a-z0-9@]+", "_", name.strip().lower())
    found = KINDS.get(word) or KINDS.get(_ALIASES.get(word, "")) or kind_of(word)
    if found is None:
        raise UsageError(f"unknown kind '{kind}' -> choose from {', '.join(KINDS)}")
    if not numbers:
        return found
    try:
        pairs = (part.split("=") for part in numbers.removesuffix(")").split(","))
        given = {key.strip(): float(value) for key, value in pairs}
        if "chance" in given:
            return found.with_chance(given["chance"])
        return replace(found, scaled=True, zero=given["zero"], unit=given["unit"])
    except (KeyError, ValueError):
        raise UsageError(f"cannot read the kind '{kind}' -> write {found.name}") from None


def names_of(kind: str) -> list[str]:
    """Words in a metric's name that tell this kind."""
    return [word for word, known in _ALIASES.items() if known == kind]


def words_of(metric: str) -> list[str]:
    """Words of a metric's name, in lower case, without those that only say which of several."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", metric)  # valLoss
    words = [w for w in re.split(r"[^a-z0-9@]+", spaced.lower()) if w]
    words = [re.sub(r"^pass(@\d+|1|10|100)$", "pass@1", w) for w in words]
    words = [re.sub(r"^(rouge|bleu|chrf)(\d|l|lsum|plus)?$", r"\1", w) for w in words]
    joined = " ".join(words)
    words = re.sub(r"\bpass at \d+\b|\bpass k\b|\bpass \d+\b", "pass@1", joined).split()
    while len(words) > 1 and (words[-1] in _AFTER or words[-1].isdigit()):
        words.pop()
    return words


def choices_of(metric: str) -> int | None:
    """How many answers a test of this name lets one choose from, where that is known."""
    return next((_CHOICES[word] for word in words_of(metric) if word in _CHOICES), None)


def kinds_in(metric: str) -> list[Kind]:
    """The kinds that a metric's name speaks of: one, none, or several that contradict."""
    words = words_of(metric)
    if words and words[-1] in _SPREAD:
        return []
    found: dict[str, int] = {}
    at = 0
    while at < len(words):
        for phrase, kind in _ANYWHERE.items():
            if tuple(words[at : at + len(phrase)]) == phrase:
                found[kind] = at
                at += len(phrase)
                break
        else:
            at += 1
    for general, special in (("loss", "bpb"), ("error", "rate"), ("accuracy", "centred")):
        if special in found:
            found.pop(general, None)
    if not found:
        ends = (kind for phrase, kind in _AT_END.items() if tuple(words[-len(phrase) :]) == phrase)
        found = {kind: 0 for kind in [next(ends, "")] if kind}
    return [KINDS[kind] for kind in found]


def kind_of(metric: str) -> Kind | None:
    """Kind of a metric by the words of its name; None where they tell none, or contradict."""
    found = kinds_in(metric)
    return found[0] if len(found) == 1 else None


def settle(
    metrics: Iterable[str],
    kinds: Mapping[str, str | Kind] | str | None = None,
    chance: Mapping[str, float] | float | None = None,
) -> dict[str, Kind]:
    """Kinds of the metrics for which a kind or a chance level is given, of one or of all."""
    metrics = list(dict.fromkeys(metrics))
    given = dict.fromkeys(metrics, kinds) if isinstance(kinds, str | Kind) else dict(kinds or {})
    out = {metric: kind_named(kind) for metric, kind in given.items()}
    if chance is None:
        return out
    if isinstance(chance, Mapping):
        levels = dict(chance)
        strange = [metric for metric in levels if metric not in metrics]
        if strange:
            raise UsageError(f"no metric '{strange[0]}' -> choose from {', '.join(metrics)}")
    else:
        known = {m: out.get(m) or kind_of(m) for m in metrics}
        levels = {m: chance for m, kind in known.items() if kind is not None and kind.fraction}
        if not levels:
            raise UsageError(
                "a chance level, but no metric is an accuracy or an error by its name "
                "-> say which is: --kind NAME=accuracy"
            )
    for metric, level in levels.items():
        kind = out.get(metric) or kind_of(metric)
        if kind is None:
            raise UsageError(
                f"a chance level for '{metric}', whose kind is not in its name "
                f"-> add --kind {quote(metric)}=accuracy"
            )
        out[metric] = kind.with_chance(level)
    return out


def ask_kind(metric: str) -> str:
    """What to say of a metric whose name does not tell its kind."""
    found = kinds_in(metric)
    what = (
        f"the name '{metric}' speaks of {' and '.join(k.name for k in found)}"
        if found
        else f"the kind of metric '{metric}' is not in its name"
    )
    down, up = (
        ", ".join(kind.name for kind in _ALL if kind.higher_is_better == way)
        for way in (False, True)
    )
    return (
        f"{what} -> pass --kind {quote(metric)}=KIND (Python: kinds={{'{metric}': KIND}} of "
        f"read_runs): {down} where lower is better, {up} where higher is (`qqt kinds` says more)"
    )
