"""Our own forecast, in the form in which methods are compared."""

from __future__ import annotations

import warnings

import numpy as np

from qqt_bayes.backtest.origins import Forecast, Origin
from qqt_bayes.decide.predict import bounded
from qqt_bayes.errors import GateError, QQTError
from qqt_bayes.fitting import sampled
from qqt_bayes.inference.posterior import Posterior
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.noise import median_evaluation
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Study

DRAWS = 2000

# origin, specification, seed and settings of the fit: the same give the same draws to all who ask
Foretold = tuple[Origin, Spec, int, Settings | None]

__all__ = ["Foretold", "engine_forecast", "foretold", "predictive"]


def predictive(
    posterior: Posterior, study: Study, samples: np.ndarray, shares: np.ndarray, seed: int
) -> np.ndarray:
    """Draws of new runs at the targets, dims (draw, target)."""
    every = max(1, len(posterior) // DRAWS)
    # targets of the same data and samples share one latent performance: draw it once
    key = np.column_stack([samples, shares])
    unique, index = np.unique(key, axis=0, return_inverse=True)
    points = posterior.design.points_at(unique[:, 0], unique[:, 1:])
    latent = posterior.latent(points, seed=seed, every=every)
    # as bad at the most as `decide` takes a longer run to get
    latent = bounded(latent, study.kind.ceiling(study.value))[:, index.reshape(-1)]
    rng = np.random.default_rng(seed)
    variance = posterior.noise_variance(
        latent, shares, median_evaluation(study), slice(None, None, every)
    )
    return latent + np.sqrt(variance) * rng.normal(size=latent.shape)


def engine_forecast(spec: str | Spec = "effective_utility", *, strict: bool = True,
                    settings: Settings | None = None) -> Forecast:  # fmt: skip
    """Forecast of a specification; a fit that fails its gate raises (``strict``)."""
    chosen = load_spec(spec)

    def forecast(
        train: Study, samples: np.ndarray, shares: np.ndarray, seed: int
    ) -> np.ndarray | None:
        posterior = sampled(train, chosen, seed, settings)
        if strict and not posterior.gate.passed:
            raise GateError(posterior.gate.text, posterior.gate)
        return predictive(posterior, train, samples, shares, seed)

    return forecast


def foretold(job: Foretold) -> np.ndarray | None:
    """Draws of new runs, dims (draw, target); None where the fit did not pass its gate."""
    origin, spec, seed, settings = job
    forecast, samples = engine_forecast(spec, settings=settings), origin.targets["samples"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return forecast(origin.train, samples.to_numpy(), origin.shares, seed)
        except QQTError:
            return None
