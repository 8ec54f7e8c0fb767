"""Kinds of metric (to be replaced)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of metric."""

    name: str
    reference: str
    relative_noise: bool
    priors: str


_KINDS = {
    "loss": Kind("loss", "irreducible", True, "loss"),
    "error": Kind("error", "rest", True, "error"),
    "accuracy": Kind("accuracy", "rest", True, "error"),
}


def kind_named(name: str) -> Kind:
    """The kind of this name."""
    return _KINDS[str(getattr(name, "name", name))]
