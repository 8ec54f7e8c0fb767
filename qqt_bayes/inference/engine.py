"""From a study and its priors to a posterior that has passed its gate, or the reason why not.

The scores of the parameters (:class:`qqt_bayes.model.parameters.Coordinates`) are drawn by adaptive
importance sampling from a normal laid at the mode. Scores that the runs say nothing about are found
and keep their prior. Where the gate is not passed NUTS takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.cost import Cost, expected_values, tell
from qqt_bayes.inference.gate import ESS
from qqt_bayes.inference.importance import K_WANTED, Proposal, Weighted, adapt
from qqt_bayes.inference.laplace import mode_and_root
from qqt_bayes.inference.posterior import Posterior, resampled
from qqt_bayes.inference.settings import Settings, Start
from qqt_bayes.kind_names import kind_named
from qqt_bayes.kinds import Kind
from qqt_bayes.model.marginal import Cells, log_density
from qqt_bayes.model.parameters import FARTHEST, Coordinates

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.priors import Prior

ENOUGH = 0.75  # effective draws, of those that are kept
SPARE = 2.0  # effective draws of each score, of those that the gate asks of all
ROUND = 1024  # draws a round, or so many for each score:
PER_SCORE = 32
WIDER = 1.1  # of the first proposal
ATTEMPTS = 3
FEWEST = 1000  # draws that can pass a gate
MOST_CELLS = 150  # NUTS on more cells takes hours: it has to be asked for
NOTHING = 1e-9  # relative change of a log density that is rounding
TIMED = 16  # values that are timed
TRIES = 3  # places at which it is tried whether a score matters
LOST = 16  # rounds after which so few effective draws mean that more rounds will not do:
FEW = 10

__all__ = ["Target", "sample_posterior"]


class Target:
    """The log density of the scores that the runs tell something about, values counted.

    Parameters
    ----------
    coordinates : Coordinates
    cells : Cells
    """

    def __init__(self, coordinates: Coordinates, cells: Cells) -> None:
        self.coordinates, self.cells = coordinates, cells
        self.size = len(coordinates.names)
        self.values = 0
        self.informed = np.ones(self.size, bool)

    def log_likelihood(self, scores: np.ndarray) -> np.ndarray:
        """Log density of the runs, dims (draw, score) to (draw,)."""
        self.values += len(scores)
        each = len(self.cells.design.value) ** 2

        def work(chunk: slice) -> np.ndarray:
            with np.errstate(all="ignore"):  # far proposals overflow, and have no weight
                return log_density(self.coordinates.parameters(scores[chunk]), self.cells)

        return np.concatenate(in_chunks(work, len(scores), each))

    def full(self, informed: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """All scores, from those that the runs inform; the others zero or given."""
        out = np.zeros((len(informed), self.size))
        out[:, self.informed] = informed
        if rest is not None:
            out[:, ~self.informed] = rest
        return out

    def __call__(self, informed: np.ndarray) -> np.ndarray:
        """Log posterior density, dims (draw, informed score) to (draw,); NaN outside."""
        outside = np.abs(informed).max(axis=1, initial=0.0) > FARTHEST
        found = self.log_likelihood(self.full(informed)) - 0.5 * (informed**2).sum(axis=1)
        return np.where(outside, np.nan, found)

    def timed(self) -> float:
        """Seconds that one value takes here; these values do not count."""
        places = 0.3 * np.random.default_rng(29).standard_normal((TIMED, self.size))
        counted, seconds = self.values, np.inf
        for _ in range(2):  # the first may load what later ones find
            begun = perf_counter()
            self.log_likelihood(places)
            seconds = min(seconds, perf_counter() - begun)
            if seconds > 1.0:
                break
        self.values = counted
        return float(seconds / TIMED)

    def find_informed(self, seed: int) -> None:
        """Find the scores on which the density of the runs depends at all."""
        rng = np.random.default_rng((seed, 31))
        matters = np.zeros(self.size, bool)
        for place in 0.3 * rng.standard_normal((TRIES, self.size)):
            values = self.log_likelihood(np.vstack([place, place + 0.5 * np.eye(self.size)]))
            matters |= ~(np.abs(values[1:] - values[0]) < NOTHING * max(abs(values[0]), 1.0))
        self.informed = matters


def sample_posterior(
    design: Design,
    priors: dict[str, Prior],
    kind: str | Kind,
    seed: int,
    settings: Settings | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Posterior:
    """Sample until the gate is passed.

    The caller decides what a failed gate means; the last attempt is returned either way.

    ``settings``: draws, engine, values, start; ``progress``: called with a line of text now and
    then.
    """
    settings = settings or Settings()
    coordinates = Coordinates.of(priors, design)
    target = Target(coordinates, Cells.of(design, priors, kind_named(kind)))
    frame = Posterior.frame(design, priors, kind, seed)
    found = None
    if settings.engine != "nuts":
        found = by_importance(target, frame, settings, progress)
        hopeless = settings.draws < FEWEST or len(design.value) > MOST_CELLS
        if settings.engine == "importance" or found.gate.passed or hopeless:
            return found
    from qqt_bayes.inference.nuts import sample_nuts

    for attempt in range(ATTEMPTS):
        if progress is not None:
            progress(f"importance sampling did not do: NUTS, attempt {attempt + 1}")
        careful = replace(
            settings, target_accept=1.0 - (1.0 - settings.target_accept) * 0.3**attempt,
            tune=settings.tune * (attempt + 1),
        )  # fmt: skip
        walked = sample_nuts(frame, careful, seed + 7919 * attempt)
        if walked.gate.passed:
            return walked
    return found if found is not None else walked


def by_importance(
    target: Target, frame: Posterior, settings: Settings, progress: Callable[[Any], None] | None
) -> Posterior:
    """A posterior by importance sampling; see :func:`sample_posterior`."""
    design = frame.design
    seconds = target.timed() * expected_values(target.size, settings.values)
    tell(Cost(seconds, len(design.value), len(design.setting.sizes)), progress)
    target.find_informed(frame.seed)
    size = int(target.informed.sum())
    if size == 0:  # every parameter is fixed, or no run tells of any
        return resampled(frame, target, None, settings.draws)
    proposals = first_proposals(target, settings.start)
    count, spare = max(ROUND, PER_SCORE * size), SPARE

    def lost(found: Weighted) -> bool:
        return found.values >= LOST * count and found.size < FEW

    while True:

        def enough(found: Weighted, spare: float = spare) -> bool:
            if progress is not None:
                progress(f"{found.values:,} values, effective sample size {found.size:,.0f}")
            return lost(found) or (
                found.k < K_WANTED and found.size >= ENOUGH * settings.draws
                and found.least_size >= spare * ESS
            )  # fmt: skip

        left = settings.values - target.values
        found = adapt(
            target, proposals, seed=frame.seed, count=count, rounds=max(left // count, 2),
            enough=enough,
        )  # fmt: skip
        made = resampled(frame, target, found, settings.draws)
        spent = target.values >= settings.values or settings.draws < ESS
        if found is None or lost(found) or made.gate.passed or spent:
            return made
        # what is drawn from the parameters can need more draws than they do
        proposals, spare = found.proposals[-1:], 2.0 * spare


def first_proposals(target: Target, start: Start | None) -> tuple[Proposal, ...]:
    """Proposals to begin with: a similar posterior, or a normal laid at the mode."""
    names = np.array(target.coordinates.names)
    if start is not None and start.names == tuple(names):
        cov = start.factor @ start.factor.T
        chosen = target.informed
        root = np.linalg.cholesky(cov[np.ix_(chosen, chosen)])
        return (Proposal(start.centre[chosen], WIDER * root),)
    place = np.zeros(int(target.informed.sum()))
    mode, root = mode_and_root(target, place)
    return (Proposal(mode, WIDER * root),)
