"""Utilities: how the exponents of the pools differ from their mean, relative to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qqt_bayes.model.effects.base import Effect

if TYPE_CHECKING:
    from qqt_bayes.model.setting import Setting


def by_pool(setting: Setting) -> np.ndarray:
    """A slope a pool; pools that are alike have alike slopes."""
    return np.linalg.cholesky(setting.likeness)


def by_quality(setting: Setting) -> np.ndarray:
    """One slope along the quality ranks."""
    return setting.quality[:, None]


UTILITY_SPREAD = Effect("utility_spread", "utilities of pools", "r", "parameters", loadings=by_pool)
QUALITY = Effect("quality_effect", "quality rank", r"\gamma", "parameters", loadings=by_quality)
