"""What the baselines share: replicates collapsed to cells, and the noise of a new run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qqt_bayes.runs import Study

# Runs of one budget, as DESIGN counts them: equal to about 2%.
SAME_BUDGET = 0.02

__all__ = ["Cells", "budgets", "collapse", "mixture_ids", "new_runs", "noise_pool", "unique_rows"]


@dataclass(frozen=True)
class Cells:
    """Rows of equal samples and shares, collapsed.

    Attributes
    ----------
    samples, value, count : numpy.ndarray
        Dim (cell,): budget, mean of the replicates, their number.
    shares : numpy.ndarray
        Dims (cell, pool).
    mixture : numpy.ndarray
        Dim (cell,): which mixture.
    row_cell, row_value : numpy.ndarray
        Dim (row,): the cell of each row, and its value.
    """

    samples: np.ndarray
    value: np.ndarray
    count: np.ndarray
    shares: np.ndarray
    mixture: np.ndarray
    row_cell: np.ndarray
    row_value: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)


def unique_rows(samples: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the distinct rows, and the distinct row that each row is."""
    key = np.column_stack([samples, np.round(shares, 9)])
    _, index, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return index, inverse.reshape(-1)


def mixture_ids(shares: np.ndarray) -> np.ndarray:
    """Number of the mixture of each row (row,), equal for equal shares."""
    return np.unique(np.round(shares, 9), axis=0, return_inverse=True)[1].reshape(-1)


def budgets(samples: np.ndarray) -> np.ndarray:
    """Distinct budgets, ascending; those within about 2% are one, named by its largest."""
    ordered = np.unique(samples)
    apart = np.diff(np.log(ordered)) > SAME_BUDGET
    return np.asarray(ordered[np.append(apart, True)[: len(ordered)]])


def collapse(study: Study, upto: float = np.inf) -> Cells:
    """Cells of the rows that have seen at most ``upto`` samples."""
    keep = study.samples <= upto
    samples, shares, value = study.samples[keep], study.shares[keep], study.value[keep]
    index, row_cell = unique_rows(samples, shares)
    count = np.bincount(row_cell, minlength=len(index)).astype(float)
    mean = np.bincount(row_cell, value, minlength=len(index)) / count
    cell_shares = shares[index]
    mixture = mixture_ids(cell_shares) if len(index) else np.zeros(0, int)
    return Cells(samples[index], mean, count, cell_shares, mixture, row_cell, value)


def noise_pool(cells: Cells, log_fitted: np.ndarray, freedom: float) -> np.ndarray:
    """Log residuals of single runs, inflated to the spread that a new run has.

    Parameters
    ----------
    cells : Cells
        The cells fitted.
    log_fitted : numpy.ndarray
        Dim (cell,); cells that are not finite are left out.
    freedom : float
        Degrees of freedom left in the residuals.

    Returns
    -------
    numpy.ndarray
        A single zero where nothing is left to learn the spread from.
    """
    residuals = np.log(cells.row_value) - log_fitted[cells.row_cell]
    residuals = residuals[np.isfinite(residuals)]
    if freedom <= 1e-6:
        return np.zeros(1)
    return np.asarray(residuals * np.sqrt(len(residuals) / freedom))


def new_runs(
    latent: np.ndarray, index: np.ndarray, pool: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of new runs from replicates of the latent curve and a pool of log residuals.

    Parameters
    ----------
    latent : numpy.ndarray
        Dims (replicate, distinct target).
    index : numpy.ndarray
        Dim (target,): the distinct target of each.
    pool : numpy.ndarray
        Log residuals, resampled independently for every run.
    draws : int
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    pick = rng.permutation(np.resize(np.arange(len(latent)), draws))
    noise = rng.choice(pool, size=(draws, len(index)))
    return np.asarray(latent[pick][:, index] * np.exp(noise))
