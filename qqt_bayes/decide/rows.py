"""Credible bands of any runs, row by row: what a table of planned runs would bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qqt_bayes.decide.decision import check_prob
from qqt_bayes.decide.predict import interval, latent_at, new_runs, thinning
from qqt_bayes.errors import UsageError
from qqt_bayes.limits import LIMITS
from qqt_bayes.runs import Mixture, parse_mixture, parse_number

if TYPE_CHECKING:
    from qqt_bayes.fitting import Fit

NEEDED = ("data", "samples")
MOST_POINTS = 2000  # different runs: their draws are joint

__all__ = ["predict_rows"]


def predict_rows(fit: Fit, table: pd.DataFrame, prob: float = 0.9) -> pd.DataFrame:
    """Credible bands of the runs that a table names.

    Parameters
    ----------
    fit : Fit
        What to predict with.
    table : pandas.DataFrame
        Columns ``data`` (a mixture expression) and ``samples`` (a number, or text such as ``2B``);
        others are kept as they are.
    prob : float
        Probability of the intervals.

    Returns
    -------
    pandas.DataFrame
        The table with further columns, in the metric's own unit: ``median``, ``lo`` and ``hi`` of
        the latent performance (the average over seeds), ``new_run_lo`` and ``new_run_hi`` of one
        more run; ``prob``, and ``interval``, which is ``"eti"``: equal-tailed.

    Raises
    ------
    UsageError
        If a column is missing or a row cannot be read, or for too many different runs.
    """
    check_prob(prob)
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise UsageError(
            f"the table has no column {' and '.join(repr(m) for m in missing)} -> give each row "
            "its data, such as A+B, and its samples, such as 2B"
        )
    samples, shares, place = read_rows(fit, table)
    out = table.copy()
    columns = ("median", "lo", "hi", "new_run_lo", "new_run_hi")
    if len(place) == 0:
        return out.assign(**{c: np.empty(0) for c in columns}, prob=prob, interval="eti")
    every = thinning(fit, len(samples))
    latent = latent_at(fit, samples, shares, every=every)
    new = new_runs(fit, latent, shares, fit.seed, every)
    reported = fit.study.reported
    found = [*interval(reported(latent), prob), *interval(reported(new), prob)[1:]]
    bands = {c: values[place] for c, values in zip(columns, found, strict=True)}
    return out.assign(**bands, prob=prob, interval="eti")


def read_rows(fit: Fit, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples and shares of each different run, and which of them every row is of."""
    pools = fit.study.pools
    complaints: dict[str, list[object]] = {}
    mixtures: dict[str, Mixture] = {}
    points: dict[tuple[float, ...], int] = {}
    place = []
    for label, data, wanted in zip(table.index, table["data"], table["samples"], strict=True):
        try:
            text = str(data).strip()
            if text not in mixtures:
                mixtures[text] = parse_mixture(text, pools)
            count = parse_number(wanted)
            if not (np.isfinite(count) and count > 0):
                raise UsageError(f"samples '{wanted}' is not a positive number -> such as 480k")
            LIMITS["samples"].check(f"samples '{wanted}'", count)
        except UsageError as error:
            complaints.setdefault(str(error), []).append(label)
            continue
        key = (count, *np.round(mixtures[text].vector(pools), 9).tolist())
        place.append(points.setdefault(key, len(points)))
    if complaints:
        raise UsageError("\n".join(tell(said, rows) for said, rows in complaints.items()))
    if len(points) > MOST_POINTS:
        raise UsageError(
            f"{len(points):,} different runs are too many at once -> predict them in tables of at "
            f"most {MOST_POINTS:,}"
        )
    known = np.array(list(points)).reshape(len(points), 1 + len(pools.names))
    # keys are rounded shares: they need not sum to one exactly
    shares = known[:, 1:] / known[:, 1:].sum(axis=1, keepdims=True)
    return known[:, 0], shares, np.array(place, int)


def tell(said: str, rows: list[object]) -> str:
    """One complaint about the rows that have it, told once."""
    others = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    return f"row {rows[0]}{others}: {said}"
