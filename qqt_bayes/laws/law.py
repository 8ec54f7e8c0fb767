"""What a law is: how far a run has come, as the exponents of its pools.

Everything else (irreducible part, hierarchy, drift, mixture error, noise, decisions) is the same
for all laws. A law that ships is one file with one :class:`Law`, as one of the user's own is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Law"]


@dataclass(frozen=True)
class Law:
    """A law: ``log(y - d) = level - sum(utility * exponents)``.

    Attributes
    ----------
    name : str
        As a specification names it.
    exponents : callable
        ``exponents(first, epochs, shares, log_half_life, dilution, harm, log_rate, xp=)`` gives the
        exponents by pool. The first three are data, dims (row, pool): e-folds in the first pass
        from the anchor, epochs, sampling shares. The others are parameters: dim (pool,) and
        scalars, or dims (draw, 1, pool) and (draw, 1, 1). Dims of what it returns: (row, pool) or
        (draw, row, pool). ``xp`` is :mod:`numpy` or :mod:`pytensor.tensor`.
    one_utility : bool
        Whether pools differ by exchange rates and have one utility, so that only the sum of the
        exponents over pools means something.
    """

    name: str
    exponents: Callable[..., Any]
    one_utility: bool

    @classmethod
    def of_total(cls, name: str, total: Callable[..., Any]) -> Law:
        """A law with one utility for all pools, from the exponent of the whole run.

        Parameters
        ----------
        name : str
            As a specification names it.
        total : callable
            ``total(first, epochs, shares, half_life, dilution, harm, rate, xp=)`` gives the
            exponent of each row, dims (..., row): by how many e-folds of the reference pool's
            samples it is beyond the anchor. Half-lives are in epochs, rates those of exchange.
        """

        def exponents(first: Any, epochs: Any, shares: Any, log_half_life: Any, dilution: Any = 0.0,
                      harm: Any = 0.0, log_rate: Any = 0.0, *, xp: Any = np) -> Any:  # fmt: skip
            first, epochs, shares = (np.asarray(a, float) for a in (first, epochs, shares))
            found = total(
                first, epochs, shares, xp.exp(log_half_life), dilution, harm, xp.exp(log_rate),
                xp=xp,
            )  # fmt: skip
            return shares * found[..., None]

        return cls(name, exponents, one_utility=True)
