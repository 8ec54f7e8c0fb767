"""NUTS on the marginal form in PyMC: the fallback of the sampler, and its judge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.inference.cores import chain_cores
from qqt_bayes.model.effects import EFFECTS
from qqt_bayes.model.parameters import RENAMED, SINGLE, Parameters, fixed_scale, is_scale

if TYPE_CHECKING:
    from qqt_bayes.inference.posterior import Posterior
    from qqt_bayes.inference.settings import Settings

__all__ = ["from_trace", "sample_nuts"]


def sample_nuts(frame: Posterior, settings: Settings, seed: int) -> Posterior:
    """Sample the marginal form with nutpie.

    ``settings``: draws (of all chains together), warm-up, chains, target acceptance.
    """
    import nutpie

    from qqt_bayes.model.symbolic import symbolic_model

    model = symbolic_model(frame.design, frame.priors, frame.kind, "marginal")
    compiled = nutpie.compile_pymc_model(model)
    each = -(-settings.draws // settings.chains)
    trace = nutpie.sample(
        compiled, draws=each, tune=settings.tune, chains=settings.chains,
        cores=chain_cores(settings.cores), seed=seed, target_accept=settings.target_accept,
        progress_bar=False,
    )  # fmt: skip
    return from_trace(frame, trace)


def from_trace(frame: Posterior, trace: Any) -> Posterior:
    """The posterior of chains in the names of the forms in PyMC.

    ``trace``: with ``posterior`` and ``sample_stats``, dims (chain, draw, ...).
    """
    found, stats = trace["posterior"].dataset, trace["sample_stats"].dataset
    chains, each = found.sizes["chain"], found.sizes["draw"]
    draws = chains * each

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

    none = np.zeros((draws, len(setting.sizes)))
    values: dict[str, Any] = {name: single(name) for name in SINGLE}
    values["scales"] = np.column_stack([scale(effect.name) for effect in EFFECTS])
    values["log_half_life"] = np.log(column("half_life"))
    values["harm"] = column("harm")
    values["noise_ratio"] = none
    if not priors["seed_noise_spread"].none:
        values["noise_ratio"] = np.log(column("pool_noise") / values["seed_noise"][:, None])
    values["log_rate"] = np.log(column("exchange_rate")) if "exchange_rate" in found else none
    figures = {"diverging": stats["diverging"].values, "energy": stats["energy"].values}
    return replace(
        frame, parameters=Parameters(**values), chains=(chains, each), parent=np.arange(draws),
        engine="nuts", figures=figures,
    )  # fmt: skip
