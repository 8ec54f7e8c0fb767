"""From a design and its priors to what the marginal density reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.errors import UsageError
from qqt_bayes.inference.exponents import EFFECTIVE_UTILITY, EXCHANGE_RATE
from qqt_bayes.inference.layout import build_arrow, build_blocks, tied_pools
from qqt_bayes.inference.natural import Cells
from qqt_bayes.inference.own_law import address_of
from qqt_bayes.inference.structure import packed
from qqt_bayes.laws.registry import find_law
from qqt_bayes.model.effects import COMPONENTS
from qqt_bayes.model.noise import check_noise
from qqt_bayes.model.regime import check_regime

if TYPE_CHECKING:
    from qqt_bayes.model.design import Design
    from qqt_bayes.model.priors import Prior

CODES = {"effective_utility": EFFECTIVE_UTILITY, "exchange_rate": EXCHANGE_RATE}

# Blocks take over from the whole covariance where they are faster: cells times the number of blocks
# of that size. They cost as much at 5 blocks of 12 cells, and half at 20 of 3 or 4 of 30.
LEAST_PARTED, PARTED = 60, 400
# Beyond so many cells in one block features take over; from fewer, if no mixture ties pools and all
# are more: at 100 in each of 20 blocks they cost half, at 60 in each of 8 a half more.
MOST_WHOLE, MOST_APART = 150, 80

NO_KERNELS, WHOLE = np.zeros((len(COMPONENTS), 0, 0)), np.zeros(0)

__all__ = ["build_cells", "law_code"]


def law_code(name: str, priors: dict[str, Prior]) -> int:
    """What the kernels call a law by.

    Raises
    ------
    UsageError
        For an unknown law, or one whose utilities cannot differ by pool but do.
    """
    law = find_law(name)
    if law.rated:
        for parameter in ("utility_spread", "quality_effect"):
            prior = priors[parameter]
            if not (prior.fixed and prior.numbers[0] == 0.0):
                raise UsageError(
                    f"law '{name}' has one utility for all pools: prior '{parameter}' must be "
                    f"fixed at 0, not {prior.text}."
                )
    return address_of(law) if law.point else CODES[name]


def build_cells(design: Design, priors: dict[str, Prior], kind: str) -> Cells:
    """Arrays of the marginal density.

    Raises
    ------
    UsageError
        If a prior that is integrated out is not normal, or that of the regime not half-t, or if
        the law does not fit the priors.
    """
    linear = {}
    for name in ("level", "quality_effect"):
        prior = priors[name]
        if prior.family not in ("normal", "fixed"):
            raise UsageError(
                f"prior '{name}' is integrated out exactly and must be normal or fixed, "
                f"not {prior.family}."
            )
        linear[name] = (prior.numbers[0], 0.0) if prior.fixed else prior.pair
    check_regime(priors["regime"])
    check_noise(priors)
    if linear["quality_effect"][0] != 0.0:
        raise UsageError("prior 'quality_effect' must have mean zero (mu = 0, or fixed at 0).")
    start, stop, repeats = design.bins
    array = np.ascontiguousarray
    kernels, layout, form = covariance_of(design)
    return Cells(
        array(design.value), array(design.count), array(design.scatter), array(design.eval_var),
        array(design.points.first), array(design.points.epochs), array(design.points.shares),
        array(kernels), array(design.likeness), array(design.quality),
        start, np.log(stop / start), repeats,
        float(linear["level"][0]), float(linear["level"][1]), float(linear["quality_effect"][1]),
        kind != "loss", design.run.astype(np.int64), law_code(design.law, priors), layout,
        form,
    )  # fmt: skip


def covariance_of(design: Design) -> tuple[np.ndarray, np.ndarray, int]:
    """Kernels of the whole covariance or, of many cells, the form that stands for it.

    Mixtures tie pools into one block, and stay one dense part of an arrow: nothing is won where
    most cells are mixtures. Checkpoints are tied to their runs, which blocks know and features
    do not.
    """
    n, shares = len(design.value), design.points.shares
    sizes = np.bincount(tied_pools(shares)[np.argmax(shares, axis=1)]).astype(float)
    mixtures = int((shares.max(axis=1) < 1.0).sum())
    most = MOST_WHOLE if mixtures > 0 or n <= MOST_WHOLE else MOST_APART
    if sizes.max() > most and mixtures < n / 2 and design.run.max(initial=-1) < 0:
        return NO_KERNELS, *packed(build_arrow(design))
    if n >= LEAST_PARTED and n**3 >= PARTED * (sizes**2).sum():
        return NO_KERNELS, *packed(build_blocks(design))
    return design.kernels, WHOLE, 0
