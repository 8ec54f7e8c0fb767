"""What depends on joint draws of the candidates: which is best, and where two of them cross."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.tally import Tally
from qqt_bayes.buy.worlds import Known, Outcome

REPLICATES = 4  # joint deviations of the targets per draw
LEAST = 1e-4  # the replicates are few: no need to be as exact in the weights as for expectations
WORLDS = 16  # at a time, so that their arrays stay in the processor's cache

type Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]

__all__ = ["Measure", "best_of", "crossing_of", "from_draws", "log_crossing", "pooled", "seen"]


def best_of(logs: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """1 for the best candidate of each budget, 0 for the others; dims as those given.

    ``logs``, dims (budget, candidate, ...), are log reducible errors: their order is that of
    performance.
    """
    return np.asarray(logs == logs.min(axis=1, keepdims=True), float)


def crossing_of(logs: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """:func:`log_crossing` as the one candidate of one budget, dims (1, 1, ...)."""
    return log_crossing(logs[:, 0] - logs[:, 1], np.log(samples))[None, None]


def log_crossing(lead: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Log of the budget from which a lead (budget, ...) stays above zero, the last at most.

    ``at`` are the logs of the budgets, increasing.
    """
    out, ahead = np.full(lead.shape[1:], at[0]), lead > 0.0
    for b in range(len(at) - 1):  # the last crossing is the one that stays
        here = ahead[b + 1] & ~ahead[b]
        before, after = lead[b][here], lead[b + 1][here]
        out[here] = at[b] - before / (after - before) * (at[b + 1] - at[b])
    out[~ahead[-1]] = at[-1]
    return out


def seen(problem: Problem, measure: Measure) -> Tally:
    """What is measured in each simulated truth."""
    found = np.moveaxis(measure(np.moveaxis(problem.true_logs, 0, 2), problem.samples), 2, 0)
    return Tally.of(found, np.repeat(problem.group, len(found) // len(problem.group)))


def from_draws(known: Known, outcome: Outcome, measure: Measure) -> Tally:
    """Average of what is measured in each world.

    Joint deviations of the targets are drawn before any purchase and moved by what each purchase
    teaches.
    """
    p, (weight, shift) = known.problem, outcome.kept(LEAST)
    base = np.ascontiguousarray(deviations(known, outcome).T)  # (target, replicate, draw)
    sums = []
    for begin in range(0, len(weight), WORLDS):
        some = slice(begin, begin + WORLDS)
        centre = np.stack([mean[some] for mean in known.means])
        centre += outcome.gain.T[:, None] * shift[some]
        logs = (centre[:, :, None] + base[:, None]).reshape(
            p.budgets, p.candidates, -1, *base.shape[1:]
        )
        sums.append(p.by_group(weight[some] * measure(logs, p.samples).mean(axis=3)))
    return known.tally(np.concatenate(sums, axis=2).transpose(2, 3, 0, 1), weight)


def pooled(truth: Tally) -> Tally:
    """What is known now, from simulated truths: their averages, by group of draws."""
    parts = [truth.mean()[truth.group == g] for g in range(int(truth.group.max()) + 1)]
    return Tally(
        np.stack([part.sum(axis=0) for part in parts])[None],
        np.array([[float(len(part)) for part in parts]]), np.array([-1]),
    )  # fmt: skip


def deviations(known: Known, outcome: Outcome) -> np.ndarray:
    """Deviations of the targets from their means after all purchases (draw, replicate, target)."""
    p = known.problem
    rng = np.random.default_rng((p.seed, 3))
    base, cov = p.truths[:, :REPLICATES], p.target_covariance[:, :, p.targets]
    for gain in [*(step[:, : len(p.targets)] for step, _ in known.steps), outcome.gain]:
        base = forget(base, cov, gain, rng)
        cov = cov - gain[:, :, None] * gain[:, None, :]
    return base


def forget(
    base: np.ndarray, cov: np.ndarray, gain: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Take out of joint deviations the part that an outcome explains."""
    size = cov.shape[1]
    ridge = 1e-8 * np.einsum("kii->k", cov)[:, None, None] / size * np.eye(size)
    pull = np.linalg.solve(cov + ridge + 1e-15 * np.eye(size), gain[:, :, None])[:, :, 0]
    explained = np.clip(np.einsum("kq,kq->k", pull, gain), 0.0, 1.0)
    white = rng.standard_normal(base.shape[:2])
    shift = np.einsum("krq,kq->kr", base, pull) + np.sqrt(1.0 - explained)[:, None] * white
    return base - shift[:, :, None] * gain[:, None, :]
