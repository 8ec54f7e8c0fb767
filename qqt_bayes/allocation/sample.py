"""Sampling the law of size and data: a PyMC model, nutpie's NUTS, and our own gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qqt_bayes.allocation.chart import Chart, chart_around
from qqt_bayes.allocation.laplace import laplace
from qqt_bayes.allocation.model import BY_POOL, Model
from qqt_bayes.inference.gate import GateReport, check_draws, check_energy, merge
from qqt_bayes.inference.settings import Settings

ATTEMPTS = 3

__all__ = ["Draws", "Sampler", "pymc_model"]


@dataclass(frozen=True, eq=False)
class Draws:
    """Posterior draws of ``z``, dims (chain, draw, z), and what the gate says of them."""

    z: np.ndarray
    gate: GateReport

    @property
    def flat(self) -> np.ndarray:
        """All draws, dims (draw, z)."""
        return self.z.reshape(-1, self.z.shape[-1])


CHARTED = ("mode", "spread", "gain", "inner", "left", "scale", "informed", "turn")


class Sampler:
    """A compiled model: studies of one shape (other losses, fewer runs) are refitted in seconds.

    Parameters
    ----------
    model : Model
        Data and priors; losses and which runs count can be replaced at every :meth:`sample`.
    """

    def __init__(self, model: Model) -> None:
        import nutpie

        self.model = model
        chart = chart_around(model, laplace(model), np.ones(len(model.log_loss)))
        self.compiled = nutpie.compile_pymc_model(pymc_model(model, chart))

    def sample(
        self,
        seed: int,
        settings: Settings | None = None,
        *,
        log_loss: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        progress: Callable[[Any], None] | None = None,
        attempts: int = ATTEMPTS,
        near: np.ndarray | None = None,
    ) -> Draws:
        """Sample the posterior; with more draws, up to three times, where the gate does not pass.

        Parameters
        ----------
        seed : int
            Same seed, same draws.
        settings : Settings, optional
            Draws, warm-up, chains.
        log_loss : numpy.ndarray, optional
            Dim (row,): other data of the same design.
        weight : numpy.ndarray, optional
            Dim (row,): 0 leaves a run out.
        progress : callable, optional
            Called with nutpie's progress now and then.
        attempts : int
            How often to try; later attempts lay the chart around the scales found before.
        near : numpy.ndarray, optional
            Dim (z,): medians of a walk before, for the first attempt's chart.
        """
        import nutpie

        settings = settings or Settings()
        model = self.model if log_loss is None else replace(self.model, log_loss=log_loss)
        used = np.ones(len(model.log_loss)) if weight is None else np.asarray(weight, float)
        for attempt in range(attempts):
            chart = chart_around(model, laplace(model, used, near), used)
            compiled = self.compiled.with_data(
                log_loss=model.log_loss, weight=used,
                **{name: getattr(chart, name) for name in CHARTED},
            )  # fmt: skip
            trace = nutpie.sample(
                compiled, draws=settings.draws * 2**attempt, tune=settings.tune * 2**attempt,
                chains=settings.chains, cores=settings.cores, seed=seed + 7919 * attempt,
                target_accept=settings.target_accept, adaptation="low_rank", progress_bar=False,
                progress_callback=progress,
            )  # fmt: skip
            stats = trace["sample_stats"]
            z = chart.to_z(trace["posterior"]["straight"].values)
            gate = merge(
                check_draws(*quantities(model, z)),
                check_energy(stats["diverging"].values, stats["energy"].values),
            )
            if gate.passed:
                break
            near = np.median(z.reshape(-1, model.size), axis=0)
        return Draws(z, gate)


def pymc_model(model: Model, chart: Chart) -> Any:
    """The model in PyMC: standard normals ``z``, and log losses with Student-t noise.

    Sampled is `straight`, a coordinate of ``z`` in which the posterior is nearly standard normal.
    """
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as made:
        symbols = {name: pm.Data(name, getattr(chart, name)) for name in CHARTED}
        log_loss = pm.Data("log_loss", model.log_loss)
        weight = pm.Data("weight", np.ones(len(model.log_loss)))
        here = replace(model, log_loss=log_loss)
        straight = pm.Flat("straight", shape=model.size, initval=np.zeros(model.size))
        symbolic = replace(chart, model=here, **symbols)
        z = symbolic.to_z(straight, pt)
        pm.Potential("prior", -0.5 * pt.sum(z**2) + symbolic.log_jacobian(z, pt))
        scale, tails = model.noise(z, pt)
        noise = pm.StudentT.dist(nu=tails, mu=here.fitted(z, pt), sigma=scale)
        pm.Potential("likelihood", pt.sum(weight * pm.logp(noise, log_loss)))
    return made


def quantities(model: Model, z: np.ndarray) -> tuple[list[str], np.ndarray]:
    """What has to converge, dims (quantity, chain, draw): parameters, and the fit to the runs."""
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
