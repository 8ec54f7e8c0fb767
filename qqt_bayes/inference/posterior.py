"""A posterior: draws of the parameters, and everything drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.inference.conditional import Conditional, condition
from qqt_bayes.inference.gate import (
    GateReport,
    check_chains,
    check_energy,
    check_halves,
    check_weights,
    merge,
)
from qqt_bayes.inference.given import Given
from qqt_bayes.inference.settings import Start
from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Kind
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.marginal import Cells
from qqt_bayes.model.noise import Evaluation, seed_factor
from qqt_bayes.model.parameters import RENAMED, SINGLE, Coordinates, Parameters, is_scale

if TYPE_CHECKING:
    from qqt_bayes.inference.engine import Target
    from qqt_bayes.inference.importance import Weighted
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.priors import Prior

FAR = 4.0  # prior standard deviations: one parameter in 16,000 lies so far from the middle

__all__ = ["Posterior", "named", "resampled"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws of the parameters, with what is needed to draw the rest."""

    design: Design
    priors: dict[str, Prior]
    kind: str  # of the metric
    seed: int  # of everything that is drawn
    parameters: Parameters = field(repr=False)  # draws; those of one chain after those of another
    # numbers of chains and of draws in each. Of importance sampling the chains are two independent
    # halves of the proposals
    chains: tuple[int, int]
    # dim (draw,): which weighted draw it is of; a draw with much weight is taken again
    parent: np.ndarray = field(repr=False)
    engine: str  # one of 'importance', 'nuts'
    # what the engine measured: ``k``, ``values``, ``log_evidence``; or ``diverging``, ``energy``
    # with dims (chain, draw)
    figures: dict[str, Any] = field(repr=False)

    @classmethod
    def frame(
        cls, design: Design, priors: dict[str, Prior], kind: str | Kind, seed: int
    ) -> Posterior:
        """A posterior without draws yet."""
        name = kind_named(kind).name
        nothing = Coordinates.of(priors, design)
        none = nothing.parameters(np.empty((0, len(nothing.names))))
        return cls(design, priors, name, seed, none, (0, 0), np.empty(0, int), "", {})

    def __len__(self) -> int:
        return self.parameters.draws

    @cached_property
    def cells(self) -> Cells:
        """What the density reads."""
        return Cells.of(self.design, self.priors, kind_named(self.kind))

    @cached_property
    def coordinates(self) -> Coordinates:
        """Scores of the parameters."""
        return Coordinates.of(self.priors, self.design)

    @cached_property
    def given(self) -> Given:
        """The runs, given each draw of the parameters."""
        return Given(self.parameters, self.cells)

    @property
    def irreducible(self) -> np.ndarray:
        """Dim (draw,)."""
        return self.parameters.irreducible

    @property
    def values(self) -> int:
        """Values of the density that were spent."""
        return int(self.figures.get("values", 0))

    @property
    def sampled(self) -> tuple[str, ...]:
        """Names of the scalars that are sampled: neither fixed nor beyond what the runs tell."""
        priors = self.coordinates.priors
        single = [n for n in SINGLE if not priors[n].fixed]
        return (*single, *(e.name for e in EFFECTS if is_scale(priors[e.name])))

    def scalars(self) -> dict[str, np.ndarray]:
        """Draws of the sampled scalars by name, dim (draw,)."""
        p = self.parameters
        return {n: getattr(p, n) if n in SINGLE else p.scale(n) for n in self.sampled}

    @property
    def pool_noise(self) -> np.ndarray | None:
        """Seed noise by pool, relative to the metric, dims (draw, pool); None if common."""
        if self.coordinates.priors["seed_noise_spread"].none:
            return None
        return self.parameters.seed_noise[:, None] * np.exp(self.parameters.noise_ratio)

    def noise_variance(
        self,
        latent: np.ndarray,
        shares: np.ndarray,
        evaluation: Evaluation | None = None,
        draws: slice | np.ndarray = slice(None),
    ) -> np.ndarray:
        """Variance of one new run about its latent performance: of seeds, and of its evaluation.

        ``latent`` (draw, ..., point): latent performance; ``shares`` (point, pool); ``evaluation``:
        evaluation noise of the run (``median_evaluation``); none by default; ``draws``: which
        posterior draws are behind those of the latent performance.
        """
        p = self.parameters.take(draws)
        relative = p.seed_noise[:, None] * seed_factor(p.noise_ratio, shares)
        relative = relative.reshape(len(relative), *([1] * (latent.ndim - 2)), -1)
        variance = (relative * self.cells.size(latent)) ** 2
        return variance if evaluation is None else variance + evaluation.variance(latent)

    @property
    def half_lives(self) -> np.ndarray:
        """Half-lives in epochs, dims (draw, pool); NaN for an unlimited pool."""
        finite = self.design.setting.finite
        return np.where(finite, np.exp(self.parameters.log_half_life), np.nan)

    @property
    def harms(self) -> np.ndarray:
        """Harm of repetition, dims (draw, pool); NaN for an unlimited pool."""
        return np.where(self.design.setting.finite, self.parameters.harm, np.nan)

    @property
    def exchange_rates(self) -> np.ndarray | None:
        """Worth of a pool's samples in the reference pool's, dims (draw, pool), or None.

        The reference is the pool of best quality rank; without one the rates are relative to
        their own average.
        """
        if "exchange_rate" not in self.priors or self.priors["exchange_rate"].fixed:
            return None
        return np.exp(self.parameters.log_rate)

    def at(
        self, points: Points, *, seed: int = 0, with_parts: bool = False, every: int = 1
    ) -> Conditional:
        """Draws at the points, one a draw (or one every so many); joint over the points."""
        given = self.given if every == 1 else self.given.take(slice(None, None, every))
        return condition(
            given, points, self.priors["regime"], self.seed * 1_000_003 + seed,
            with_parts=with_parts,
        )  # fmt: skip

    def latent(self, points: Points, *, seed: int = 0, every: int = 1) -> np.ndarray:
        """Draws of latent performance as modelled, dims (draw, point); see :meth:`at`."""
        reducible = np.exp(self.at(points, seed=seed, every=every).log_reducible)
        return self.irreducible[::every, None] + reducible

    @cached_property
    def fitted(self) -> Conditional:
        """Draws at the cells themselves."""
        return self.at(self.design.points)

    def check(self, names: list[str], draws: np.ndarray) -> GateReport:
        """Check derived quantities, dims (quantity, draw), by what the engine knows of its error.

        Their draws may be thinned evenly.
        """
        every = max(len(self) // draws.shape[1], 1)
        shaped = draws.reshape(len(draws), self.chains[0], -1)
        if self.engine == "nuts":
            return check_chains(names, shaped)
        return check_halves(names, shaped, self.parent[::every].reshape(self.chains[0], -1))

    @cached_property
    def gate(self) -> GateReport:
        """Convergence of the parameters and of the utilities."""
        scalars, fitted = self.scalars(), self.fitted
        utilities = fitted.utility[:, np.ptp(fitted.utility, axis=0) > 0]
        names = [*scalars, *(f"utility[{i}]" for i in range(utilities.shape[1]))]
        rows = np.concatenate([np.array([*scalars.values()]).reshape(-1, len(self)), utilities.T])
        own = (
            check_energy(self.figures["diverging"], self.figures["energy"])
            if self.engine == "nuts" else check_weights(self.figures["k"])
        )  # fmt: skip
        found = merge(own, self.check(names, rows))
        return found if found.passed else replace(found, strained=self.strained)

    @property
    def strained(self) -> dict[str, float]:
        """Standard deviations from the middle of their priors, of the scores that lie far off."""
        centre = np.median(self.coordinates.scores(self.parameters), axis=0)
        named = zip(self.coordinates.names, map(float, centre), strict=True)
        return {name: score for name, score in named if abs(score) > FAR}

    @property
    def start(self) -> Start:
        """Where a fit of nearly the same runs starts: this posterior."""
        scores = self.coordinates.scores(self.parameters)
        cov = np.cov(scores, rowvar=False).reshape(scores.shape[1], -1)
        factor = np.linalg.cholesky(cov + 1e-9 * np.eye(len(cov)))
        return Start(scores.mean(axis=0), factor, self.coordinates.names)


def resampled(frame: Posterior, target: Target, found: Weighted | None, draws: int) -> Posterior:
    """Equally weighted draws: each half of the proposals gives half of them, in their order.

    ``target``: says what the scores mean; ``found``: weighted draws of the scores that the runs
    inform, None where none had any density; ``draws``: how many are wanted.
    """
    rng = np.random.default_rng((frame.seed, 47))
    each = draws // 2
    size = int(target.informed.sum())
    rest = rng.standard_normal((2 * each, target.size - size))
    if found is None:
        k = -np.inf if size == 0 else np.inf
        scores = target.full(np.zeros((2 * each, size)), rest)
        parent, evidence = np.arange(2 * each), -np.inf
    else:
        parent = found.evenly(each, rng).ravel()
        scores = target.full(found.draws[parent], rest)
        # normal scores, whose density lacks its constant in the target
        k, evidence = found.k, found.log_evidence - 0.5 * size * np.log(2.0 * np.pi)
    figures = {"k": k, "values": target.values, "log_evidence": evidence}
    parameters = target.coordinates.parameters(scores)
    return replace(
        frame, parameters=parameters, chains=(2, each), parent=parent, engine="importance",
        figures=figures,
    )  # fmt: skip


def named(
    posterior: Posterior, utility: np.ndarray, level: np.ndarray, pools: Sequence[str]
) -> Any:
    """All that is drawn, as a dataset under the names that PyMC and ArviZ use.

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
