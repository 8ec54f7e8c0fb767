"""The effects, one list: everything that varies by pool, mixture or budget about the law.

A further effect is a file beside these, a line in :data:`EFFECTS` and a prior of its name in the
specifications (``docs/own_effect.md``). Density, draws, ledger, values of information, report and
formulas read this list and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import (
    Effect,
    Rows,
    factor_of,
    ibm_kernel,
    kernel,
    leading,
    motion,
    simulator,
)
from qqt_bayes.model.effects.common_drift import COMMON_DRIFT
from qqt_bayes.model.effects.covariate import (
    COVARIATE_DRIFT,
    COVARIATE_LEVEL,
    COVARIATE_REPETITION,
)
from qqt_bayes.model.effects.early_training import EARLY_TRAINING
from qqt_bayes.model.effects.level import LEVEL, LEVEL_SPREAD
from qqt_bayes.model.effects.mixture import MIXTURE_DRIFT, MIXTURE_ERROR, MIXTURE_GAIN
from qqt_bayes.model.effects.pool_drift import POOL_DRIFT
from qqt_bayes.model.effects.repetition_drift import REPETITION_DRIFT
from qqt_bayes.model.effects.utility import QUALITY, UTILITY_SPREAD

if TYPE_CHECKING:
    from qqt_bayes.model.points import Points
    from qqt_bayes.model.setting import Setting

EFFECTS: tuple[Effect, ...] = (
    LEVEL, LEVEL_SPREAD, UTILITY_SPREAD, QUALITY,
    EARLY_TRAINING, COMMON_DRIFT, POOL_DRIFT, REPETITION_DRIFT,
    COVARIATE_LEVEL, COVARIATE_REPETITION, COVARIATE_DRIFT,
    MIXTURE_GAIN, MIXTURE_ERROR, MIXTURE_DRIFT,
)  # fmt: skip
PATHS = tuple(e for e in EFFECTS if e.rows is not None)
SLOPES = tuple(e for e in EFFECTS if e.loadings is not None)
NAMES = tuple(e.name for e in EFFECTS)
# Places of the paths and of the slopes in the list: where their scales stand.
AT_PATHS = np.array([i for i, e in enumerate(EFFECTS) if e.rows is not None])
AT_SLOPES = np.array([i for i, e in enumerate(EFFECTS) if e.loadings is not None])

__all__ = [
    "AT_PATHS", "AT_SLOPES", "EFFECTS", "NAMES", "PATHS", "SLOPES", "Effect", "Rows", "factor_of",
    "ibm_kernel", "kernel", "kernels", "leading", "loadings", "motion",
    "simulator",
]  # fmt: skip


def loadings(setting: Setting) -> list[np.ndarray]:
    """Of each slope, dims (pool, direction)."""
    return [effect.loadings(setting) for effect in SLOPES if effect.loadings is not None]


def kernels(here: Points, there: Points) -> np.ndarray:
    """Covariances of the paths at unit scale, dims (path, point here, point there)."""
    return np.stack([kernel(effect, here, there) for effect in PATHS])
