"""Which kind a metric is: by its name, or by the word that a user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from shlex import quote
from typing import Any

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.kinds import Kind

__all__ = [
    "KINDS", "ask_kind", "choices_of", "kind_named", "kind_of", "kinds_in", "names_of", "settle",
]  # fmt: skip

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
