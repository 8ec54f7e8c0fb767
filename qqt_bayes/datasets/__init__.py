"""Run tables to learn and test with: real training runs, and published figures.

`web` : 46 simulated runs on four pools of web text, for the tutorial.
`proving_ground` : 273 small training runs on pools of known quality, made for this package.
`headers`, `digits` : small training runs made after the priors of drift were set.
`paper_budgets` : the budgets of "Scaling Laws for Data Filtering" (arXiv:2404.07177).
`laion_clip` : LAION pools of three sizes (arXiv:2212.07143).
"""

from __future__ import annotations

import dataclasses
from importlib import resources

from qqt_bayes.datasets import published
from qqt_bayes.datasets.published import paper_parameters
from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Runs, read_runs

_OWN = ("web", "proving_ground", "headers", "digits")
_PUBLISHED = {"paper_budgets": published.paper_budgets, "laion_clip": published.laion_clip}

__all__ = ["load", "names", "paper_parameters"]


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return (*_OWN, *_PUBLISHED)


def load(name: str) -> Runs:
    """Load a run table that comes with the package.

    Parameters
    ----------
    name
        One of `names()`.

    Returns
    -------
    Runs

    Raises
    ------
    UsageError
        For an unknown name.
    """
    if name in _PUBLISHED:
        runs, pools = _PUBLISHED[name]()
        return dataclasses.replace(read_runs(runs, pools), source=f"<{name}>")
    if name in _OWN:
        with resources.as_file(resources.files(__name__) / name) as folder:
            return read_runs(folder / "runs.csv")
    raise UsageError(f"unknown data set '{name}' -> choose from {', '.join(names())}")
