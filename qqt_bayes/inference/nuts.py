"""NUTS on the marginal form in PyMC: the fallback of the sampler, and its judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.inference.cores import chain_cores
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.parameters import SINGLE, Parameters, fixed_scale, is_scale

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.inference.settings import Settings

__all__ = ["sample_nuts"]


def sample_nuts(frame: Posterior, settings: Settings, seed: int) -> Posterior:
    """Sample the marginal form with nutpie.

    Parameters
    ----------
    frame : Posterior
        The study, without draws.
    settings : Settings
        Draws (of all chains together), warm-up, chains, target acceptance.
    seed : int
        Same seed, same draws.
    """
    import nutpie

    from qqt_bayes.model.symbolic import RENAMED, symbolic_model

    model = symbolic_model(frame.design, frame.priors, frame.kind, "marginal")
    compiled = nutpie.compile_pymc_model(model)
    each = -(-settings.draws // settings.chains)
    trace = nutpie.sample(
        compiled, draws=each, tune=settings.tune, chains=settings.chains,
        cores=chain_cores(settings.cores), seed=seed, target_accept=settings.target_accept,
        progress_bar=False,
    )  # fmt: skip
    found = trace["posterior"].dataset
    draws = settings.chains * each

    def column(name: str) -> np.ndarray:
        values = np.asarray(found[name].values)
        return values.reshape(draws, *values.shape[2:])

    priors, setting = frame.coordinates.priors, frame.design.setting

    def single(name: str) -> np.ndarray:
        prior = priors[name]
        return np.full(draws, prior.pair[0]) if prior.fixed else column(RENAMED.get(name, name))

    def scale(name: str) -> np.ndarray:
        prior = priors[name]
        return column(name) if is_scale(prior) else np.full(draws, fixed_scale(prior))

    values: dict[str, Any] = {name: single(name) for name in SINGLE}
    values["scales"] = np.column_stack([scale(effect.name) for effect in EFFECTS])
    values["log_half_life"] = np.log(column("half_life"))
    values["harm"] = column("harm")
    none = np.zeros((draws, len(setting.sizes)))
    values["noise_ratio"] = (
        np.log(column("pool_noise") / column("seed_noise")[:, None])
        if "pool_noise" in found and "seed_noise" in found
        else none
    )
    values["log_rate"] = np.log(column("exchange_rate")) if "exchange_rate" in found else none
    stats = trace["sample_stats"].dataset
    figures = {"diverging": stats["diverging"].values, "energy": stats["energy"].values}
    return replace(
        frame, parameters=Parameters(**values), chains=(settings.chains, each),
        parent=np.arange(draws), engine="nuts", figures=figures,
    )  # fmt: skip
