r"""The noise of a run: between seeds, of its evaluation, and what its checkpoints share.

Seed noise is relative to the performance f. Where the runs can tell, it differs by pool,
:math:`s_i = s_r e^{a_i}` with :math:`a_i \sim \mathrm{Normal}(0, s_a^2)`, and a mixture has the
share-weighted mean of the precisions: :math:`s^{-2} = \sum_i w_i s_i^{-2}`. So a pool cut into
equal parts keeps its noise, and a quiet pool steadies a noisy one, as it does in real runs.

Checkpoints of one run share a *run effect*: of the seed variance the share :math:`\rho` is constant
along the run, the rest is new at every checkpoint. One row of one run has the same variance either
way, so that a band for a new run means what it does without trajectories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.kind_names import KINDS
from qqt_bayes.kinds import Kind
from qqt_bayes.model.priors import ABSENT, Prior

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.spec import Spec
    from qqt_bayes.runs import Study

__all__ = [
    "Evaluation", "check_noise", "has_run_effect", "informed", "median_evaluation", "seed_factor",
    "tells_noise", "trajectories",
]  # fmt: skip


class Evaluation(NamedTuple):
    """Evaluation noise of one run: a variance as given, or the test items behind an error.

    All is on the modelled scale; of a kind the number of items counts for.
    """

    given: float = 0.0
    items: float = 0.0
    kind: Kind = KINDS["error"]

    def variance(self, value: np.ndarray) -> np.ndarray:
        """Variance at each modelled value, any dims."""
        if self.items <= 0.0:
            return np.full(np.shape(value), self.given)
        return self.kind.evaluation_variance(value, self.items, np.nan)


def median_evaluation(study: Study) -> Evaluation:
    """Evaluation noise of the study's median run: of what is given in ``se``, else ``n_eval``."""
    kind, items = study.kind, study.n_eval[np.isfinite(study.n_eval)]
    given = np.isfinite(study.se)
    if given.any():
        sd = np.median(study.se[given] * kind.slope(study.value[given]))
        return Evaluation(given=float(sd) ** 2)
    if kind.fraction and len(items):
        return Evaluation(items=float(np.median(items)), kind=kind)
    return Evaluation()


def seed_factor(log_ratio: Any, shares: np.ndarray, xp: Any = np) -> Any:
    """Seed noise of mixtures over the common one.

    ``log_ratio`` (..., pool): log of a pool's seed noise over the common one; ``shares`` (point,
    pool). Gives dims (..., point).
    """
    return 1.0 / xp.sqrt(1.0 + xp.matmul(xp.expm1(-2.0 * log_ratio), shares.T))


def informed(priors: dict[str, Prior], design: Design) -> dict[str, Prior]:
    """The priors, with what these runs say nothing about fixed at none.

    Without trajectories there is no run effect. Without replicates of at least two mixtures the
    noise of one pool cannot be told from that of another: it is then common.
    """
    without = [] if design.run.max(initial=-1) >= 0 else ["run_share"]
    if not design.noise_by_pool:
        without.append("seed_noise_spread")
    return ABSENT | priors | {name: ABSENT[name] for name in without}


def check_noise(priors: dict[str, Prior]) -> None:
    """Check the priors of what surrounds the seed noise."""
    share = priors.get("run_share", ABSENT["run_share"])
    if not (share.family == "beta" or (share.fixed and 0.0 <= share.numbers[0] <= 1.0)):
        raise UsageError(
            f"prior 'run_share' must be beta, or fixed from 0 to 1, not {share.text}: it is the "
            "share of the seed variance that checkpoints of one run have in common."
        )
    spread = priors.get("seed_noise_spread", ABSENT["seed_noise_spread"])
    if spread.family in ("normal", "beta") or (spread.fixed and spread.numbers[0] < 0.0):
        raise UsageError(
            "prior 'seed_noise_spread' must be halfnormal, halfstudent, lognormal, or fixed at 0 "
            f"or more, not {spread.text}: it is a standard deviation between pools."
        )


def has_run_effect(spec: Spec, kind: str | Kind) -> bool:
    """Whether the specification takes checkpoints of one run for correlated."""
    prior = spec.priors(kind).get("run_share", ABSENT["run_share"])
    return not (prior.fixed and prior.numbers[0] == 0.0)


def trajectories(study: Study) -> np.ndarray:
    """Number of the trajectory of each row, dim (row,): -1 where its run has no other row."""
    _, number, rows = np.unique(np.asarray(study.run), return_inverse=True, return_counts=True)
    several = rows > 1
    order = np.where(several, np.cumsum(several) - 1, -1)
    return np.asarray(order[number.reshape(-1)])


def tells_noise(key: np.ndarray, run: np.ndarray) -> bool:
    """Whether at least two mixtures have replicates: several runs of one data and samples.

    ``key`` (row, 1 + pool): samples, and shares; ``run`` (row,): names.
    """
    cells, number = np.unique(key, axis=0, return_inverse=True)
    pairs = {(int(c), r) for c, r in zip(number.reshape(-1), run, strict=True)}
    runs = np.bincount([c for c, _ in pairs], minlength=len(cells))
    return len(np.unique(cells[runs > 1, 1:], axis=0)) > 1
