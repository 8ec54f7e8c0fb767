"""Draws of the parameters under the names that PyMC and ArviZ use, with their dims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.model.parameters import RENAMED

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior

__all__ = ["named"]


def named(
    posterior: Posterior, utility: np.ndarray, level: np.ndarray, pools: Sequence[str]
) -> Any:
    """All that is drawn, as a dataset.

    ``posterior``: its parameters may be draws from the prior; ``utility``, ``level`` (draw, pool):
    one draw for each of the parameters. Gives dims (chain, draw[, pool]).
    """
    import xarray as xr

    shape = posterior.chains
    data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        RENAMED.get(n, n): (("chain", "draw"), v.reshape(shape))
        for n, v in posterior.scalars().items()
    }
    by_pool: dict[str, np.ndarray | None] = {
        "utility": utility,
        "level": level,
        "half_life": posterior.half_lives,
        "harm": posterior.harms,
        "exchange_rate": posterior.exchange_rates,
        "pool_noise": posterior.pool_noise,
    }
    data |= {
        n: (("chain", "draw", "pool"), v.reshape(*shape, -1))
        for n, v in by_pool.items()
        if v is not None
    }
    return xr.Dataset(data, coords={"pool": list(pools)})
