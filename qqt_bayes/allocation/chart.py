r"""A change of variables in which the sampler walks on a hill and not on a ridge.

Law and misfit explain the same curves: where the exponent moves, the surface moves against it, and
runs hold only their sum. So the surface is sampled relative to what it would be *given* the law,

.. math::
    z_f = g(\sigma)\bigl[\hat z_f + K\,(e(\theta) - e(\hat\theta))\bigr] + h(\sigma) L \zeta_f,
    \qquad \theta = \hat\theta + C \zeta_\theta,

with :math:`e` what the law alone leaves unexplained, and :math:`K`, :math:`L`, :math:`C` constant
matrices from the Gaussian around the mode, and :math:`g`, :math:`h` how mean and spread of a
Gaussian posterior move with the surface's scale (in the directions in which runs inform it). In
:math:`\theta` each pool's parameters stand as they are and not as deviations in units of a spread
that is itself unknown (a second ridge). The Jacobian is accounted for, so the posterior that is
sampled is exactly that of the model. And a law stands by what runs know of it, its loss and its
slopes at the reference: given those, E, the terms and the exponents form a third ridge, a bent one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg

from qqt_bayes.allocation.laplace import STEP, Laplace, information_parts
from qqt_bayes.allocation.model import BY_POOL, POSITIVE, Model

FLOOR, BOUND = 0.05, 1.5  # of what the shear looks at: least ratio, and where it levels off

__all__ = ["Chart", "chart_around"]

SURFACES = {"misfit surface": "misfit", "pool surfaces": "pool_misfit"}


@dataclass(frozen=True, eq=False)
class Chart:
    """Constants of the change of variables; `few` entries of a point are the law's.

    Attributes
    ----------
    order, back : numpy.ndarray
        Dim (z,): from the model's order to few, then surfaces; and back.
    few : int
        How many entries are the law's.
    mode : numpy.ndarray
        Dim (z,): the mode in the chart's order, each pool's parameters in place of deviations.
    spread : numpy.ndarray
        Dims (few, few): the matrix C.
    gain : numpy.ndarray
        Dims (surface, row): the matrix K, times the reducible share of each run.
    inner : numpy.ndarray
        Dims (surface, surface): the matrix L.
    left : numpy.ndarray
        Dim (row,): log of the observed reducible loss over the law's, at the mode.
    scale, informed : numpy.ndarray
        Dim (surface,): scales of the surfaces at the mode, and what the runs tell of each direction
        there, in units of the prior's information.
    turn : numpy.ndarray
        Dims (surface, surface): the directions.
    """

    model: Model
    order: np.ndarray
    back: np.ndarray
    few: int
    mode: np.ndarray
    spread: np.ndarray
    gain: np.ndarray
    inner: np.ndarray
    left: np.ndarray
    scale: np.ndarray
    informed: np.ndarray
    turn: np.ndarray

    def to_z(self, straight: Any, xp: Any = np) -> Any:
        """From the sampled coordinate to ``z``, dims (..., z)."""
        few = self.mode[: self.few] + straight[..., : self.few] @ self.spread.T
        flat = np.zeros(len(self.order) - self.few) + 0.0 * straight[..., self.few :]
        z = z_of(self.model, xp.concatenate([few, flat], axis=-1)[..., self.back], xp)
        moved = self.mode[self.few :] + (left(self.model, z, xp) - self.left) @ self.gain.T
        ratio, width = self.widths(z, xp)
        spread = straight[..., self.few :] @ self.inner.T
        surfaces = (ratio * width**2 * (moved @ self.turn) + width * (spread @ self.turn)) @ (
            self.turn.T
        )
        return xp.concatenate([z[..., self.order[: self.few]], surfaces], axis=-1)[..., self.back]

    def widths(self, z: Any, xp: Any = np) -> tuple[Any, Any]:
        """Scale of the surfaces and posterior width of each direction, relative to the mode's."""
        ratio = scales(self.model, z, xp) / self.scale
        return ratio, xp.sqrt((1.0 + self.informed) / (1.0 + ratio**2 * self.informed))

    def log_jacobian(self, z: Any, xp: Any = np) -> Any:
        """Log of the volume that ``z`` takes per volume of the chart, up to a constant."""
        total = xp.sum(xp.log(self.widths(z, xp)[1]), axis=-1)
        for name, spread in BY_POOL.items():
            if f"{name} by pool" in self.model.layout:
                total = total - self.model.laws * xp.log(self.model.scalar(spread, z, xp))
        return total


def scales(model: Model, z: Any, xp: Any = np) -> Any:
    """Scales of the surfaces, dims (..., surface)."""
    parts = []
    for part, name in SURFACES.items():
        if part in model.layout:
            at = model.layout[part]
            parts.append(model.scalar(name, z, xp)[..., None] + np.zeros(at.stop - at.start))
    return xp.concatenate(parts, axis=-1)


def left(model: Model, z: Any, xp: Any = np) -> Any:
    """Log of the observed reducible loss over the law's, dims (..., row); bounded, for safety."""
    floor, above = model.terms(z, model.points, xp)
    ratio = xp.maximum((xp.exp(model.log_loss) - floor) / above, FLOOR)
    return BOUND * xp.tanh(xp.log(ratio) / BOUND)


def known_of(law: list[Any], xp: Any = np) -> list[Any]:
    """What runs know of a law: loss at the reference, its make-up, and its two slopes there.

    Parameters
    ----------
    law : list of array
        Logs of E, of the terms of parameters and of samples, of alpha and of beta.
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    list of array
        Log loss; log odds of the irreducible part; log odds of parameters against samples; logs of
        the slopes. The map has determinant 1.
    """
    floor, params, samples, alpha, beta = law
    above = xp.logaddexp(params, samples)
    return [
        xp.logaddexp(floor, above), floor - above, params - samples, alpha + params, beta + samples
    ]  # fmt: skip


def law_of(known: list[Any], xp: Any = np) -> list[Any]:
    """The inverse of :func:`known_of`."""
    loss, floor, params, slope, other = known
    log_share = [-xp.logaddexp(0.0, -x) for x in (floor, -floor, params, -params)]
    terms = [loss + log_share[1] + log_share[2], loss + log_share[1] + log_share[3]]
    return [loss + log_share[0], *terms, slope - terms[0], other - terms[1]]


def levels_of(model: Model, z: Any, xp: Any = np) -> Any:
    """The chart's view of ``z``, dims (..., z): each law by what is known of it."""
    levels = {name: z[..., part] for name, part in model.layout.items()}
    law = []
    for name in BY_POOL:
        value = model.by_law(name, z, xp)
        value = xp.log(value) if name in POSITIVE else value
        law.append(value)
        if f"{name} by pool" in levels:
            levels[f"{name} by pool"] = value
    for name, value in zip(core(model), known_of(law[:5], xp), strict=False):
        levels[name] = value
    return join(model, levels, xp)


def z_of(model: Model, levels: Any, xp: Any = np) -> Any:
    """The inverse of :func:`levels_of`."""
    z = {name: levels[..., part] for name, part in model.layout.items()}
    if named := core(model):
        z |= dict(zip(named, law_of([z[name] for name in named], xp), strict=True))
    if model.laws == 1:
        for name in named:
            mu, sigma = model.priors[name].pair
            z[name] = (z[name] - mu) / sigma
        return join(model, z, xp)
    for name, spread in BY_POOL.items():
        centre = model.centre(name, levels, xp)[..., None]
        scale = model.scalar(spread, levels, xp)[..., None]
        z[f"{name} by pool"] = (z[f"{name} by pool"] - centre) / scale
    return join(model, z, xp)


def core(model: Model) -> list[str]:
    """Parts of ``z`` that hold the laws' five parameters; none if one of them is fixed."""
    names = list(BY_POOL)[:5]
    if model.laws > 1:
        return [f"{name} by pool" for name in names]
    return names if all(name in model.layout for name in names) else []


def join(model: Model, parts: dict[str, Any], xp: Any = np) -> Any:
    """Parts of ``z`` in its order."""
    named = sorted(model.layout, key=lambda name: model.layout[name].start)
    return xp.concatenate([parts[name] for name in named], axis=-1)


def directions(
    model: Model, information: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Directions (surface, surface) in which runs inform the surfaces, and how much (surface,)."""
    turn, informed = np.zeros((len(last), len(last))), np.zeros(len(last))
    at = 0
    for name in SURFACES:
        if name in model.layout:
            part = model.layout[name]
            values, vectors = np.linalg.eigh(information[part, part])
            here = slice(at, at + len(values))
            turn[here, here], informed[here] = vectors, np.maximum(values - 1.0, 0.0)
            at = here.stop
    return turn, informed


def chart_around(model: Model, around: Laplace, weight: np.ndarray) -> Chart:
    """The chart of a posterior from the Gaussian around its mode; `weight` as for `laplace`."""
    mode, everything = around.mode, np.arange(model.size)
    last = np.concatenate([everything[model.layout[n]] for n in SURFACES if n in model.layout])
    order = np.concatenate([np.setdiff1d(everything, last), last])
    few = model.size - len(last)
    information, slopes, weights = information_parts(model, mode, weight)
    root = linalg.cholesky(information[np.ix_(last, last)], lower=True)
    inner = linalg.solve_triangular(root, np.eye(len(last)), lower=True, trans="T")
    share = 1.0 - model.terms(mode, model.points)[0] / np.exp(model.fitted(mode))
    gain = linalg.cho_solve((root, True), slopes[:, last].T * (weights * share))
    turn, informed = directions(model, information, last)
    steps = np.concatenate([np.eye(model.size), -np.eye(model.size)]) * STEP
    up, down = np.split(levels_of(model, mode + steps), 2)
    moved = ((up - down) / (2.0 * STEP)).T @ around.factor  # factor of the levels' covariance
    cov = (moved @ moved.T)[np.ix_(order[:few], order[:few])]
    return Chart(
        model, order, np.argsort(order), few, levels_of(model, mode)[order],
        linalg.cholesky(cov, lower=True), gain, inner, left(model, mode),
        scales(model, mode), informed, turn,
    )  # fmt: skip
