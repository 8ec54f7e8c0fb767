r"""The fitting procedure of the QQT paper, as a baseline: exhaustive grid, least squares.

Goyal et al. (2024, arXiv:2404.07177) fit their law by exhaustive search because optimisers were
unstable. Written here from that description: for every setting of the shared (a, d), every pool in
turn is fitted by trying all pairs of utility b and half-life tau on a grid of 100 by 100; the
setting with the smallest summed squared error wins. Only runs on single pools are used; mixtures
are predicted, by Theorem 1 in :func:`~qqt_bayes.laws.as_released.paper_form`.

The answer is one point. It has no interval, and its resolution is that of the grid. The paper's
grids of (a, d) are tied to its 12.8M-sample pools; the defaults here are scaled to the data.

Two notes for those who use it as a baseline. The law fixes the reducible error of every pool to 1
at the anchor, which suits errors near chance; for a loss the fitted anchor may run to the edge of
the default grid (see ``GridFit.edges``), and wider grids are the fairer opponent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qqt_bayes.laws.as_released import paper_form

__all__ = ["GridFit", "default_grids", "fit_grid"]


@dataclass(frozen=True)
class GridFit:
    """Result of :func:`fit_grid`: one point, no uncertainty."""

    # shared parameters: anchor normalizer/a, irreducible error in the unit of the metric
    a: float
    d: float
    normalizer: float  # in samples
    # names, and unique samples of each
    pools: tuple[str, ...]
    sizes: tuple[float, ...]
    # b (negative) and tau (epochs) of each pool
    utilities: tuple[float, ...]
    half_lives: tuple[float, ...]
    losses: tuple[float, ...]  # sum of squared errors of each pool
    # names of the parameters that ended on an edge of their grid: there the answer is the grid's,
    # not the data's
    edges: tuple[str, ...]

    @property
    def loss(self) -> float:
        """Squared errors summed over pools (the released records divide by the number of pools)."""
        return float(sum(self.losses))

    def predict(
        self, samples: Any, pools: str | Sequence[str], shares: Sequence[float] | None = None
    ) -> np.ndarray:
        """Predict a pool, a union or a weighted mixture by Theorem 1 (paper form).

        ``samples``: samples seen; ``pools``: one fitted pool, or several; ``shares``: sampling
        shares, positive, summing to one; by default in proportion to size (a union). Unequal shares
        or sizes follow by cutting into equal pools, see ``paper_form``. Gives error or loss, dims
        of ``samples``.
        """
        names = [pools] if isinstance(pools, str) else list(pools)
        unknown = [name for name in names if name not in self.pools]
        if unknown or not names or len(set(names)) < len(names):
            msg = f"cannot predict {names}: name each pool once, from {list(self.pools)}"
            raise ValueError(msg)
        rows = [self.pools.index(name) for name in names]
        if shares is None and len(rows) == 1:
            shares = [1.0]
        utilities, half_lives, sizes = (
            np.array(values)[rows] for values in (self.utilities, self.half_lives, self.sizes)
        )
        return np.asarray(
            paper_form(samples, utilities, half_lives, sizes, self.a, self.d, self.normalizer,
                       shares=shares)
        )  # fmt: skip


def default_grids(
    samples: Any, values: Any, normalizer: float = 1e5
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Grids scaled to the data: 10 a, 7 d, 100 b, 100 tau.

    ``samples``, ``values`` (run,): budgets and errors or losses; ``normalizer``: in samples. Gives
    ``a``: anchors normalizer/a spaced geometrically, from 1/32 of the smallest budget to 32 times
    it; ``d``: from 0 to 0.9 of the smallest value, equally spaced; ``utility``: -0.500, -0.495,
    ..., -0.005: every utility of the published utility law is on it; ``half_life``: 1 to 10 epochs,
    equally spaced: the published half-lives lie on this grid.
    """
    anchors = float(np.min(samples)) * np.geomspace(1 / 32, 32, 10)
    return (
        normalizer / anchors,
        np.linspace(0.0, 0.9, 7) * float(np.min(values)),
        np.linspace(-0.5, -0.005, 100),
        np.linspace(1.0, 10.0, 100),
    )


def fit_grid(
    data: Sequence[str],
    samples: Any,
    values: Any,
    sizes: Mapping[str, float],
    *,
    a_grid: Any = None,
    d_grid: Any = None,
    utility_grid: Any = None,
    half_life_grid: Any = None,
    normalizer: float = 1e5,
) -> GridFit:
    """Fit single-pool runs by the paper's exhaustive grid search.

    Settings (a, d) are tried one at a time and, within a setting, one pool at a time.

    Parameters
    ----------
    data : sequence of str, dim (run,)
        Pool of each run. Mixtures are refused: the procedure predicts them.
    samples : array, dim (run,)
        Samples seen.
    values : array, dim (run,)
        Error or loss (smaller is better).
    sizes : mapping of str to float
        Unique samples of each pool, ``inf`` for an unlimited one; pools without runs are ignored.
    a_grid, d_grid, utility_grid, half_life_grid : array, optional
        Values to try, by default those of :func:`default_grids`.
    normalizer : float
        In samples; only the anchor normalizer/a matters.

    Returns
    -------
    GridFit
    """
    names = np.asarray(list(data), dtype=object)
    samples, values = np.asarray(samples, float), np.asarray(values, float)
    if not (len(names) == len(samples) == len(values) > 0):
        msg = "data, samples and values need one entry a run, and at least one run"
        raise ValueError(msg)
    if not (np.isfinite(samples) & (samples > 0) & np.isfinite(values)).all():
        msg = "samples must be positive and values finite"
        raise ValueError(msg)
    pools = tuple(dict.fromkeys(str(name) for name in names))
    missing = [pool for pool in pools if pool not in sizes]
    if missing:
        msg = f"no size for {missing}: only runs on single pools of the pool table can be fitted"
        raise ValueError(msg)
    a_values, d_values, utilities, half_lives = (
        default if given is None else np.asarray(given, float)
        for given, default in zip(
            (a_grid, d_grid, utility_grid, half_life_grid),
            default_grids(samples, values, normalizer),
            strict=True,
        )
    )
    runs = [(samples[names == pool], values[names == pool]) for pool in pools]

    best_loss, best_setting, best_cells, best_losses = np.inf, (0, 0), [], []
    for ia, a in enumerate(a_values):
        for jd, d in enumerate(d_values):
            cells, losses = [], []
            for pool, run in zip(pools, runs, strict=True):
                curves = paper_form(
                    run[0], utilities[:, None, None, None], half_lives[:, None, None],
                    sizes[pool], a, d, normalizer, shares=[1.0],
                )  # fmt: skip
                grid_losses = np.sum((curves - run[1]) ** 2, axis=-1)
                cell = np.unravel_index(np.argmin(grid_losses), grid_losses.shape)
                cells.append((int(cell[0]), int(cell[1])))
                losses.append(float(grid_losses[cell]))
            if sum(losses) < best_loss:
                best_loss, best_setting = sum(losses), (ia, jd)
                best_cells, best_losses = cells, losses

    ia, jd = best_setting
    edges = [
        name
        for name, index, grid in (("a", ia, a_values), ("d", jd, d_values))
        if len(grid) > 1 and index in (0, len(grid) - 1)
    ]
    for pool, (i, j) in zip(pools, best_cells, strict=True):
        for name, index, grid in ((f"b[{pool}]", i, utilities), (f"tau[{pool}]", j, half_lives)):
            if len(grid) > 1 and index in (0, len(grid) - 1):
                edges.append(name)
    return GridFit(
        a=float(a_values[ia]),
        d=float(d_values[jd]),
        normalizer=float(normalizer),
        pools=pools,
        sizes=tuple(float(sizes[pool]) for pool in pools),
        utilities=tuple(float(utilities[i]) for i, _ in best_cells),
        half_lives=tuple(float(half_lives[j]) for _, j in best_cells),
        losses=tuple(best_losses),
        edges=tuple(edges),
    )
