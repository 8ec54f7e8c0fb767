"""Which family of pools (which filter), and which of its candidates (how much of it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qqt_bayes.decide.decision import Decision
    from qqt_bayes.runs import Mixture, Pools

__all__ = ["FamilyShare", "by_family", "family_of"]


@dataclass(frozen=True)
class FamilyShare:
    """What a family of pools holds at one budget.

    Attributes
    ----------
    family : str
        Of the pools drawn from; several with ``+`` between them.
    p_best : float
        Probability that a candidate of this family is best.
    best : str
        Its candidate of least expected regret.
    p_best_within : float
        Probability that this one is the best of the family, whatever other families do.
    expected_regret : float
        Of that candidate, against the best of all.
    """

    family: str
    p_best: float
    best: str
    p_best_within: float
    expected_regret: float


def family_of(mixture: Mixture, pools: Pools) -> str:
    """Families of the pools that a mixture draws from; a pool without one goes by its name."""
    found = [pools.family[pools.index(name)] or name for name in mixture.shares]
    return "+".join(dict.fromkeys(found))


def by_family(d: Decision, budget: int) -> list[FamilyShare]:
    """The families at one budget, most probable first.

    None where the choice is not between families: at least two must have candidates of their own,
    and one of them several, or there is nothing to add up.
    """
    pools = d.fit.study.pools
    names = [family_of(c, pools) for c in d.candidates]
    if len(set(names) & set(pools.family)) < 2 or len(set(names)) == len(names):
        return []
    latent, regret = d.latent[:, budget], d.expected_regret[budget]
    out = []
    for family in dict.fromkeys(names):
        own = np.flatnonzero([n == family for n in names])
        best = int(own[np.argmin(regret[own])])
        within = own[np.argmin(latent[:, own], axis=1)]
        out.append(
            FamilyShare(
                family, float(d.p_best[budget, own].sum()), d.candidates[best].text,
                float(np.mean(within == best)), float(regret[best]),
            )
        )  # fmt: skip
    return sorted(out, key=lambda f: -f.p_best)
