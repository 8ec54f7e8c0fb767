"""Names beside the ends of lines, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from qqt_bayes.plots import paper
from qqt_bayes.plots.paper import SMALL

APART = 1.22  # distance of two names, in sizes of the font
ASIDE = 3.0  # how many of these a name may be moved from the end of its line
WIDEST = 0.3  # of the width of the axes

__all__ = ["name_ends", "spread"]


def spread(heights: np.ndarray, apart: float, low: float, high: float) -> np.ndarray:
    """Heights moved as little as need be to lie so far apart, between two ends."""
    order = np.argsort(heights, kind="stable")
    rank = np.arange(len(heights))
    # in steps of their distance they need only not fall: pool what does (isotonic regression)
    groups: list[list[float]] = []  # mean, count
    for value in heights[order] - apart * rank:
        groups.append([float(value), 1.0])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (a, n), (b, m) = groups[-2:]
            groups[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    level = np.repeat([g[0] for g in groups], [int(g[1]) for g in groups])
    out = np.empty(len(heights))
    out[order] = np.clip(level, low, max(low, high - apart * (len(heights) - 1))) + apart * rank
    return out


def name_ends(
    ax: Axes,
    names: Sequence[str],
    ends: np.ndarray,
    colours: Sequence[str],
    size: tuple[float, float],
) -> bool:
    """Write names at the right edge, at the heights where their lines end, if there is room.

    The axes has its final limits, and about this width and height in inches. Returns whether the
    names were written: all of them or none.
    """
    wide, high = size
    if max(map(paper.text_width, names)) > WIDEST * wide:
        return False
    bottom, top = ax.get_ylim()
    heights = np.clip((ends - bottom) / (top - bottom), 0.0, 1.0)
    apart = APART * SMALL / 72.0 / high
    places = spread(heights, apart, 0.0, 1.0)
    if np.abs(places - heights).max() > ASIDE * apart or places.max() > 1.0 + apart:
        return False
    for name, colour, place in zip(names, colours, places, strict=True):
        ax.annotate(
            name, (1.0, place), xycoords="axes fraction", xytext=(4, 0),
            textcoords="offset points", va="center", ha="left", fontsize=SMALL, color=colour,
            annotation_clip=False, gid="name beside",
        )  # fmt: skip
    return True
