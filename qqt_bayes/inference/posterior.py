"""A sampled posterior: the few as the sampler walked them, and everything drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qqt_bayes.inference.cells import build_cells
from qqt_bayes.inference.chart import SCALARS, Chart, build_chart, natural_draws
from qqt_bayes.inference.conditional import Conditional, condition
from qqt_bayes.inference.gate import GateReport, check_draws, check_energy, merge
from qqt_bayes.inference.natural import NOISE, SCALES, Cells
from qqt_bayes.inference.sample import Settings, Start, Walk, sample_few, walk_until_passed
from qqt_bayes.model.design import Design, Points
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.noise import Evaluation, seed_factor
from qqt_bayes.model.priors import Prior

ATTEMPTS = 4

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
    shared : numpy.ndarray or None
        Dims (sample, shared): what the study has in common with others that were sampled with it
        (:mod:`qqt_bayes.inference.together`).
    """

    design: Design
    priors: dict[str, Prior]
    kind: str
    theta: np.ndarray
    stats: dict[str, np.ndarray]
    gradients: int
    seed: int
    shared: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but what is built anew in another process: it holds addresses of this one."""
        return {k: v for k, v in self.__dict__.items() if k not in ("cells", "chart")}

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
        """Common to the pools, relative to the metric, dim (sample,)."""
        return self.natural[:, NOISE]

    @property
    def pool_noise(self) -> np.ndarray | None:
        """Seed noise by pool, relative to the metric, dims (sample, pool); None if common."""
        if not self.chart.noisy:
            return None
        return self.seed_noise[:, None] * np.exp(self._by_pool(2))

    def noise_variance(
        self,
        latent: np.ndarray,
        shares: np.ndarray,
        evaluation: Evaluation | None = None,
        draws: slice | np.ndarray = slice(None),
    ) -> np.ndarray:
        """Variance of one new run about its latent performance: of seeds, and of its evaluation.

        Parameters
        ----------
        latent : numpy.ndarray
            Dims (sample, ..., point): latent performance.
        shares : numpy.ndarray
            Dims (point, pool).
        evaluation : Evaluation, optional
            Evaluation noise of the run (:func:`qqt_bayes.model.noise.median_evaluation`); none by
            default.
        draws : slice or numpy.ndarray
            Which posterior draws are behind the samples.
        """
        common = self.seed_noise[draws]
        relative = common.reshape(-1, *([1] * (latent.ndim - 1)))
        if self.chart.noisy:
            factor = seed_factor(self._by_pool(2)[draws], shares)
            relative = relative * factor.reshape(
                len(factor), *([1] * (latent.ndim - 2)), factor.shape[1]
            )
        variance = (relative * latent) ** 2
        return variance if evaluation is None else variance + evaluation.variance(latent)

    @cached_property
    def walked(self) -> tuple[str, ...]:
        """Names of the scalars that are sampled: neither fixed nor beyond what the runs tell."""
        return tuple(n for n, code in zip(SCALARS, self.chart.code, strict=True) if code > 0)

    def scalars(self) -> dict[str, np.ndarray]:
        """Draws of the sampled scalars by name, dim (sample,)."""
        chosen = {n: self.natural[:, i] for i, n in enumerate(SCALARS[:-2])}
        hyper = self.hyper()
        return {n: v for n, v in (chosen | hyper).items() if n in self.walked}

    def hyper(self) -> dict[str, np.ndarray]:
        """Population median and spread of the half-lives, which the natural vector leaves out."""
        from qqt_bayes.inference.coordinates import scalar

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
        return np.exp(self._by_pool(3)) if self.chart.rated else None

    def _by_pool(self, block: int) -> np.ndarray:
        """A block of the natural vector: log half-lives, harms, log noise ratios, log rates."""
        pools = len(self.design.sizes)
        start = SCALES + len(COMPONENTS) + block * pools
        return self.natural[:, start : start + pools]

    def at(self, points: Points, *, seed: int = 0, with_parts: bool = False,
           every: int = 1) -> Conditional:  # fmt: skip
        """Draws at the points, one a sample (or one every so many); joint over the points."""
        return condition(
            self.natural[::every], self.cells, self.design, points, self.priors["regime"],
            seed=self.seed * 1_000_003 + seed, with_parts=with_parts,
            shared=None if self.shared is None else self.shared[::every],
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
        names[: len(self.walked)] = self.walked
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
    """Sample until the gate is passed; see :func:`qqt_bayes.inference.sample.walk_until_passed`.

    The caller decides what a failed gate means; the last attempt is returned either way.
    """
    cells = build_cells(design, priors, kind)
    chart = build_chart(priors, design)

    def walk(attempt: int, chosen: Settings) -> Walk:
        return sample_few(chart, cells, seed + 7919 * attempt, chosen, start, progress)

    def judge(made: Walk) -> tuple[Posterior, GateReport]:
        posterior = Posterior(design, priors, kind, made.theta, made.stats, made.gradients, seed)
        return posterior, posterior.gate

    return walk_until_passed(walk, judge, settings or Settings(), ATTEMPTS)
