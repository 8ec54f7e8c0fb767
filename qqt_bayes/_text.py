"""Words for messages: long texts cut, long lists shortened, the name that was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = ["cut", "listed", "nearest", "one_of", "plainly", "written"]


def cut(text: str, longest: int) -> str:
    """A text without its middle where it is too long: its ends tell most."""
    if len(text) <= longest:
        return text
    part = (longest - 5) // 2
    return f"{text[:part]} ... {text[-part:]}"


def listed(words: Sequence[str], most: int) -> str:
    """The first words, with commas between; dots where there are more."""
    return ", ".join(words[:most]) + ", ..." * (len(words) > most)


def nearest(name: str, names: Iterable[str], alike: float = 0.5) -> str | None:
    """The name that was perhaps meant."""
    return next(iter(get_close_matches(name, list(names), n=1, cutoff=alike)), None)


def one_of(name: str, names: Iterable[str], alike: float = 0.5) -> str:
    """How to mend a name that is none of these."""
    near = nearest(name, names, alike)
    return f"choose from {', '.join(names)}" if near is None else f"write '{near}'"


def written(value: object) -> str:
    """A value as a message quotes it; Python refuses to write whole numbers of many digits."""
    try:
        return cut(repr(value), 400)
    except ValueError:
        return f"{type(value).__name__} of thousands of digits"


def plainly(value: object) -> str:
    """The same, a text without its quotes."""
    return value if isinstance(value, str) else written(value)
