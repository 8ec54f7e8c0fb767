"""Which family of pools (which filter), and which of its candidates (how much of it)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from qqt_bayes.decide.decision import Decision
    from qqt_bayes.runs import Mixture, Pools

COLUMNS = ["samples", "family", "p_best", "best", "p_best_within", "expected_regret"]

__all__ = ["by_family", "family_of"]


def family_of(mixture: Mixture, pools: Pools) -> str:
    """Families of the pools that a mixture draws from; a pool without one goes by its name."""
    found = [pools.family[pools.index(name)] or name for name in mixture.shares]
    return "+".join(dict.fromkeys(found))


def by_family(d: Decision) -> pd.DataFrame:
    """See ``Decision.families``; none where the choice is not between families.

    At least two must have candidates of their own, and one of them several, or there is nothing to
    add up.
    """
    pools = d.fit.study.pools
    names = [family_of(c, pools) for c in d.candidates]
    families = list(dict.fromkeys(names))
    if len(set(families) & set(pools.family)) < 2 or len(families) == len(names):
        families = []
    rows: list[dict[str, Any]] = []
    for b, samples in enumerate(d.budgets):
        latent, regret = d.latent[:, b], d.expected_regret[b]
        for family in families:
            own = np.flatnonzero([n == family for n in names])
            best = int(own[np.argmin(regret[own])])
            within = own[np.argmin(latent[:, own], axis=1)]
            values = (samples, family, d.p_best[b, own].sum(), d.candidates[best].text,
                      np.mean(within == best), regret[best])  # fmt: skip
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    rows.sort(key=lambda row: (list(d.budgets).index(row["samples"]), -row["p_best"]))
    return pd.DataFrame(rows, columns=COLUMNS)
