"""What is worth knowing: the value of each parameter, and of each run, by regression on draws.

What a choice would cost is regressed on what would be known (a parameter, or the outcome of a run):
an additive model of cubic splines, after Strong, Oakley and Brennan (2014) and R's `voi`. The draws
are cut into blocks; the choice made in a block follows the fit to all others, and is charged its
cost there. So noise is not taken for knowledge: what tells nothing is worth nothing, but for error,
and no value is flattered by the fit.

M. Strong, J. E. Oakley, A. Brennan. *Estimating multiparameter partial expected value of perfect
information from a probabilistic sensitivity analysis sample.* Medical Decision Making, 2014.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline
from scipy.stats import rankdata

from qqt_bayes.buy.chances import log_crossing
from qqt_bayes.decide.predict import bounded, ceiling, interval, thinning
from qqt_bayes.inference.conditional import MEAN, REGIME
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.noise import median_evaluation

if TYPE_CHECKING:
    from qqt_bayes.buy.problem import Question

BLOCKS = 16
KNOTS = (0.25, 0.5, 0.75)  # inner ones, in ranks
RIDGE = 1e-4  # per draw: splines of several columns need not be independent
VARIANCES = ("variance", "crossover")  # objectives that are one
REPEATS = 2  # draws of the linear part for each draw of the parameters
# What can be known besides the parameters by pool, which hold the effects of that part.
PARTS = {e.title: i for i, e in enumerate(EFFECTS) if e.part != "parameters"}
PARTS["change of regime"] = REGIME

__all__ = [
    "BLOCKS",
    "Sample",
    "bands",
    "held_out",
    "parameter_values",
    "run_values",
    "spline_basis",
]


@dataclass(frozen=True, eq=False)
class Sample:
    """Joint draws of the decision, of what it rests on, and of the runs that could be made."""

    question: Question  # its objective is what knowing is valued by

    @cached_property
    def drawn(self) -> list[Any]:
        """Conditional draws at the targets, then at the designs; one entry a repeat."""
        q = self.question
        points = q.points(q.designs.samples, q.designs.shares)
        return [
            q.fit.posterior.at(
                points, seed=1009 * (q.seed + 1) + r, with_parts=True, every=self.every
            )
            for r in range(REPEATS)
        ]

    @cached_property
    def every(self) -> int:
        """One posterior draw in so many is used, so that no array gets too large."""
        points = self.question.targets + len(self.question.designs)
        return thinning(self.question.fit, points * (MEAN + 1) * REPEATS)

    def repeated(self, draws: np.ndarray) -> np.ndarray:
        """Something of the posterior, dims (posterior draw, ...), as dims (draw, ...)."""
        return np.concatenate([draws[:: self.every]] * REPEATS)

    @cached_property
    def block(self) -> np.ndarray:
        """Consecutive posterior draws together, dim (draw,)."""
        draws = len(self.question.fit.posterior)
        return self.repeated(np.arange(draws) * BLOCKS // draws)

    @cached_property
    def latent(self) -> np.ndarray:
        """Log reducible error of all points (draw, point)."""
        return np.concatenate([d.log_reducible for d in self.drawn])

    @cached_property
    def irreducible(self) -> np.ndarray:
        """Dim (draw,)."""
        return self.repeated(self.question.fit.posterior.irreducible)

    @cached_property
    def values(self) -> np.ndarray:
        """Latent performance: dims (draw, budget, candidate), lower is better."""
        q = self.question
        top = ceiling(q.fit, np.repeat(q.budgets, len(q.candidates)))
        value = self.irreducible[:, None] + np.exp(self.latent[:, : self.question.targets])
        value = q.fit.study.kind.to_unit(bounded(value, top))
        return value.reshape(-1, len(q.budgets), len(q.candidates))

    @cached_property
    def cost(self) -> np.ndarray:
        """What is to be known: dims (draw, budget, candidate).

        What a choice would cost, lower is better; for a crossover its log budget.
        """
        q = self.question
        if q.objective == "crossover":
            logs = self.latent[:, : self.question.targets].reshape(-1, len(q.budgets), 2)
            return log_crossing((logs[:, :, 0] - logs[:, :, 1]).T, np.log(q.budgets))[:, None, None]
        if q.objective != "p_best":
            return self.values
        best = self.values.argmin(axis=2)[:, :, None] == np.arange(len(q.candidates))
        return np.where(best, -1.0, 0.0)

    def outcome(self, design: int, times: int = 1) -> np.ndarray:
        """Simulated mean result of a design bought so many times (draw,)."""
        designs, fit = self.question.designs, self.question.fit
        rng = np.random.default_rng((self.question.seed, 11, design))
        value = self.irreducible + np.exp(self.latent[:, self.question.targets + design])
        used = self.repeated(np.arange(len(fit.posterior)))
        noise = fit.posterior.noise_variance(
            value[:, None], designs.shares[[design]], median_evaluation(fit.study), used
        )[:, 0]
        sd = np.sqrt(noise / (designs.seeds[design] * times))
        return np.asarray(value + sd * rng.standard_normal(len(value)))

    def worth(self, known: Sequence[np.ndarray]) -> tuple[float, float]:
        """Value of knowing some columns (draw, column), given for each budget, and its s.e."""
        measure = variance_gain if self.question.objective in VARIANCES else choice_gain
        pairs = zip(known, self.cost.swapaxes(0, 1), strict=True)
        gain = np.stack([measure(columns, cost, self.block) for columns, cost in pairs])
        return block_mean(self.question.weights @ gain, self.block)

    def always(self, columns: np.ndarray) -> list[np.ndarray]:
        """The same columns at every budget."""
        return [columns] * self.cost.shape[1]

    def part(self, place: int) -> Sequence[np.ndarray]:
        """What an effect contributes at each budget's targets (draw, candidate).

        To a crossover: to the difference of the two at every budget (draw, budget).
        """
        every = np.concatenate([d.parts[:, place, : self.question.targets] for d in self.drawn])
        by_budget = every.reshape(len(every), len(self.question.budgets), -1)
        if self.question.objective == "crossover":
            return self.always(by_budget[:, :, 0] - by_budget[:, :, 1])
        return list(by_budget.swapaxes(0, 1))


def parameter_values(sample: Sample) -> pd.DataFrame:
    """EVPPI: what knowing a parameter exactly would be worth, most valuable first.

    Columns parameter, pool (empty for what all pools share), evppi, se.
    """
    fit, shares = sample.question.fit, sample.question.shares
    post, pools = fit.posterior, fit.study.pools
    used = np.any(shares > 0, axis=0)
    known: list[tuple[str, str, Sequence[np.ndarray]]] = []
    every = {
        "level": np.concatenate([d.level for d in sample.drawn]),
        "utility": np.concatenate([d.utility for d in sample.drawn]),
        "half-life": sample.repeated(post.half_lives),
        "harm": sample.repeated(post.harms),
    }
    if post.exchange_rates is not None:
        every["exchange rate"] = sample.repeated(post.exchange_rates)
    for i, pool in enumerate(pools.names):
        if not used[i]:
            continue
        own = {n: v[:, i] for n, v in every.items() if not np.any(np.isnan(v[:, i]))}
        own = {n: v for n, v in own.items() if np.ptp(v) > 0}
        known += [(n, pool, sample.always(column[:, None])) for n, column in own.items()]
        known.append(("everything", pool, sample.always(np.column_stack(list(own.values())))))
    shared = {"irreducible part": post.irreducible, "dilution": post.parameters.dilution}
    known += [(n, "", sample.always(sample.repeated(v)[:, None])) for n, v in shared.items()]
    known += [(n, "", sample.part(place)) for n, place in PARTS.items()]
    table = pd.DataFrame(
        [(name, pool, *sample.worth(columns)) for name, pool, columns in known],
        columns=["parameter", "pool", "evppi", "se"],
    )
    return table.sort_values("evppi", ascending=False, kind="stable").reset_index(drop=True)


def run_values(sample: Sample, which: Sequence[int]) -> list[tuple[float, float]]:
    """The value of some designs by regression on simulated outcomes, with standard errors.

    A cross-check of the closed form: it uses the joint draws only, no reweighting.
    """
    return [sample.worth(sample.always(sample.outcome(d)[:, None])) for d in which]


def bands(sample: Sample, bought: Sequence[int], prob: float = 0.9) -> pd.DataFrame:
    """Bands of the candidates now, and how narrow they are expected to be after some runs.

    Columns samples, data, of (``level``, or ``difference`` to the best now),
    median, lo, hi (now), share: expected width after the runs over that now, from the variance that
    a regression on their simulated outcomes leaves.
    """
    counts = Counter(bought)
    known = np.column_stack([sample.outcome(d, k) for d, k in sorted(counts.items())])
    rows = []
    for b, samples in enumerate(sample.question.budgets):
        level = sample.values[:, b]
        best = int(np.argmin(level.mean(axis=0)))
        for of, drawn in (("level", level), ("difference", level - level[:, [best]])):
            left = ((drawn - held_out(known, drawn, sample.block)) ** 2).mean(axis=0)
            now = np.maximum(drawn.var(axis=0), 1e-30)
            share = np.sqrt(np.clip(left / now, 0.0, 1.0))
            spans = interval(drawn, prob)
            rows += [
                (samples, mixture.text, of, *spans[:, c], share[c])
                for c, mixture in enumerate(sample.question.candidates)
                if of == "level" or c != best
            ]
    return pd.DataFrame(rows, columns=["samples", "data", "of", "median", "lo", "hi", "share"])


def spline_basis(known: np.ndarray) -> np.ndarray:
    """Cubic splines of each column's ranks beside a constant, dims (draw, function).

    Ranks, so that no heavy tail bends the fit; a column that does not vary is left out.
    """
    knots = np.concatenate([np.zeros(4), KNOTS, np.ones(4)])
    parts = [np.ones((len(known), 1))]
    for column in known.T:
        if np.ptp(column) > 1e-12 * max(1.0, float(np.abs(column).max())):
            place = (rankdata(column) - 0.5) / len(column)
            parts.append(BSpline.design_matrix(place, knots, 3).toarray()[:, 1:] - 1.0 / 7.0)
    return np.concatenate(parts, axis=1)


def held_out(known: np.ndarray, wanted: np.ndarray, block: np.ndarray) -> np.ndarray:
    """What is wanted (draw, quantity) by what is known (draw, column), each block by the others."""
    basis = spline_basis(known)
    blocks = range(int(block.max()) + 1)
    gram = np.stack([basis[block == b].T @ basis[block == b] for b in blocks])
    cross = np.stack([basis[block == b].T @ wanted[block == b] for b in blocks])
    penalty = RIDGE * len(basis) * np.eye(basis.shape[1])
    penalty[0, 0] = 0.0
    out = np.empty_like(wanted)
    for b in blocks:
        rest = gram.sum(axis=0) - gram[b] + penalty
        weight = np.linalg.solve(rest, cross.sum(axis=0) - cross[b])
        out[block == b] = basis[block == b] @ weight
    return out


def block_mean(gain: np.ndarray, block: np.ndarray) -> tuple[float, float]:
    """Mean of a gain, dim (draw,), and its standard error from the blocks."""
    means = np.array([gain[block == b].mean() for b in range(int(block.max()) + 1)])
    return float(gain.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))


def choice_gain(known: np.ndarray, cost: np.ndarray, block: np.ndarray) -> np.ndarray:
    """What choosing by what is known (draw, column) saves of a cost (draw, candidate), (draw,)."""
    best = int(np.argmin(cost.mean(axis=0)))
    now = cost[:, best]
    found = held_out(known, cost - now[:, None], block)
    found[:, best] = 0.0
    choice = np.argmin(found, axis=1)
    return np.asarray(now - np.take_along_axis(cost, choice[:, None], axis=1)[:, 0])


def variance_gain(known: np.ndarray, value: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Variance that what is known explains, mean over the candidates, dim (draw,)."""
    nothing = held_out(known[:, :0], value, block)  # the mean, of the other blocks likewise
    off = (value - nothing) ** 2 - (value - held_out(known, value, block)) ** 2
    return np.asarray(off.mean(axis=1))
