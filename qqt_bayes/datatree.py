"""A fit as ArviZ wants it: one :class:`xarray.DataTree` with everything that was drawn.

The linear part of the model is integrated out, so that runs are not independent given the
parameters. The log likelihood of a run, ``y``, is its density given the parameters *and all other
runs*, which is what leaving it out by importance weights needs. These do not add up to the joint
density; ``rest`` is what is missing, so that scaling the likelihood scales the whole of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qqt_bayes.decide.decision import decide
from qqt_bayes.inference.posterior import named
from qqt_bayes.inference.reweight import densities
from qqt_bayes.model.parameters import RENAMED
from qqt_bayes.model.prior_predictive import draw_prior, noise_at
from qqt_bayes.risk.closed_form import given_others
from qqt_bayes.runs import format_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

PRIOR_DRAWS = 2000
SAMPLED = ("chain", "draw")

__all__ = ["to_datatree"]


def to_datatree(fit: Fit, budgets: Any = None, candidates: Any = None) -> Any:
    """Everything about a fit, for ArviZ.

    Parameters
    ----------
    fit : Fit
        What to show.
    budgets, candidates
        As for :meth:`qqt_bayes.Fit.decide`: adds the group ``predictions``.

    Returns
    -------
    xarray.DataTree
        Groups:

        - ``posterior`` and ``prior``: parameters, dims (chain, draw[, pool]).
        - ``posterior_predictive`` and ``prior_predictive``: ``y``, a replication of each run.
        - ``observed_data``: ``y``, dim run. Replicates of one run are one entry, their mean.
        - ``constant_data``: ``shares`` and ``epochs`` (run, pool), ``samples``, ``data``,
          ``replicates`` (run), ``size`` (pool).
        - ``log_likelihood``: ``y`` of each run given all others, and ``rest``, so that all add up
          to the joint density. Use ``var_name="y"`` in ``az.loo`` and ``az.compare``.
        - ``log_prior``: of each parameter that all pools share, up to a constant.
        - ``sample_stats``: ``lp``; of importance sampling ``copies``, how often a weighted draw
          was taken, with Pareto k and values spent as attributes; of NUTS ``diverging`` and
          ``energy``.
        - ``predictions``, for budgets and candidates: ``level`` and ``new_run``, dims (chain,
          draw, budget, candidate).
    """
    import xarray as xr

    posterior, study = fit.posterior, fit.study
    design, coords = posterior.design, run_coords(fit)
    by_run = (*SAMPLED, "run")

    def dataset(**values: Any) -> Any:
        return xr.Dataset(values, coords={k: v for k, v in coords.items() if uses(values, k)})

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(*posterior.chains, *values.shape[1:])

    prior, simulated = from_prior(fit)
    _, log_density = given_others(posterior.given)
    joint = densities(posterior.parameters, posterior.cells)
    log_prior = {
        RENAMED.get(name, name): (SAMPLED, shaped(posterior.priors[name].log_density(values)))
        for name, values in posterior.scalars().items()
    }
    points = design.points
    groups = {
        "posterior": fit.draws,
        "posterior_predictive": dataset(y=(by_run, shaped(replicated(fit)))),
        "prior": prior,
        "prior_predictive": dataset(y=(by_run, simulated[None])),
        "observed_data": dataset(y=("run", study.reported(unit(fit, design.value)))),
        "constant_data": dataset(
            data=("run", first(fit, np.array(study.data, object)).astype(str)),
            samples=("run", np.exp(points.log_samples)),
            shares=(("run", "pool"), points.shares),
            epochs=(("run", "pool"), first(fit, study.epochs)),
            replicates=("run", design.count.astype(int)),
            size=("pool", np.asarray(study.pools.sizes, float)),
        ),
        "log_likelihood": dataset(
            y=(by_run, shaped(log_density)),
            rest=(SAMPLED, shaped(joint - log_density.sum(axis=1))),
        ),
        "log_prior": dataset(**log_prior),
        "sample_stats": sampler(fit, joint),
    }
    if budgets is not None:
        groups["predictions"] = predictions(fit, budgets, candidates)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {
        "metric": study.metric, "kind": study.kind.name, "spec": fit.spec.name, "seed": fit.seed,
        "converged": int(fit.converged),
    }  # fmt: skip
    return tree


def uses(values: dict[str, Any], dim: str) -> bool:
    """Whether any of the variables has the dim."""
    return any(dim in (dims if isinstance(dims, tuple) else (dims,)) for dims, _ in values.values())


def first(fit: Fit, by_row: np.ndarray) -> np.ndarray:
    """What the first row of each cell has."""
    _, index = np.unique(fit.posterior.design.row_cell, return_index=True)
    return np.asarray(by_row[index])


def run_coords(fit: Fit) -> dict[str, list[str]]:
    """Names of the runs, such as ``A+B 480k``, and of the pools."""
    data = first(fit, np.array(fit.study.data, object))
    samples = np.exp(fit.posterior.design.points.log_samples)
    names: list[str] = []
    for text, count in zip(data, samples, strict=True):
        name = f"{text} {format_number(count)}"
        again = sum(n == name or n.startswith(f"{name} #") for n in names)
        names.append(f"{name} #{again + 1}" if again else name)  # another run's checkpoint
    return {"run": names, "pool": list(fit.study.pools.names)}


def unit(fit: Fit, value: np.ndarray) -> np.ndarray:
    """Modelled values in the metric's unit, kept inside its limits."""
    kind = fit.study.kind
    return np.asarray(kind.to_unit(np.clip(value, *kind.limits)))


def replicated(fit: Fit) -> np.ndarray:
    """Draws of the runs if they were made again, dims (draw, run), in the metric's own unit."""
    posterior, design = fit.posterior, fit.posterior.design
    latent = posterior.irreducible[:, None] + np.exp(posterior.fitted.log_reducible)
    variance = posterior.noise_variance(latent, design.points.shares) + design.eval_var
    noise = np.random.default_rng((fit.seed, 61)).standard_normal(latent.shape)
    value = latent + np.sqrt(variance / design.count) * noise
    return np.asarray(fit.study.reported(unit(fit, value)))


def from_prior(fit: Fit) -> tuple[Any, np.ndarray]:
    """Draws of the parameters from the prior, and of the runs, dims (draw, run)."""
    posterior, design = fit.posterior, fit.posterior.design
    latent, truth = draw_prior(
        design, design.points, posterior.priors, posterior.kind, PRIOR_DRAWS, fit.seed
    )
    own = replace(posterior, parameters=truth.parameters, chains=(1, PRIOR_DRAWS))
    size = posterior.cells.size(latent)
    sd = noise_at(truth.parameters, design.points.shares) * size
    noise = np.random.default_rng((fit.seed, 67)).standard_normal(latent.shape)
    value = latent + np.sqrt((sd**2 + design.eval_var) / design.count) * noise
    dataset = named(own, truth.utility, truth.level, fit.study.pools.names)
    return dataset, np.asarray(fit.study.reported(unit(fit, value)))


def sampler(fit: Fit, joint: np.ndarray) -> Any:
    """What the sampler knows of its draws."""
    import xarray as xr

    posterior = fit.posterior
    scores = posterior.coordinates.scores(posterior.parameters)
    lp = (joint - 0.5 * (scores**2).sum(axis=1)).reshape(posterior.chains)
    found: dict[str, Any] = {"lp": (SAMPLED, lp)}
    figures = posterior.figures
    if posterior.engine == "nuts":
        found |= {n: (SAMPLED, np.asarray(figures[n])) for n in ("diverging", "energy")}
        return xr.Dataset(found, attrs={"engine": "nuts"})
    _, group, count = np.unique(posterior.parent, return_inverse=True, return_counts=True)
    found["copies"] = (SAMPLED, count[group].reshape(posterior.chains))
    attrs = {"engine": posterior.engine, "pareto_k": figures.get("k", np.nan)}
    attrs |= {n: figures[n] for n in ("values", "log_evidence") if n in figures}
    return xr.Dataset(found, attrs=attrs)


def predictions(fit: Fit, budgets: Any, candidates: Any) -> Any:
    """Latent performance and new runs of the candidates, as they are decided on."""
    import xarray as xr

    made = decide(fit, budgets, candidates, on_fail="warn")
    dims = (*SAMPLED, "budget", "candidate")
    drawn = {"level": made.latent, "new_run": made.new_run}
    return xr.Dataset(
        {
            name: (dims, fit.study.reported(v.reshape(fit.posterior.chains[0], -1, *v.shape[1:])))
            for name, v in drawn.items()
        },
        coords={"budget": made.budgets, "candidate": made.names},
    )
