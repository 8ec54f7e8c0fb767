"""Bayesian quality-quantity trade-off: which training data to use at which budget.

>>> import qqt_bayes as qqt
>>> runs = qqt.datasets.load("proving_ground")
>>> fit = qqt.fit(runs, metric="loss", upto="500k")  # doctest: +SKIP
>>> print(fit.decide(budgets="960k,1.92M").text)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from qqt_bayes import datasets as datasets
    from qqt_bayes.allocation import Allocation as Allocation
    from qqt_bayes.allocation import SizeFit as SizeFit
    from qqt_bayes.allocation import allocate as allocate
    from qqt_bayes.allocation import fit_sizes as fit_sizes
    from qqt_bayes.decide import Decision as Decision
    from qqt_bayes.errors import GateError as GateError
    from qqt_bayes.errors import InputError as InputError
    from qqt_bayes.errors import QQTError as QQTError
    from qqt_bayes.errors import UsageError as UsageError
    from qqt_bayes.fitting import Fit as Fit
    from qqt_bayes.fitting import fit as fit
    from qqt_bayes.inference.settings import Settings as Settings
    from qqt_bayes.laws.registry import register_law as register_law
    from qqt_bayes.model.spec import Spec as Spec
    from qqt_bayes.model.spec import available_specs as available_specs
    from qqt_bayes.model.spec import load_spec as load_spec
    from qqt_bayes.runs import Runs as Runs
    from qqt_bayes.runs import import_runs as import_runs
    from qqt_bayes.runs import read_pools as read_pools
    from qqt_bayes.runs import read_runs as read_runs
    from qqt_bayes.stacking import Stack as Stack
    from qqt_bayes.stacking import stack as stack
    from qqt_bayes.store import load_fit as load_fit
    from qqt_bayes.tasks import Tasks as Tasks
    from qqt_bayes.tasks import fit_tasks as fit_tasks

# Name -> module: imported at first use, so that `import qqt_bayes` and the command line are quick.
_LAZY = {
    "Allocation": "allocation", "SizeFit": "allocation", "allocate": "allocation",
    "fit_sizes": "allocation",
    "Decision": "decide", "Fit": "fitting", "fit": "fitting", "GateError": "errors",
    "InputError": "errors",
    "QQTError": "errors", "Runs": "runs", "Settings": "inference.settings", "Spec": "model.spec",
    "UsageError": "errors", "available_specs": "model.spec", "load_fit": "store",
    "load_spec": "model.spec", "read_pools": "runs", "read_runs": "runs",
    "import_runs": "runs",
    "Tasks": "tasks", "fit_tasks": "tasks", "register_law": "laws.registry",
    "Stack": "stacking", "stack": "stacking",
}  # fmt: skip

__all__ = ["__version__", "datasets", *sorted(_LAZY)]


def __getattr__(name: str) -> Any:
    if name == "datasets":
        return import_module("qqt_bayes.datasets")
    if name in _LAZY:
        return getattr(import_module(f"qqt_bayes.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'qqt_bayes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
