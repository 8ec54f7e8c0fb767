"""What of a simulated study is compared with its truth: parameters, performance, decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qqt_bayes.inference.conditional import Conditional
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.reweight import densities
from qqt_bayes.model.noise import Evaluation
from qqt_bayes.model.parameters import Parameters
from qqt_bayes.model.prior_predictive import Truth

HORIZONS = (0.7, 2.0, 4.0)  # budgets predicted, in multiples of the largest run

__all__ = ["HORIZONS", "quantities"]


def quantities(
    posterior: Posterior, at: Conditional, shares: np.ndarray, truth: Truth, latent: np.ndarray,
    candidates: Sequence[str], seed: int,
) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:  # fmt: skip
    """Names, groups and values, dims (quantity,) and (draw, quantity): the truth comes first.

    ``at`` are draws at points of which the last are predicted; ``shares``, dims (point, pool), and
    ``latent`` are the data and the truth there.
    """
    rng, design = np.random.default_rng([seed, 3]), posterior.design
    pairs = zip(truth.parameters, posterior.parameters, strict=True)
    both = replace(posterior, parameters=Parameters(*map(np.concatenate, pairs)))
    utility, level = np.vstack([truth.utility, at.utility]), np.vstack([truth.level, at.level])
    out = [(n, "scalar", v) for n, v in both.scalars().items()]
    rates, by_pool = both.exchange_rates, both.pool_noise
    for i, finite in enumerate(design.setting.finite):
        if rates is not None and np.ptp(rates[1:, i]) > 0.0:  # that of the reference is 1
            out.append((f"exchange rate {i + 1}", "exchange rate", rates[:, i]))
        out.append((f"utility {i + 1}", "utility", utility[:, i]))
        out.append((f"level {i + 1}", "level", level[:, i]))
        if finite:
            out.append((f"half-life {i + 1}", "half-life", both.half_lives[:, i]))
        if finite and not posterior.priors["harm"].fixed:
            out.append((f"harm {i + 1}", "harm", both.harms[:, i]))
        if by_pool is not None:
            out.append((f"seed noise {i + 1}", "seed noise", by_pool[:, i]))
    drawn = posterior.irreducible[:, None] + np.exp(at.log_reducible[:, -len(latent) :])
    performance = np.vstack([latent, drawn])
    evaluation = Evaluation(given=float(design.eval_var[0]))
    variance = both.noise_variance(performance, shares, evaluation)
    new = performance + np.sqrt(variance) * rng.standard_normal(performance.shape)
    cases = [f"{name} at {horizon:g}x" for horizon in HORIZONS for name in candidates]
    for group, values in (("latent", performance), ("new run", new)):
        out += [(f"{group} {case}", group, v) for case, v in zip(cases, values.T, strict=True)]
    for h, horizon in enumerate(HORIZONS):
        block = performance[:, h * len(candidates) : (h + 1) * len(candidates)]
        best, others = block.min(axis=1), block[:, 1:].min(axis=1)
        first = candidates[0]
        for name, value in (
            ("best performance", best),
            (f"difference {first} to the best other", block[:, 0] - others),
            (f"difference {first} to {candidates[-1]}", block[:, 0] - block[:, -1]),
            (f"regret of {first}", block[:, 0] - best),
            (f"{first} is best", (block[:, 0] <= best).astype(float)),
            ("which is best", block.argmin(axis=1).astype(float)),
        ):
            out.append((f"{name} at {horizon:g}x", "decision", value))
    density = densities(both.parameters, posterior.cells)
    # none where the truth is ruled out
    out.append(("log likelihood", "log likelihood", np.nan_to_num(density, nan=-np.inf)))
    names, groups, columns = zip(*out, strict=True)
    return names, groups, np.column_stack(columns)
