"""What depends on joint draws of the candidates: which is best, and where two of them cross."""

from __future__ import annotations

import numpy as np

from qqt_bayes.buy.problem import Problem
from qqt_bayes.buy.tally import Tally
from qqt_bayes.buy.worlds import Known, Outcome
from qqt_bayes.decide.crossovers import crossover
from qqt_bayes.inference.preposterior import best_sums, crossing_sums

REPLICATES = 4  # joint deviations of the targets per draw

__all__ = ["chances", "crossed", "crossings", "pooled", "winners"]


def winners(problem: Problem) -> Tally:
    """Which candidate is best in each simulated truth: 1 for it, 0 for the others."""
    winner = np.argmin(problem.true_values, axis=2)
    found = (winner[:, :, None] == np.arange(problem.candidates)).astype(float)
    return Tally.of(found, np.repeat(problem.group, len(found) // len(problem.group)))


def chances(known: Known, outcome: Outcome) -> Tally:
    """Probability of being best in each world.

    The order of the candidates is that of their log reducible errors, which share the irreducible
    part. Joint deviations are drawn before any purchase and moved by what each purchase teaches.
    """
    p = known.problem
    moved = deviations(known, outcome)
    sums, total = known.blank()
    best_sums(outcome.log_weight, outcome.shift, known.mean, outcome.gain, moved, p.budgets,
              p.group, sums, total)  # fmt: skip
    return known.tally(sums, total)


def log_crossing(logs: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Log of the budget from which the second candidate stays ahead, the last at most (sample,).

    Parameters
    ----------
    logs : numpy.ndarray
        Dims (sample, budget, candidate): log reducible error of two candidates.
    samples : numpy.ndarray
        Dim (budget,), increasing.
    """
    found = crossover(logs, samples, 0, 1).draws
    return np.asarray(np.log(np.minimum(found, samples[-1])))


def crossed(problem: Problem) -> Tally:
    """Log of the crossing budget in each simulated truth."""
    found = log_crossing(problem.true_logs, problem.samples)
    group = np.repeat(problem.group, len(found) // len(problem.group))
    return Tally.of(found[:, None, None], group)


def crossings(known: Known, outcome: Outcome) -> Tally:
    """Expected log of the crossing budget in each world."""
    p = known.problem
    sums, total = known.blank(1)
    crossing_sums(outcome.log_weight, outcome.shift, known.mean, outcome.gain,
                  deviations(known, outcome), np.log(p.samples), p.group, sums, total)  # fmt: skip
    return known.tally(sums, total)


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
