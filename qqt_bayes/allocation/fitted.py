"""A fit of the law of model size and data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qqt_bayes.allocation.model import Model, build_model
from qqt_bayes.allocation.sample import Draws, sample_law
from qqt_bayes.allocation.sizes import Points, Sizes, at_points, size_study
from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.inference.settings import Settings
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs import Runs, parse_mixture

__all__ = ["SizeFit", "fit_sizes"]


@dataclass(frozen=True, eq=False)
class SizeFit:
    """Posterior of the law; made by :func:`fit_sizes`.

    Attributes
    ----------
    sizes : Sizes
        The study.
    model : Model
        Data, priors and layout.
    posterior : Draws
    spec : Spec
    seed : int
    left_out : int
        Rows left out because they were worse than smaller runs.
    """

    sizes: Sizes
    model: Model = field(repr=False)
    posterior: Draws = field(repr=False)
    spec: Spec = field(repr=False)
    seed: int
    left_out: int = 0

    @property
    def stamp(self) -> str:
        """A warning for every output; empty where the fit converged."""
        gate = self.posterior.gate
        return "" if gate.passed else f"NOT CONVERGED: {gate.failures[0]}\n"

    @cached_property
    def exponents(self) -> dict[str, np.ndarray]:
        """``alpha``, ``beta`` and ``a`` = beta / (alpha + beta), dims (draw, law).

        The optimal parameters grow as compute to the power a, the samples to b = 1 - a, as long as
        data is fresh and the law alone is meant.
        """
        z = self.posterior.flat
        alpha = self.model.by_law("params_exponent", z)
        beta = self.model.by_law("samples_exponent", z)
        return {"alpha": alpha, "beta": beta, "a": beta / (alpha + beta)}

    def order(self) -> pd.DataFrame:
        """P(the model exponent `a` of the row's data exceeds that of the column's)."""
        a = self.exponents["a"]
        table = pd.DataFrame(
            np.mean(a[:, :, None] > a[:, None, :], axis=0), self.sizes.laws, self.sizes.laws
        )
        return table.mask(np.eye(len(table), dtype=bool))

    def points(self, table: pd.DataFrame) -> Points:
        """Rows of ``data, params, samples`` as points of this study."""
        missing = [name for name in ("data", "params", "samples") if name not in table]
        if missing:
            raise UsageError(f"no column '{missing[0]}' -> give data, params, samples")
        mixtures = [parse_mixture(str(text), self.sizes.pools) for text in table["data"]]
        return at_points(
            table["params"].to_numpy(float), table["samples"].to_numpy(float),
            np.array([m.vector(self.sizes.pools) for m in mixtures]),
            np.asarray(self.sizes.pools.sizes, float),
            np.array([self.sizes.law_index(m) for m in mixtures]), self.sizes.reference,
        )  # fmt: skip

    def allocate(self, compute: Any, **options: Any) -> Any:
        """Model size, samples and data at some compute; see :func:`qqt_bayes.allocate`."""
        module = import_module("qqt_bayes.allocation.answer")
        return module.allocate_fit(self, compute, **options)

    def predict(self, table: pd.DataFrame, *, noise: bool = False, seed: int = 1) -> np.ndarray:
        """Draws of the loss of runs, dims (draw, row), with the law's misfit.

        Parameters
        ----------
        table : pandas.DataFrame
            Columns ``data, params, samples``.
        noise : bool
            Whether a new run's noise is added.
        seed : int
            Of the misfit beyond the data and of the noise.
        """
        points, z = self.points(table), self.posterior.flat
        rng = np.random.default_rng([self.seed, seed])
        log_loss = self.model.predict(z, points, self.model.wandered(z, points, rng))
        if noise:
            scale = self.model.scalar("noise", z)[:, None]
            tails = self.model.scalar("tails", z)[:, None]
            log_loss = log_loss + scale * rng.standard_t(np.broadcast_to(tails, log_loss.shape))
        return np.exp(log_loss)


def fit_sizes(
    runs: Runs,
    metric: str | None = None,
    *,
    spec: str | Path | Spec = "chinchilla",
    where: Mapping[str, str] | None = None,
    seed: int = 1,
    settings: Settings | None = None,
    on_fail: str = "raise",
    overfitted: str = "keep",
    progress: Callable[[Any], None] | None = None,
) -> SizeFit:
    """Fit the law of model size and data to a run table with a ``params`` column.

    Parameters
    ----------
    runs : Runs
        From :func:`qqt_bayes.read_runs`.
    metric : str, optional
        Name of a loss; may be left out where there is one metric.
    spec : str, Path or Spec
        ``"chinchilla"``, or a TOML file of that law.
    where : mapping, optional
        Which rows to fit, as for :meth:`Runs.select`.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Draws and values of the sampler.
    on_fail : {'raise', 'warn'}
        What to do when the fit does not pass its gate.
    overfitted : {'keep', 'leave_out'}
        What to do with runs that are worse than one of no more parameters and samples on the same
        data (:attr:`~qqt_bayes.allocation.sizes.Sizes.overfitted`).
    progress : callable, optional
        Called with the sampler's progress now and then.

    Returns
    -------
    SizeFit

    Raises
    ------
    InputError, UsageError
        If rows cannot be used or an argument is bad.
    GateError
        If the fit did not converge (with ``on_fail="raise"``).
    """
    check_overfitted(overfitted)
    spec = load_spec(spec)
    if metric is None and len(runs.metrics) > 1:
        raise UsageError(f"several metrics -> choose one of {', '.join(runs.metrics)}")
    chosen = runs.select(metric or runs.metrics[0], where)
    sizes = size_study(chosen, metric or runs.metrics[0])
    left_out = int(sizes.overfitted.sum()) if overfitted == "leave_out" else 0
    if left_out:
        kept = replace(chosen, table=chosen.table[~sizes.overfitted].reset_index(drop=True))
        sizes = size_study(kept, metric or runs.metrics[0])
    model = build_model(sizes, spec)
    posterior = sample_law(model, seed, settings, progress)
    if not posterior.gate.passed:
        if on_fail != "warn":
            raise GateError(posterior.gate.text, posterior.gate)
        warnings.warn(posterior.gate.text, stacklevel=2)
    return SizeFit(sizes, model, posterior, spec, seed, left_out)


def check_overfitted(choice: str) -> None:
    """Refuse an unknown treatment of overfitted runs."""
    if choice not in ("keep", "leave_out"):
        raise UsageError(f"overfitted {choice!r} -> give keep or leave_out")
