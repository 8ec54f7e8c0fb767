"""The laws by name: those that ship, and those that a user adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.laws import effective_utility, exchange_rate
from qqt_bayes.laws.law import Law

SHIPPED = (effective_utility.LAW, exchange_rate.LAW)
_LAWS = {law.name: law for law in SHIPPED}

__all__ = ["Law", "find_law", "known_laws", "register_law"]


def register_law(name: str, exponent: Callable[..., Any]) -> Law:
    """Add a law of one's own; a specification uses it by ``law = "NAME"``.

    Parameters
    ----------
    name : str
        Not that of a law that ships; registering a name again replaces it.
    exponent : callable
        ``exponent(first, epochs, shares, half_life, dilution, harm, rate, xp)`` gives the exponent
        of each row: by how many e-folds of the reference pool's samples it is beyond the anchor.
        ``first`` (e-folds of the first pass from the anchor, 0 for a pool without share),
        ``epochs`` and ``shares`` are data, dims (row, pool); half-life in epochs, harm and exchange
        rate have dims (draw, 1, pool), the dilution (draw, 1, 1), so that plain array code is
        right; what it returns has dims (draw, row). A pool without share must not count.
        ``xp`` is :mod:`numpy`, or :mod:`pytensor.tensor` for the forms in PyMC.

    Returns
    -------
    Law

    Raises
    ------
    UsageError
        For the name of a law that ships, or a function that does not return one number a row.
    """
    if name in {law.name for law in SHIPPED}:
        raise UsageError(f"law '{name}' ships with the package -> choose another name")
    law = Law.of_total(name, exponent)
    check_shape(law)
    _LAWS[name] = law
    return law


def check_shape(law: Law) -> None:
    """Try a law on two pools, three rows and four draws."""
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    by_pool = np.full((4, 1, 2), 0.1)
    wanted = (4, 3, 2)
    advice = "-> write it in array code: one number a row, dims (draw, row); see docs/own_law.md"
    try:
        found = law.exponents(rows, 3.0 * rows, rows, by_pool, np.full((4, 1, 1), 0.5), by_pool,
                              by_pool)  # fmt: skip
    except Exception as error:  # whatever the user's function raises
        raise UsageError(f"law '{law.name}' cannot be evaluated: {error!r} {advice}") from error
    if np.shape(found) != wanted or not np.all(np.isfinite(found)):
        said = f"gives dims {np.shape(found)} for {wanted}, or numbers that are not finite"
        raise UsageError(f"law '{law.name}' {said} {advice}")


def known_laws() -> list[str]:
    """Names of the laws that ship and of those registered."""
    return sorted(_LAWS)


def find_law(name: str) -> Law:
    """The law of this name.

    Raises
    ------
    UsageError
        If there is none: a law of one's own has to be registered first, in every process.
    """
    if name not in _LAWS:
        raise UsageError(
            f"unknown law '{name}' -> one of {', '.join(known_laws())}, or call "
            f"qqt_bayes.register_law('{name}', function) first (see docs/how_to/own_law.md)"
        )
    return _LAWS[name]
