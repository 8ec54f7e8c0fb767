r"""Weights from the density that the engine samples to the reference likelihood.

The engine takes :math:`\log(y - d)` as normal, with the noise that belongs to the value seen. Given
the few and a joint draw of the latent log reducible error at the runs, both densities of the runs
are plain products; their ratio weighs that draw, the few and every prediction drawn with it. A
truth that the engine rules out (d above the smallest value) no weight can bring back.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.inference.noise import WORST
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.risk.closed_form import pareto_weights

__all__ = ["reference_weights"]


def reference_weights(posterior: Posterior, log_reducible: np.ndarray) -> tuple[np.ndarray, float]:
    """Pareto-smoothed weights of the draws, dim (draw,), and their shape.

    Parameters
    ----------
    posterior : Posterior
        Of runs without replicates or trajectories, whose seed noise is one for all pools.
    log_reducible : numpy.ndarray
        Dims (draw, cell): joint draws at the runs.
    """
    cells, d = posterior.cells, posterior.irreducible[:, None]
    latent, gap = d + np.exp(log_reducible), cells.value - d
    meant = (posterior.seed_noise[:, None] * latent) ** 2 + cells.eval_var
    sampled = (posterior.seed_noise[:, None] * cells.value) ** 2 + cells.eval_var
    sampled = sampled / (gap**2 + WORST * sampled)
    wanted = -0.5 * ((cells.value - latent) ** 2 / meant + np.log(meant))
    given = -0.5 * ((np.log(gap) - log_reducible) ** 2 / sampled + np.log(sampled)) - np.log(gap)
    weight, k_hat = pareto_weights((wanted - given).sum(axis=1))
    return weight, float(k_hat)
