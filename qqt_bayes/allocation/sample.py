"""Sampling the law of size and data: adaptive importance sampling, the surfaces integrated out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.allocation.coordinates import Coordinates
from qqt_bayes.allocation.model import BY_POOL, SURFACES
from qqt_bayes.allocation.surfaces import Given, given_law
from qqt_bayes.errors import UsageError
from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.gate import GateReport, check_halves, check_weights, merge
from qqt_bayes.inference.importance import K_WANTED, Proposal, Weighted, adapt
from qqt_bayes.inference.laplace import mode_and_root
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.parameters import FARTHEST

if TYPE_CHECKING:
    from qqt_bayes.allocation.model import Model

ENOUGH = 1.0  # effective draws of the law, of those that are kept
ROUND, PER_COORDINATE = 1024, 80  # draws a round, or so many for each coordinate
WIDER = 1.1  # of the first proposal
CHOICES, FINAL = 8, 32  # draws of the surfaces for one value of the density, and for one draw
ATTEMPTS = 3

__all__ = ["Draws", "Target", "quantities", "sample_law"]


@dataclass(frozen=True, eq=False)
class Draws:
    """Posterior draws of ``z``, dims (half, draw, z), and what the gate says of them.

    The halves are of independent halves of the proposals; ``values`` were spent on them.
    """

    z: np.ndarray
    gate: GateReport
    values: int = 0

    @property
    def flat(self) -> np.ndarray:
        """All draws, dims (draw, z)."""
        return self.z.reshape(-1, self.z.shape[-1])


class Target:
    """Log posterior density of the law's coordinates, in units about a place to start from.

    Parameters
    ----------
    model : Model
        Data and priors.
    seed : int
        Of the draws behind the estimates of the density.
    """

    def __init__(self, model: Model, seed: int) -> None:
        self.model, self.seed, self.calls = model, seed, 0
        self.coordinates = Coordinates(model)
        self.place, self.unit = self.coordinates.start()

    def over[Made](self, work: Callable[[slice], Made], count: int) -> list[Made]:
        """Work on slices of so many draws; far ones overflow, and have no weight."""

        def quietly(chunk: slice) -> Made:
            with np.errstate(all="ignore"):
                return work(chunk)

        return in_chunks(quietly, count, 2 * self.model.basis.size)

    def density(
        self, steps: np.ndarray, estimate: Callable[[Given, slice], np.ndarray]
    ) -> np.ndarray:
        """Log density at some places, dim (draw,); NaN outside."""
        x = self.place + steps * self.unit

        def work(chunk: slice) -> np.ndarray:
            z, log_prior = self.coordinates.z(x[chunk])
            return log_prior + estimate(given_law(self.model, z), chunk)

        found = np.concatenate(self.over(work, len(x)))
        scores = np.abs(x[:, : len(self.coordinates.scalars)])
        return np.where(scores.max(axis=1, initial=0.0) > FARTHEST, np.nan, found)

    def smooth(self, steps: np.ndarray) -> np.ndarray:
        """The density with the surfaces integrated out by a normal: for the mode."""
        return self.density(steps, lambda given, _: given.log_at_mode())

    def __call__(self, steps: np.ndarray) -> np.ndarray:
        """The density, right on average."""
        self.calls += 1
        key = (self.seed, 67, self.calls)
        return self.density(
            steps,
            lambda given, chunk: given.log_density(
                np.random.default_rng((*key, chunk.start)), CHOICES
            ),
        )

    def draw(self, steps: np.ndarray) -> np.ndarray:
        """Draws of ``z`` in full, dims (draw, z)."""
        x, parts = self.place + steps * self.unit, [n for n in SURFACES if n in self.model.layout]
        at = np.concatenate([np.arange(self.model.size)[self.model.layout[n]] for n in parts])

        def work(chunk: slice) -> np.ndarray:
            rng = np.random.default_rng((self.seed, 71, chunk.start))
            z, _ = self.coordinates.z(x[chunk], rng)
            z[:, at] = given_law(self.model, z).draw(rng, FINAL)
            return z

        return np.concatenate(self.over(work, len(x)))


def sample_law(
    model: Model,
    seed: int,
    settings: Settings | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Draws:
    """Sample the posterior; with more values, up to three times, where the gate does not pass.

    ``settings``: draws and values; ``progress``: called with a line of text now and then.
    """
    settings = settings or Settings()
    if settings.engine == "nuts":
        raise UsageError("this law is sampled by importance sampling only -> leave out the engine")
    for attempt in range(ATTEMPTS):
        found = attempted(model, seed + 7919 * attempt, settings, 2**attempt, progress)
        if found.gate.passed:
            break
    return found


def attempted(
    model: Model, seed: int, settings: Settings, longer: int,
    progress: Callable[[Any], None] | None,
) -> Draws:  # fmt: skip
    """One attempt, with so many times the values."""
    target = Target(model, seed)
    size = target.coordinates.size
    mode, root = mode_and_root(target.smooth, np.zeros(size))
    count = max(ROUND, PER_COORDINATE * size)

    def enough(found: Weighted) -> bool:
        if progress is not None:
            progress(f"{found.values:,} values, effective sample size {found.size:,.0f}")
        return found.k < K_WANTED and found.size >= ENOUGH * settings.draws

    found = adapt(
        target, (Proposal(mode, WIDER * root),), seed=seed, count=count,
        rounds=max(longer * settings.values // count, 2), enough=enough,
    )  # fmt: skip
    each = settings.draws // 2
    if found is None:
        gate = GateReport((), ("no draw of the law has any density",), {"k": np.inf, "ess": 0.0})
        return Draws(np.zeros((2, each, model.size)), gate)
    parent = found.evenly(each, np.random.default_rng((seed, 47)))
    z = target.draw(found.draws[parent.ravel()]).reshape(2, each, -1)
    names, values = quantities(model, z)
    gate = merge(check_weights(found.k), check_halves(names, values, parent))
    return Draws(z, gate, found.values)


def quantities(model: Model, z: np.ndarray) -> tuple[list[str], np.ndarray]:
    """What has to converge, dims (quantity, half, draw): parameters, and the fit to the runs."""
    names, values = [], []
    for name in model.priors:
        if name in model.layout:
            names.append(name)
            values.append(model.scalar(name, z))
    if model.laws > 1:
        for name in BY_POOL:
            for i, value in enumerate(np.moveaxis(model.by_law(name, z), -1, 0)):
                names.append(f"{name} of law {i + 1}")
                values.append(value)
    fitted = model.fitted(z)
    for row in np.unique(np.argsort(model.log_loss)[:: max(1, len(model.log_loss) // 8)]):
        names.append(f"fitted log loss, row {row + 1}")
        values.append(fitted[..., row])
    return names, np.stack(values)
