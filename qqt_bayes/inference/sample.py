"""Sampling the few with nutpie: NUTS with low-rank adaptation on the marginal density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qqt_bayes.inference.chart import Chart, dimension
from qqt_bayes.inference.cores import chain_cores
from qqt_bayes.inference.gate import DIVERGING, GateReport
from qqt_bayes.inference.native import native_model
from qqt_bayes.inference.natural import Cells

COLD_JITTER = 0.3
WARM_TUNE, WARM_ACCEPT = 100, 0.8
STATS = ("diverging", "energy", "n_steps", "step_size")

__all__ = [
    "Settings",
    "Start",
    "Walk",
    "sample_few",
    "walk_model",
    "walk_until_passed",
    "warmed",
]


# What is left of the distance between the target acceptance and one after a walk that diverged.
CLOSER = 0.3


@dataclass(frozen=True)
class Settings:
    """Sampler settings.

    ``adaptation`` is nutpie's: ``"low_rank"`` learns which directions are long or short, ``"diag"``
    a scale for each coordinate, which costs less in many dimensions and is enough where the walk is
    in the scale of its posterior already.
    """

    draws: int = 600
    tune: int = 400
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.85
    adaptation: str = "low_rank"


def warmed(settings: Settings) -> Settings:
    """Settings for a refit of nearly the same runs: only the step size is left to learn."""
    accept = min(settings.target_accept, WARM_ACCEPT)
    return replace(settings, tune=min(settings.tune, WARM_TUNE), target_accept=accept)


def more_careful(settings: Settings) -> Settings:
    """Settings after a walk that diverged: longer, in smaller steps."""
    miss = (1.0 - settings.target_accept) * CLOSER
    return replace(settings, draws=settings.draws * 2, tune=int(settings.tune * 1.5),
                   target_accept=1.0 - miss)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """A posterior to start from: its middle and its shape, which spare most of the warm-up.

    Attributes
    ----------
    centre : numpy.ndarray
        Dim (unconstrained,).
    factor : numpy.ndarray
        Dims (unconstrained, unconstrained): lower Cholesky factor of its covariance.
    """

    centre: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, theta: np.ndarray) -> Start:
        """Start from draws, dims (chain, draw, unconstrained)."""
        flat = theta.reshape(-1, theta.shape[-1])
        return cls(flat.mean(axis=0), np.linalg.cholesky(np.cov(flat, rowvar=False)))


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

    def beside(self, other: Walk) -> Walk:
        """The chains of both, of the same density and number of draws."""
        stats = {k: np.concatenate([v, other.stats[k]]) for k, v in self.stats.items()}
        theta = np.concatenate([self.theta, other.theta])
        return Walk(theta, stats, self.gradients + other.gradients)


def sample_few(
    chart: Chart,
    cells: Cells,
    seed: int,
    settings: Settings | None = None,
    start: Start | None = None,
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
    start : Start, optional
        The posterior of a similar fit. The walk then takes place in its scale, and starts from
        draws of a normal of its mean and covariance; unless it has other parameters.
    progress : callable, optional
        Called with nutpie's chain progress now and then.
    """
    size = dimension(chart)
    if start is None or len(start.centre) != size:  # other runs may tell of other parameters
        model = native_model(chart, cells, np.zeros(size), np.eye(size), COLD_JITTER)
    else:
        model = native_model(chart, cells, start.centre, start.factor, 1.0)
    return walk_model(model, seed, settings or Settings(), progress)


def walk_model(
    model: Any, seed: int, settings: Settings, progress: Callable[[Any], None] | None = None
) -> Walk:
    """Sample a compiled model; see :func:`sample_few`."""
    import nutpie

    trace = nutpie.sample(
        model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=chain_cores(settings.cores),
        seed=seed,
        adaptation=settings.adaptation,
        target_accept=settings.target_accept,
        progress_bar=False,
        progress_callback=progress,
        save_warmup=True,
        return_raw_trace=True,
    )
    draws, stats = trace.get_arrow_trace()
    return read_walk(draws, stats, settings.tune)


def walk_until_passed[Made](
    walk: Callable[[int, Settings], Walk],
    judge: Callable[[Walk], tuple[Made, GateReport]],
    settings: Settings,
    attempts: int,
) -> Made:
    """Walk until the gate is passed.

    Chains that were too short get as many more beside them; chains that diverged are dropped for
    more careful ones.

    Parameters
    ----------
    walk : callable
        A walk, given the number of the attempt and settings.
    judge : callable
        What is made of all chains so far, whose gradients are those of all attempts; and its gate.
    settings : Settings
        Of the first attempt.
    attempts : int
        Walks at most; what the last ones gave is returned either way.
    """
    kept, spent, chains = None, 0, settings.chains
    for attempt in range(attempts):
        more = walk(attempt, settings)
        spent += more.gradients
        kept = more if kept is None else kept.beside(more)
        made, gate = judge(replace(kept, gradients=spent))
        if gate.passed:
            break
        if gate.figures.get("diverging", 0.0) > DIVERGING:
            kept, settings = None, more_careful(replace(settings, chains=chains))
        else:
            settings = replace(settings, chains=len(kept.theta))
    return made


def read_walk(draws: list[Any], stats: list[Any], tune: int) -> Walk:
    """A walk of nutpie's tables, one a chain, warm-up included.

    Its own conversion to an xarray tree takes as long as a tenth of a refit.
    """
    import pyarrow

    theta = []
    for chain in draws:
        flat = np.asarray(pyarrow.array(chain.column("theta")).flatten())
        theta.append(flat.reshape(chain.num_rows, -1)[tune:])

    def stat(name: str) -> np.ndarray:
        return np.array([np.asarray(pyarrow.array(c.column(name))) for c in stats])

    kept = {name: stat(name)[:, tune:] for name in STATS}
    return Walk(np.array(theta), kept, int(stat("n_steps").sum()))
