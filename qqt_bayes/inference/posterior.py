"""A sampled posterior: the few as the sampler walked them, and everything drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.chart import SCALARS, Chart, build_chart, natural_draws
from qqt_bayes.inference.conditional import Conditional, condition
from qqt_bayes.inference.gate import GateReport, check_draws, check_energy, merge
from qqt_bayes.inference.marginal import SCALES, Cells
from qqt_bayes.inference.sample import Settings, Start, sample_few
from qqt_bayes.model.design import Design, Points
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.priors import Prior

ATTEMPTS = 3

__all__ = ["Posterior", "sample_posterior"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the few, with what is needed to draw the rest.

    Attributes
    ----------
    theta : numpy.ndarray
        Dims (chain, draw, unconstrained).
    natural : numpy.ndarray
        Dims (sample, natural), chains one after the other.
    gradients : int
        Gradient evaluations spent.
    """

    design: Design
    priors: dict[str, Prior]
    kind: str
    theta: np.ndarray
    stats: dict[str, np.ndarray]
    gradients: int
    seed: int

    @cached_property
    def cells(self) -> Cells:
        """What the density reads."""
        return build_cells(self.design, self.priors, self.kind)

    @cached_property
    def chart(self) -> Chart:
        """Layout of the unconstrained vector."""
        return build_chart(self.priors, self.design)

    @cached_property
    def natural(self) -> np.ndarray:
        """Natural few, dims (sample, natural)."""
        return natural_draws(self.theta.reshape(-1, self.theta.shape[-1]), self.chart)

    @property
    def chains(self) -> tuple[int, int]:
        """Numbers of chains and of draws in each."""
        return self.theta.shape[0], self.theta.shape[1]

    @property
    def irreducible(self) -> np.ndarray:
        """Dim (sample,)."""
        return self.natural[:, 0]

    @property
    def seed_noise(self) -> np.ndarray:
        """Relative to the metric, dim (sample,)."""
        return self.natural[:, 3]

    def scalars(self) -> dict[str, np.ndarray]:
        """Draws of the sampled scalars by name, dim (sample,)."""
        chosen = {n: self.natural[:, i] for i, n in enumerate(SCALARS[:-2])}
        hyper = self.hyper()
        return {n: v for n, v in (chosen | hyper).items() if not self.priors[n].fixed}

    def hyper(self) -> dict[str, np.ndarray]:
        """Population median and spread of the half-lives, which the natural vector leaves out."""
        from qqt_bayes.inference.chart import scalar

        theta = self.theta.reshape(-1, self.theta.shape[-1])
        at = int((self.chart.code[:-2] > 0).sum())
        out = {}
        for place, name in ((-2, "half_life"), (-1, "half_life_spread")):
            code, a, b = (int(self.chart.code[place]), self.chart.a[place], self.chart.b[place])
            if code == 0:
                out[name] = np.full(len(theta), a)
                continue
            out[name] = np.array([scalar(code, a, b, u)[0] for u in theta[:, at]])
            at += 1
        return out

    @property
    def half_lives(self) -> np.ndarray:
        """Half-lives in epochs, dims (sample, pool); NaN for an unlimited pool."""
        out = np.exp(self._by_pool(0))
        out[:, ~np.isfinite(self.design.sizes)] = np.nan
        return out

    @property
    def harms(self) -> np.ndarray:
        """Harm of repetition, dims (sample, pool); NaN for an unlimited pool."""
        out = self._by_pool(1).copy()
        out[:, ~np.isfinite(self.design.sizes)] = np.nan
        return out

    @property
    def exchange_rates(self) -> np.ndarray | None:
        """Worth of a pool's samples in the reference pool's, dims (sample, pool), or None.

        The reference is the pool of best quality rank; without one the rates are relative to
        their own average.
        """
        return np.exp(self._by_pool(2)) if self.chart.rated else None

    def _by_pool(self, block: int) -> np.ndarray:
        """A block of the natural vector: log half-lives, harms, log exchange rates."""
        pools = len(self.design.sizes)
        start = SCALES + len(COMPONENTS) + block * pools
        return self.natural[:, start : start + pools]

    def at(self, points: Points, *, seed: int = 0, with_parts: bool = False,
           every: int = 1) -> Conditional:  # fmt: skip
        """Draws at the points, one a sample (or one every so many); joint over the points."""
        return condition(
            self.natural[::every], self.cells, self.design, points, self.priors["regime"],
            seed=self.seed * 1_000_003 + seed, with_parts=with_parts,
        )  # fmt: skip

    @cached_property
    def fitted(self) -> Conditional:
        """Draws at the cells themselves."""
        return self.at(self.design.points)

    @cached_property
    def gate(self) -> GateReport:
        """Convergence of the few and of the utilities."""
        names, draws = ["irreducible"], [self.theta[..., 0]]
        names = [f"few[{i}]" for i in range(self.theta.shape[-1])]
        for i, name in enumerate(n for n in SCALARS if not self.priors[n].fixed):
            names[i] = name
        draws = list(np.moveaxis(self.theta, -1, 0))
        for i in range(len(self.design.sizes)):
            names.append(f"utility[{i}]")
            draws.append(self.fitted.utility[:, i].reshape(self.chains))
        return merge(
            check_draws(names, np.array(draws)),
            check_energy(self.stats["diverging"], self.stats["energy"]),
        )


def sample_posterior(
    design: Design,
    priors: dict[str, Prior],
    kind: str,
    seed: int,
    settings: Settings | None = None,
    start: Start | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Posterior:
    """Sample until the gate is passed: up to three attempts, each longer and more careful.

    The caller decides what a failed gate means; the last attempt is returned either way.
    """
    settings = settings or Settings()
    cells = build_cells(design, priors, kind)
    chart = build_chart(priors, design)
    spent = 0
    for attempt in range(ATTEMPTS):
        walk = sample_few(chart, cells, seed + 7919 * attempt, settings, start, progress)
        spent += walk.gradients
        posterior = Posterior(design, priors, kind, walk.theta, walk.stats, spent, seed)
        if posterior.gate.passed:
            break
        settings = replace(
            settings,
            draws=int(settings.draws * 2),
            tune=int(settings.tune * 1.5),
            target_accept=1.0 - (1.0 - settings.target_accept) * 0.3,
        )
    return posterior
