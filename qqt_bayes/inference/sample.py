"""Sampling the few with nutpie: NUTS with low-rank adaptation on the marginal density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qqt_bayes.inference.chart import Chart, dimension
from qqt_bayes.inference.marginal import Cells
from qqt_bayes.inference.native import native_model

__all__ = ["Settings", "Walk", "sample_few"]


@dataclass(frozen=True)
class Settings:
    """Sampler settings."""

    draws: int = 600
    tune: int = 400
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.9


@dataclass(frozen=True)
class Walk:
    """What the sampler returns.

    Attributes
    ----------
    theta : numpy.ndarray
        Dims (chain, draw, unconstrained).
    stats : dict of numpy.ndarray
        ``diverging``, ``energy``, ``n_steps``, ``step_size``: dims (chain, draw).
    gradients : int
        Gradient evaluations, warm-up included.
    """

    theta: np.ndarray
    stats: dict[str, np.ndarray]
    gradients: int


def sample_few(
    chart: Chart,
    cells: Cells,
    seed: int,
    settings: Settings | None = None,
    start: np.ndarray | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Walk:
    """Sample the few.

    Parameters
    ----------
    chart : Chart
        Priors and layout of the unconstrained vector.
    cells : Cells
        The data.
    seed : int
        Same seed, same draws.
    settings : Settings, optional
        Draws, warm-up, chains.
    start : numpy.ndarray, optional
        Where to start (unconstrained): a posterior mean of a similar fit, for a warm start.
    progress : callable, optional
        Called with nutpie's chain progress now and then.
    """
    import nutpie

    settings = settings or Settings()
    size = dimension(chart)
    centre = np.zeros(size) if start is None else np.asarray(start, float)
    model = native_model(chart, cells, centre, jitter=0.3)
    trace = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=seed,
        adaptation="low_rank",
        target_accept=settings.target_accept,
        progress_bar=False,
        progress_callback=progress,
        save_warmup=True,
    )
    stats = trace["sample_stats"]
    warmup = trace["warmup_sample_stats"]["n_steps"].values.sum()
    return Walk(
        trace["posterior"]["theta"].values,
        {k: stats[k].values for k in ("diverging", "energy", "n_steps", "step_size")},
        int(warmup + stats["n_steps"].values.sum()),
    )
