r"""The smooth misfit of the law: a random surface that grows away from the data.

No additive law of parameters and samples is exact. Its misfit is a Gaussian surface over log
parameters, log samples and log epochs with the polyharmonic kernel :math:`r^3/12`, the
counterpart in several dimensions of the integrated Brownian path (Wahba 1990, *Spline Models for
Observational Data*, ch. 2): its slope wanders, so its standard deviation grows as
:math:`r^{1.5}` beyond the data. Constant and slopes belong to the law, so they are taken off at a
star of points around the middle of the data, which also makes the kernel a covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KEPT = 0.998  # share of the variance at the data that the components keep
MOST = 30
INDUCING = 400
JITTER = 1e-8

__all__ = ["Misfit", "misfit_of"]


@dataclass(frozen=True, eq=False)
class Misfit:
    """A basis of the misfit's principal components at the data, and the kernel behind it."""

    star: np.ndarray  # dims (anchor, 3): where constant and slopes are taken off
    inducing: np.ndarray  # dims (place, 3)
    # dims (place, component): from the kernel at the inducing places to components
    weights: np.ndarray

    @property
    def size(self) -> int:
        """Number of components."""
        return self.weights.shape[1]

    def basis(self, places: np.ndarray) -> np.ndarray:
        """Components at some places, dims (place, component); each is standard normal a priori."""
        return kernel(places, self.inducing, self.star) @ self.weights

    def remainder(self, places: np.ndarray, kept: int | None = None) -> np.ndarray:
        """Factor of the covariance that the first components leave out, dims (place, place).

        Beyond the data this is most of the variance: what the data could not tell.
        """
        basis = self.basis(places)[:, :kept]
        left = kernel(places, places, self.star) - basis @ basis.T
        values, vectors = np.linalg.eigh(0.5 * (left + left.T))
        return vectors * np.sqrt(np.maximum(values, 0.0))


def misfit_of(places: np.ndarray, most: int = MOST) -> Misfit:
    """The misfit's basis for runs at some places, dims (row, 3)."""
    unique = np.unique(np.round(places, 6), axis=0)
    if len(unique) > INDUCING:
        unique = spread_out(unique, INDUCING)
    middle = places.mean(axis=0)
    radius = np.maximum(places.std(axis=0), 0.5)
    star = middle + np.vstack([np.zeros(3), np.diag(radius), -np.diag(radius)])
    values, vectors = np.linalg.eigh(kernel(unique, unique, star))
    values, vectors = values[::-1], vectors[:, ::-1]
    total = np.cumsum(np.maximum(values, 0.0))
    kept = int(np.searchsorted(total, KEPT * total[-1])) + 1
    kept = max(1, min(kept, most, int(np.sum(values > JITTER * values[0]))))
    return Misfit(star, unique, vectors[:, :kept] / np.sqrt(values[:kept]))


def kernel(a: np.ndarray, b: np.ndarray, star: np.ndarray) -> np.ndarray:
    """Covariance between places (a, b), of a surface whose plane over the star is zero."""
    on_a, on_b = plane_weights(a, star), plane_weights(b, star)
    return (
        cubed(a, b) - on_a @ cubed(star, b) - cubed(a, star) @ on_b.T
        + on_a @ cubed(star, star) @ on_b.T
    )  # fmt: skip


def plane_weights(places: np.ndarray, star: np.ndarray) -> np.ndarray:
    """Weights of the star's values in the plane through them, at some places."""

    def design(x: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(x)), x])

    return design(places) @ np.linalg.pinv(design(star))


def cubed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The polyharmonic kernel, r^3 / 12."""
    squared = np.sum((a[:, None, :] - b[None, :, :]) ** 2, axis=-1)
    return squared**1.5 / 12.0


def spread_out(places: np.ndarray, count: int) -> np.ndarray:
    """Some of the places, each as far from those before it as can be."""
    chosen = [0]
    distance = np.sum((places - places[0]) ** 2, axis=1)
    while len(chosen) < count:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.sum((places - places[chosen[-1]]) ** 2, axis=1))
    return places[chosen]
