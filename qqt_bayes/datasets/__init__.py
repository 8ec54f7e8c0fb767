"""Run tables to learn and test with: real training runs, and published figures.

`web` : 46 simulated runs on four pools of web text, for the tutorial.
`proving_ground` : 273 small training runs on pools of known quality, made for this package.
`headers`, `digits` : small training runs made after the priors of drift were set.
`decay` : small training runs of two model sizes and two weight decays.
`paper_budgets` : the budgets of "Scaling Laws for Data Filtering" (arXiv:2404.07177).
`laion_clip` : LAION pools of three sizes (arXiv:2212.07143).
"""

from __future__ import annotations

from importlib import resources

import pandas as pd

from qqt_bayes.errors import UsageError
from qqt_bayes.runs import Runs, read_runs

_NAMES = (
    "web", "proving_ground", "headers", "digits", "decay", "paper_budgets", "laion_clip",
)  # fmt: skip

__all__ = ["load", "names", "paper_parameters"]


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return _NAMES


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
    if name not in _NAMES:
        raise UsageError(f"unknown data set '{name}' -> choose from {', '.join(names())}")
    with resources.as_file(resources.files(__name__) / name) as folder:
        return read_runs(folder / "runs.csv")


def paper_parameters() -> pd.DataFrame:
    """Published parameters of Goyal et al. (arXiv:2404.07177), T-MARS pools, ImageNet error.

    Returns
    -------
    DataFrame
        One row a law and pool: `law`, `pool`, `size` (samples), `a`, `b` (utility), `tau`
        (half-life in epochs), `d` (irreducible error), `n0` (samples at which the reducible error
        is 1: `a` stands inside the power, ``(n / n0)^b`` with ``n0 = 1e5 / a``) and `suspect`.
        The record of the effective-data law states no d; 0.1 makes it agree with the other record
        to 0.003 of error, save for the suspect pool 20-30%, whose utility record disagrees with
        the effective-data record of the same observations by 0.03.
    """
    with resources.as_file(resources.files(__name__) / "paper_parameters.csv") as path:
        return pd.read_csv(path)
