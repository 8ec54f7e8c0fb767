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
    """Rows of equal samples and shares, collapsed."""

    samples: np.ndarray  # (cell,)
    value: np.ndarray  # (cell,): mean of the replicates
    count: np.ndarray  # (cell,): their number
    shares: np.ndarray  # (cell, pool)
    mixture: np.ndarray  # (cell,): which one
    row_cell: np.ndarray  # (row,): the cell of each row
    row_value: np.ndarray  # (row,)

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

    Cells whose fit (cell,) is not finite are left out. With no degrees of freedom left in the
    residuals there is nothing to learn the spread from: a single zero.
    """
    residuals = np.log(cells.row_value) - log_fitted[cells.row_cell]
    residuals = residuals[np.isfinite(residuals)]
    if freedom <= 1e-6:
        return np.zeros(1)
    return np.asarray(residuals * np.sqrt(len(residuals) / freedom))


def new_runs(
    latent: np.ndarray, index: np.ndarray, pool: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of new runs from replicates of the latent curve (replicate, distinct target).

    ``index`` is the distinct target of each; every run takes a log residual of its own from a pool.
    """
    pick = rng.permutation(np.resize(np.arange(len(latent)), draws))
    noise = rng.choice(pool, size=(draws, len(index)))
    return np.asarray(latent[pick][:, index] * np.exp(noise))
