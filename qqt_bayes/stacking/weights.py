r"""Stacking: weights of predictive densities that would have scored best.

Yao, Vehtari, Simpson and Gelman (2018, Bayesian Analysis 13, section 3.2), with roll-forward
predictive densities in place of leave-one-out ones and a Dirichlet prior about equal weights.
"""

from __future__ import annotations

import numpy as np

PRIOR_GROUPS = 1.0  # each law is worth this many groups of targets of its own beforehand
STEPS, SMALL = 10_000, 1e-10

__all__ = ["stacking_weights"]


def stacking_weights(
    log_density: np.ndarray, group: np.ndarray, prior: float = PRIOR_GROUPS
) -> np.ndarray:
    r"""Weights that maximise the log score of the mixture, shrunk towards equal ones.

    Maximises :math:`\sum_g \operatorname{mean}_{t \in g} \log \sum_k w_k p_k(y_t) + \alpha \sum_k
    \log w_k`: targets of one group share their errors, so a group counts as one observation,
    however many targets it has.
    Log densities of what was seen are (target, law), groups (one origin and budget each) labelled
    (target,). A prior :math:`\alpha` of 0 is plain stacking. Without targets weights are equal.
    """
    log_density = np.atleast_2d(np.asarray(log_density, float))
    targets, laws = log_density.shape
    weights = np.full(laws, 1.0 / laws)
    if targets == 0 or laws == 1:
        return weights
    _, index = np.unique(np.asarray(group), return_inverse=True)
    share = 1.0 / np.bincount(index)[index]  # of a target in its group
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    for _ in range(STEPS):  # expectation-maximisation of a concave objective: one maximum
        part = weights * density
        part /= part.sum(axis=1, keepdims=True)
        new = share @ part + prior
        new /= new.sum()
        done = np.max(np.abs(new - weights)) < SMALL
        weights = new
        if done:
            break
    return weights
