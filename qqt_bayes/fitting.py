"""A fit: the runs, the specification and the sampled posterior, ready to be asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from qqt_bayes._shown import Shown
from qqt_bayes.errors import GateError, UsageError
from qqt_bayes.inference.engine import sample_posterior
from qqt_bayes.inference.nuts import from_trace
from qqt_bayes.inference.posterior import Posterior, named
from qqt_bayes.inference.reweight import reweighted
from qqt_bayes.inference.settings import Settings, check_seed
from qqt_bayes.model.covariates import asked_at
from qqt_bayes.model.design import build_design
from qqt_bayes.model.spec import Spec, load_spec
from qqt_bayes.runs.numbers import count, format_number

if TYPE_CHECKING:
    from qqt_bayes.runs import Runs, Study

__all__ = ["Fit", "build_model", "fit"]


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Shown):
    """A fitted study; made by :func:`fit` or :func:`qqt_bayes.load_fit`.

    Attributes
    ----------
    runs : Runs
        The rows that were fitted (already selected).
    study : Study
    spec : Spec
    posterior : Posterior
    seed : int
    settings : Settings
    selection : dict
        ``where`` and ``upto`` as given.
    whole : Runs or None
        The table that the rows are of, with its other metrics; a saved fit has none.
    """

    runs: Runs = field(repr=False)
    study: Study
    spec: Spec
    posterior: Posterior = field(repr=False)
    seed: int
    settings: Settings = field(repr=False)
    selection: dict[str, Any] = field(repr=False)
    whole: Runs | None = field(default=None, repr=False)

    @property
    def converged(self) -> bool:
        """Whether the fit passed its gate."""
        return self.posterior.gate.passed

    @property
    def stamp(self) -> str:
        """What every output of a fit that did not pass its gate must carry; else empty."""
        return "" if self.converged else "NOT CONVERGED: do not rely on this. "

    @cached_property
    def draws(self) -> Any:
        """Posterior draws as an :class:`xarray.Dataset`, dims (chain, draw[, pool]).

        ``irreducible`` as modelled (see :class:`qqt_bayes.kinds.Kind`: an accuracy is an error),
        ``half_life`` in epochs, ``utility`` and ``level`` by pool, scales as in the specification;
        ``pool_noise`` is relative to the metric.
        """
        drawn = self.posterior.fitted
        return named(self.posterior, drawn.utility, drawn.level, self.study.pools.names)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Posterior of each pool's utility, half-life, level and harm: median and 90% ETI.

        ``worth`` says how good a pool is in one number: how many samples of the best pool
        (``worth_of``) one sample of it replaces, alone at ``worth_at`` samples.
        For a law that has them, exchange rates too; seed noise where replicates tell it by pool.
        """
        names = ("utility", "half_life", "level", "harm", "exchange_rate", "pool_noise")
        known = self.by_pool(*(name for name in names if name in self.draws))
        found: pd.DataFrame = import_module("qqt_bayes.decide").with_worth(self, known)
        return found

    def by_pool(self, *names: str) -> pd.DataFrame:
        """Median and 90% ETI of some of the draws, one row a pool; NaN where a pool has none."""
        columns: dict[str, Any] = {"pool": self.study.pools.names}
        for name in names:
            draws = self.draws[name].values.reshape(-1, len(self.study.pools))
            lo, mid, hi = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
            columns |= {name: mid, f"{name}_lo": lo, f"{name}_hi": hi}
        return pd.DataFrame(columns)

    @cached_property
    def priors(self) -> pd.DataFrame:
        """Priors as a table: parameter, prior, why."""
        rows = [
            {"parameter": n, "prior": p.text, "why": p.why}
            for n, p in self.posterior.priors.items()
        ]
        return pd.DataFrame(rows)

    @property
    def headline(self) -> str:
        """What was fitted, and whether it converged."""
        t = self.study.trained_on
        return (
            f"{self.stamp}{self.study.metric} of {count(t['runs'], 'run')} "
            f"({count(t['rows'], 'row')}, largest {format_number(t['max_samples'])} samples), "
            f"spec {self.spec.name}, seed {self.seed}\n"
            f"{self.posterior.gate.text}"
        )

    @cached_property
    def text(self) -> str:
        """A summary for people: what was fitted, convergence, and the pools."""
        return str(import_module("qqt_bayes.decide").describe_fit(self))

    @property
    def model(self) -> Any:
        """The marginal form in PyMC of this study, as :func:`build_model` gives it."""
        post = self.posterior
        return symbolic(post.design, post.priors, post.kind, "marginal")

    def with_draws(self, trace: Any) -> Fit:
        """The same study with the draws of a model in PyMC, such as :attr:`model` extended.

        Parameters
        ----------
        trace : xarray.DataTree
            From ``pm.sample``: all parameters of :attr:`model` by their names.

        Returns
        -------
        Fit
            It decides by these draws; its gate is that of chains.
        """
        return replace(self, posterior=from_trace(self.posterior, trace))

    def to_datatree(self, budgets: Any = None, candidates: Any = None) -> Any:
        """Everything, for ArviZ; see :func:`qqt_bayes.datatree.to_datatree`."""
        return import_module("qqt_bayes.datatree").to_datatree(self, budgets, candidates)

    def predict(self, table: pd.DataFrame, *, prob: float = 0.9) -> pd.DataFrame:
        """Credible bands of any runs; see :func:`qqt_bayes.decide.predict_rows`."""
        found: pd.DataFrame = import_module("qqt_bayes.decide").predict_rows(self, table, prob)
        return found

    def decide(self, budgets: Any, candidates: Any = None, **options: Any) -> Any:
        """Credible bands on the best data per budget; see :func:`qqt_bayes.decide.decide`."""
        return import_module("qqt_bayes.decide").decide(self, budgets, candidates, **options)

    def best_shares(self, budgets: Any, pools: Any = None, **options: Any) -> Any:
        """The best sampling shares per budget; see :func:`qqt_bayes.decide.best_shares`."""
        return import_module("qqt_bayes.decide").best_shares(self, budgets, pools, **options)

    def reach(self, value: Any, candidates: Any = None, **options: Any) -> Any:
        """Samples needed to reach a value of the metric; see :func:`qqt_bayes.decide.reach`."""
        return import_module("qqt_bayes.decide").reach(self, value, candidates, **options)

    def risk(self, budgets: Any, **options: Any) -> Any:
        """Whether these runs can be trusted that far; see :func:`qqt_bayes.risk.risk`."""
        return import_module("qqt_bayes.risk").risk(self, budgets, **options)

    def buy(self, budgets: Any, **options: Any) -> Any:
        """Which runs to buy next; see :func:`qqt_bayes.buy.buy`."""
        return import_module("qqt_bayes.buy").buy(self, budgets, **options)

    def act(self, budgets: Any, actions: Any, **options: Any) -> Any:
        """Improve the data, buy more, or train on; see :func:`qqt_bayes.act.act`."""
        return import_module("qqt_bayes.act").act(self, budgets, actions, **options)

    def plot(self, **options: Any) -> Any:
        """Posterior of utilities and half-lives beside their priors, as a matplotlib figure."""
        return import_module("qqt_bayes.plots").plot_pools(self, **options)

    def update(
        self,
        new_rows: pd.DataFrame,
        *,
        reweight: bool = True,
        settings: Settings | None = None,
        **options: Any,
    ) -> Fit:
        """The fit of these runs and some more: reweighted where that does, refitted where it must.

        The density of the parameters is known with and without the new runs, so the draws at hand
        can be weighted by its ratio: the same answer within Monte Carlo error, at once.
        It is refitted, warm-started from this fit, where few draws would carry the weight (Pareto
        k above .7), where those that are left do not pass the gate, where other rows than before
        are set aside, or where an argument asks for another fit.

        Parameters
        ----------
        new_rows : pandas.DataFrame
            Rows of a run table.
        reweight : bool
            False: always refit.
        settings : Settings, optional
            Of the sampler, for a refit; by default this fit's own.
        **options
            Others of :func:`fit`.

        Returns
        -------
        Fit
            With no values of the density spent (``posterior.values == 0``) where it was reweighted.

        Raises
        ------
        UsageError, InputError
            Where no row is of the metric fitted, or rows are not those of a run table.
        """
        runs, metric = self.runs.append(new_rows), self.study.metric
        if len(runs.select(metric)) == len(self.runs.select(metric)):
            raise UsageError(
                f"none of the {len(new_rows)} new rows is of '{metric}', which was fitted -> give "
                "rows of a run table with that metric"
            )
        if reweight and settings is None and not options and self.converged:
            study = runs.study(metric, spec_levels=self.spec.levels)
            found = None
            if study.aside == self.study.aside:
                found = reweighted(self.posterior, build_design(study, self.spec))
            if found is not None and found.gate.passed:
                everything: dict[str, Any] = {"where": {}, "upto": None}
                return replace(
                    self, runs=runs, study=study, posterior=found, selection=everything, whole=None
                )
        return fit(
            runs,
            metric,
            spec=self.spec,
            seed=self.seed,
            settings=replace(settings or self.settings, start=self.posterior.start),
            **options,
        )

    def another(self, metric: str) -> Fit:
        """The fit of another metric of the same table, of the same rows and in the same way."""
        return fit(
            self.runs if self.whole is None else self.whole, metric, spec=self.spec,
            **self.selection, seed=self.seed, settings=self.settings,
            on_fail="raise" if self.converged else "warn",
        )  # fmt: skip

    @cached_property
    def by_size(self) -> tuple[tuple[Fit, ...], np.ndarray]:
        """Fits at the sizes that pools may have, and their weights; see ``qqt_bayes.decide``."""
        found: tuple[tuple[Fit, ...], np.ndarray]
        found = import_module("qqt_bayes.decide").fits_by_size(self)
        return found

    def at(self, **values: float) -> Fit:
        """The same fit, asked for other values of its covariates: ``fit.at(weight_decay=0.1)``.

        Raises
        ------
        UsageError
            For what is no covariate of this fit, or a value that its runs rule out.
        """
        known = self.spec.covariates
        unknown = [name for name in values if name not in known]
        if unknown:
            raise UsageError(
                f"{unknown[0]} is no covariate of this fit ({', '.join(known) or 'it has none'}) "
                f"-> fit with covariates=['{unknown[0]}'] (--covariate {unknown[0]})"
            )
        spec = self.spec.with_covariates(asked_at(self.study, known | values))
        design = self.posterior.design.answering(values)
        return replace(self, spec=spec, posterior=replace(self.posterior, design=design))

    def save(self, path: str | Path) -> Path:
        """Save to a netCDF file; see :func:`qqt_bayes.load_fit`."""
        return import_module("qqt_bayes.store").save_fit(self, path)


def fit(
    runs: Runs,
    metric: str,
    *,
    spec: str | Path | Spec = "effective_utility",
    covariates: Sequence[str] | Mapping[str, float | None] = (),
    where: Mapping[str, str] | None = None,
    upto: str | float | None = None,
    seed: int = 1,
    settings: Settings | None = None,
    on_fail: str = "raise",
    progress: Callable[[Any], None] | None = None,
) -> Fit:
    """Fit one metric of a run table.

    Parameters
    ----------
    runs : Runs
        From :func:`qqt_bayes.read_runs`.
    metric : str
        Name of the metric.
    spec : str, Path or Spec
        A shipped specification by name, or a TOML file.
    covariates : list of str or dict, optional
        Columns of settings that the runs differ in, such as ``["weight_decay"]``: they move all
        pools alike. Answers are for the most common value, or ``{"weight_decay": 0.1}``; see also
        :meth:`Fit.at`.
    where, upto
        Which rows to fit, as for :meth:`Runs.select`.
    seed : int
        Same seed, same answer.
    settings : Settings, optional
        Draws, engine, a start near a similar fit.
    on_fail : {'raise', 'warn'}
        What to do when the fit does not pass its gate.
    progress : callable, optional
        Called with the sampler's progress now and then; first with what the fit is expected to
        cost (:class:`qqt_bayes.inference.cost.Cost`), if that is more than a minute.

    Returns
    -------
    Fit

    Raises
    ------
    InputError, UsageError
        If rows are not comparable or an argument is bad.
    GateError
        If the fit did not converge (with ``on_fail="raise"``).
    """
    spec = load_spec(spec)
    if covariates:
        given = dict(covariates) if isinstance(covariates, Mapping) else dict.fromkeys(covariates)
        spec = spec.with_covariates(spec.covariates | given)
    chosen = runs.select(metric, where, upto)
    study = chosen.study(metric, spec_levels=spec.levels)
    if spec.covariates:
        spec = spec.with_covariates(asked_at(study, spec.covariates))
    check_seed(seed)
    settings = settings or Settings()
    posterior = sampled(study, spec, seed, settings, progress)
    made = Fit(
        chosen.with_kind(metric, study.kind), study, spec, posterior, seed,
        replace(settings, start=None), {"where": dict(where or {}), "upto": upto}, runs,
    )  # fmt: skip
    if not made.converged:
        if on_fail != "warn":
            raise GateError(posterior.gate.text, posterior.gate)
        warnings.warn(posterior.gate.text, stacklevel=2)
    return made


def sampled(
    study: Study, spec: Spec, seed: int, settings: Settings | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Posterior:  # fmt: skip
    """The posterior of a study under a specification, whether it passes its gate or not."""
    design, priors = build_design(study, spec), spec.priors(study.kind)
    return sample_posterior(design, priors, study.kind, seed, settings, progress)


def build_model(
    runs: Runs,
    metric: str,
    *,
    spec: str | Path | Spec = "effective_utility",
    where: Mapping[str, str] | None = None,
    upto: str | float | None = None,
    form: str = "marginal",
) -> Any:
    """The model of a study in PyMC, to sample, extend and plot.

    Parameters
    ----------
    runs, metric, spec, where, upto
        As for :func:`fit`.
    form : {'marginal', 'generative'}
        Everything linear integrated out, which is what a fit samples; or every effect a variable,
        with the reference likelihood, observed ``y``.

    Returns
    -------
    pymc.Model
        See :func:`qqt_bayes.model.symbolic.symbolic_model`.

    Raises
    ------
    InputError, UsageError
        If rows are not comparable or an argument is bad.
    """
    if form not in ("marginal", "generative"):
        raise UsageError(f"form '{form}' -> choose 'marginal' or 'generative'")
    spec = load_spec(spec)
    study = runs.select(metric, where, upto).study(metric, spec_levels=spec.levels)
    return symbolic(build_design(study, spec), spec.priors(study.kind), study.kind, form)


def symbolic(*arguments: Any) -> Any:
    """A model in PyMC; importing that takes seconds, so it is done here."""
    from qqt_bayes.model.symbolic import symbolic_model

    return symbolic_model(*arguments)
