"""A posterior given further runs, or other priors, by weighting its draws.

The parameters have a closed density, so that its ratio with and without the further runs is exact.
The draws are taken again in proportion to it; everything linear is drawn anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.inference.cores import in_chunks
from qqt_bayes.inference.gate import K
from qqt_bayes.inference.importance import smoothed, taken
from qqt_bayes.kind_names import kind_named
from qqt_bayes.model.marginal import Cells, log_density
from qqt_bayes.model.parameters import Coordinates

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.parameters import Parameters

__all__ = ["densities", "reweighted"]


def densities(parameters: Parameters, cells: Cells) -> np.ndarray:
    """Log density of the runs under each draw of the parameters, dim (draw,)."""

    def work(chunk: slice) -> np.ndarray:
        with np.errstate(all="ignore"):
            return log_density(parameters.take(chunk), cells)

    each = len(cells.design.value) ** 2
    return np.concatenate(in_chunks(work, parameters.draws, each))


def reweighted(posterior: Posterior, design: Design) -> Posterior | None:
    """The posterior of a study with further runs, or None where weights do not give it.

    ``posterior``: of the study without them; ``design``: the study with them. None where the
    parameters are others, or the Pareto k of the weights is above .7. Whether enough draws are left
    is for its gate to say.
    """
    old, new = posterior.coordinates, Coordinates.of(posterior.priors, design)
    if old.names != new.names or not np.array_equal(
        old.design.setting.log_size, design.setting.log_size
    ):
        return None
    cells = Cells.of(design, posterior.priors, kind_named(posterior.kind))
    ratio = densities(posterior.parameters, cells) - densities(
        posterior.parameters, posterior.cells
    )
    usable = np.isfinite(ratio)
    if usable.sum() < 0.5 * len(ratio):
        return None
    weight, k = smoothed(np.where(usable, ratio, -np.inf))
    if not k <= K:
        return None
    rng = np.random.default_rng(posterior.seed)
    halves = np.array_split(np.arange(len(ratio)), posterior.chains[0])
    pick = np.concatenate([own[taken(weight[own], len(own), rng)] for own in halves])
    return replace(
        posterior, design=design, parameters=posterior.parameters.take(pick),
        parent=posterior.parent[pick], engine="importance",
        figures={"k": k, "values": 0, "log_evidence": np.nan},
    )  # fmt: skip
