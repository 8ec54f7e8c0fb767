"""The laws by name: those that ship, and those that a user adds.

What the engine needs of a law is how far a point has come: its *exponents* X, so that
``log(y - d) = level - sum(utility * X)``. Everything else (irreducible part, hierarchy, drift,
mixture error, noise, decisions) is the same for all laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.laws import effective_utility, exchange_rate

__all__ = ["Law", "find_law", "known_laws", "register_law"]

# (first, epochs, shares, half_life, dilution, harm, rate), dims (pool,) -> exponent of the point
PointLaw = Callable[..., float]


@dataclass(frozen=True)
class Law:
    """A law as the engine sees it.

    Attributes
    ----------
    name : str
        As a specification names it.
    sums : callable
        Exponents, dims (row, pool): see :func:`qqt_bayes.laws.exchange_rate.exponent_sums`.
    rated : bool
        Whether pools have exchange rates. The utility is then common to all pools, and only the
        sum of the exponents over pools means something.
    point : callable or None
        The user's function, for a law that does not ship.
    """

    name: str
    sums: Callable[..., Any]
    rated: bool
    point: PointLaw | None = None


def utility_sums(first: Any, epochs: Any, shares: Any, log_half_life: Any, dilution: Any, harm: Any,
                 log_rate: Any = 0.0, *, xp: Any = np) -> Any:  # fmt: skip
    """Effective utility; it has no exchange rates."""
    return effective_utility.exponent_sums(
        first, epochs, shares, log_half_life, dilution, harm, xp=xp
    )


_LAWS = {
    "effective_utility": Law("effective_utility", utility_sums, rated=False),
    "exchange_rate": Law("exchange_rate", exchange_rate.exponent_sums, rated=True),
}
SHIPPED = tuple(_LAWS)


def register_law(name: str, point: PointLaw) -> Law:
    """Add a law of one's own; a specification uses it by ``law = "NAME"``.

    Parameters
    ----------
    name : str
        Not that of a law that ships; registering a name again replaces it.
    point : callable
        ``point(first, epochs, shares, half_life, dilution, harm, rate)`` gives the exponent of one
        point: by how many e-folds of the reference pool's samples it is beyond the anchor. All but
        ``dilution`` are arrays of dim (pool,): log-length of the first pass from the anchor (0 for
        a pool without share), epochs, sampling shares, half-life in epochs, harm, exchange rate.
        A pool without share must not count. It is compiled by numba, so it may use loops,
        :mod:`math` and plain NumPy; its derivatives are taken by central differences, so it has to
        be smooth in the parameters.

    Returns
    -------
    Law

    Raises
    ------
    UsageError
        For the name of a law that ships.
    """
    if name in SHIPPED:
        raise UsageError(f"law '{name}' ships with the package -> choose another name")

    def sums(first: Any, epochs: Any, shares: Any, log_half_life: Any, dilution: Any, harm: Any,
             log_rate: Any = 0.0, *, xp: Any = np) -> Any:  # fmt: skip
        if xp is not np:
            raise UsageError(f"law '{name}' has no symbolic form: only the marginal engine fits it")
        shares = np.asarray(shares, float)
        by_pool = [
            np.broadcast_to(np.asarray(a, float), shares.shape[-1:]).copy()
            for a in (np.exp(log_half_life), harm, np.exp(log_rate))
        ]
        rows = zip(np.asarray(first, float), np.asarray(epochs, float), shares, strict=True)
        life, hurt, rate = by_pool
        total = [point(f, e, w, life, float(dilution), hurt, rate) for f, e, w in rows]
        return shares * np.array(total)[:, None]

    _LAWS[name] = Law(name, sums, rated=True, point=point)
    return _LAWS[name]


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
            f"qqt_bayes.register_law('{name}', function) first (see docs/own_law.md)"
        )
    return _LAWS[name]
