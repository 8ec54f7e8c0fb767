r"""Weights from the density that the engine samples to the reference likelihood.

The engine takes :math:`\log(y - d)` as normal, with the noise that belongs to the value seen. Given
the parameters and a joint draw of the latent log reducible error at the runs, both densities of the
runs are closed: plain products, and along a trajectory a normal density with one effect in common.
Their ratio weighs that draw, the parameters and every prediction drawn with it. A truth that the
engine rules out (d above the smallest value) no weight can bring back.
"""

from __future__ import annotations

import numpy as np

from qqt_bayes.calibrate.as_sampled import rows_of_truths
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.risk.closed_form import pareto_weights

__all__ = ["reference_weights"]


def tied(resid: np.ndarray, own: np.ndarray, along: np.ndarray, of_run: np.ndarray) -> np.ndarray:
    """Log normal density, dim (draw,), of rows that share the effects of their runs.

    Parameters
    ----------
    resid, own, along : numpy.ndarray
        Dims (draw, row): residuals, variance of a row's own noise, deviation of its run's effect.
    of_run : numpy.ndarray
        Dims (row, run): whether a row belongs to a run.
    """
    told, towards = (along**2 / own) @ of_run, (along * resid / own) @ of_run
    runs = towards**2 / (1.0 + told) - np.log1p(told)
    return np.asarray(0.5 * (runs.sum(axis=1) - (resid**2 / own + np.log(own)).sum(axis=1)))


def reference_weights(posterior: Posterior, log_reducible: np.ndarray) -> tuple[np.ndarray, float]:
    """Pareto-smoothed weights of the draws, dim (draw,), and their shape.

    Parameters
    ----------
    posterior : Posterior
        Of runs without replicates; trajectories are taken.
    log_reducible : numpy.ndarray
        Dims (draw, cell): joint draws at the runs.
    """
    design, value = posterior.design, posterior.design.value
    rows = rows_of_truths(posterior.parameters, design)
    d, noise, share, eval_var = (part[..., 0] for part in rows)
    of_run = design.run[:, None] == np.arange(design.run.max(initial=-1) + 1)
    latent, gap = d + np.exp(log_reducible), value - d
    seeds = (noise * latent) ** 2
    wanted = tied(
        value - latent, (1.0 - share) * seeds + eval_var, np.sqrt(share * seeds), of_run
    )  # fmt: skip
    own, along, slope = rows.noise_at(np.log(gap)[..., None])
    own, along, tilt = own[..., 0], along[..., 0], -slope[..., 0] @ of_run
    given = tied(np.log(gap) - log_reducible - along * (tilt @ of_run.T), own, along, of_run)
    given += 0.5 * (tilt**2).sum(axis=1) - np.log(gap).sum(axis=1)
    weight, k_hat = pareto_weights(wanted - given)
    return weight, float(k_hat)
