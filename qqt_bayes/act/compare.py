"""Joint draws of what each action leads to, and the scales on which actions are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.act.changed import ChangedData, draw_changed, quality_effects
from qqt_bayes.decide.predict import bounded, ceiling
from qqt_bayes.decide.worth import fewest_samples
from qqt_bayes.errors import UsageError
from qqt_bayes.laws.registry import find_law

if TYPE_CHECKING:
    from qqt_bayes.act.changes import Data
    from qqt_bayes.act.table import Action
    from qqt_bayes.fitting import Fit

FACTOR = 16.0  # runs this much longer and shorter than the budgets are looked at
GRID = 48
Z90 = 1.6448536269514722  # of the ends of a 90% interval

__all__ = ["FACTOR", "Compared", "compare"]


@dataclass(frozen=True)
class Compared:
    """Draws of the comparison, dims (sample, budget, action); the first action is none."""

    at: np.ndarray  # latent performance after so many samples, lower is better
    paid: np.ndarray  # when the budget pays for the action too; infinite where it cannot
    # samples on the data as they are that do the same, over the budget; infinite where 16 times the
    # budget do not, 0 where a sixteenth of the smallest budget is more than enough
    factor: np.ndarray
    # cost at which the action is just as good as none; minus infinity where 16 times the largest
    # budget would not make up for it
    break_even: np.ndarray


def compare(
    fit: Fit, budgets: np.ndarray, actions: Sequence[Action], price: float, seed: int
) -> Compared:
    """Draw what each action leads to; the first is none. The price is of training on a sample."""
    ends = budgets.min() / FACTOR, budgets.max() * FACTOR
    grid = np.unique(np.append(np.geomspace(*ends, GRID), budgets))
    left = budgets[:, None] - np.array([a.cost for a in actions]) / price
    blocks = []
    for k, action in enumerate(actions):
        trained = np.where(left[:, k] >= ends[0], left[:, k], budgets)  # too dear: see below
        blocks.append(
            ChangedData(
                np.concatenate([grid, trained]), action.data.shares(), action.data.factors(),
                better_utilities(fit, action.data, seed),
            )
        )  # fmt: skip
    drawn = draw_changed(fit.posterior, blocks, seed=seed)
    irreducible = fit.posterior.irreducible[:, None]
    values = [
        fit.study.kind.to_unit(bounded(irreducible + np.exp(log), ceiling(fit, block.samples)))
        for log, block in zip(drawn, blocks, strict=True)
    ]
    curves = np.stack([v[:, : len(grid)] for v in values], axis=1)
    paid = np.stack([v[:, len(grid) :] for v in values], axis=2)
    paid[:, left < ends[0]] = np.inf
    at = curves[:, :, np.searchsorted(grid, budgets)].transpose(0, 2, 1)
    factor = np.empty_like(at)
    worth = np.empty_like(at)
    for k in range(len(actions)):
        for b, n in enumerate(budgets):
            same = fewest_samples(curves[:, 0], grid, at[:, b, k])
            factor[:, b, k] = np.where(same < n / FACTOR, 0.0, same / n) if k else 1.0
            enough = fewest_samples(curves[:, k], grid, at[:, b, 0])
            worth[:, b, k] = price * (n - enough) if k else 0.0
    factor[factor > FACTOR] = np.inf
    return Compared(at, paid, factor, worth)


def better_utilities(fit: Fit, data: Data, seed: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """How the utilities of improved pools follow from those of the pools as they are.

    Refused under a law with one utility for all pools.
    """
    if not data.rank and not data.utility:
        return None
    if find_law(fit.spec.law).one_utility:
        raise UsageError(
            f"law '{fit.spec.law}' has one utility for all pools, so 'rank' and 'utility' cannot "
            "change it -> use the spec effective_utility, or name an improved pool: pool=B4"
        )
    if data.rank and fit.posterior.priors["quality_effect"].none:
        raise UsageError(
            f"spec '{fit.spec.name}' has no effect of quality on utility -> say utility=1.05..1.3, "
            "or name an improved pool: pool=B4"
        )
    return partial(improved, fit=fit, data=data, seed=seed)


def improved(utility: np.ndarray, *, fit: Fit, data: Data, seed: int) -> np.ndarray:
    """Utilities of the changed pools, dims (draw, pool).

    Better rank: what quality does to utility in these runs, and the deviation of its own that an
    improved pool may have, as large as between two pools of one family. A stated factor: log-normal
    with the interval given.
    """
    pools, p = data.pools, fit.posterior.parameters
    out = utility.copy()
    quality = quality_effects(fit.posterior, utility, np.random.default_rng((seed, 1)))
    ranks = np.asarray(pools.quality_rank, float)
    apart = np.sqrt(2.0 * (1.0 - fit.spec.structure["family_likeness"]))
    for name, rank in data.rank.items():
        i = pools.index(name)
        own = np.random.default_rng((seed, 2, i)).standard_normal(len(utility))
        deviation = apart * p.scale("utility_spread") * own
        step = (ranks[i] - rank) / ranks[np.isfinite(ranks)].std()
        out[:, i] += p.utility * (quality * step + deviation)
    for name, (lo, hi) in data.utility.items():
        i = pools.index(name)
        own = np.random.default_rng((seed, 3, i)).standard_normal(len(utility))
        middle, width = 0.5 * np.log(lo * hi), 0.5 * np.log(hi / lo) / Z90
        out[:, i] *= np.exp(middle + width * own)
    return out
